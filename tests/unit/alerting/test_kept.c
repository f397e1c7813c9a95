// Texts and label sets that are kept once, and the many alerts of a rule that are written in slices.
#include "unit.h"

#include "alerting/rule_manager.h"
#include "base/log.h"
#include "kept.h"
#include "promql/promql.h"
#include "storage/appender.h"
#include "storage/meta.h"

#define START_MS INT64_C(1700000000000)
#define ALERTS   3000 // several slices
#define RULES_YAML                                                                                 \
    "groups:\n- name: g\n  rules:\n  - alert: Many\n    expr: load > 0\n"                          \
    "    annotations: {summary: 'load of {{ $labels.host }}', page: 'the same'}\n"

static struct labels set_of(struct label *room, const char *first, const char *second)
{
    room[0] = (struct label){STR("a"), str_from(first)};
    room[1] = (struct label){STR("b"), str_from(second)};
    return (struct labels){room, 2};
}

static void test_sets(void **state)
{
    struct label room[2];
    (void)state;
    size_t texts = kept_text_count(), sets = kept_labels_count();
    struct labels x = kept_labels(set_of(room, "one", "two"));
    struct labels same = kept_labels(set_of(room, "one", "two"));
    struct labels other = kept_labels(set_of(room, "one", "three"));
    struct labels none = kept_labels((struct labels){0});
    assert_true(kept_labels_eq(x, same));
    assert_false(kept_labels_eq(x, other));
    assert_ptr_equal(x.items[0].value.ptr, other.items[0].value.ptr);
    assert_string_equal(other.items[1].value.ptr, "three");
    assert_int_equal(none.count, 0);
    assert_int_equal(kept_labels_count(), sets + 2);
    assert_int_equal(kept_text_count(), texts + 5);
    kept_labels_drop(x);
    assert_int_equal(kept_labels_count(), sets + 2);
    kept_labels_drop(same);
    kept_labels_drop(none);
    assert_int_equal(kept_labels_count(), sets + 1);
    assert_int_equal(kept_text_count(), texts + 4);
    assert_true(labels_eq(other, set_of(room, "one", "three")));
    kept_labels_drop(other);
    assert_int_equal(kept_text_count(), texts);
}

static void test_texts(void **state)
{
    (void)state;
    size_t texts = kept_text_count();
    struct str kept[200];
    char text[16];
    for (int i = 0; i < 200; i++) {
        (void)snprintf(text, sizeof(text), "%d", i % 100);
        kept[i] = kept_text(str_from(text));
    }
    assert_int_equal(kept_text_count(), texts + 100);
    for (int i = 0; i < 150; i++)
        kept_text_drop(kept[i]);
    assert_int_equal(kept_text_count(), texts + 50);
    assert_string_equal(kept[199].ptr, "99");
    for (int i = 150; i < 200; i++)
        kept_text_drop(kept[i]);
    assert_int_equal(kept_text_count(), texts);
    kept_text_drop((struct str){0});
}

struct fixture {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct rule_manager *rules;
};

static void start_rules(struct fixture *f)
{
    struct rules_config rules;
    struct error err = {0};
    f->rules = rule_manager_new(&(struct rule_manager_options){.storage = f->storage,
                                                               .engine = f->engine,
                                                               .clock = &f->clock.clock,
                                                               .metrics = f->metrics});
    rules_config_init(&rules);
    assert_int_equal(rules_config_parse(&rules, STR(RULES_YAML), "r.yml", &err), OK);
    assert_int_equal(rule_manager_apply(f->rules, &rules, 15000, 0, (struct labels){0}, &err), OK);
    rules_config_release(&rules);
}

static void fixture_init(struct fixture *f)
{
    struct error err;
    struct storage_options storage;
    struct promql_options engine;
    *f = (struct fixture){0};
    log_fd_set(-1);
    clock_virtual_init(&f->clock, START_MS);
    f->metrics = metrics_new();
    storage_options_init(&storage);
    storage.clock = &f->clock.clock;
    storage.metrics = f->metrics;
    assert_int_equal(storage_open(&f->storage, &storage, &err), OK);
    promql_options_init(&engine);
    engine.storage = f->storage;
    engine.clock = &f->clock.clock;
    engine.metrics = f->metrics;
    f->engine = promql_engine_new(&engine);
    start_rules(f);
}

static void fixture_release(struct fixture *f)
{
    rule_manager_free(f->rules);
    promql_engine_free(f->engine);
    storage_close(f->storage);
    metrics_free(f->metrics);
}

// Hosts below `count` have load, the others none.
static void evaluate(struct fixture *f, int count)
{
    struct error err;
    clock_virtual_advance(&f->clock, 15000);
    int64_t now_ms = clock_wall_ms(&f->clock.clock);
    struct appender *a = appender_new(f->storage);
    for (int i = 0; i < ALERTS; i++) {
        char host[16];
        series_ref ref;
        (void)snprintf(host, sizeof(host), "host%d", i);
        struct label items[] = {{STR("__name__"), STR("load")}, {STR("host"), str_from(host)}};
        assert_int_equal(appender_series(a, (struct labels){items, 2}, &ref), OK);
        appender_add(a, ref, now_ms, i < count);
    }
    assert_int_equal(appender_commit(a, false, &err), OK);
    appender_free(a);
    assert_int_equal(rule_manager_evaluate(f->rules, NULL, 0, now_ms), 0);
}

static int count_one(void *context, struct str key, struct str value)
{
    (void)value;
    *(size_t *)context += key.len == 24;
    return OK;
}

static size_t stored_count(struct fixture *f)
{
    size_t count = 0;
    meta_each(f->storage, META_ALERTS, STR(""), count_one, &count);
    return count;
}

static size_t firing_count(struct fixture *f)
{
    struct arena arena;
    struct rule_group_status *groups;
    size_t count, firing = 0;
    arena_init(&arena, 0);
    rule_manager_status(f->rules, &arena, &groups, &count);
    for (size_t i = 0; i < groups[0].rules[0].alert_count; i++)
        firing += groups[0].rules[0].alerts[i].state == ALERT_FIRING;
    arena_release(&arena);
    return firing;
}

static void restart(struct fixture *f)
{
    rule_manager_free(f->rules);
    start_rules(f);
}

static void test_slices(void **state)
{
    struct fixture f;
    (void)state;
    size_t texts = kept_text_count();
    fixture_init(&f);
    evaluate(&f, ALERTS);
    assert_int_equal(firing_count(&f), ALERTS);
    assert_int_equal(stored_count(&f), ALERTS);
    assert_int_equal(kept_labels_count(), 2 * ALERTS);
    restart(&f);
    assert_int_equal(firing_count(&f), ALERTS);
    evaluate(&f, 1000);
    assert_int_equal(firing_count(&f), 1000);
    restart(&f);
    assert_int_equal(firing_count(&f), 1000);
    // Those that resolved are forgotten after a while, on disk too.
    for (int i = 0; i < 62; i++)
        evaluate(&f, 1000);
    assert_int_equal(stored_count(&f), 1000);
    evaluate(&f, 1001);
    assert_int_equal(stored_count(&f), 1001);
    fixture_release(&f);
    assert_int_equal(kept_labels_count(), 0);
    assert_int_equal(kept_text_count(), texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
