// What the tests of deleting, snapshots, bulk loads and reading from outside share.
#ifndef ADMIN_FIXTURE_H
#define ADMIN_FIXTURE_H

#include "store_fixture.h"

#include <errno.h>

#include "base/clock.h"
#include "bulk.h"
#include "storage/admin.h"
#include "storage/archive.h"
#include "tombstones.h"
#include "window.h"

static inline void check_read(struct querier *q, const struct series_set *set,
                              const struct model *m, unsigned n, int64_t min_ms, int64_t max_ms)
{
    for (size_t i = 0; i < set->count; i++) {
        uint64_t found;
        assert_true(str_to_u64(labels_get(set->labels[i], STR("n")), &found));
        if (found != n)
            continue;
        check_series(q, set, i, m, min_ms, max_ms);
        return;
    }
    for (size_t i = 0; i < m->counts[n]; i++)
        assert_true(m->times[n][i] < min_ms || m->times[n][i] > max_ms);
}

static inline void check_samples(struct storage *s, const struct model *m, int64_t min_ms,
                                 int64_t max_ms)
{
    struct series_set set;
    struct arena arena;
    arena_init(&arena, 0);
    struct querier *q = select_all(s, min_ms, max_ms, &arena, &set);
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        check_read(q, &set, m, n, min_ms, max_ms);
    querier_free(q);
    arena_release(&arena);
}

static inline void check(struct fixture *f, const struct model *m)
{
    check_samples(f->storage, m, INT64_MIN, INT64_MAX);
    check_samples(f->storage, m, START_MS + HOUR_MS, START_MS + 2 * HOUR_MS);
    check_samples(f->storage, m, f->clock.now_ms - HOUR_MS, f->clock.now_ms);
}

static inline void erase(struct fixture *f, struct model *m, const char *value, int64_t min_ms,
                         int64_t max_ms)
{
    struct matcher match;
    struct error err = {.text = ""};
    assert_int_equal(matcher_init(&match, MATCH_REGEX, STR("n"), str_from(value), &err), OK);
    if (storage_delete(f->storage, &match, 1, min_ms, max_ms, &err))
        fail_msg("%s", err.text);
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        char digit = (char)('0' + n);
        size_t kept = 0;
        bool hit = matcher_match(&match, str_make(&digit, 1));
        for (size_t i = 0; i < m->counts[n]; i++) {
            if (hit && m->times[n][i] >= min_ms && m->times[n][i] <= max_ms)
                continue;
            m->times[n][kept] = m->times[n][i];
            m->values[n][kept++] = m->values[n][i];
        }
        m->counts[n] = kept;
    }
    matcher_release(&match);
}

static inline void scrape_for(struct fixture *f, struct model *m, struct rng *rng, int64_t ms)
{
    int64_t end_ms = f->clock.now_ms + ms;
    while (f->clock.now_ms < end_ms)
        scrape(f, m, rng);
}

static inline void reopen(struct fixture *f)
{
    storage_close(f->storage);
    open_store(f);
}

static inline uint64_t tombstone_count(struct fixture *f)
{
    struct tombstones *t;
    struct error err;
    assert_int_equal(tombstones_load(&t, f->folder, &err), OK);
    uint64_t count = tombstones_count(t);
    tombstones_unref(t);
    return count;
}

struct comparison {
    const struct model *model;
    uint64_t samples;
};

static inline int compare_series(void *context, struct labels labels, const struct columns *c)
{
    struct comparison *to = context;
    uint64_t n;
    assert_true(str_to_u64(labels_get(labels, STR("n")), &n));
    assert_int_equal(c->count, to->model->counts[n]);
    for (size_t i = 0; i < c->count; i++) {
        assert_true(c->times_ms[i] == to->model->times[n][i]);
        assert_memory_equal(&c->values[i], &to->model->values[n][i], sizeof(double));
    }
    to->samples += c->count;
    return OK;
}

static inline void check_archive(const char *path, const struct model *m)
{
    struct archive *a;
    struct error err = {.text = ""};
    struct comparison to = {m, 0};
    uint64_t expected = 0;
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        expected += m->counts[n];
    if (archive_open(&a, path, &err))
        fail_msg("%s", err.text);
    for (int round = 0; round < 2; round++) {
        to.samples = 0;
        assert_int_equal(archive_each(a, NULL, compare_series, &to, INT64_MIN, INT64_MAX, &err),
                         OK);
        assert_int_equal(to.samples, expected);
    }
    archive_free(a);
}

// A sample of a series beside the model's: the journal becomes windows along with it.
static inline void load_one(struct fixture *f)
{
    struct bulk *b;
    struct error err;
    struct label label = {STR("other"), STR("1")};
    assert_int_equal(bulk_open(&b, f->folder, SIZE_MAX, &err), OK);
    uint32_t series = bulk_series(b, (struct labels){&label, 1});
    assert_int_equal(bulk_add(b, series, START_MS - 1, 1, &err), OK);
    assert_int_equal(bulk_commit(b, NULL, &err), OK);
    bulk_free(b);
}

struct fault {
    int countdown; // calls until the one that fails
    int code;
    bool struck;
};

static inline int strike(void *context, enum io_call call, const char *path)
{
    struct fault *fault = context;
    (void)path;
    if (call == IO_OPEN || fault->countdown-- != 0)
        return 0;
    fault->struck = true;
    return fault->code;
}

#endif
