// An answer in pieces of any size is understood as the same answer in one piece.
//
// The first byte is the size of the pieces.
#include <assert.h>

#include "http_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http_progress feed(struct http_answer *a, struct str text, size_t step)
{
    enum http_progress progress = HTTP_MORE;
    while (progress == HTTP_MORE && text.len) {
        size_t taken = step < text.len ? step : text.len;
        buf_str(&a->bytes, str_first(text, taken));
        text = str_skip(text, taken);
        progress = http_answer_feed(a);
        assert(a->head_size + a->body_size <= a->bytes.len && a->next <= a->bytes.len);
    }
    return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_answer whole = {.part = HTTP_HEAD}, pieces = {.part = HTTP_HEAD};
    if (size < 2 || data[0] == 0 || size > 4096)
        return 0;
    struct str text = str_make((const char *)data + 1, size - 1);
    enum http_progress progress = feed(&whole, text, text.len);
    assert(feed(&pieces, text, data[0]) == progress);
    if (progress == HTTP_DONE)
        assert(str_eq(http_answer_body(&whole), http_answer_body(&pieces)));
    buf_release(&whole.bytes);
    buf_release(&pieces.bytes);
    return 0;
}
