#include "base/sort.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void u64_sort(uint64_t *items, size_t count)
{
    if (count)
        qsort(items, count, sizeof(*items), by_value);
}
