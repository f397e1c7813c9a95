// Sorting of plain numbers.
#ifndef BASE_SORT_H
#define BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

// Ascending.
void u64_sort(uint64_t *items, size_t count);

#endif
