#include "metadata.h"

#include <assert.h>

#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"

struct metadata_pool {
    struct metadata **items;
    uint32_t count;
    uint32_t capacity;
    struct hmap index;
};

struct metadata_pool *metadata_pool_new(void)
{
    struct metadata_pool *p = mem_calloc(1, sizeof(*p));
    hmap_init(&p->index);
    return p;
}

void metadata_pool_free(struct metadata_pool *p)
{
    assert(p->count == 0);
    hmap_release(&p->index);
    mem_free(p->items);
    mem_free(p);
}

static bool says_same(const void *context, uint32_t at, const void *key)
{
    const struct metadata *a = ((const struct metadata_pool *)context)->items[at], *b = key;
    return a->type == b->type && str_eq(a->name, b->name) && str_eq(a->help, b->help) &&
           str_eq(a->unit, b->unit);
}

static uint64_t hash_of(const struct metadata *m)
{
    uint64_t hash = hash64(m->name.ptr, m->name.len, m->type);
    hash = hash64(m->help.ptr ? m->help.ptr : "", m->help.len, hash);
    return hash64(m->unit.ptr ? m->unit.ptr : "", m->unit.len, hash);
}

static struct str place(char **at, struct str s)
{
    struct str copy = str_make(*at, s.len);
    if (s.len)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return copy;
}

static struct metadata *pool_take(struct metadata_pool *p, const struct metadata *said)
{
    uint64_t hash = hash_of(said);
    uint32_t found = hmap_find(&p->index, hash, says_same, p, said);
    if (found != HMAP_NONE) {
        p->items[found]->references++;
        return p->items[found];
    }
    struct metadata *m = mem_alloc(sizeof(*m) + said->name.len + said->help.len + said->unit.len);
    char *at = (char *)(m + 1);
    *m = *said;
    m->name = place(&at, said->name);
    m->help = place(&at, said->help);
    m->unit = place(&at, said->unit);
    m->references = 1;
    m->index = p->count;
    m->hash = hash;
    MEM_GROW(p->items, p->count, p->capacity);
    p->items[p->count++] = m;
    hmap_insert(&p->index, hash, m->index);
    return m;
}

static void pool_drop(struct metadata_pool *p, struct metadata *m)
{
    if (--m->references)
        return;
    struct metadata *last = p->items[--p->count];
    hmap_remove(&p->index, m->hash, m->index);
    if (last != m) {
        hmap_remove(&p->index, last->hash, last->index);
        last->index = m->index;
        p->items[last->index] = last;
        hmap_insert(&p->index, last->hash, last->index);
    }
    mem_free(m);
}

void metadata_table_init(struct metadata_table *t)
{
    *t = (struct metadata_table){.lines = NULL};
}

void metadata_table_release(struct metadata_table *t, struct metadata_pool *p)
{
    for (uint32_t i = 0; i < t->family_count; i++)
        pool_drop(p, t->families[i]);
    mem_free(t->families);
    mem_free(t->lines);
    metadata_table_init(t);
}

// A table in the making, in an arena.
struct draft {
    struct arena arena;
    struct metadata_line *lines;
    struct metadata *families;
    uint32_t line_count, line_capacity;
    uint32_t family_count, family_capacity;
    struct hmap index; // of families by name
};

static bool has_name(const void *context, uint32_t at, const void *key)
{
    return str_eq(((const struct draft *)context)->families[at].name, *(const struct str *)key);
}

static struct metadata *draft_family(struct draft *d, struct str name)
{
    uint64_t hash = hash_str(name);
    uint32_t at = hmap_find(&d->index, hash, has_name, d, &name);
    if (at != HMAP_NONE)
        return &d->families[at];
    if (d->family_count == METADATA_FAMILIES_MAX)
        return NULL;
    ARENA_GROW(&d->arena, d->families, d->family_count, d->family_capacity);
    d->families[d->family_count] = (struct metadata){.name = name};
    hmap_insert(&d->index, hash, d->family_count);
    return &d->families[d->family_count++];
}

// The first METADATA_HELP_MAX bytes, no character cut in two.
static struct str cut_help(struct str help)
{
    size_t len = help.len;
    if (len <= METADATA_HELP_MAX)
        return help;
    for (len = METADATA_HELP_MAX; len && ((unsigned char)help.ptr[len] & 0xc0) == 0x80;)
        len--;
    return str_first(help, len);
}

static void draft_entry(struct draft *d, const struct exposition_entry *e)
{
    ARENA_GROW(&d->arena, d->lines, d->line_count, d->line_capacity);
    d->lines[d->line_count++] =
        (struct metadata_line){.hash = (uint32_t)e->hash,
                               .kind = (uint8_t)e->kind,
                               .type = (uint8_t)e->type,
                               .len = e->series.len <= UINT16_MAX ? (uint16_t)e->series.len : 0};
    struct metadata *m = draft_family(d, e->name);
    if (!m)
        return;
    if (e->kind == EXPOSITION_TYPE)
        m->type = e->type;
    else if (e->kind == EXPOSITION_UNIT)
        m->unit = e->text;
    else
        m->help = cut_help(e->text);
}

static void draft_body(struct draft *d, struct str body, enum exposition_format format)
{
    struct exposition x;
    struct exposition_entry e;
    struct error err;
    exposition_init(&x, body, format, &d->arena);
    while (exposition_next(&x, &e, &err) == OK) {
        if (e.kind != EXPOSITION_SAMPLE)
            draft_entry(d, &e);
    }
}

void metadata_table_rebuild(struct metadata_table *t, struct metadata_pool *p, struct str body,
                            enum exposition_format format)
{
    struct draft d = {.lines = NULL};
    struct metadata_table fresh;
    arena_init(&d.arena, 0);
    hmap_init(&d.index);
    draft_body(&d, body, format);
    fresh.line_count = d.line_count;
    fresh.family_count = d.family_count;
    fresh.lines = mem_calloc(d.line_count, sizeof(*fresh.lines));
    fresh.families = mem_calloc(d.family_count, sizeof(struct metadata *));
    if (d.line_count)
        memcpy(fresh.lines, d.lines, d.line_count * sizeof(*fresh.lines));
    for (uint32_t i = 0; i < d.family_count; i++)
        fresh.families[i] = pool_take(p, &d.families[i]);
    metadata_table_release(t, p);
    *t = fresh;
    hmap_release(&d.index);
    arena_release(&d.arena);
}
