#include "step_windows.h"

#include "base/mem.h"
#include "window.h"

// Fewer steps are walked as quickly as a column is compared.
#define STEPS_MIN 8
// A column of more samples a step is read for its samples.
#define SAMPLES_PER_STEP_MAX 64
// Larger ones are not kept: a memo has at most WINDOW_MEMO_SIZE times as much.
#define ENTRY_BYTES_MAX ((size_t)256 << 10)

bool window_memo_pays(const struct window_shape *shape, size_t sample_count)
{
    size_t steps = shape->grid->count;
    size_t bytes = sample_count * sizeof(int64_t) + steps * 3 * sizeof(uint32_t);
    return steps >= STEPS_MIN && sample_count <= steps * SAMPLES_PER_STEP_MAX &&
           bytes <= ENTRY_BYTES_MAX;
}

static void find_windows(struct step_windows *s, const struct window_shape *shape)
{
    size_t first = 0, end = 0;
    for (size_t i = 0; i < shape->grid->count; i++) {
        int64_t end_ms = lookup_time(shape->lookup, grid_time(shape->grid, i));
        int64_t start_ms = end_ms - shape->range_ms;
        first = next_after(s->times_ms, first, s->count, start_ms - shape->behind_ms);
        end = end < first ? first : end;
        end = next_after(s->times_ms, end, s->count, end_ms + shape->ahead_ms);
        s->first[i] = (uint32_t)first;
        s->end[i] = (uint32_t)end;
    }
}

static void entry_release(struct step_windows *s)
{
    mem_free(s->times_ms);
    mem_free(s->first);
    mem_free(s->reaches);
    *s = (struct step_windows){0};
}

static void entry_set(struct step_windows *s, const struct window_shape *shape,
                      const int64_t *times_ms, size_t count)
{
    size_t steps = shape->grid->count;
    entry_release(s);
    s->count = count;
    s->times_ms = mem_alloc(count * sizeof(*s->times_ms));
    memcpy(s->times_ms, times_ms, count * sizeof(*s->times_ms));
    s->first = mem_calloc(steps * 3, sizeof(*s->first));
    s->end = s->first + steps;
    find_windows(s, shape);
}

static bool is_of(const struct step_windows *s, uint64_t key, const int64_t *times_ms, size_t count)
{
    return s->key == key && s->count == count &&
           memcmp(s->times_ms, times_ms, count * sizeof(*times_ms)) == 0;
}

struct step_windows *window_memo_get(struct window_memo *m, const struct window_shape *shape,
                                     const int64_t *times_ms, size_t count)
{
    uint64_t key = (uint64_t)times_ms[0] * 31 + (uint64_t)times_ms[count - 1];
    for (size_t i = 0; i < WINDOW_MEMO_SIZE; i++) {
        if (is_of(&m->entries[i], key, times_ms, count))
            return &m->entries[i];
    }
    struct step_windows *s = &m->entries[m->next];
    m->next = (m->next + 1) % WINDOW_MEMO_SIZE;
    entry_set(s, shape, times_ms, count);
    s->key = key;
    return s;
}

// Scrapes that are regular but for some jitter repeat what they had a few steps ago.
#define REACHES_LOOKED_AT 4

uint32_t step_windows_add_reach(struct step_windows *s, const struct reach *r)
{
    for (size_t i = s->reach_count; i > 0 && i + REACHES_LOOKED_AT > s->reach_count; i--) {
        const struct reach *known = &s->reaches[i - 1];
        if (known->count == r->count && known->to_start_ms == r->to_start_ms &&
            known->to_end_ms == r->to_end_ms && known->sampled_ms == r->sampled_ms)
            return (uint32_t)(i - 1);
    }
    MEM_GROW(s->reaches, s->reach_count, s->reach_capacity);
    s->reaches[s->reach_count] = *r;
    return (uint32_t)s->reach_count++;
}

void window_memo_release(struct window_memo *m)
{
    for (size_t i = 0; i < WINDOW_MEMO_SIZE; i++)
        entry_release(&m->entries[i]);
}
