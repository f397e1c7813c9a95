// How many series the store takes: a number, and a budget of memory.
//
// What a series costs is known well enough by counting: its struct, index, postings and scrape slot,
// and its samples. Past either limit new series are refused, existing ones go on.
#include "base/log.h"
#include "store.h"

bool storage_takes_series(struct storage *s)
{
    size_t count = atomic_load(&s->head.series_count);
    return !s->options.series_max || count < s->options.series_max;
}

#define HEAD_BYTES_MIN        ((size_t)2 << 20)
#define HEAD_BYTES_PER_SERIES 80

// Each window has an index of its own: the more series, the more samples must share it.
size_t head_bytes_max(struct storage *s)
{
    size_t bytes = atomic_load(&s->head.series_count) * HEAD_BYTES_PER_SERIES;
    return bytes > HEAD_BYTES_MIN ? bytes : HEAD_BYTES_MIN;
}
