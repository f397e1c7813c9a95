#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

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

// Only what nobody can write to, and nobody has written to before (as the loader does to tables that
// are read-only afterwards), may be read again from its file.
size_t mem_forget_code(void)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[4096], rights[5];
    unsigned long start, end, from = 0, to = 0, written_kib;
    bool from_file = false;
    size_t size = 0;
    while (maps && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, rights) == 3) {
            bool read_only = strcmp(rights, "r-xp") == 0 || strcmp(rights, "r--p") == 0;
            from_file = read_only && strchr(line, '/');
            from = start;
            to = end;
        } else if (from_file && sscanf(line, "Anonymous: %lu kB", &written_kib) == 1 &&
                   written_kib == 0 && madvise((void *)from, to - from, MADV_DONTNEED) == 0) {
            size += to - from;
        }
    }
    if (maps)
        fclose(maps);
    return size;
}

char *mem_copy_str(struct str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}
