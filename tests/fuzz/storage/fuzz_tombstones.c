// A tombstones file of arbitrary bytes never crashes, and one that is read is written as it was; its
// checksum is made right, so that what lies behind it is reached.
#include <assert.h>

#include "base/coding.h"
#include "base/hash.h"
#include "base/mem.h"
#include "tombstones.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADER_SIZE 16

static void read_file(struct str bytes)
{
    struct tombstones *t, *again;
    struct buf out = BUF_INIT, twice = BUF_INIT;
    struct error err;
    if (tombstones_decode(&t, bytes, &err))
        return;
    tombstones_encode(t, &out);
    assert(tombstones_decode(&again, buf_view(&out), &err) == OK);
    tombstones_encode(again, &twice);
    assert(str_eq(buf_view(&out), buf_view(&twice)));
    tombstones_unref(again);
    tombstones_unref(t);
    buf_release(&out);
    buf_release(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = mem_alloc(size + HEADER_SIZE);
    memcpy(copy, "LWTOMB01", 8);
    be64_put(copy + 8, hash64(data, size, 0));
    if (size)
        memcpy(copy + HEADER_SIZE, data, size);
    read_file(str_make((const char *)data, size));
    read_file(str_make(copy, size + HEADER_SIZE));
    mem_free(copy);
    return 0;
}
