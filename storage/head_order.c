// The order of series by their labels.
//
// Texts are compared once for each label pair, of which there are few: that gives each its rank. Series
// are then put in order of their first pairs' ranks, and those that share these in order of their
// second ones, and so on.
#include <stdlib.h>

#include "base/mem.h"
#include "base/sort.h"
#include "head.h"

// Series that share more pairs than this are compared one with another.
#define DEPTH_MAX 24

struct order {
    const struct head *head;
    uint32_t *ranks; // of the pairs, from 1 on; 0 is the end of a label set
    uint64_t *keys;  // rank << 32 | id
    uint32_t *ids;
};

static int by_text(const void *a, const void *b, void *context)
{
    const struct head *h = context;
    const struct pair *x = &h->postings.pairs[*(const uint32_t *)a];
    const struct pair *y = &h->postings.pairs[*(const uint32_t *)b];
    if (x->name != y->name)
        return str_cmp(symbols_text(&h->symbols, x->name), symbols_text(&h->symbols, y->name));
    return str_cmp(symbols_text(&h->symbols, x->value), symbols_text(&h->symbols, y->value));
}

static uint32_t *rank_pairs(const struct head *h)
{
    const struct postings *p = &h->postings;
    uint32_t *ranks = mem_calloc(p->pair_count, sizeof(*ranks));
    uint32_t *pairs = mem_calloc(p->pair_count, sizeof(*pairs)), count = 0;
    for (uint32_t i = 0; i < p->pair_count; i++) {
        if (p->pairs[i].count)
            pairs[count++] = i;
    }
    if (count)
        qsort_r(pairs, count, sizeof(*pairs), by_text, (void *)h);
    for (uint32_t i = 0; i < count; i++)
        ranks[pairs[i]] = i + 1;
    mem_free(pairs);
    return ranks;
}

static uint32_t rank_at(const struct order *o, uint32_t id, size_t depth)
{
    const struct series *s = head_get(o->head, id);
    return depth < s->label_count ? o->ranks[s->pairs[depth]] : 0;
}

static int by_ranks(const void *a, const void *b, void *context)
{
    const struct order *o = context;
    uint32_t x, y;
    size_t depth = 0;
    do {
        x = rank_at(o, *(const uint32_t *)a, depth);
        y = rank_at(o, *(const uint32_t *)b, depth++);
    } while (x == y && x);
    return (x > y) - (x < y);
}

// Series [from, end) have their first `depth` pairs in common.
static void sort_run(struct order *o, size_t from, size_t end, size_t depth)
{
    if (depth == DEPTH_MAX) {
        qsort_r(o->ids + from, end - from, sizeof(*o->ids), by_ranks, o);
        return;
    }
    for (size_t i = from; i < end; i++)
        o->keys[i] = (uint64_t)rank_at(o, o->ids[i], depth) << 32 | o->ids[i];
    u64_sort(o->keys + from, end - from);
    for (size_t i = from; i < end; i++)
        o->ids[i] = (uint32_t)o->keys[i];
    for (size_t i = from, next; i < end; i = next) {
        for (next = i + 1; next < end && o->keys[next] >> 32 == o->keys[i] >> 32;)
            next++;
        if (next - i > 1)
            sort_run(o, i, next, depth + 1);
    }
}

void head_sort(const struct head *h, uint32_t *ids, size_t count)
{
    struct order o = {.head = h, .ranks = rank_pairs(h), .ids = ids};
    o.keys = mem_calloc(count, sizeof(*o.keys));
    if (count)
        sort_run(&o, 0, count, 0);
    mem_free(o.keys);
    mem_free(o.ranks);
}
