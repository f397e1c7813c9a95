#include "unit.h"

#include "base/mem.h"
#include "model/labels.h"
#include "model/matcher.h"

static struct labels make(struct arena *a, const char *const *pairs)
{
    struct labels_builder b;
    labels_builder_init(&b, a, (struct labels){0});
    for (; *pairs; pairs += 2)
        labels_builder_set(&b, str_from(pairs[0]), str_from(pairs[1]));
    return labels_builder_finish(&b);
}

#define LABELS(a, ...) make((a), (const char *const[]){__VA_ARGS__, NULL})

static void test_builder(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    struct labels set = LABELS(&a, "z", "1", "a", "2", "z", "3", "gone", "x", "gone", "");
    struct buf b = BUF_INIT;
    labels_format(&b, set);
    assert_buf(&b, "{a=\"2\", z=\"3\"}");
    assert_str(labels_get(set, STR("z")), "3");
    assert_int_equal(labels_get(set, STR("gone")).len, 0);
    struct labels copy = labels_dup(set);
    assert_true(labels_eq(copy, set));
    assert_true(labels_hash(copy) == labels_hash(set));
    mem_free((void *)copy.items);
    buf_release(&b);
    arena_release(&a);
}

static void test_format(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    struct buf b = BUF_INIT;
    labels_format(&b, LABELS(&a, "__name__", "up"));
    assert_buf(&b, "up");
    labels_format(&b, LABELS(&a, "__name__", "up", "job", "a\"\n\\\xc3\xa9\xff"));
    assert_buf(&b, "up{job=\"a\\\"\\n\\\\\xc3\xa9\\xff\"}");
    labels_format(&b, LABELS(&a, "__name__", "a.b", "x.y", "1"));
    assert_buf(&b, "{\"a.b\", \"x.y\"=\"1\"}");
    labels_format(&b, (struct labels){0});
    assert_buf(&b, "{}");
    buf_release(&b);
    arena_release(&a);
}

static void test_order(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    struct labels sets[] = {LABELS(&a, "a", "1"), LABELS(&a, "a", "1", "b", "1"),
                            LABELS(&a, "a", "2"), LABELS(&a, "b", "1")};
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        for (size_t j = 0; j < COUNT_OF(sets); j++) {
            int order = labels_cmp(sets[i], sets[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
    arena_release(&a);
}

// The empty set hashes to the start of FNV-1a.
static void test_fingerprint(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    assert_true(labels_fingerprint((struct labels){0}) == UINT64_C(0xcbf29ce484222325));
    uint64_t ab = labels_fingerprint(LABELS(&a, "a", "b"));
    assert_true(ab != labels_fingerprint(LABELS(&a, "ab", "x")));
    arena_release(&a);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(metric_name_is_legacy(STR("a:b_1")));
    assert_false(label_name_is_legacy(STR("a:b")));
    assert_false(label_name_is_legacy(STR("1a")));
    assert_false(label_name_is_legacy(STR("")));
    assert_true(label_name_is_valid(STR("a.b \xc3\xa9")));
    assert_false(label_name_is_valid(STR("\xff")));
}

static void test_matchers(void **state)
{
    (void)state;
    static const struct {
        enum matcher_type type;
        const char *value, *against;
        bool matches;
    } cases[] = {
        {MATCH_EQUAL, "a", "a", true},      {MATCH_EQUAL, "", "", true},
        {MATCH_NOT_EQUAL, "a", "", true},   {MATCH_REGEX, "a.*", "abc", true},
        {MATCH_REGEX, "b", "abc", false},   {MATCH_NOT_REGEX, "a|b", "b", false},
        {MATCH_NOT_REGEX, "a|b", "", true}, {MATCH_REGEX, ".*", "", true},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct matcher m;
        struct str value = str_from(cases[i].value);
        assert_int_equal(matcher_init(&m, cases[i].type, STR("l"), value, NULL), OK);
        assert_int_equal(matcher_match(&m, str_from(cases[i].against)), cases[i].matches);
        matcher_release(&m);
    }
    struct matcher m;
    assert_int_equal(matcher_init(&m, MATCH_NOT_REGEX, STR("a.b"), STR("x\"y"), NULL), OK);
    matcher_format(&b, &m);
    assert_buf(&b, "\"a.b\"!~\"x\\\"y\"");
    matcher_release(&m);
    struct error err;
    assert_int_equal(matcher_init(&m, MATCH_REGEX, STR("a"), STR("("), &err), ERR_INVALID);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builder), cmocka_unit_test(test_format),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_matchers),
    };
    return UNIT_RUN(tests);
}
