#include "told.h"

#include <stdlib.h>

#include "base/mem.h"

static void fingerprints_add(struct fingerprints *f, uint64_t fingerprint)
{
    MEM_GROW(f->items, f->count, f->capacity);
    f->items[f->count++] = fingerprint;
}

void told_add(struct told *t, uint64_t fingerprint, bool resolved)
{
    fingerprints_add(resolved ? &t->resolved : &t->firing, fingerprint);
}

static int ascending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void fingerprints_sort(struct fingerprints *f)
{
    if (f->count)
        qsort(f->items, f->count, sizeof(*f->items), ascending);
}

void told_sort(struct told *t)
{
    fingerprints_sort(&t->firing);
    fingerprints_sort(&t->resolved);
}

void told_release(struct told *t)
{
    mem_free(t->firing.items);
    mem_free(t->resolved.items);
    *t = (struct told){0};
}

static struct fingerprints fingerprints_copy(const struct fingerprints *f)
{
    struct fingerprints copy = {0};
    for (size_t i = 0; i < f->count; i++)
        fingerprints_add(&copy, f->items[i]);
    return copy;
}

struct told told_copy(const struct told *t)
{
    return (struct told){.firing = fingerprints_copy(&t->firing),
                         .resolved = fingerprints_copy(&t->resolved)};
}

static bool fingerprints_equal(const struct fingerprints *a, const struct fingerprints *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

bool told_equal(const struct told *a, const struct told *b)
{
    return fingerprints_equal(&a->firing, &b->firing) &&
           fingerprints_equal(&a->resolved, &b->resolved);
}

bool fingerprints_has(const struct fingerprints *all, uint64_t fingerprint)
{
    return all->count &&
           bsearch(&fingerprint, all->items, all->count, sizeof(*all->items), ascending);
}

bool fingerprints_contain(const struct fingerprints *all, const struct fingerprints *some)
{
    size_t at = 0;
    for (size_t i = 0; i < some->count; i++) {
        while (at < all->count && all->items[at] < some->items[i])
            at++;
        if (at == all->count || all->items[at] != some->items[i])
            return false;
    }
    return true;
}

static void fingerprints_encode(struct buf *out, const struct fingerprints *f)
{
    buf_varint(out, f->count);
    for (size_t i = 0; i < f->count; i++)
        buf_be64(out, f->items[i]);
}

static void fingerprints_decode(struct decoder *d, struct fingerprints *f)
{
    uint64_t count = decode_varint(d);
    if (count > decoder_left(d) / 8)
        d->failed = true;
    for (uint64_t i = 0; !d->failed && i < count; i++)
        fingerprints_add(f, decode_be64(d));
    fingerprints_sort(f);
}

void told_encode(struct buf *out, const struct told *t)
{
    fingerprints_encode(out, &t->firing);
    fingerprints_encode(out, &t->resolved);
}

bool told_decode(struct decoder *d, struct told *out)
{
    *out = (struct told){0};
    fingerprints_decode(d, &out->firing);
    fingerprints_decode(d, &out->resolved);
    if (d->failed)
        told_release(out);
    return !d->failed;
}
