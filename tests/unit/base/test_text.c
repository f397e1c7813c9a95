// Strings, buffers, floats, UTF-8, JSON.
#include "unit.h"

#include "base/float_text.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"

static void test_pieces(void **state)
{
    (void)state;
    struct str rest = STR("a,,b");
    struct str piece;
    assert_true(str_next(&rest, ',', &piece));
    assert_str(piece, "a");
    assert_true(str_next(&rest, ',', &piece));
    assert_str(piece, "");
    assert_true(str_next(&rest, ',', &piece));
    assert_str(piece, "b");
    assert_false(str_next(&rest, ',', &piece));

    struct str before, after;
    assert_true(str_cut(STR("k=v=w"), '=', &before, &after));
    assert_str(before, "k");
    assert_str(after, "v=w");
    assert_false(str_cut(STR("kv"), '=', &before, &after));
    assert_str(before, "kv");
    assert_str(str_trim(STR(" \t x y\n")), "x y");
    assert_int_equal(str_search(STR("haystack"), STR("st")), 3);
    assert_int_equal(str_search(STR("hay"), STR("st")), 3);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_eq_nocase(STR("InF"), STR("inf")));
}

static void test_integers(void **state)
{
    (void)state;
    uint64_t u = 7;
    int64_t i = 7;
    assert_true(str_to_u64(STR("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(str_to_u64(STR("18446744073709551616"), &u));
    assert_false(str_to_u64(STR("-1"), &u));
    assert_false(str_to_u64(STR(""), &u));
    assert_false(str_to_u64(STR("1 "), &u));
    assert_true(str_to_i64(STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(str_to_i64(STR("9223372036854775808"), &i));
    struct buf b = BUF_INIT;
    buf_i64(&b, INT64_MIN);
    assert_buf(&b, "-9223372036854775808");
    buf_release(&b);
}

static void test_buf_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4);
    buf_cstr(&b, "abc");
    buf_cstr(&b, "de");
    assert_true(b.failed);
    assert_buf(&b, "abc");
    assert_false(b.failed);
    buf_printf(&b, "%d", 1234);
    assert_buf(&b, "1234");
    buf_release(&b);
}

// Up to three places behind the point, and the doubles next to them.
static void test_float_short(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < 200000; i++) {
        uint64_t thousandths = rng_u64(&rng) >> (14 + rng_below(&rng, 48));
        double value = (double)thousandths / 1000, back;
        char text[FLOAT_TEXT_SIZE], want[40];
        int len =
            snprintf(want, sizeof(want), "%llu.%03llu", (unsigned long long)thousandths / 1000,
                     (unsigned long long)thousandths % 1000);
        while (want[len - 1] == '0')
            len--;
        len -= want[len - 1] == '.';
        size_t got = float_format(value, FLOAT_F, text);
        if (thousandths < UINT64_C(1000000000000000))
            assert_true(str_eq(str_make(text, got), str_make(want, (size_t)len)));
        value = nextafter(value, rng_below(&rng, 2) ? INFINITY : -INFINITY);
        got = float_format(value, FLOAT_F, text);
        assert_true(float_parse(str_make(text, got), &back));
        assert_true(back == value);
    }
}

static void test_float_format(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *f, *e, *g, *json;
    } cases[] = {
        {0, "0", "0e+00", "0", "0"},
        {-0.0, "-0", "-0e+00", "-0", "-0"},
        {1, "1", "1e+00", "1", "1"},
        {0.1, "0.1", "1e-01", "0.1", "0.1"},
        {1.5e6, "1500000", "1.5e+06", "1.5e+06", "1500000"},
        {123456789, "123456789", "1.23456789e+08", "1.23456789e+08", "123456789"},
        {999999, "999999", "9.99999e+05", "999999", "999999"},
        {1e20, "100000000000000000000", "1e+20", "1e+20", "100000000000000000000"},
        {1e21, "1000000000000000000000", "1e+21", "1e+21", "1e+21"},
        {1e-4, "0.0001", "1e-04", "0.0001", "0.0001"},
        {1e-5, "0.00001", "1e-05", "1e-05", "0.00001"},
        {1e-7, "0.0000001", "1e-07", "1e-07", "1e-7"},
        {-1.25e-9, "-0.00000000125", "-1.25e-09", "-1.25e-09", "-1.25e-9"},
        {NAN, "NaN", "NaN", "NaN", "NaN"},
        {INFINITY, "+Inf", "+Inf", "+Inf", "+Inf"},
        {-INFINITY, "-Inf", "-Inf", "-Inf", "-Inf"},
        {1.7976931348623157e308, NULL, "1.7976931348623157e+308", "1.7976931348623157e+308",
         "1.7976931348623157e+308"},
        {5e-324, NULL, "5e-324", "5e-324", "5e-324"},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (cases[i].f) {
            buf_float(&b, cases[i].value, FLOAT_F);
            assert_buf(&b, cases[i].f);
        }
        buf_float(&b, cases[i].value, FLOAT_E);
        assert_buf(&b, cases[i].e);
        buf_float(&b, cases[i].value, FLOAT_G);
        assert_buf(&b, cases[i].g);
        buf_float(&b, cases[i].value, FLOAT_JSON);
        assert_buf(&b, cases[i].json);
    }
    buf_float(&b, 1e-7, FLOAT_SAMPLE);
    assert_buf(&b, "1e-07");
    buf_float(&b, 1.5e-300, FLOAT_SAMPLE);
    assert_buf(&b, "1.5e-300");
    buf_float(&b, 1e21, FLOAT_SAMPLE);
    assert_buf(&b, "1e+21");
    buf_float(&b, 1e-6, FLOAT_SAMPLE);
    assert_buf(&b, "0.000001");
    buf_release(&b);
}

static void test_float_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"1", 1},
        {"-1.5", -1.5},
        {"+2", 2},
        {".5", 0.5},
        {"5.", 5},
        {"1e3", 1000},
        {"1E-3", 0.001},
        {"0x1p4", 16},
        {"-0x1.8p1", -3},
        {"inf", INFINITY},
        {"+Inf", INFINITY},
        {"-infinity", -INFINITY},
        {"1e999", INFINITY},
        {"-1e999", -INFINITY},
        {"1e-999", 0},
        {"007", 7},
    };
    static const char *const bad[] = {"",     " 1",  "1 ",  "1_000", "0x", "0x1",
                                      "e5",   "--1", "+-1", "1e",    ".",  "1.2.3",
                                      "nanx", "+",   "-",   "0b1",   "1p4"};
    double value;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!float_parse(str_from(good[i].text), &value) || value != good[i].value)
            fail_msg("%s: got %g", good[i].text, value);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (float_parse(str_from(bad[i]), &value))
            fail_msg("accepted \"%s\"", bad[i]);
    }
    assert_true(float_parse(STR("NaN"), &value));
    assert_true(isnan(value));
}

static void test_float_round_trip(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&rng);
        double value, again;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        char text[FLOAT_TEXT_SIZE];
        for (int layout = FLOAT_F; layout <= FLOAT_JSON; layout++) {
            size_t len = float_format(value, (enum float_layout)layout, text);
            assert_true(len <= sizeof(text));
            assert_true(float_parse(str_make(text, len), &again));
            assert_memory_equal(&value, &again, sizeof(value));
        }
    }
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(utf8_valid(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    static const struct str bad[] = {
        STR_INIT("\xff"),         STR_INIT("\xc0\x80"),
        STR_INIT("\xed\xa0\x80"), STR_INIT("\xf4\x90\x80\x80"),
        STR_INIT("\xe2\x82"),     STR_INIT("\x80"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(utf8_valid(bad[i]));
    struct buf b = BUF_INIT;
    utf8_encode(&b, 0x20ac);
    utf8_encode(&b, 0xd800);
    utf8_encode(&b, 0x1f600);
    assert_buf(&b, "\xe2\x82\xac\xef\xbf\xbd\xf0\x9f\x98\x80");
    buf_release(&b);
}

static void test_json_write(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &b);
    json_object_begin(&w);
    json_key(&w, "a");
    json_array_begin(&w);
    json_i64(&w, -1);
    json_timestamp(&w, 1700000000120);
    json_timestamp(&w, -1500);
    json_float_str(&w, NAN, FLOAT_JSON);
    json_double(&w, 0.5);
    json_array_end(&w);
    json_key(&w, "s");
    json_str(&w, STR("\"\\\n\x01<\xff\xc3\xa9"));
    json_key(&w, "n");
    json_null(&w);
    json_object_end(&w);
    assert_buf(&b, "{\"a\":[-1,1700000000.12,-1.5,\"NaN\",0.5],"
                   "\"s\":\"\\\"\\\\\\n\\u0001<\\ufffd\xc3\xa9\",\"n\":null}");
    buf_release(&b);
}

// What other readers take must not be cut short, refused or taken for something else.
static void test_json_odd_texts(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        struct str text;
    } cases[] = {
        {"\"a\\u0000b\"", STR_INIT("a\0b")},
        {"\"\\u0000\"", STR_INIT("\0")},
        {"\"\\\\u0000\"", STR_INIT("\\u0000")},
        {"\"\\\\\\u0000\\u00e9\"", STR_INIT("\\\0\xC3\xA9")},
        {"\"\\ud83d\\ude00\"", STR_INIT("\xF0\x9F\x98\x80")},
        {"\"a\\ud800b\"", STR_INIT("a\xEF\xBF\xBD"
                                   "b")},
        {"\"\\ude00\\uD83d\"", STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD")},
        {"\"a\xFFz\"", STR_INIT("a\xEF\xBF\xBDz")},
        {"\"\xC0\x80\\u0000\"", STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD\0")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json *document = NULL;
        assert_int_equal(json_parse(&document, str_from(cases[i].json), NULL), OK);
        assert_true(str_eq(json_text(document), cases[i].text));
        json_free(document);
    }
    static const char *const bad[] = {"\"\\ud800", "\"\\u0000", "\\u0000"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct json *document = NULL;
        assert_int_equal(json_parse(&document, str_from(bad[i]), NULL), ERR_INVALID);
    }
}

static void test_json_read(void **state)
{
    (void)state;
    struct json *document;
    struct error err;
    assert_int_equal(json_parse(&document, STR(" {\"a\":[1,\"x\",true,null]} "), &err), OK);
    const struct json *a = json_get(document, "a");
    assert_int_equal(json_kind(a), JSON_ARRAY);
    const struct json *item = json_child(a);
    assert_true(json_number(item) == 1);
    item = json_next(item);
    assert_str(json_text(item), "x");
    item = json_next(item);
    assert_true(json_is_true(item));
    assert_int_equal(json_kind(json_next(item)), JSON_NULL);
    assert_null(json_get(document, "b"));
    json_free(document);
    static const char *const bad[] = {"", "{", "{} x", "[1,]", "nul"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(json_parse(&document, str_from(bad[i]), &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),           cmocka_unit_test(test_integers),
        cmocka_unit_test(test_buf_limit),        cmocka_unit_test(test_float_format),
        cmocka_unit_test(test_float_short),      cmocka_unit_test(test_float_parse),
        cmocka_unit_test(test_float_round_trip), cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_json_write),       cmocka_unit_test(test_json_read),
        cmocka_unit_test(test_json_odd_texts),
    };
    return UNIT_RUN(tests);
}
