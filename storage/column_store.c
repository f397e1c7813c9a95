#include "column_store.h"

#include "base/hash.h"
#include "base/mem.h"
#include "cold_times.h"

void column_store_init(struct column_store *s, struct window_span span)
{
    *s = (struct column_store){.span = span};
    hmap_init(&s->index);
}

void column_store_release(struct column_store *s)
{
    mem_free(s->entries);
    hmap_release(&s->index);
    buf_release(&s->bytes);
    buf_release(&s->scratch);
    for (size_t i = 0; i < RECENT_COLUMNS; i++)
        mem_free(s->recent[i].times_ms);
}

static struct str encoded(const struct column_store *s, uint32_t number)
{
    size_t from = s->entries[number].offset;
    size_t end = number + 1 < s->count ? s->entries[number + 1].offset : s->bytes.len;
    return str_make(s->bytes.ptr + from, end - from);
}

static bool same_column(const void *context, uint32_t number, const void *key)
{
    const struct column_store *s = context;
    const struct column_entry *wanted = key, *e = &s->entries[number];
    return e->hash == wanted->hash && e->first_ms == wanted->first_ms &&
           e->count == wanted->count && str_eq(encoded(s, number), buf_view(&s->scratch));
}

static void remember(struct recent_column *recent, uint32_t number, const int64_t *times_ms,
                     size_t count)
{
    if (recent->capacity < count) {
        recent->times_ms = mem_realloc(recent->times_ms, count, sizeof(*times_ms));
        recent->capacity = (uint32_t)count;
    }
    memcpy(recent->times_ms, times_ms, count * sizeof(*times_ms));
    recent->number = number;
    recent->count = (uint32_t)count;
}

static uint32_t find_or_add(struct column_store *s, const struct column_entry *entry,
                            const int64_t *times_ms)
{
    buf_reset(&s->scratch);
    cold_times_encode(&s->span, times_ms, entry->count, &s->scratch);
    uint32_t number = hmap_find(&s->index, entry->hash, same_column, s, entry);
    if (number != HMAP_NONE)
        return number;
    MEM_GROW(s->entries, s->count, s->capacity);
    s->entries[s->count] = *entry;
    s->entries[s->count].offset = (uint32_t)s->bytes.len;
    buf_str(&s->bytes, buf_view(&s->scratch));
    hmap_insert(&s->index, entry->hash, (uint32_t)s->count);
    return (uint32_t)s->count++;
}

uint32_t column_store_add(struct column_store *s, const int64_t *times_ms, size_t count)
{
    size_t size = count * sizeof(*times_ms);
    struct column_entry entry = {hash64(times_ms, size, 0), times_ms[0], times_ms[count - 1],
                                 (uint32_t)count, 0};
    struct recent_column *recent = &s->recent[entry.hash % RECENT_COLUMNS];
    if (recent->count == count && memcmp(recent->times_ms, times_ms, size) == 0)
        return recent->number;
    uint32_t number = find_or_add(s, &entry, times_ms);
    remember(recent, number, times_ms, count);
    return number;
}
