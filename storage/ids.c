#include "ids.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void ids_release(struct ids *s)
{
    mem_free(s->items);
    *s = (struct ids){0};
}

void ids_add(struct ids *s, uint32_t id)
{
    MEM_GROW(s->items, s->count, s->capacity);
    s->items[s->count++] = id;
}

void ids_add_all(struct ids *s, const uint32_t *items, size_t count)
{
    if (s->count + count > s->capacity) {
        s->capacity = s->count + count;
        s->items = mem_realloc(s->items, s->capacity, sizeof(*s->items));
    }
    if (count)
        memcpy(s->items + s->count, items, count * sizeof(*items));
    s->count += count;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool is_sorted(const struct ids *s)
{
    for (size_t i = 1; i < s->count; i++) {
        if (s->items[i - 1] >= s->items[i])
            return false;
    }
    return true;
}

void ids_sort(struct ids *s)
{
    if (is_sorted(s))
        return;
    qsort(s->items, s->count, sizeof(*s->items), by_number);
    size_t kept = 1;
    for (size_t i = 1; i < s->count; i++) {
        if (s->items[i] != s->items[kept - 1])
            s->items[kept++] = s->items[i];
    }
    s->count = kept;
}

// Keeps the members of `s` whose presence in `other` is `wanted`.
static void filter(struct ids *s, const struct ids *other, bool wanted)
{
    size_t kept = 0, j = 0;
    for (size_t i = 0; i < s->count; i++) {
        while (j < other->count && other->items[j] < s->items[i])
            j++;
        bool present = j < other->count && other->items[j] == s->items[i];
        if (present == wanted)
            s->items[kept++] = s->items[i];
    }
    s->count = kept;
}

void ids_intersect(struct ids *s, const struct ids *other)
{
    filter(s, other, true);
}

void ids_subtract(struct ids *s, const struct ids *other)
{
    filter(s, other, false);
}
