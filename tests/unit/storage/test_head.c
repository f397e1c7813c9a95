// The head's index against a naive one: series come and go, and everything of those that went is
// gone with them.
#include "store_fixture.h"

#include "base/hash.h"
#include "base/rng.h"
#include "head.h"

static struct labels some_labels(struct arena *a, uint64_t n)
{
    struct labels_builder b;
    labels_builder_init(&b, a, (struct labels){0});
    labels_builder_set(&b, STR("__name__"), n % 3 ? STR("requests") : STR("errors"));
    labels_builder_set(&b, STR("id"), arena_printf(a, "%u", (unsigned)n));
    labels_builder_set(&b, STR("job"), arena_printf(a, "%u", (unsigned)n % 5));
    if (n % 7 == 0)
        labels_builder_set(&b, arena_printf(a, "rare_%u", (unsigned)n), STR("x"));
    return labels_builder_finish(&b);
}

static void check_matches(struct head *h, const struct matcher *m, const bool *alive,
                          size_t id_count)
{
    struct series_index index = head_index(h);
    struct ids ids = {0};
    struct arena arena;
    size_t next = 0;
    arena_init(&arena, 0);
    assert_int_equal(index_match(&index, m, 1, NULL, &ids), OK);
    for (size_t id = 0; id < id_count; id++) {
        if (!alive[id] || !matchers_match(m, 1, some_labels(&arena, id)))
            continue;
        assert_true(next < ids.count && ids.items[next] == id);
        next++;
    }
    assert_int_equal(next, ids.count);
    ids_release(&ids);
    arena_release(&arena);
}

static void check_all_matchers(struct head *h, const bool *alive, size_t id_count)
{
    static const struct {
        enum matcher_type type;
        const char *name;
        const char *value;
    } cases[] = {
        {MATCH_EQUAL, "__name__", "errors"},  {MATCH_EQUAL, "job", "3"},
        {MATCH_EQUAL, "rare_7", ""},          {MATCH_NOT_EQUAL, "job", "3"},
        {MATCH_NOT_EQUAL, "job", ""},         {MATCH_REGEX, "id", "1|2|17|300"},
        {MATCH_REGEX, "id", "1.*"},           {MATCH_REGEX, "rare_14", "x|"},
        {MATCH_REGEX, "missing", ".*"},       {MATCH_REGEX, "missing", ".+"},
        {MATCH_NOT_REGEX, "id", ".*[02468]"}, {MATCH_NOT_REGEX, "rare_21", ".+"},
        {MATCH_NOT_REGEX, "job", "0|1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct matcher m;
        assert_int_equal(matcher_init(&m, cases[i].type, str_from(cases[i].name),
                                      str_from(cases[i].value), NULL),
                         OK);
        check_matches(h, &m, alive, id_count);
        matcher_release(&m);
    }
}

static void test_churn(void **state)
{
    (void)state;
    struct head h;
    struct arena arena;
    bool alive[512] = {false};
    head_init(&h);
    arena_init(&arena, 0);
    for (int64_t n = 0; n < 512; n++) {
        struct labels labels = some_labels(&arena, (uint64_t)n);
        struct series *s = head_create(&h, labels, labels_hash(labels));
        assert_int_equal(s->id, n);
        alive[n] = true;
        // Every third goes on for ever, the others have one sample.
        for (int64_t id = 0; id <= n; id++) {
            struct series *other = head_get(&h, (uint64_t)id);
            if (other && (id % 3 == 0 || id == n))
                head_append(&h, other, n * 1000, 1);
        }
        if (n % 50 != 49)
            continue;
        // Two passes: the first still counts as touched lately.
        head_truncate(&h, n * 1000);
        head_truncate(&h, n * 1000);
        for (int64_t id = 0; id < n; id++)
            alive[id] = id % 3 == 0;
        check_all_matchers(&h, alive, (size_t)n + 1);
    }
    head_truncate(&h, INT64_MAX);
    head_truncate(&h, INT64_MAX);
    assert_int_equal(h.series_count, 0);
    head_release(&h);
    arena_release(&arena);
}

static void test_nothing_is_left(void **state)
{
    (void)state;
    struct head h;
    struct arena arena;
    head_init(&h);
    arena_init(&arena, 0);
    for (int round = 0; round < 20; round++) {
        for (uint64_t n = 0; n < 100; n++) {
            struct labels labels = some_labels(&arena, n + 100 * (uint64_t)round);
            head_append(&h, head_create(&h, labels, labels_hash(labels)), round * 1000, 1);
        }
        head_truncate(&h, (round + 1) * 1000);
        head_truncate(&h, (round + 1) * 1000);
        assert_int_equal(h.series_count, 0);
        assert_int_equal(h.postings.pair_live, 0);
        assert_int_equal(h.postings.name_count, 0);
        assert_int_equal(h.symbols.index.count, 0);
        assert_int_equal(h.chunk_count, 0);
        assert_int_equal(atomic_load(&h.min_ms), INT64_MAX);
        assert_int_equal(h.chunks.used, 0);
    }
    // Numbers of pairs and symbols are used again.
    assert_true(h.postings.pair_count < 300 && h.symbols.count < 300);
    head_release(&h);
    arena_release(&arena);
}

static void test_touched_is_kept(void **state)
{
    (void)state;
    struct head h;
    struct arena arena;
    head_init(&h);
    arena_init(&arena, 0);
    struct labels labels = some_labels(&arena, 1);
    head_create(&h, labels, labels_hash(labels));
    assert_int_equal(head_truncate(&h, 1000), 0);
    assert_true(head_mark(&h, 0));
    assert_int_equal(head_truncate(&h, 1000), 0);
    assert_int_equal(head_truncate(&h, 1000), 1);
    assert_null(head_get(&h, 0));
    assert_false(head_mark(&h, 0));
    assert_false(head_mark(&h, 1));
    assert_null(head_find(&h, labels, labels_hash(labels)));
    head_release(&h);
    arena_release(&arena);
}

// Up to fifty labels, many of them shared, of sets that go on where others end.
static struct labels long_labels(struct arena *a, struct rng *rng)
{
    struct labels_builder b;
    unsigned shared = (unsigned)rng_below(rng, 50), more = 1 + (unsigned)rng_below(rng, 3);
    labels_builder_init(&b, a, (struct labels){0});
    for (unsigned i = 0; i < shared; i++)
        labels_builder_set(&b, arena_printf(a, "a%02u", i), STR("same"));
    for (unsigned i = 0; i < more; i++)
        labels_builder_set(&b, arena_printf(a, "%c", "Abz"[rng_below(rng, 3)]),
                           arena_printf(a, "%u", (unsigned)rng_below(rng, 40)));
    return labels_builder_finish(&b);
}

static void test_order(void **state)
{
    (void)state;
    struct head h;
    struct arena arena;
    struct rng rng;
    uint32_t ids[2000];
    size_t count = 0;
    rng_seed(&rng, 7);
    head_init(&h);
    arena_init(&arena, 0);
    head_sort(&h, ids, 0);
    while (count < COUNT_OF(ids)) {
        struct labels labels = long_labels(&arena, &rng);
        uint64_t hash = labels_hash(labels);
        if (!head_find(&h, labels, hash))
            ids[count++] = head_create(&h, labels, hash)->id;
        arena_reset(&arena);
    }
    head_sort(&h, ids, count);
    for (size_t i = 1; i < count; i++)
        assert_true(series_cmp(&h, head_get(&h, ids[i - 1]), head_get(&h, ids[i])) < 0);
    head_release(&h);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_touched_is_kept),
        cmocka_unit_test(test_order),
    };
    return UNIT_RUN(tests);
}
