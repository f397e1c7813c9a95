// Room for structs of a few sizes that come by the hundred thousand: no header each, rounded up to
// eight bytes only. What is given back is used again for the same size.
#ifndef STORAGE_SERIES_POOL_H
#define STORAGE_SERIES_POOL_H

#include <stddef.h>

#define SERIES_POOL_SIZE_MAX 512 // larger ones come from the heap

struct series_pool {
    void *slabs; // owned, linked by their first pointer
    size_t size; // of all slabs
    char *next;  // room left in the newest
    char *end;
    void *free[SERIES_POOL_SIZE_MAX / 8]; // by size, linked by their first pointer
};

void series_pool_init(struct series_pool *p);
// What was not given back goes, too, if it is no larger than SERIES_POOL_SIZE_MAX.
void series_pool_release(struct series_pool *p);
// Zeroed.
void *series_pool_alloc(struct series_pool *p, size_t size);
void series_pool_free(struct series_pool *p, void *ptr, size_t size);

#endif
