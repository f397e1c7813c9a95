#include "exposition.h"
#include "generator.h"
#include "model/sample.h"
#include "shapes.h"
#include "unit.h"

#define END_MS INT64_C(1700006400000)

static struct workload small(const char *name)
{
    struct workload w;
    struct error err;
    assert_int_equal(workload_find(&w, name, &err), OK);
    w.hosts = 3;
    w.end_ms = END_MS;
    w.span_ms = 3600000;
    return w;
}

static struct generator *make(const struct workload *w)
{
    struct generator *g;
    struct error err;
    assert_int_equal(generator_new(&g, w, &err), OK);
    return g;
}

static void test_same_seed_same_samples(void **state)
{
    (void)state;
    struct workload w = small("churn");
    struct generator *a = make(&w), *b = make(&w);
    size_t count = generator_series_count(a);
    for (int round = 0; round < 300; round++) {
        struct scrape x, y;
        generator_scrape(a, 0, &x);
        // Another order of hosts changes nothing.
        generator_scrape(b, 1, &y);
        generator_scrape(b, 0, &y);
        assert_int_equal(x.time_ms, y.time_ms);
        assert_memory_equal(x.values, y.values, count * sizeof(*x.values));
        for (size_t i = 0; i < count; i++)
            assert_true(labels_eq(generator_labels(a, 0, i), generator_labels(b, 0, i)));
    }
    generator_free(a);
    generator_free(b);
}

static void test_other_seed_other_samples(void **state)
{
    (void)state;
    struct workload w = small("A"), v = w;
    v.seed = 2;
    struct generator *a = make(&w), *b = make(&v);
    struct scrape x, y;
    generator_scrape(a, 0, &x);
    generator_scrape(b, 0, &y);
    assert_memory_not_equal(x.values, y.values, generator_series_count(a) * sizeof(*x.values));
    generator_free(a);
    generator_free(b);
}

// Two thirds stand still, no sample is later than the end, counters never fall.
static void test_workload_a(void **state)
{
    (void)state;
    struct workload w = small("A");
    w.restarts_per_day = w.miss_share = 0;
    struct generator *g = make(&w);
    size_t count = generator_series_count(g), moved = 0;
    assert_int_equal(count, 880);
    static double first[880], last[880];
    for (int64_t round = 0; round < workload_rounds(&w); round++) {
        struct scrape s;
        generator_scrape(g, 1, &s);
        assert_in_range(s.time_ms, END_MS - w.span_ms, END_MS + 20);
        for (size_t i = 0; i < count; i++) {
            enum value_kind kind = generator_family(g, i)->kind;
            bool grows = kind == VALUE_COUNTER || kind == VALUE_SECONDS ||
                         kind == VALUE_NANOSECONDS || value_is_histogram(kind);
            assert_true(!round || !grows || s.values[i] >= last[i]);
            last[i] = s.values[i];
            first[i] = round ? first[i] : s.values[i];
        }
    }
    for (size_t i = 0; i < count; i++)
        moved += first[i] != last[i];
    assert_in_range(moved, 180, 380);
    generator_free(g);
}

static void test_labels_are_sets(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"A", "kubernetes", "services", "ml", "devops", "churn"};
    for (size_t n = 0; n < COUNT_OF(NAMES); n++) {
        struct workload w = small(NAMES[n]);
        struct generator *g = make(&w);
        size_t count = generator_series_count(g);
        for (size_t i = 0; i < count; i++) {
            struct labels a = generator_labels(g, 0, i);
            assert_true(labels_get(a, STR("job")).len > 0);
            for (size_t j = i + 1; j < count; j++)
                assert_int_not_equal(labels_cmp(a, generator_labels(g, 0, j)), 0);
            assert_int_not_equal(labels_cmp(a, generator_labels(g, 1, i)), 0);
        }
        generator_free(g);
    }
}

static void test_churn_ends_series(void **state)
{
    (void)state;
    struct workload w = small("churn");
    w.churn_per_day = 400;
    w.miss_share = 0;
    struct generator *g = make(&w);
    size_t stale = 0, relabelled = 0;
    for (int round = 0; round < 50; round++) {
        struct scrape s;
        generator_scrape(g, 0, &s);
        relabelled += s.relabelled;
        for (size_t i = 0; i < generator_series_count(g); i++)
            stale += sample_is_stale(s.values[i]);
    }
    assert_true(stale > 0);
    assert_true(relabelled > 0);
    generator_free(g);
}

static void test_exposition(void **state)
{
    (void)state;
    struct workload w = small("A");
    struct generator *g = make(&w);
    struct buf text = BUF_INIT;
    struct scrape s;
    size_t count;
    struct exposition *jobs = expositions_new(g, &count);
    assert_int_equal(count, 2);
    assert_str(jobs[0].job, "node");
    assert_str(jobs[1].job, "prometheus");
    assert_int_equal(jobs[0].count + jobs[1].count, 880);
    generator_scrape(g, 2, &s);
    assert_true(exposition_write(&jobs[0], g, 2, &s, &text));
    assert_non_null(strstr(buf_text(&text), "# TYPE node_cpu_seconds_total counter\n"
                                            "node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} "));
    assert_null(strstr(buf_text(&text), "instance="));
    assert_null(strstr(buf_text(&text), "prometheus_"));
    buf_release(&text);
    expositions_free(jobs, count);
    generator_free(g);
}

static void test_unknown_names(void **state)
{
    (void)state;
    struct workload w = small("A");
    struct generator *g;
    struct error err;
    assert_int_equal(workload_find(&w, "Z", &err), ERR_NOT_FOUND);
    w.shapes = "node,cloud";
    assert_int_equal(generator_new(&g, &w, &err), ERR_NOT_FOUND);
    assert_string_equal(err.text, "no shape is called \"cloud\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_samples),
        cmocka_unit_test(test_other_seed_other_samples),
        cmocka_unit_test(test_workload_a),
        cmocka_unit_test(test_labels_are_sets),
        cmocka_unit_test(test_churn_ends_series),
        cmocka_unit_test(test_exposition),
        cmocka_unit_test(test_unknown_names),
    };
    return UNIT_RUN(tests);
}
