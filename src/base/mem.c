#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static void *checked(void *ptr, size_t size)
{
    if (ptr)
        return ptr;
    fprintf(stderr, "lapwing: out of memory (allocating %zu bytes)\n", size);
    abort();
}

static size_t product(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        checked(NULL, SIZE_MAX);
    return bytes ? bytes : 1;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1), size);
}

void *mem_calloc(size_t count, size_t size)
{
    return checked(calloc(1, product(count, size)), count * size);
}

void *mem_realloc(void *ptr, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    return checked(realloc(ptr, bytes), bytes);
}

void mem_free(void *ptr)
{
    free(ptr);
}

void mem_trim(void)
{
    malloc_trim(0);
}

char *mem_copy_str(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}
