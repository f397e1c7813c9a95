// Silences one by one: when a change keeps the id, order, retention, what a restart brings back, and
// matching that follows every change.
#include "notify_fixture.h"

#include "alerting/silence.h"

static const char *const yaml = "route: { receiver: r }\n"
                                "receivers:\n"
                                "- name: r\n";

#define NOW INT64_C(1700000000000)

static const struct silence_matcher matchers[] = {
    {MATCH_EQUAL, STR_INIT("größe.x"), STR_INIT("1")},
    {MATCH_NOT_REGEX, STR_INIT("b"), STR_INIT("x|y")},
};

static struct silence_spec make_spec(int64_t starts_ms, int64_t ends_ms)
{
    return (struct silence_spec){.matchers = matchers,
                                 .matcher_count = 2,
                                 .starts_ms = starts_ms,
                                 .ends_ms = ends_ms,
                                 .created_by = STR("me"),
                                 .comment = STR("why")};
}

static const char *set(struct fixture *f, const struct silence_spec *spec, char id[SILENCE_ID_SIZE])
{
    struct error err = {0};
    if (alertmanager_set_silence(f->engine, spec, f->clock.now_ms, id, &err))
        fail_msg("%s", err.text);
    return id;
}

// What becomes of a silence that began 10 s ago (or begins in 10 s) and lasts 100 s.
static void test_changes(void **state)
{
    (void)state;
    static const struct {
        int64_t began_ms;  // of the old one, from now
        int64_t starts_ms; // of the change, from now
        int64_t ends_ms;
        bool other_matchers;
        bool keeps_id;
    } cases[] = {
        {-10000, -10000, 500000, false, true}, // more time
        {-10000, -10000, 0, false, true},      // it ends now
        {-10000, -9001, 90000, false, true},   // within the same second
        {-10000, -8000, 90000, false, false},  // another start
        {-10000, -10000, 90000, true, false},  // other matchers
        {-10000, -10000, -5000, false, false}, // an end in the past
        {10000, 20000, 90000, false, true},    // it has not begun: another start
        {10000, 0, 90000, false, true},        // now
        {10000, -1, 90000, false, false},      // in the past
        {10000, 20000, 90000, true, false},
        {-200000, -200000, 90000, false, false}, // it has ended
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        char first[SILENCE_ID_SIZE], second[SILENCE_ID_SIZE];
        fixture_init(&f, str_from(yaml));
        int64_t back_ms = cases[i].began_ms < 0 ? -cases[i].began_ms : 0;
        int64_t began_ms = NOW + back_ms + cases[i].began_ms;
        struct silence_spec spec = make_spec(began_ms, began_ms + 100000);
        spec.id = str_from(set(&f, &spec, first));
        clock_virtual_advance(&f.clock, back_ms);
        spec.starts_ms = f.clock.now_ms + cases[i].starts_ms;
        spec.ends_ms = f.clock.now_ms + cases[i].ends_ms;
        spec.matcher_count = cases[i].other_matchers ? 1 : 2;
        set(&f, &spec, second);
        if ((strcmp(first, second) == 0) != cases[i].keeps_id)
            fail_msg("case %zu: expected %d", i, cases[i].keeps_id);
        const struct silence *old = silences_find(&f.engine->silences, str_from(first));
        if (!cases[i].keeps_id && silence_state(old, f.clock.now_ms) != SILENCE_EXPIRED)
            fail_msg("case %zu: the old one goes on", i);
        fixture_release(&f);
    }
}

static void test_order(void **state)
{
    (void)state;
    static const struct {
        int64_t starts_ms, ends_ms;
    } spans[] = {{0, 900000}, {400000, 500000}, {0, 1000},
                 {0, 300000}, {200000, 950000}, {0, 2000}};
    static const size_t expected[] = {3, 0, 4, 1, 5, 2};
    struct fixture f;
    struct arena arena;
    char ids[COUNT_OF(spans)][SILENCE_ID_SIZE];
    size_t count;
    fixture_init(&f, str_from(yaml));
    arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT_OF(spans); i++) {
        struct silence_spec spec = make_spec(NOW + spans[i].starts_ms, NOW + spans[i].ends_ms);
        set(&f, &spec, ids[i]);
    }
    const struct silence_status *all = alertmanager_silences(f.engine, NOW + 10000, &arena, &count);
    assert_int_equal(count, COUNT_OF(spans));
    for (size_t i = 0; i < count; i++)
        assert_string_equal(all[i].spec.id.ptr, ids[expected[i]]);
    arena_release(&arena);
    fixture_release(&f);
}

static void test_kept(void **state)
{
    (void)state;
    static const struct label annotations[] = {{STR_INIT("ticket"), STR_INIT("7")}};
    struct fixture f;
    struct arena arena;
    struct silence_status got;
    char id[SILENCE_ID_SIZE];
    fixture_init(&f, str_from(yaml));
    arena_init(&arena, 0);
    struct silence_spec spec = make_spec(NOW, NOW + 100000);
    spec.annotations = (struct labels){annotations, 1};
    spec.recurrence = STR("[{\"years\": [\"2023\"]}]");
    spec.expire_on_resolve = true;
    spec.remind_before_ms = 5000;
    set(&f, &spec, id);
    fixture_kill(&f);
    assert_int_equal(alertmanager_find_silence(f.engine, str_from(id), NOW + 1000, &arena, &got),
                     0);
    assert_int_equal(got.state, SILENCE_ACTIVE);
    assert_int_equal(got.updated_ms, NOW);
    assert_int_equal(got.spec.matcher_count, 2);
    assert_true(str_eq(got.spec.matchers[0].name, matchers[0].name));
    assert_int_equal(got.spec.matchers[1].type, MATCH_NOT_REGEX);
    assert_true(str_is(got.spec.comment, "why") && str_is(got.spec.created_by, "me"));
    assert_true(labels_eq(got.spec.annotations, spec.annotations));
    assert_true(str_eq(got.spec.recurrence, spec.recurrence));
    assert_true(got.spec.expire_on_resolve);
    assert_int_equal(got.spec.remind_before_ms, 5000);
    // Ended for the retention it can be looked at, then it is gone, from the disk too.
    fixture_run_for(&f, 100000 + NFLOG_RETENTION_MS - 1000000);
    assert_non_null(silences_find(&f.engine->silences, str_from(id)));
    fixture_run_for(&f, 2000000);
    assert_null(silences_find(&f.engine->silences, str_from(id)));
    fixture_restart(&f);
    assert_null(silences_find(&f.engine->silences, str_from(id)));
    arena_release(&arena);
    fixture_release(&f);
}

static void test_matching(void **state)
{
    (void)state;
    static const struct label labels[] = {{STR_INIT("größe.x"), STR_INIT("1")}};
    static const struct label others[] = {{STR_INIT("b"), STR_INIT("x")},
                                          {STR_INIT("größe.x"), STR_INIT("1")}};
    struct fixture f;
    struct stored_alert alert = {.alert = {.labels = {labels, 1}}};
    struct stored_alert other = {.alert = {.labels = {others, 2}}};
    char id[SILENCE_ID_SIZE];
    fixture_init(&f, str_from(yaml));
    struct silences *s = &f.engine->silences;
    assert_null(silences_mute(s, &alert, NOW));
    struct silence_spec spec = make_spec(NOW, NOW + 1000);
    set(&f, &spec, id);
    assert_non_null(silences_mute(s, &alert, NOW));
    assert_non_null(silences_mute(s, &alert, NOW + 999));
    assert_null(silences_mute(s, &alert, NOW + 1000));
    assert_null(silences_mute(s, &other, NOW));
    assert_int_equal(alertmanager_expire_silence(f.engine, str_from(id), NOW), 0);
    assert_null(silences_mute(s, &alert, NOW));
    assert_int_equal(alertmanager_expire_silence(f.engine, str_from(id), NOW), 0);
    assert_int_equal(alertmanager_expire_silence(f.engine, STR("no"), NOW), ERR_NOT_FOUND);
    mem_free(alert.silences);
    mem_free(other.silences);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_matching),
    };
    return UNIT_RUN(tests);
}
