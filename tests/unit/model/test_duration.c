#include "unit.h"

#include "model/duration.h"

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; // -1: refused
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"15s", 15000},
        {"1m30s", 90000},
        {"1h", 3600000},
        {"1d", 86400000},
        {"1w", 604800000},
        {"1y", INT64_C(31536000000)},
        {"100ms", 100},
        {"1y2w3d4h5m6s7ms", INT64_C(31536000000) + 1209600000 + 259200000 + 14400000 + 306007},
        {"", -1},
        {"1", -1},
        {"s", -1},
        {"1s1m", -1},
        {"1s1s", -1},
        {"-1s", -1},
        {"1.5s", -1},
        {"1 s", -1},
        {"9999999999y", -1},
        {"300y", -1},
        {"1sx", -1},
        {"1ms1s", -1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = -1;
        bool ok = duration_parse(str_from(cases[i].text), &ms);
        if (ok != (cases[i].ms >= 0) || ms != cases[i].ms)
            fail_msg("\"%s\": %lld", cases[i].text, (long long)ms);
    }
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *prometheus, *go;
    } cases[] = {
        {0, "0s", "0s"},
        {100, "100ms", "100ms"},
        {15000, "15s", "15s"},
        {60000, "1m", "1m0s"},
        {90500, "1m30s500ms", "1m30.5s"},
        {3600000, "1h", "1h0m0s"},
        {INT64_C(15) * 86400000, "15d", "360h0m0s"},
        {INT64_C(14) * 86400000, "2w", "336h0m0s"},
        {INT64_C(365) * 86400000, "1y", "8760h0m0s"},
        {INT64_C(366) * 86400000, "366d", "8784h0m0s"},
    };
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        duration_format(&b, cases[i].ms);
        assert_buf(&b, cases[i].prometheus);
        duration_format_go(&b, cases[i].ms);
        assert_buf(&b, cases[i].go);
    }
    buf_release(&b);
}

static void test_parse_go(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
        bool ok;
    } cases[] = {
        {"1h30m", 5400000, true}, {"1.5s", 1500, true},  {"-2m", -120000, true}, {"0", 0, true},
        {"300ms", 300, true},     {"1m0s", 60000, true}, {"", 7, false},         {"5", 7, false},
        {"1x", 7, false},         {"s", 7, false},       {"-", 7, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = 7;
        assert_int_equal(duration_parse_go(str_from(cases[i].text), &ms), cases[i].ok);
        assert_int_equal(ms, cases[i].ms);
    }
}

static void test_timestamps(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
        bool ok;
    } cases[] = {
        {"1700000000", INT64_C(1700000000000), true},
        {"1700000000.123", INT64_C(1700000000123), true},
        {"-1.5", -1500, true},
        {"1e3", 1000000, true},
        {"2023-11-14T22:13:20Z", INT64_C(1700000000000), true},
        {"2023-11-14T23:13:20.5+01:00", INT64_C(1700000000500), true},
        {"1970-01-01T00:00:00Z", 0, true},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000), true},
        {"2023-02-29T00:00:00Z", 7, false},
        {"2023-13-01T00:00:00Z", 7, false},
        {"2023-11-14 22:13:20", 7, false},
        {"2023-11-14T22:13:20", 7, false},
        {"NaN", 7, false},
        {"Inf", 7, false},
        {"1e300", 7, false},
        {"", 7, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ms = 7;
        if (timestamp_parse(str_from(cases[i].text), &ms) != cases[i].ok || ms != cases[i].ms)
            fail_msg("\"%s\": %lld", cases[i].text, (long long)ms);
    }
    struct buf b = BUF_INIT;
    timestamp_format(&b, INT64_C(1700000000120));
    assert_buf(&b, "2023-11-14T22:13:20.120Z");
    timestamp_format_nano(&b, INT64_C(1700000000120));
    assert_buf(&b, "2023-11-14T22:13:20.12Z");
    timestamp_format_nano(&b, -1000);
    assert_buf(&b, "1969-12-31T23:59:59Z");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse_go),
        cmocka_unit_test(test_timestamps),
    };
    return UNIT_RUN(tests);
}
