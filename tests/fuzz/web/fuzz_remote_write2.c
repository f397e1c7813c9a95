// Any bytes are either a message or refused; what is handed out lies within the input, sorted.
#include <assert.h>

#include "remote_write2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str s, const uint8_t *data, size_t size)
{
    assert(s.len == 0 || ((const uint8_t *)s.ptr >= data && s.len <= size &&
                          (const uint8_t *)s.ptr + s.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct remote_write2 w;
    struct error err;
    int rc = remote_write2_init(&w, str_make((const char *)data, size), &err);
    assert(rc == OK || rc == ERR_INVALID);
    while (rc == OK && (rc = remote_write2_next(&w, &err)) == OK) {
        for (size_t i = 0; i < w.label_count; i++) {
            check_inside(w.labels[i].name, data, size);
            check_inside(w.labels[i].value, data, size);
            assert(w.labels[i].value.len > 0);
            assert(i == 0 || str_cmp(w.labels[i - 1].name, w.labels[i].name) <= 0);
        }
    }
    assert(rc == ERR_END || rc == ERR_INVALID);
    remote_write2_release(&w);
    return 0;
}
