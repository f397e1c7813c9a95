#include "journal_rounds.h"

#include "base/mem.h"

struct times {
    int64_t times_ms[ROUNDS_MAX]; // ascending
    uint32_t starts[ROUNDS_MAX];  // first count, then where the round's entries go
    size_t count;
};

void rounds_release(struct rounds *r)
{
    mem_free(r->order);
    *r = (struct rounds){0};
}

// The place of a time, or where it belongs. Times mostly come in turn: the one behind the last is
// looked at first.
static size_t find(const struct times *t, int64_t t_ms, size_t last)
{
    if (last + 1 < t->count && t->times_ms[last + 1] == t_ms)
        return last + 1;
    size_t at = 0;
    while (at < t->count && t->times_ms[at] < t_ms)
        at++;
    return at;
}

static bool collect(struct times *t, const struct entry *entries, size_t count)
{
    size_t at = 0;
    t->count = 0;
    for (size_t i = 0; i < count; i++) {
        at = find(t, entries[i].t_ms, at);
        if (at == t->count || t->times_ms[at] != entries[i].t_ms) {
            if (t->count == ROUNDS_MAX)
                return false;
            size_t behind = t->count - at;
            memmove(t->times_ms + at + 1, t->times_ms + at, behind * sizeof(*t->times_ms));
            memmove(t->starts + at + 1, t->starts + at, behind * sizeof(*t->starts));
            t->times_ms[at] = entries[i].t_ms;
            t->starts[at] = 0;
            t->count++;
        }
        t->starts[at]++;
    }
    return true;
}

static void counts_to_starts(struct times *t)
{
    uint32_t start = 0;
    for (size_t i = 0; i < t->count; i++) {
        uint32_t count = t->starts[i];
        t->starts[i] = start;
        start += count;
    }
}

const uint32_t *rounds_order(struct rounds *r, const struct entry *entries, size_t count)
{
    struct times t;
    size_t at = 0;
    if (!collect(&t, entries, count) || t.count < 2)
        return NULL;
    counts_to_starts(&t);
    if (r->capacity < count) {
        r->order = mem_realloc(r->order, count, sizeof(*r->order));
        r->capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        at = find(&t, entries[i].t_ms, at);
        r->order[t.starts[at]++] = (uint32_t)i;
    }
    return r->order;
}
