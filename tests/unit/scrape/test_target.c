// What scrapes leave in the store: samples, staleness markers, reports, and nothing of a scrape
// that failed.
#include "fixture.h"

#include "base/utf8.h"

static void test_good(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1\nb{x=\"y\"} 2\n");
    assert_scraped(f, "a{" LABELS "} 1\nb{" LABELS ", x=\"y\"} 2\n");
    assert_int_equal(f->target->health, TARGET_UP);
    assert_null(f->target->last_error);
    assert_stored(f, "up|scrape_.*",
                  "scrape_duration_seconds{" LABELS "} 0.25\n"
                  "scrape_samples_post_metric_relabeling{" LABELS "} 2\n"
                  "scrape_samples_scraped{" LABELS "} 2\n"
                  "scrape_series_added{" LABELS "} 2\n"
                  "up{" LABELS "} 1\n");
}

static void test_order_and_churn(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1\nb 2\nc 3\n");
    scrape(f, "a 4\nb 5\nc 6\n");
    assert_scraped(f, "a{" LABELS "} 4\nb{" LABELS "} 5\nc{" LABELS "} 6\n");
    scrape(f, "c 7\na 8\nd 9\n");
    assert_scraped(f, "a{" LABELS "} 8\nb{" LABELS "} stale\nc{" LABELS "} 7\nd{" LABELS "} 9\n");
    scrape(f, "c 1\na 2\nd 3\n");
    assert_scraped(f, "a{" LABELS "} 2\nc{" LABELS "} 1\nd{" LABELS "} 3\n");
    scrape(f, "b 1\nc 2\n");
    assert_scraped(f,
                   "a{" LABELS "} stale\nb{" LABELS "} 1\nc{" LABELS "} 2\nd{" LABELS "} stale\n");
    scrape(f, "");
    assert_scraped(f, "b{" LABELS "} stale\nc{" LABELS "} stale\n");
    scrape(f, "");
    assert_scraped(f, "");
    assert_int_equal(f->target->health, TARGET_UP);
    query_since(f, "scrape_series_added", START_MS);
    assert_buf(&f->out, "scrape_series_added{" LABELS "} 3@15000 0@30000 1@45000 0@60000 1@75000 "
                        "0@90000 0\n");
}

static void test_failures_end_series(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1\nb 2\n");
    scrape(f, "a 1\nb\n");
    assert_scraped(f, "a{" LABELS "} stale\nb{" LABELS "} stale\n");
    assert_int_equal(f->target->health, TARGET_DOWN);
    assert_string_equal(f->target->last_error, "line 2: expected a value, got \"\"");
    scrape_fails(f, "Get \"http://i/m\": connection refused");
    assert_scraped(f, "");
    assert_string_equal(f->target->last_error, "Get \"http://i/m\": connection refused");
    // Recovered: known from before, nothing is added.
    scrape(f, "a 3\nb 4\n");
    assert_scraped(f, "a{" LABELS "} 3\nb{" LABELS "} 4\n");
    assert_stored(f, "up", "up{" LABELS "} 1@15000 0@30000 0@45000 1\n");
    assert_stored(f, "scrape_series_added",
                  "scrape_series_added{" LABELS "} 2@15000 0@30000 0@45000 0\n");
    assert_stored(f, "scrape_samples_scraped",
                  "scrape_samples_scraped{" LABELS "} 2@15000 1@30000 0@45000 2\n");
}

// A scrape that fails leaves slots behind that the next good one uses or drops, without markers for
// what was never stored.
static void test_slots_of_a_failure(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1\n");
    scrape(f, "a 1\nb 2\nc 3\n!\n");
    assert_scraped(f, "a{" LABELS "} stale\n");
    scrape(f, "b 5\na 4\n");
    assert_scraped(f, "a{" LABELS "} 4\nb{" LABELS "} 5\n");
    assert_int_equal(f->target->series.count, 2);
    scrape(f, "b 5\na 4\n");
    assert_scraped(f, "a{" LABELS "} 4\nb{" LABELS "} 5\n");
}

static void test_removed_target(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1\n");
    target_end(f->target, f->appender, f->clock.now_ms + 1000);
    assert_stored(f, "a|up", "a{" LABELS "} 1 stale@16000\nup{" LABELS "} 1 stale@16000\n");
}

static void test_duplicates(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1\nb 2\na 3\n");
    assert_scraped(f, "a{" LABELS "} 1\nb{" LABELS "} 2\n");
    assert_int_equal(f->target->health, TARGET_UP);
    assert_true(metric_value(f->scrape_metrics.refused[REFUSAL_DUPLICATE]) == 1);
    // With times of their own both are samples.
    scrape(f, "c 1 1700000001000\nc 2 1700000002000\n");
    assert_stored(f, "c", "c{" LABELS "} 1@1000 2@2000\n");
}

// The same series under another text goes on.
static void test_other_text(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a{x=\"1\",y=\"2\"} 1\n");
    scrape(f, "a{y=\"2\",x=\"1\"} 2\n");
    assert_scraped(f, "a{" LABELS ", x=\"1\", y=\"2\"} 2\n");
    scrape(f, "b 1\n");
    assert_scraped(f, "a{" LABELS ", x=\"1\", y=\"2\"} stale\nb{" LABELS "} 1\n");
}

static void test_timestamps(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1 1700000001000\n");
    scrape(f, "b 1\n");
    assert_stored(f, "a", "a{" LABELS "} 1@1000\n"); // not tracked: no marker
    use_job(f, "track_timestamps_staleness: true");
    scrape(f, "a 2 1700000002000\nb 1\n");
    scrape(f, "b 1\n");
    assert_stored(f, "a", "a{" LABELS "} 1@1000 2@2000 stale\n");
    use_job(f, "honor_timestamps: false");
    scrape(f, "a 3 1700000003000\nb 1\n");
    assert_scraped(f, "a{" LABELS "} 3\nb{" LABELS "} 1\n");
    use_job(f, "");
    scrape(f, "b 2 1700000001000\na 7\n");
    assert_scraped(f, "a{" LABELS "} 7\n");
    assert_true(metric_value(f->scrape_metrics.refused[REFUSAL_OUT_OF_ORDER]) == 1);
    assert_int_equal(f->target->health, TARGET_UP);
}

static void test_labels_of_the_target(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a{job=\"own\",exported_job=\"x\"} 1\nb{instance=\"\"} 1\n");
    assert_scraped(f, "a{exported_exported_job=\"own\", exported_job=\"x\", " LABELS "} 1\n"
                      "b{" LABELS "} 1\n");
    use_job(f, "honor_labels: true");
    scrape(f, "c{job=\"own\"} 1\nd{instance=\"\"} 1\n");
    query_since(f, "c|d", f->clock.now_ms);
    assert_buf(&f->out, "c{instance=\"i\", job=\"own\"} 1\nd{job=\"j\"} 1\n");
}

static void test_metric_relabelling(void **state)
{
    struct fixture *f = *state;
    use_job(f, "metric_relabel_configs: [{source_labels: [__name__], regex: 'a|gone_.*', action: "
               "drop}, {regex: secret, action: labeldrop}]");
    for (int i = 0; i < 2; i++)
        scrape(f, "a 1\nb{secret=\"1\"} 2\ngone_b 1\n");
    assert_scraped(f, "b{" LABELS "} 2\n");
    assert_stored(f, "scrape_samples_.*",
                  "scrape_samples_post_metric_relabeling{" LABELS "} 1@15000 1\n"
                  "scrape_samples_scraped{" LABELS "} 3@15000 3\n");
    use_job(f, "metric_relabel_configs: [{target_label: __name__, replacement: ''}]");
    scrape(f, "a 1\n");
    assert_string_equal(f->target->last_error, "line 1: missing metric name (__name__ label)");
    use_job(f, "metric_relabel_configs: [{regex: '.*', action: labeldrop}]");
    scrape(f, "a 1\n");
    assert_int_equal(f->target->health, TARGET_UP);
}

// Rules that a reload brings hold for series scraped before; what they drop or rename ends.
static void test_reload(void **state)
{
    struct fixture *f = *state;
    scrape(f, "a 1\nb 2\n");
    use_job(f, "metric_relabel_configs: [{source_labels: [__name__], regex: a, target_label: "
               "__name__, replacement: z}]");
    scrape(f, "a 3\nb 4\n");
    assert_scraped(f, "a{" LABELS "} stale\nb{" LABELS "} 4\nz{" LABELS "} 3\n");
    scrape(f, "a 5\nb 6\n");
    assert_scraped(f, "b{" LABELS "} 6\nz{" LABELS "} 5\n");
}

static void test_bounds(void **state)
{
    struct fixture *f = *state;
    scrape(f, "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"0.50\"} 1\n"
              "h_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"1e6\"} 1\nh_bucket{quantile=\"1\"} 1\n"
              "# TYPE q summary\nq{quantile=\"1\"} 1\nq{le=\"1\"} 1\n"
              "# TYPE g gauge\ng{le=\"1\"} 1\ng{quantile=\"0\"} 1\n");
    assert_scraped(f, "g{" LABELS ", le=\"1\"} 1\ng{" LABELS ", quantile=\"0\"} 1\n"
                      "h_bucket{" LABELS ", le=\"+Inf\"} 1\nh_bucket{" LABELS ", le=\"0.5\"} 1\n"
                      "h_bucket{" LABELS ", le=\"1.0\"} 1\nh_bucket{" LABELS ", le=\"1e+06\"} 1\n"
                      "h_bucket{" LABELS ", quantile=\"1\"} 1\n"
                      "q{" LABELS ", le=\"1\"} 1\nq{" LABELS ", quantile=\"1.0\"} 1\n");
    // The type is known in later scrapes too, where its line is only recognised.
    scrape(f, "# TYPE h histogram\nh_bucket{le=\"2\"} 1\n");
    scrape(f, "# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"3\"} 1\n");
    assert_scraped(f, "h_bucket{" LABELS ", le=\"2.0\"} 1\nh_bucket{" LABELS ", le=\"3.0\"} 1\n");
}

static void test_limits(void **state)
{
    static const struct {
        const char *job, *body, *error;
    } cases[] = {
        {"sample_limit: 2", "a 1\nb 1\nc 1\nd 1\n", "sample limit exceeded"},
        {"label_limit: 3", "a{x=\"1\"} 1\n",
         "label_limit exceeded (metric: a, number of labels: 4, limit: 3)"},
        {"label_name_length_limit: 8", "a{long_name=\"1\"} 1\n",
         "label_name_length_limit exceeded (metric: a, label name: long_name, length: 9, limit: "
         "8)"},
        {"label_value_length_limit: 3", "a{x=\"1234\"} 1\n",
         "label_value_length_limit exceeded (metric: a, label name: x, value: \"1234\", length: 4, "
         "limit: 3)"},
        {"metric_name_validation_scheme: legacy", "{\"a.b\"} 1\n",
         "line 1: invalid metric name or label names: {\"a.b\", " LABELS "}"},
        {"metric_name_validation_scheme: legacy", "a{\"x y\"=\"1\"} 1\n",
         "line 1: invalid metric name or label names: a{" LABELS ", \"x y\"=\"1\"}"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        use_job(f, cases[i].job);
        scrape(f, cases[i].body);
        assert_int_equal(f->target->health, TARGET_DOWN);
        assert_string_equal(f->target->last_error, cases[i].error);
        assert_scraped(f, "");
    }
}

// All is counted past the limit, but the store learns of no more series than may be.
static void test_sample_limit_counts(void **state)
{
    struct fixture *f = *state;
    use_job(f, "sample_limit: 2, extra_scrape_metrics: true");
    scrape(f, "a 1\nb 1\nc 1\nd 1\n");
    assert_stored(f, "scrape_samples_.*|scrape_[^sd].*|scrape_sample_limit",
                  "scrape_body_size_bytes{" LABELS "} 16\n"
                  "scrape_sample_limit{" LABELS "} 2\n"
                  "scrape_samples_post_metric_relabeling{" LABELS "} 4\n"
                  "scrape_samples_scraped{" LABELS "} 4\n"
                  "scrape_timeout_seconds{" LABELS "} 10\n");
    struct arena arena;
    struct storage_stats stats;
    arena_init(&arena, 0);
    storage_stats(f->storage, &arena, &stats);
    assert_int_equal(stats.head_series, 2 + REPORT_COUNT);
    arena_release(&arena);
}

static void test_full_store(void **state)
{
    struct fixture *f = *state;
    struct buf body = BUF_INIT;
    for (int i = 0; i < 1100; i++)
        buf_printf(&body, "m%d 1\n", i);
    scrape(f, "up_to_here 1\n");
    scrape(f, buf_text(&body));
    assert_int_equal(f->target->health, TARGET_UP);
    assert_true(metric_value(f->scrape_metrics.refused[REFUSAL_SERIES_LIMIT]) == 1100 - 994);
    scrape(f, buf_text(&body));
    assert_stored(f, "m7", "m7{" LABELS "} 1@30000 1\n");
    assert_stored(f, "scrape_series_added",
                  "scrape_series_added{" LABELS "} 1@15000 994@30000 0\n");
    buf_release(&body);
}

static void test_metadata(void **state)
{
    struct fixture *f = *state;
    const struct metadata_table *t = &f->target->metadata;
    scrape_as(f,
              "# HELP a What.\n# TYPE a gauge\na 1\n# TYPE b_seconds counter\n"
              "# UNIT b_seconds seconds\nb_seconds_total 1\n# EOF\n",
              EXPOSITION_OPENMETRICS);
    assert_int_equal(t->family_count, 2);
    assert_str(t->families[0]->help, "What.");
    assert_int_equal(t->families[1]->type, METRIC_TYPE_COUNTER);
    assert_str(t->families[1]->unit, "seconds");
    const struct metadata *same = t->families[0];
    scrape(f, "# HELP a What.\n# TYPE a gauge\na 1\n");
    assert_int_equal(t->family_count, 1);
    assert_ptr_equal(t->families[0], same);
    scrape(f, "# HELP a Else.\n# TYPE a gauge\na 1\n");
    assert_str(t->families[0]->help, "Else.");
    scrape_fails(f, "gone");
    assert_int_equal(t->family_count, 1);
}

// What is kept of a help text ends between two characters.
static void test_long_help(void **state)
{
    struct fixture *f = *state;
    struct buf body = BUF_INIT;
    buf_cstr(&body, "# HELP a x");
    for (int i = 0; i < METADATA_HELP_MAX; i++)
        buf_cstr(&body, "\xc3\xa9");
    buf_cstr(&body, "\na 1\n");
    scrape(f, buf_text(&body));
    struct str help = f->target->metadata.families[0]->help;
    assert_int_equal(help.len, METADATA_HELP_MAX - 1);
    assert_true(utf8_valid(help));
    buf_release(&body);
}

// A long run of random scrapes, each compared with what it has to store.
static void test_random_churn(void **state)
{
    struct fixture *f = *state;
    struct rng rng;
    bool live[12] = {false};
    rng_seed(&rng, 7);
    for (int round = 0; round < 300; round++) {
        struct buf body = BUF_INIT, expected = BUF_INIT;
        bool now[12] = {false};
        bool fails = rng_below(&rng, 6) == 0;
        for (int i = 0; i < 8; i++) {
            unsigned n = rng_below(&rng, 3) ? (unsigned)i : (unsigned)rng_below(&rng, 12);
            if (!now[n])
                buf_printf(&body, "m%c %d\n", 'a' + n, round);
            now[n] = true;
        }
        for (int i = 0; i < 12; i++) {
            if (now[i] && !fails)
                buf_printf(&expected, "m%c{" LABELS "} %d\n", 'a' + i, round);
            else if (live[i])
                buf_printf(&expected, "m%c{" LABELS "} stale\n", 'a' + i);
            live[i] = now[i] && !fails;
        }
        if (fails)
            buf_cstr(&body, "garbage");
        scrape(f, buf_text(&body));
        assert_scraped(f, buf_text(&expected));
        buf_release(&body);
        buf_release(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_and_churn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures_end_series, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slots_of_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removed_target, setup, teardown),
        cmocka_unit_test_setup_teardown(test_duplicates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timestamps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_labels_of_the_target, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metric_relabelling, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sample_limit_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metadata, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_help, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_churn, setup, teardown),
    };
    return UNIT_RUN(tests);
}
