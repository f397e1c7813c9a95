// Any body is read or refused; views lie within it; and reading it again with the hints that the
// first reading gives, as the scraper does, gives the same.
//
// The first byte chooses the format.
#include <assert.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "model/sample.h"
#include "scrape/exposition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct str s, struct str body)
{
    assert(s.len == 0 || (s.ptr >= body.ptr && s.ptr + s.len <= body.ptr + body.len));
}

static void check_labels(struct str series)
{
    struct arena arena;
    struct labels_builder set;
    struct error err;
    arena_init(&arena, 0);
    labels_builder_init(&set, &arena, (struct labels){0});
    if (exposition_labels(series, &set, &err) == OK) {
        exposition_drop_empty(&set);
        struct labels labels = labels_builder_finish(&set);
        assert(labels_get(labels, STR(LABEL_METRIC_NAME)).len);
        for (size_t i = 0; i < labels.count; i++) {
            assert(labels.items[i].value.len && utf8_valid(labels.items[i].value));
            assert(label_name_is_valid(labels.items[i].name));
            assert(i == 0 || str_cmp(labels.items[i - 1].name, labels.items[i].name) < 0);
        }
    } else {
        assert(err.text[0]);
    }
    arena_release(&arena);
}

struct reading {
    struct exposition_entry *entries;
    size_t count;
    size_t capacity;
    int rc;
};

static void set_hint(struct exposition *x, const struct exposition_entry *expected)
{
    x->hint = (struct exposition_hint){.series_len = 0};
    if (expected->kind == EXPOSITION_SAMPLE) {
        x->hint.series_len = expected->series.len;
        x->hint.series_hash = expected->hash;
    } else {
        x->hint.comment_len = (uint32_t)expected->series.len;
        x->hint.comment_hash = (uint32_t)expected->hash;
    }
}

static void read_body(struct reading *r, struct str body, enum exposition_format format,
                      struct arena *arena, const struct reading *hints)
{
    struct exposition x;
    struct exposition_entry e;
    struct error err = {.text = ""};
    exposition_init(&x, body, format, arena);
    for (;;) {
        if (hints && r->count < hints->count)
            set_hint(&x, &hints->entries[r->count]);
        r->rc = exposition_next(&x, &e, &err);
        if (r->rc != OK)
            break;
        MEM_GROW(r->entries, r->count, r->capacity);
        r->entries[r->count++] = e;
    }
    assert(r->rc == ERR_END ||
           (r->rc == ERR_INVALID && err.text[0] && utf8_valid(str_from(err.text))));
}

static void check_same(const struct exposition_entry *a, const struct exposition_entry *b)
{
    if (a->kind != EXPOSITION_SAMPLE) {
        assert(b->kind == EXPOSITION_REPEATED || b->kind == a->kind);
        return;
    }
    assert(b->kind == EXPOSITION_SAMPLE && a->hash == b->hash && str_eq(a->series, b->series));
    assert(double_bits(a->value) == double_bits(b->value) && !sample_is_stale(a->value));
    assert(a->has_time == b->has_time && (!a->has_time || a->t_ms == b->t_ms));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct reading first = {.entries = NULL}, second = {.entries = NULL};
    if (size == 0)
        return 0;
    enum exposition_format format = data[0] == 'o' ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
    struct str body = str_make((const char *)data + 1, size - 1);
    arena_init(&arena, 0);
    read_body(&first, body, format, &arena, NULL);
    read_body(&second, body, format, &arena, &first);
    assert(first.rc == second.rc && first.count == second.count);
    for (size_t i = 0; i < first.count; i++) {
        check_same(&first.entries[i], &second.entries[i]);
        check_inside(first.entries[i].series, body);
        if (first.entries[i].kind == EXPOSITION_SAMPLE)
            check_labels(first.entries[i].series);
    }
    mem_free(first.entries);
    mem_free(second.entries);
    arena_release(&arena);
    return 0;
}
