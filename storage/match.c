#include "match.h"

struct gather {
    const struct series_index *index;
    const struct matcher *matcher;
    bool wanted; // gather values for which the matcher says so
    struct ids ids;
};

static void gather_all(void *context, struct str value, const uint32_t *items, size_t count)
{
    (void)value;
    ids_add_all(&((struct gather *)context)->ids, items, count);
}

static void gather_matching(void *context, struct str value, const uint32_t *items, size_t count)
{
    struct gather *g = context;
    if (matcher_match(g->matcher, value) == g->wanted)
        ids_add_all(&g->ids, items, count);
}

static void gather_literal(void *context, struct str literal)
{
    struct gather *g = context;
    if (literal.len)
        g->index->value(g->index->context, g->matcher->name, literal, gather_all, g);
}

// The series whose label has a value that the matcher accepts.
static void gather_wanted(struct gather *g)
{
    const struct series_index *index = g->index;
    const struct matcher *m = g->matcher;
    bool direct = m->type == MATCH_EQUAL;
    if (direct)
        index->value(index->context, m->name, m->value, gather_all, g);
    else if (m->type != MATCH_REGEX || !regex_literals(m->value, gather_literal, g))
        index->values(index->context, m->name, gather_matching, g);
    ids_sort(&g->ids);
}

static void gather_unwanted(struct gather *g)
{
    g->index->values(g->index->context, g->matcher->name, gather_matching, g);
    ids_sort(&g->ids);
}

static void narrow(const struct series_index *index, const struct matcher *m, struct ids *out,
                   bool *started)
{
    struct gather g = {index, m, true, {0}};
    gather_wanted(&g);
    if (*started) {
        ids_intersect(out, &g.ids);
        ids_release(&g.ids);
    } else {
        *out = g.ids;
        *started = true;
    }
}

static void exclude(const struct series_index *index, const struct matcher *m, struct ids *out)
{
    struct gather g = {index, m, false, {0}};
    gather_unwanted(&g);
    ids_subtract(out, &g.ids);
    ids_release(&g.ids);
}

void index_match(const struct series_index *index, const struct matcher *matchers, size_t count,
                 struct ids *out)
{
    bool started = false;
    for (size_t i = 0; i < count && !(started && out->count == 0); i++) {
        if (!matcher_match_empty(&matchers[i]))
            narrow(index, &matchers[i], out, &started);
    }
    if (!started)
        index->all(index->context, out);
    for (size_t i = 0; i < count && out->count; i++) {
        if (matcher_match_empty(&matchers[i]))
            exclude(index, &matchers[i], out);
    }
}
