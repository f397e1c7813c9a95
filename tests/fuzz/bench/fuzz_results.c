// What is read of a file of results can be written, and reads back as the same.
#include <assert.h>

#include "base/utf8.h"
#include "results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct results r, again;
    struct error err;
    // Bytes that are no UTF-8 are replaced when they are written.
    if (!utf8_valid(str_make((const char *)data, size)))
        return 0;
    if (results_read_json(&r, str_make((const char *)data, size), &err))
        return 0;
    struct buf first = BUF_INIT, second = BUF_INIT, text = BUF_INIT;
    results_write_json(&r, &first);
    assert(results_read_json(&again, buf_view(&first), &err) == OK);
    results_write_json(&again, &second);
    assert(str_eq(buf_view(&first), buf_view(&second)));
    results_write_text(&r, &text);
    results_write_csv(&r, &text);
    results_release(&r);
    results_release(&again);
    buf_release(&first);
    buf_release(&second);
    buf_release(&text);
    return 0;
}
