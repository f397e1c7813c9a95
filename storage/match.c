// Equality and alternations of literals (a|b|c) are looked up; other matchers look at every value
// of their label. The first matcher that narrows gives the candidates, the others filter them.
#include "match.h"

struct gather {
    const struct series_index *index;
    const struct matcher *matcher;
    bool wanted; // gather values for which the matcher says so
    struct ids ids;
    int rc; // first error of the index
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
    if (literal.len && g->rc == OK)
        g->rc = g->index->value(g->index->context, g->matcher->name, literal, gather_all, g);
}

// The series whose label has a value that the matcher accepts.
static void gather_wanted(struct gather *g)
{
    const struct series_index *index = g->index;
    const struct matcher *m = g->matcher;
    bool direct = m->type == MATCH_EQUAL;
    if (direct)
        g->rc = index->value(index->context, m->name, m->value, gather_all, g);
    else if (m->type != MATCH_REGEX || !regex_literals(m->value, gather_literal, g))
        g->rc = index->values(index->context, m->name, gather_matching, g);
    ids_sort(&g->ids);
}

static void gather_unwanted(struct gather *g)
{
    g->rc = g->index->values(g->index->context, g->matcher->name, gather_matching, g);
    ids_sort(&g->ids);
}

static int narrow(const struct series_index *index, const struct matcher *m, struct ids *out,
                  bool *started)
{
    struct gather g = {index, m, true, {0}, OK};
    gather_wanted(&g);
    if (*started) {
        ids_intersect(out, &g.ids);
        ids_release(&g.ids);
    } else {
        *out = g.ids;
        *started = true;
    }
    return g.rc;
}

static int exclude(const struct series_index *index, const struct matcher *m, struct ids *out)
{
    struct gather g = {index, m, false, {0}, OK};
    gather_unwanted(&g);
    ids_subtract(out, &g.ids);
    ids_release(&g.ids);
    return g.rc;
}

int index_match(const struct series_index *index, const struct matcher *matchers, size_t count,
                struct ids *out)
{
    bool started = false;
    int rc = OK;
    for (size_t i = 0; i < count && rc == OK && !(started && out->count == 0); i++) {
        if (!matcher_match_empty(&matchers[i]))
            rc = narrow(index, &matchers[i], out, &started);
    }
    if (!started)
        index->all(index->context, out);
    for (size_t i = 0; i < count && rc == OK && out->count; i++) {
        if (matcher_match_empty(&matchers[i]))
            rc = exclude(index, &matchers[i], out);
    }
    return rc;
}
