// Zones against the C library's own, and time intervals.
#include "unit.h"

#include "base/file.h"
#include "base/rng.h"
#include "model/duration.h"
#include "time_interval.h"
#include "zone.h"

static int64_t at(const char *text)
{
    int64_t ms;
    assert_true(timestamp_parse_rfc3339(str_from(text), &ms));
    return ms;
}

static void test_offsets(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *time;
        int32_t offset_s;
    } cases[] = {
        {"", "2024-07-01T00:00:00Z", 0},
        {"UTC", "2024-07-01T00:00:00Z", 0},
        {"Europe/Berlin", "2024-01-01T00:00:00Z", 3600},
        {"Europe/Berlin", "2024-03-31T00:59:59Z", 3600},
        {"Europe/Berlin", "2024-03-31T01:00:00Z", 7200},
        {"Europe/Berlin", "2024-10-27T00:59:59Z", 7200},
        {"Europe/Berlin", "2024-10-27T01:00:00Z", 3600},
        {"Europe/Berlin", "2090-07-01T00:00:00Z", 7200}, // by the rule
        {"Europe/Dublin", "2090-07-01T00:00:00Z", 3600}, // "winter time" is the daylight one
        {"Europe/Dublin", "2090-01-01T00:00:00Z", 0},
        {"Australia/Sydney", "2090-01-01T00:00:00Z", 39600}, // daylight over the new year
        {"Australia/Sydney", "2090-07-01T00:00:00Z", 36000},
        {"Asia/Kolkata", "2024-07-01T00:00:00Z", 19800},
        {"America/Sao_Paulo", "2015-01-01T00:00:00Z", -7200},
        {"America/Sao_Paulo", "2024-01-01T00:00:00Z", -10800},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct zone *z;
        struct error err = {0};
        if (zone_load(&z, str_from(cases[i].zone), &err))
            fail_msg("%s", err.text);
        int32_t offset = zone_offset(z, at(cases[i].time) / 1000);
        if (offset != cases[i].offset_s)
            fail_msg("%s at %s: %d", cases[i].zone, cases[i].time, offset);
        zone_free(z);
    }
}

static void compare_with_libc(const char *name)
{
    struct zone *z;
    struct rng rng;
    rng_seed(&rng, 1);
    assert_int_equal(zone_load(&z, str_from(name), NULL), 0);
    setenv("TZ", name, 1);
    tzset();
    for (int i = 0; i < 2000; i++) {
        time_t t = (time_t)rng_below(&rng, UINT64_C(4102444800)); // to the year 2100
        struct tm tm;
        struct zone_time mine;
        localtime_r(&t, &tm);
        zone_time(z, t, &mine);
        if (mine.year != tm.tm_year + 1900 || mine.month != tm.tm_mon + 1 ||
            mine.day != tm.tm_mday || mine.weekday != tm.tm_wday ||
            mine.minute != tm.tm_hour * 60 + tm.tm_min)
            fail_msg("%s at %lld", name, (long long)t);
    }
    zone_free(z);
}

static void test_against_libc(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Berlin",  "America/New_York", "Asia/Tehran",
                                        "Pacific/Apia",   "Europe/Dublin",    "America/St_Johns",
                                        "Asia/Kathmandu", "Africa/Cairo",     "Pacific/Chatham"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        compare_with_libc(names[i]);
}

static void test_bad_zones(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Nowhere", "../../etc/passwd", "/etc/passwd", "a b"};
    struct zone *z;
    struct error err = {0};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_not_equal(zone_load(&z, str_from(names[i]), &err), 0);
        assert_non_null(strstr(err.text, "time zone"));
    }
    // Every prefix of a zone file is refused, or read whole.
    struct buf bytes = BUF_INIT;
    assert_int_equal(file_read("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &bytes, NULL), 0);
    for (size_t len = 0; len + 1 < bytes.len; len++)
        assert_int_equal(zone_parse(&z, str_make(bytes.ptr, len), NULL), ERR_CORRUPT);
    buf_release(&bytes);
}

static void check_interval(const char *yaml, const char *time, bool expected)
{
    struct buf text = BUF_INIT, warnings = BUF_INIT;
    struct alertmanager_config *config;
    struct error err = {0};
    struct time_interval interval;
    buf_printf(&text,
               "route: {receiver: r}\nreceivers:\n- name: r\n"
               "time_intervals:\n- name: t\n  time_intervals:\n  - %s\n",
               yaml);
    if (alertmanager_config_parse(&config, buf_view(&text), "t.yml", ".", &warnings, &err))
        fail_msg("%s", err.text);
    assert_int_equal(time_interval_init(&interval, &config->time_intervals[0], &err), 0);
    if (time_interval_contains(&interval, at(time)) != expected)
        fail_msg("%s at %s: expected %d", yaml, time, expected);
    time_interval_release(&interval);
    alertmanager_config_unref(config);
    buf_release(&text);
    buf_release(&warnings);
}

static void test_intervals(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *time;
        bool expected;
    } cases[] = {
        {"{times: [{start_time: '09:00', end_time: '17:00'}]}", "2024-05-06T09:00:00Z", true},
        {"{times: [{start_time: '09:00', end_time: '17:00'}]}", "2024-05-06T16:59:59Z", true},
        {"{times: [{start_time: '09:00', end_time: '17:00'}]}", "2024-05-06T17:00:00Z", false},
        {"{times: [{start_time: '09:00', end_time: '24:00'}]}", "2024-05-06T23:59:59Z", true},
        {"{weekdays: ['monday:friday']}", "2024-05-06T00:00:00Z", true},
        {"{weekdays: ['monday:friday']}", "2024-05-05T00:00:00Z", false},
        {"{weekdays: [saturday, sunday]}", "2024-05-05T00:00:00Z", true},
        {"{days_of_month: ['-1']}", "2024-02-29T12:00:00Z", true},
        {"{days_of_month: ['-1']}", "2024-02-28T12:00:00Z", false},
        {"{days_of_month: ['31']}", "2024-04-30T12:00:00Z", false},
        {"{days_of_month: ['25:31']}", "2024-02-29T12:00:00Z", true},
        {"{months: ['january:march', '12']}", "2024-12-01T00:00:00Z", true},
        {"{months: ['january:march', '12']}", "2024-04-01T00:00:00Z", false},
        {"{years: ['2024:2025']}", "2026-01-01T00:00:00Z", false},
        {"{times: [{start_time: '00:00', end_time: '01:00'}], location: Asia/Tokyo}",
         "2024-05-06T15:30:00Z", true},
        {"{weekdays: [monday], location: Asia/Tokyo}", "2024-05-05T15:30:00Z", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_interval(cases[i].yaml, cases[i].time, cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_against_libc),
        cmocka_unit_test(test_bad_zones),
        cmocka_unit_test(test_intervals),
    };
    return UNIT_RUN(tests);
}
