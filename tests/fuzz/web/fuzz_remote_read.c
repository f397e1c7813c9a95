// Any bytes are either a request or refused; its matchers can be asked.
#include <assert.h>

#include "remote_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct read_request r;
    struct arena arena;
    struct error err;
    arena_init(&arena, (size_t)16 << 20);
    int rc = read_request_decode(&r, str_make((const char *)data, size), &arena, &err);
    assert(rc == OK || rc == ERR_INVALID);
    assert(r.query_count <= REMOTE_READ_QUERIES_MAX);
    for (size_t i = 0; i < r.query_count; i++) {
        for (size_t k = 0; k < r.queries[i].matcher_count; k++)
            matcher_match(&r.queries[i].matchers[k], STR("value"));
    }
    read_request_release(&r);
    arena_release(&arena);
    return 0;
}
