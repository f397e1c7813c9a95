// Equality and alternations of literals (a|b|c) are looked up; other matchers look at every value
// of their label. The first matcher that narrows gives the candidates, the others filter them.
#include "match.h"

#include "base/error.h"

// What it takes to match a value, in series looked at.
#define VALUE_EFFORT 4
#define REGEX_EFFORT 32

struct gather {
    const struct series_index *index;
    const struct matcher *matcher;
    bool wanted; // gather values for which the matcher says so
    size_t *effort;
    struct ids ids;
    int rc; // first error of the index
};

// False when the effort is used up.
static bool spend(struct gather *g, size_t effort)
{
    if (!g->effort)
        return true;
    if (*g->effort < effort)
        g->rc = ERR_DEFERRED;
    else
        *g->effort -= effort;
    return g->rc != ERR_DEFERRED;
}

static void gather_all(void *context, struct str value, const uint32_t *items, size_t count)
{
    struct gather *g = context;
    (void)value;
    if (spend(g, count))
        ids_add_all(&g->ids, items, count);
}

static void gather_matching(void *context, struct str value, const uint32_t *items, size_t count)
{
    struct gather *g = context;
    bool direct = g->matcher->type == MATCH_EQUAL || g->matcher->type == MATCH_NOT_EQUAL;
    if (spend(g, count + (direct ? VALUE_EFFORT : REGEX_EFFORT)) &&
        matcher_match(g->matcher, value) == g->wanted)
        ids_add_all(&g->ids, items, count);
}

static void note(struct gather *g, int rc)
{
    if (g->rc == OK)
        g->rc = rc;
}

static void gather_literal(void *context, struct str literal)
{
    struct gather *g = context;
    if (literal.len && g->rc == OK)
        note(g, g->index->value(g->index->context, g->matcher->name, literal, gather_all, g));
}

// The series whose label has a value that the matcher accepts.
static void gather_wanted(struct gather *g)
{
    const struct series_index *index = g->index;
    const struct matcher *m = g->matcher;
    bool direct = m->type == MATCH_EQUAL;
    if (direct)
        note(g, index->value(index->context, m->name, m->value, gather_all, g));
    else if (m->type != MATCH_REGEX || !regex_literals(m->value, gather_literal, g))
        note(g, index->values(index->context, m->name, gather_matching, g));
    ids_sort(&g->ids);
}

static void gather_unwanted(struct gather *g)
{
    note(g, g->index->values(g->index->context, g->matcher->name, gather_matching, g));
    ids_sort(&g->ids);
}

static int narrow(const struct series_index *index, const struct matcher *m, size_t *effort,
                  struct ids *out, bool *started)
{
    struct gather g = {index, m, true, effort, {0}, OK};
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

static int exclude(const struct series_index *index, const struct matcher *m, size_t *effort,
                   struct ids *out)
{
    struct gather g = {index, m, false, effort, {0}, OK};
    gather_unwanted(&g);
    ids_subtract(out, &g.ids);
    ids_release(&g.ids);
    return g.rc;
}

int index_match(const struct series_index *index, const struct matcher *matchers, size_t count,
                size_t *effort, struct ids *out)
{
    bool started = false;
    int rc = OK;
    for (size_t i = 0; i < count && rc == OK && !(started && out->count == 0); i++) {
        if (!matcher_match_empty(&matchers[i]))
            rc = narrow(index, &matchers[i], effort, out, &started);
    }
    if (!started && effort)
        return ERR_DEFERRED;
    if (!started)
        index->all(index->context, out);
    for (size_t i = 0; i < count && rc == OK && out->count; i++) {
        if (matcher_match_empty(&matchers[i]))
            rc = exclude(index, &matchers[i], effort, out);
    }
    return rc;
}
