#include "series_pool.h"

#include "base/mem.h"

#define SLAB_SIZE ((size_t)64 << 10)

void series_pool_init(struct series_pool *p)
{
    *p = (struct series_pool){.slabs = NULL};
}

void series_pool_release(struct series_pool *p)
{
    while (p->slabs) {
        void *slab = p->slabs;
        p->slabs = *(void **)slab;
        mem_free(slab);
    }
}

static size_t rounded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

static void add_slab(struct series_pool *p)
{
    void *slab = mem_alloc(SLAB_SIZE);
    *(void **)slab = p->slabs;
    p->slabs = slab;
    p->size += SLAB_SIZE;
    p->next = (char *)slab + sizeof(void *);
    p->end = (char *)slab + SLAB_SIZE;
}

void *series_pool_alloc(struct series_pool *p, size_t size)
{
    if (size > SERIES_POOL_SIZE_MAX)
        return mem_calloc(1, size);
    size = rounded(size);
    void **free = &p->free[size / 8 - 1], *taken = *free;
    if (taken) {
        *free = *(void **)taken;
    } else {
        if ((size_t)(p->end - p->next) < size)
            add_slab(p);
        taken = p->next;
        p->next += size;
    }
    return memset(taken, 0, size);
}

void series_pool_free(struct series_pool *p, void *ptr, size_t size)
{
    if (size > SERIES_POOL_SIZE_MAX) {
        mem_free(ptr);
        return;
    }
    void **free = &p->free[rounded(size) / 8 - 1];
    *(void **)ptr = *free;
    *free = ptr;
}
