// The API's answers byte for byte, over samples that came in by remote write.
#include "unit.h"
#include "web/fixture.h"

#define T0 INT64_C(1700000000000)

static void load(struct fixture *f)
{
    static const struct sample first[] = {{T0, 1}, {T0 + 15000, 2}, {T0 + 30500, 4}};
    static const struct sample second[] = {{T0, 0.1}, {T0 + 15000, -INFINITY}};
    struct buf message = BUF_INIT;
    struct answer a;
    add_series(&message, "m", "1", first, COUNT_OF(first));
    add_series(&message, "m", "2", second, COUNT_OF(second));
    struct buf series = BUF_INIT;
    proto_label(&series, "__name__", "utf8");
    proto_label(&series, "a.b", "dotted");
    proto_sample(&series, T0, 7);
    proto_series(&message, &series);
    post_write(f, buf_view(&message), &a);
    assert_int_equal(a.status, 204);
    assert_int_equal(a.body.len, 0);
    answer_release(&a);
    buf_release(&series);
    buf_release(&message);
}

struct call {
    const char *target;
    int status;
    const char *body;
};

static void check(struct fixture *f, const struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct answer a;
        get(f, calls[i].target, &a);
        if (a.status != calls[i].status || !str_is(a.body, calls[i].body))
            fail_msg("%s: got %d %.*s\nexpected %d %s", calls[i].target, a.status, STR_ARG(a.body),
                     calls[i].status, calls[i].body);
        answer_release(&a);
    }
}

#define DATA(json)            "{\"status\":\"success\",\"data\":" json "}"
#define BAD(text)             "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"" text "\"}"
#define BAD_PARAM(name, text) BAD("invalid parameter \\\"" name "\\\": " text)
#define M1                    "{\"__name__\":\"m\",\"instance\":\"1\",\"job\":\"a\"}"
#define M2                    "{\"__name__\":\"m\",\"instance\":\"2\",\"job\":\"a\"}"
#define CUT                   ",\"warnings\":[\"results truncated due to limit\"]"

static void queries(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"/api/v1/query?query=m&time=1700000020", 200,
         DATA("{\"resultType\":\"vector\",\"result\":[{\"metric\":" M1
              ",\"value\":[1700000020,\"2\"]},{\"metric\":" M2
              ",\"value\":[1700000020,\"-Inf\"]}]}")},
        {"/api/v1/query?query=m&time=1700000020.5&limit=1", 200,
         DATA("{\"resultType\":\"vector\",\"result\":[{\"metric\":" M1
              ",\"value\":[1700000020.500,\"2\"]}]}" CUT)},
        {"/api/v1/query?query=m&time=2023-11-14T22:13:20Z&limit=2", 200,
         DATA("{\"resultType\":\"vector\",\"result\":[{\"metric\":" M1
              ",\"value\":[1700000000,\"1\"]},{\"metric\":" M2
              ",\"value\":[1700000000,\"0.1\"]}]}")},
        {"/api/v1/query?query=1%2B1&time=4", 200,
         DATA("{\"resultType\":\"scalar\",\"result\":[4,\"2\"]}")},
        {"/api/v1/query?query=%22x%22&time=4", 200,
         DATA("{\"resultType\":\"string\",\"result\":[4,\"x\"]}")},
        {"/api/v1/query?query=absent_metric", 200,
         DATA("{\"resultType\":\"vector\",\"result\":[]}")},
        {"/api/v1/query?query=m%7Binstance=%221%22%7D[1m]&time=1700000031", 200,
         DATA("{\"resultType\":\"matrix\",\"result\":[{\"metric\":" M1
              ",\"values\":[[1700000000,\"1\"],[1700000015,\"2\"],[1700000030.500,\"4\"]]}]}")},
        {"/api/v1/query_range?query=sum(m)&start=1700000000&end=1700000000.5&step=250ms", 200,
         DATA("{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[1700000000,\"1."
              "1\"],"
              "[1700000000.250,\"1.1\"],[1700000000.500,\"1.1\"]]}]}")},
    };
    struct fixture f;
    struct answer a;
    fixture_init(&f, NULL);
    load(&f);
    check(&f, calls, COUNT_OF(calls));
    post_form(&f, "/api/v1/query", "query=1%2B1&time=4", &a);
    assert_str(a.body, DATA("{\"resultType\":\"scalar\",\"result\":[4,\"2\"]}"));
    answer_release(&a);
    get(&f, "/api/v1/query?query=m&time=1700000020&stats=all", &a);
    assert_true(contains(a.body, "\"stats\":{\"timings\":{\"evalTotalTime\":"));
    answer_release(&a);
    fixture_release(&f);
}

static void wrong_queries(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"/api/v1/query?query=up&time=x", 400,
         BAD_PARAM("time", "Invalid time value for 'time': cannot parse \\\"x\\\" to a valid "
                           "timestamp")},
        {"/api/v1/query?query=up&timeout=x", 400,
         BAD_PARAM("timeout", "cannot parse \\\"x\\\" to a valid duration")},
        {"/api/v1/query?query=up&limit=x", 400,
         BAD_PARAM("limit", "strconv.Atoi: parsing \\\"x\\\": invalid syntax")},
        {"/api/v1/query?query=up&limit=-1", 400, BAD_PARAM("limit", "limit must be non-negative")},
        {"/api/v1/query?query=up&lookback_delta=x", 400,
         BAD("error parsing lookback delta duration: cannot parse \\\"x\\\" to a valid duration")},
        {"/api/v1/query_range?query=up", 400,
         BAD_PARAM("start", "cannot parse \\\"\\\" to a valid timestamp")},
        {"/api/v1/query_range?query=up&start=x", 400,
         BAD_PARAM("start", "cannot parse \\\"x\\\" to a valid timestamp")},
        {"/api/v1/query_range?query=up&start=2&end=1", 400,
         BAD_PARAM("end", "end timestamp must not be before start time")},
        {"/api/v1/query_range?query=up&start=1&end=2&step=x", 400,
         BAD_PARAM("step", "cannot parse \\\"x\\\" to a valid duration")},
        {"/api/v1/query_range?query=up&start=1&end=2&step=0", 400,
         BAD_PARAM("step", "zero or negative query resolution step widths are not accepted. Try a "
                           "positive integer")},
        {"/api/v1/query_range?query=up&start=1&end=2&step=-1m", 400,
         BAD_PARAM("step", "zero or negative query resolution step widths are not accepted. Try a "
                           "positive integer")},
        {"/api/v1/query_range?query=up&start=0&end=11001&step=1", 400,
         BAD("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
             "query "
             "resolution (?step=XX)")},
        {"/api/v1/query_range?query=up[1m]&start=0&end=1&step=1", 400,
         BAD_PARAM("query", "invalid expression type \\\"range vector\\\" for range query, must be "
                            "Scalar or instant Vector")},
        {"/api/v1/query_exemplars?query=up&start=2&end=1", 400,
         BAD_PARAM("end", "end timestamp must not be before start time")},
        {"/api/v1/query_exemplars?query=up&start=1700000000000&end=1700000001000", 200, DATA("[]")},
    };
    struct fixture f;
    struct answer a;
    fixture_init(&f, NULL);
    check(&f, calls, COUNT_OF(calls));
    get(&f, "/api/v1/query?query=up%20up", &a);
    assert_int_equal(a.status, 400);
    assert_true(contains(a.body, "invalid parameter \\\"query\\\": 1:4: parse error: "));
    assert_false(contains(a.body, "\"data\""));
    answer_release(&a);
    fixture_release(&f);
}

static void label_lists(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"/api/v1/series?match[]=m", 200, DATA("[" M1 "," M2 "]")},
        {"/api/v1/series?match[]=m&match[]={instance=%222%22}&match[]=absent_metric", 200,
         DATA("[" M1 "," M2 "]")},
        {"/api/v1/series?match[]=m&limit=1", 200, DATA("[" M1 "]" CUT)},
        {"/api/v1/series?match[]=absent_metric", 200, DATA("[]")},
        {"/api/v1/series", 400, BAD("no match[] parameter provided")},
        {"/api/v1/labels", 200, DATA("[\"__name__\",\"a.b\",\"instance\",\"job\"]")},
        {"/api/v1/labels?match[]=m", 200, DATA("[\"__name__\",\"instance\",\"job\"]")},
        {"/api/v1/labels?match[]=m&match[]=utf8", 200,
         DATA("[\"__name__\",\"a.b\",\"instance\",\"job\"]")},
        {"/api/v1/labels?limit=2", 200, DATA("[\"__name__\",\"a.b\"]" CUT)},
        {"/api/v1/labels?match[]=m&match[]=utf8&limit=2", 200, DATA("[\"__name__\",\"a.b\"]" CUT)},
        {"/api/v1/label/instance/values", 200, DATA("[\"1\",\"2\"]")},
        {"/api/v1/label/U__a_2e_b/values", 200, DATA("[\"dotted\"]")},
        {"/api/v1/label/a%2eb/values", 200, DATA("[\"dotted\"]")},
        {"/api/v1/label/nothing/values", 200, DATA("[]")},
        {"/api/v1/label/%ff/values", 400, BAD("invalid label name: \\\"\\\\xff\\\"")},
        {"/api/v1/labels?start=2&end=1", 200, DATA("[]")},
    };
    struct fixture f;
    struct answer a;
    fixture_init(&f, NULL);
    load(&f);
    check(&f, calls, COUNT_OF(calls));
    get(&f, "/api/v1/series?match[]={a=%22%22}", &a);
    assert_int_equal(a.status, 400);
    assert_true(contains(a.body, "must contain at least one non-empty matcher"));
    answer_release(&a);
    fixture_release(&f);
}

static void status_pages(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"/api/v1/status/config", 200, DATA("{\"yaml\":\"global:\\n  scrape_interval: 15s\\n\"}")},
        {"/api/v1/status/flags", 200,
         DATA("{\"config.file\":\"prometheus.yml\",\"log.level\":\"info\"}")},
        {"/api/v1/status/walreplay", 200,
         DATA("{\"min\":0,\"max\":0,\"current\":0,\"state\":\"done\"}")},
        {"/api/v1/alertmanagers", 200,
         DATA("{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}")},
        {"/api/v1/notifications", 200, DATA("[]")},
        {"/api/v1/targets", 200,
         DATA("{\"activeTargets\":[],\"droppedTargets\":[],\"droppedTargetCounts\":{}}")},
        {"/api/v1/scrape_pools", 200, DATA("{\"scrapePools\":[]}")},
        {"/api/v1/metadata", 200, DATA("{}")},
        {"/api/v1/metadata?limit=x", 400, BAD("limit must be a number")},
        {"/api/v1/metadata?limit_per_metric=x", 400, BAD("limit_per_metric must be a number")},
        {"/api/v1/targets/metadata", 200, DATA("[]")},
        {"/api/v1/rules", 200, DATA("{\"groups\":[]}")},
        {"/api/v1/rules?type=alert&file=a&file[]=a&exclude_alerts=true&group_limit=5", 200,
         DATA("{\"groups\":[]}")},
        {"/api/v1/rules?type=x", 400, BAD_PARAM("type", "not supported value \\\"x\\\"")},
        {"/api/v1/rules?exclude_alerts=x", 400,
         BAD_PARAM("exclude_alerts", "error converting exclude_alerts: strconv.ParseBool: parsing "
                                     "\\\"x\\\": invalid syntax")},
        {"/api/v1/rules?group_limit=0", 400,
         BAD_PARAM("group_limit", "group_limit needs to be greater than 0")},
        {"/api/v1/rules?group_next_token=a", 400,
         BAD_PARAM("group_next_token",
                   "group_limit needs to be present in order to paginate over the groups")},
        {"/api/v1/rules?group_limit=1&group_next_token=a", 400,
         BAD_PARAM("group_next_token", "invalid group_next_token 'a'. were rule groups changed?")},
        {"/api/v1/alerts", 200, DATA("{\"alerts\":[]}")},
        {"/api/v1/status/tsdb?limit=0", 400, BAD_PARAM("limit", "limit must be a positive number")},
    };
    struct fixture f;
    struct answer a;
    fixture_init(&f, NULL);
    load(&f);
    check(&f, calls, COUNT_OF(calls));
    get(&f, "/api/v1/status/buildinfo", &a);
    assert_true(contains(a.body, "{\"status\":\"success\",\"data\":{\"version\":\"3."));
    assert_false(contains(a.body, "features"));
    answer_release(&a);
    get(&f, "/api/v1/status/runtimeinfo", &a);
    assert_true(contains(a.body, "\"startTime\":\"2023-11-14T22:13:20Z\""));
    assert_true(contains(a.body, "\"storageRetention\":\"15d\""));
    answer_release(&a);
    get(&f, "/api/v1/status/tsdb", &a);
    assert_true(contains(a.body, "\"headStats\":{\"numSeries\":3,"));
    assert_true(contains(a.body, "\"seriesCountByMetricName\":[{\"name\":\"m\",\"value\":2}"));
    answer_release(&a);
    fixture_release(&f);
}

static void check_write(struct fixture *f, struct buf *message, int status, const char *part)
{
    struct answer a;
    post_write(f, buf_view(message), &a);
    if (a.status != status || !contains(a.body, part))
        fail_msg("got %d %.*s, expected %d %s", a.status, STR_ARG(a.body), status, part);
    answer_release(&a);
    buf_reset(message);
}

static void refused_samples(void **state)
{
    (void)state;
    static const struct sample same[] = {{T0 + 30500, 4}}, other[] = {{T0 + 30500, 5}},
                               late[] = {{T0 + 1000, 5}}, good[] = {{T0 + 40000, 9}};
    struct fixture f;
    struct answer a;
    struct buf message = BUF_INIT;
    fixture_init(&f, NULL);
    load(&f);
    add_series(&message, "m", "1", same, 1);
    check_write(&f, &message, 204, "");
    add_series(&message, "m", "1", other, 1);
    check_write(&f, &message, 400, "duplicate sample for timestamp");
    add_series(&message, "m", "1", late, 1);
    add_series(&message, "m", "1", good, 1); // is stored all the same
    check_write(&f, &message, 400, "out of order sample for series m{instance=\"1\", job=\"a\"}");
    get(&f, "/api/v1/query?query=m%7Binstance=%221%22%7D", &a);
    assert_true(contains(a.body, "[1700000060,\"9\"]"));
    answer_release(&a);
    buf_release(&message);
    fixture_release(&f);
}

static void refused_messages(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        const char *body;
        int status;
        const char *text;
    } cases[] = {
        {"Content-Type: application/json\r\n", "{}", 415, "application/x-protobuf"},
        {"Content-Type: application/x-protobuf;proto=io.prometheus.write.v3.Request\r\n", "x", 415,
         "it accepts prometheus.WriteRequest"},
        {"Content-Type: application/x-protobuf\r\nContent-Encoding: zstd\r\n", "x", 415,
         "only snappy is acceptable"},
        {"Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n", "garbage", 400,
         "snappy: corrupt input"},
        {"Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n",
         "\xff\xff\xff\x7f\x01", 413, "when decoded"},
    };
    struct fixture f;
    struct buf message = BUF_INIT;
    fixture_init(&f, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer a;
        client_call(f.port, "POST", "/api/v1/write", cases[i].headers, str_from(cases[i].body), &a);
        if (a.status != cases[i].status || !contains(a.body, cases[i].text))
            fail_msg("case %zu: %d %.*s", i, a.status, STR_ARG(a.body));
        answer_release(&a);
    }
    buf_cstr(&message, "no message");
    check_write(&f, &message, 400, "error decoding remote write request: ");
    struct buf series = BUF_INIT;
    proto_label(&series, "job", "nameless");
    proto_sample(&series, T0, 1);
    proto_series(&message, &series);
    check_write(&f, &message, 400, "invalid metric name or labels, got no metric name");
    proto_label(&series, "__name__", "h");
    proto_bytes(&series, 4, STR("\x08\x01"));
    proto_series(&message, &series);
    check_write(&f, &message, 400, "native histograms are not supported yet");
    buf_release(&series);
    buf_release(&message);
    fixture_release(&f);
}

static void federation(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"/federate?match[]=m&match[]={__name__=~%22m|utf8%22}", 200,
         "# TYPE m untyped\nm{instance=\"1\",job=\"a\"} 4 1700000030500\n"
         "m{instance=\"2\",job=\"a\"} -Inf 1700000015000\n"
         "# TYPE utf8 untyped\nutf8{a_b=\"dotted\",instance=\"\"} 7 1700000000000\n"},
        {"/federate", 200, ""},
        {"/federate?match[]=m{", 400, "1:3: parse error: unexpected end of input inside braces\n"},
    };
    struct fixture f;
    fixture_init(&f, NULL);
    load(&f);
    check(&f, calls, COUNT_OF(calls));
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries),         cmocka_unit_test(wrong_queries),
        cmocka_unit_test(label_lists),     cmocka_unit_test(status_pages),
        cmocka_unit_test(refused_samples), cmocka_unit_test(refused_messages),
        cmocka_unit_test(federation),
    };
    return UNIT_RUN(tests);
}
