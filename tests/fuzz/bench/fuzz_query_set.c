// Every query that is read has a name, an expression without blanks at its ends, and a positive
// step when it has a range; a fault names a line.
#include <assert.h>

#include "query_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct query_set set;
    struct error err = {0};
    query_set_init(&set);
    int result = query_set_parse(&set, "file", str_make((const char *)data, size), &err);
    assert(!result || strncmp(err.text, "file:", 5) == 0);
    for (size_t i = 0; i < set.count; i++) {
        const struct query *q = &set.queries[i];
        assert(q->name.len && q->expr.len);
        assert(str_eq(q->expr, str_trim(q->expr)));
        assert(!q->range || q->step_ms > 0);
    }
    query_set_release(&set);
    return 0;
}
