// Any bytes are either a message or refused; what is handed out lies within the input, sorted.
#include <assert.h>

#include "remote_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str s, const uint8_t *data, size_t size)
{
    assert(s.len == 0 || ((const uint8_t *)s.ptr >= data && s.len <= size &&
                          (const uint8_t *)s.ptr + s.len <= data + size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct remote_write w;
    struct error err;
    int rc;
    remote_write_init(&w, str_make((const char *)data, size));
    while ((rc = remote_write_next(&w, &err)) == OK) {
        struct labels labels;
        bool valid = remote_write_labels(&w, &labels, &err) == OK;
        for (size_t i = 0; i < labels.count; i++) {
            check_inside(labels.items[i].name, data, size);
            check_inside(labels.items[i].value, data, size);
            assert(labels.items[i].value.len > 0);
            if (i) {
                int order = str_cmp(labels.items[i - 1].name, labels.items[i].name);
                assert(valid ? order < 0 : order <= 0);
            }
        }
    }
    assert(rc == ERR_END || rc == ERR_INVALID);
    assert(remote_write_next(&w, &err) == ERR_END);
    remote_write_release(&w);
    return 0;
}
