// Records of the ledger: whatever is in one, reading it ends, and what it hands out is whole and can
// be described.
//
// Input: a record's value.
#include <assert.h>

#include "ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void describe(void *context, const struct history_event *event)
{
    struct buf *text = context;
    assert(event->time_ms == 1);
    assert((unsigned)event->type < HISTORY_TYPE_COUNT);
    buf_reset(text);
    history_describe(text, event);
    assert(str_has_prefix(buf_view(text), str_from(history_event_name(event->type))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "e\0\0\0\0\0\0\0\1\0\0\0\1";
    struct buf text = BUF_INIT;
    (void)ledger_decode(str_make(key, sizeof(key) - 1), str_make((const char *)data, size),
                        describe, &text);
    buf_release(&text);
    return 0;
}
