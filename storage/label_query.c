// Label names and values: from the indexes alone when nothing narrows them, else from the labels of
// the series selected.
#include <stdlib.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "store.h"

struct text_set {
    struct strmap seen;
};

static void add_text(void *context, struct str text)
{
    struct text_set *set = context;
    strmap_put(&set->seen, text, set);
}

static void add_value(void *context, struct str value, const uint32_t *items, size_t count)
{
    (void)items;
    (void)count;
    add_text(context, value);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

// Sorted, cut at the limit, copied to the arena.
static void finish(struct text_set *set, size_t limit, struct arena *arena, struct str **out,
                   size_t *count, bool *truncated)
{
    size_t total = set->seen.count;
    struct str *texts = mem_calloc(total, sizeof(*texts));
    for (size_t i = 0; i < total; i++)
        texts[i] = str_make(set->seen.entries[i].key, set->seen.entries[i].key_len);
    if (total)
        qsort(texts, total, sizeof(*texts), by_text);
    size_t kept = limit && limit < total ? limit : total;
    *out = arena_array(arena, kept, sizeof(**out));
    for (size_t i = 0; i < kept; i++)
        (*out)[i] = arena_copy(arena, texts[i]);
    *count = kept;
    if (truncated)
        *truncated = kept < total;
    mem_free(texts);
    strmap_release(&set->seen);
}

static int add_selected(struct querier *q, struct str name, const struct matcher *matchers,
                        size_t matcher_count, struct text_set *set, struct error *err)
{
    struct arena scratch;
    struct series_set selected;
    arena_init(&scratch, 0);
    int rc =
        querier_select(q, matchers, matcher_count, INT64_MIN, INT64_MAX, &scratch, &selected, err);
    for (size_t i = 0; rc == OK && i < selected.count; i++) {
        struct labels labels = selected.labels[i];
        for (size_t l = 0; l < labels.count; l++) {
            if (name.len == 0)
                add_text(set, labels.items[l].name);
            else if (str_eq(labels.items[l].name, name))
                add_text(set, labels.items[l].value);
        }
    }
    arena_release(&scratch);
    return rc;
}

int querier_label_names(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                        size_t limit, struct arena *arena, struct str **out, size_t *count,
                        bool *truncated, struct error *err)
{
    return querier_label_values(q, str_make(NULL, 0), matchers, matcher_count, limit, arena, out,
                                count, truncated, err);
}

int querier_label_values(struct querier *q, struct str name, const struct matcher *matchers,
                         size_t matcher_count, size_t limit, struct arena *arena, struct str **out,
                         size_t *count, bool *truncated, struct error *err)
{
    struct text_set set;
    strmap_init(&set.seen);
    int rc = OK;
    if (matcher_count || name.len == 0)
        rc = add_selected(q, name, matchers, matcher_count, &set, err);
    else
        rc = querier_each_value(q, name, add_value, &set);
    if (rc && !(matcher_count || name.len == 0))
        error_set(err, rc, "reading a window's index: %s", err_text(rc));
    finish(&set, limit, arena, out, count, truncated);
    return rc;
}
