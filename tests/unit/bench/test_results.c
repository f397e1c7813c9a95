#include "compare.h"
#include "results.h"
#include "target.h"
#include "unit.h"

// Two queries, two targets, both modes; the medians are 1, 2, ... in the order of runs.
static void make(struct results *r, double factor)
{
    static struct query queries[2];
    static struct target targets[2];
    queries[0] = (struct query){.name = STR("now"), .expr = STR("up < \"</script>\"")};
    queries[1] = (struct query){.name = STR("panel"),
                                .expr = STR("rate(x[5m])"),
                                .range = true,
                                .span_ms = 3600000,
                                .step_ms = 15000};
    targets[0] = (struct target){.name = STR("lapwing"), .url = STR("http://a"), .kind = 1};
    targets[1] = (struct target){.name = STR("other"), .url = STR("http://b"), .pid = 7};
    targets[1].after.rss_anon = 5000;
    results_init(r);
    r->title = STR("a title");
    r->date = STR("2026-01-02");
    r->machine = STR("m");
    r->complete = true;
    r->repetitions = 10;
    r->concurrency = 1;
    r->modes[MODE_NOCACHE] = r->modes[MODE_CACHE] = true;
    r->targets = targets;
    r->target_count = 2;
    r->queries = queries;
    r->query_count = 2;
    results_start(r);
    for (size_t i = 0; i < 8; i++) {
        struct run *run = &r->runs[i];
        run->status = RUN_OK;
        run->first_ms = 9;
        run->seconds = 2;
        for (int k = -5; k < 5; k++)
            measurements_add(&run->latencies_ms, factor * ((double)(i + 1) + 0.001 * k));
    }
}

static void test_geometric_mean(void **state)
{
    (void)state;
    struct results r;
    size_t count;
    make(&r, 1);
    // Target 0 without cache has the runs 1 and 5.
    assert_true(fabs(results_geometric_mean(&r, 0, MODE_NOCACHE, &count) - sqrt(5)) < 0.01);
    assert_int_equal(count, 2);
    // A query that one target does not answer counts for nobody.
    results_run(&r, 1, 1, MODE_CACHE)->status = RUN_REFUSED;
    assert_true(fabs(results_geometric_mean(&r, 0, MODE_NOCACHE, &count) - 1) < 0.01);
    assert_int_equal(count, 1);
    assert_int_equal(results_count_status(&r, RUN_REFUSED), 1);
    results_release(&r);
}

static void test_json_comes_back(void **state)
{
    (void)state;
    struct results r, back;
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct error err;
    make(&r, 1);
    results_run(&r, 1, 0, MODE_CACHE)->status = RUN_REFUSED;
    results_run(&r, 1, 0, MODE_CACHE)->note = STR("answered 422");
    results_run(&r, 0, 1, MODE_CACHE)->agreement = AGREEMENT_DIFFERS;
    r.complete = false;
    results_write_json(&r, &first);
    assert_int_equal(results_read_json(&back, buf_view(&first), &err), OK);
    results_write_json(&back, &second);
    assert_string_equal(buf_text(&first), buf_text(&second));
    assert_int_equal(results_count_differing(&back), 1);
    assert_false(back.complete);
    results_release(&back);
    results_release(&r);
    buf_release(&first);
    buf_release(&second);
}

static void test_other_json_is_refused(void **state)
{
    (void)state;
    struct results r;
    struct error err;
    assert_int_equal(results_read_json(&r, STR("{}"), &err), ERR_INVALID);
    assert_string_equal(err.text, "no results of `lapwing-bench query --json`");
    assert_int_equal(results_read_json(&r, STR("nothing"), &err), ERR_INVALID);
}

static void test_partial_runs_say_so(void **state)
{
    (void)state;
    struct results r;
    struct buf text = BUF_INIT;
    make(&r, 1);
    results_write_text(&r, &text);
    assert_null(strstr(buf_text(&text), "NOT A WHOLE RUN"));
    r.complete = false;
    measurements_release(&results_run(&r, 0, 0, MODE_CACHE)->latencies_ms);
    results_run(&r, 0, 0, MODE_CACHE)->status = RUN_UNREACHABLE;
    results_run(&r, 0, 0, MODE_CACHE)->note = STR("connection refused");
    buf_reset(&text);
    results_write_text(&r, &text);
    assert_non_null(strstr(buf_text(&text), "no answer: connection refused"));
    assert_non_null(strstr(buf_text(&text), "NOT A WHOLE RUN"));
    results_release(&r);
    buf_release(&text);
}

static void test_csv_and_html(void **state)
{
    (void)state;
    struct results r;
    struct buf text = BUF_INIT;
    make(&r, 1);
    results_write_csv(&r, &text);
    assert_non_null(strstr(buf_text(&text), "\"now\",\"lapwing\",nocache,ok,,0,0,0,10,9,0.995,"));
    assert_non_null(strstr(buf_text(&text), "\"up < \"\"</script>\"\"\"\n"));
    buf_reset(&text);
    results_write_html(&r, &text);
    assert_non_null(strstr(buf_text(&text), "\\u003c/script>"));
    assert_null(strstr(buf_text(&text), "http://cdn"));
    results_release(&r);
    buf_release(&text);
}

static size_t compare(double factor, struct buf *text)
{
    struct results before, after;
    struct compare_options options = {.change_min = 0.05, .p_max = 0.01};
    make(&before, 1);
    make(&after, factor);
    buf_reset(text);
    size_t worse = compare_results(&before, &after, &options, text);
    results_release(&before);
    results_release(&after);
    return worse;
}

static void test_compare(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    assert_int_equal(compare(1, &text), 0);
    assert_int_equal(compare(1.04, &text), 0); // sure, but small
    assert_int_equal(compare(1.5, &text), 8);
    assert_non_null(strstr(buf_text(&text), "SLOWER"));
    assert_int_equal(compare(0.5, &text), 0);
    assert_non_null(strstr(buf_text(&text), "0 slower, 8 faster"));
    buf_release(&text);
}

static void test_compare_names_what_is_lost(void **state)
{
    (void)state;
    struct results before, after;
    struct compare_options options = {.change_min = 0.05, .p_max = 0.01};
    struct buf text = BUF_INIT;
    make(&before, 1);
    make(&after, 1);
    measurements_release(&results_run(&after, 0, 0, MODE_CACHE)->latencies_ms);
    after.modes[MODE_NOCACHE] = false;
    assert_int_equal(compare_results(&before, &after, &options, &text), 1);
    assert_non_null(strstr(buf_text(&text), "NO LONGER ANSWERED"));
    assert_non_null(strstr(buf_text(&text), "only in the old results"));
    results_release(&before);
    results_release(&after);
    buf_release(&text);
}

static void check_target(const char *text, const char *name, const char *url, const char *data)
{
    struct target t;
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    assert_int_equal(target_parse(&t, text, &arena, &err), OK);
    assert_str(t.name, name);
    assert_str(t.url, url);
    assert_str(t.data, data);
    arena_release(&arena);
}

static void test_targets(void **state)
{
    (void)state;
    struct target t;
    struct arena arena;
    struct error err;
    check_target("localhost:9090", "", "http://localhost:9090", "");
    check_target("a=https://x/prom/,data=/var/lib/x", "a", "https://x/prom", "/var/lib/x");
    check_target("http://x?a=b", "", "http://x?a=b", "");
    arena_init(&arena, 0);
    assert_int_equal(target_parse(&t, "a=b:1,pid=x", &arena, &err), ERR_INVALID);
    assert_string_equal(err.text, "\"a=b:1,pid=x\": expected data=FOLDER or pid=N, got \"pid=x\"");
    assert_int_equal(target_parse(&t, "a=", &arena, &err), ERR_INVALID);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometric_mean),
        cmocka_unit_test(test_json_comes_back),
        cmocka_unit_test(test_other_json_is_refused),
        cmocka_unit_test(test_partial_runs_say_so),
        cmocka_unit_test(test_csv_and_html),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_compare_names_what_is_lost),
        cmocka_unit_test(test_targets),
    };
    return UNIT_RUN(tests);
}
