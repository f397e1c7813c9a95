// Alertmanager's API v2 on a virtual clock: bodies byte for byte, silences through their life, and
// the fields that are Lapwing's own.
#include "unit.h"

#include "alerting/alertmanager.h"
#include "base/json.h"
#include "config/alertmanager.h"
#include "web/fixture.h"

// NOW_MS is 2023-11-14T22:14:20Z.
static const char *const yaml = "route:\n"
                                "  receiver: hook\n"
                                "  group_by: [alertname]\n"
                                "  routes:\n"
                                "  - receiver: night\n"
                                "    matchers: [ team=\"night\" ]\n"
                                "    mute_time_intervals: [ always ]\n"
                                "time_intervals:\n"
                                "- name: always\n"
                                "  time_intervals: [ { years: ['2000:2100'] } ]\n"
                                "inhibit_rules:\n"
                                "- source_matchers: [ kind=\"src\" ]\n"
                                "  target_matchers: [ kind=\"dst\" ]\n"
                                "receivers:\n"
                                "- name: hook\n"
                                "  webhook_configs:\n"
                                "  - url: http://127.0.0.1:1/\n"
                                "- name: night\n"
                                "  labels: { owner: ops, name: other }\n";

struct parts {
    struct fixture f;
    struct alertmanager_config *config;
    struct alertmanager *engine;
};

static struct parts *starting;

static void add_engine(struct web_options *o)
{
    struct error err = {0};
    const struct alertmanager_options options = {.storage = o->storage,
                                                 .clock = o->clock,
                                                 .metrics = o->metrics,
                                                 .external_url = STR("http://x"),
                                                 .user_agent = "test",
                                                 .silence_count_max = 6,
                                                 .silence_size_max = 400};
    starting->engine = alertmanager_new(&options);
    assert_int_equal(alertmanager_apply(starting->engine, starting->config, &err), 0);
    o->alertmanager = starting->engine;
}

static void parts_init(struct parts *p)
{
    struct error err = {0};
    *p = (struct parts){.config = NULL};
    if (alertmanager_config_parse(&p->config, str_from(yaml), "test.yml", ".", NULL, &err))
        fail_msg("config: %s", err.text);
    starting = p;
    fixture_init(&p->f, add_engine);
}

static void parts_release(struct parts *p)
{
    web_server_stop(p->f.web);
    alertmanager_free(p->engine);
    alertmanager_config_unref(p->config);
    rule_manager_free(p->f.rules);
    scrape_manager_free(p->f.scrape);
    promql_engine_free(p->f.engine);
    storage_close(p->f.storage);
    metrics_free(p->f.metrics);
}

static void call(struct parts *p, const char *method, const char *target, const char *body,
                 struct answer *a)
{
    client_call(p->f.port, method, target, "Content-Type: application/json\r\n", str_from(body), a);
}

static void expect(struct parts *p, const char *method, const char *target, const char *body,
                   int status, const char *text)
{
    struct answer a;
    call(p, method, target, body, &a);
    if (a.status != status || !contains(a.body, text))
        fail_msg("%s %s %s: got %d %.*s\nexpected %d %s", method, target, body, a.status,
                 STR_ARG(a.body), status, text);
    answer_release(&a);
}

#define ALERTS "/api/v2/alerts"
#define STATUS(inhibited, muted, silenced, state)                                                  \
    "\"status\":{\"inhibitedBy\":[" inhibited "],\"mutedBy\":[" muted                              \
    "],\"silencedBy\":[" silenced "],\"state\":\"" state "\"}"
#define DAY "2023-11-14T22:"

static void alerts(void **state)
{
    (void)state;
    struct parts p;
    parts_init(&p);
    expect(
        &p, "POST", ALERTS,
        "[{\"labels\":{\"alertname\":\"S\",\"kind\":\"src\",\"none\":\"\"},\"annotations\":{\"a\":"
        "\"b\"},"
        "\"generatorURL\":\"http://g/\",\"startsAt\":\"2023-11-14T23:00:00.1239+01:00\"},"
        "{\"labels\":{\"alertname\":\"D\",\"kind\":\"dst\"},\"endsAt\":\"2023-11-15T00:00:00Z\"},"
        "{\"labels\":{\"alertname\":\"N\",\"team\":\"night\"}},"
        "{\"labels\":{\"alertname\":\"Gone\"},\"endsAt\":\"2023-11-14T22:00:00Z\"}]",
        200, "");
    expect(&p, "GET", ALERTS "?filter=kind=src", "", 200,
           "[{\"annotations\":{\"a\":\"b\"},\"endsAt\":\"" DAY
           "19:20.000Z\",\"fingerprint\":\"0f43d6fa4200d2c3\","
           "\"receivers\":[{\"name\":\"hook\"}],\"startsAt\":\"" DAY "00:00.123Z\"," STATUS(
               "", "", "", "active") ",\"updatedAt\":\"" DAY
                                     "14:20.000Z\",\"generatorURL\":\"http://g/\","
                                     "\"labels\":{\"alertname\":\"S\",\"kind\":\"src\"}}]\n");
    expect(&p, "GET", ALERTS "?filter=alertname=\"D\"", "", 200,
           STATUS("\"0f43d6fa4200d2c3\"", "", "", "suppressed"));
    expect(&p, "GET", ALERTS "?filter=alertname=\"D\"&inhibited=false", "", 200, "[]");
    expect(&p, "GET", ALERTS "?active=false&inhibited=false", "", 200, "[]");
    expect(&p, "GET", ALERTS "?filter=alertname=Gone", "", 200, "[]");
    expect(&p, "GET", ALERTS "?receiver=nig.*", "", 200, STATUS("", "", "", "active"));
    expect(&p, "GET", ALERTS "/groups?receiver=night", "", 200,
           STATUS("", "\"always\"", "", "suppressed"));
    expect(&p, "GET", ALERTS "/groups?receiver=night", "", 200,
           "\"labels\":{\"alertname\":\"N\"},\"receiver\":{\"labels\":{\"name\":\"night\","
           "\"owner\":\"ops\"},\"name\":\"night\"}}]\n");
    expect(&p, "GET", ALERTS "/groups?receiver=night&muted=false", "", 200, "[]");
    expect(&p, "GET", ALERTS "?filter=x", "", 400, "\"bad matcher format: x\"\n");
    expect(&p, "POST", ALERTS, "[1]", 400, "\"code\":400");
    expect(
        &p, "POST", ALERTS, "[{\"labels\":{\"a\":\"b\"},\"generatorURL\":\"a b\"}]", 422,
        "{\"code\":601,\"message\":\"0.generatorURL in body must be of type uri: \\\"a b\\\"\"}");
    expect(&p, "PUT", ALERTS, "", 405, "{\"code\":405,");
    expect(&p, "GET", "/api/v2/receivers", "", 200,
           "[{\"name\":\"hook\"},{\"labels\":{\"name\":\"night\",\"owner\":\"ops\"},\"name\":"
           "\"night\"}]\n");
    expect(&p, "GET", "/api/v2/receivers?receiver_matchers=owner%3D~\"o.*\"", "", 200,
           "[{\"labels\":{\"name\":\"night\",\"owner\":\"ops\"},\"name\":\"night\"}]\n");
    expect(&p, "GET",
           "/api/v2/receivers?receiver_matchers=owner%3D\"\"&receiver_matchers=name=hook", "", 200,
           "[{\"name\":\"hook\"}]\n");
    expect(&p, "GET", "/api/v2/receivers?receiver_matchers=x", "", 400,
           "\"bad matcher format: x\"\n");
    expect(
        &p, "GET", ALERTS "?receiver_matchers=owner=ops", "", 200,
        "\"receivers\":[{\"labels\":{\"name\":\"night\",\"owner\":\"ops\"},\"name\":\"night\"}]");
    expect(&p, "GET", ALERTS "?receiver_matchers=owner=nobody", "", 200, "[]\n");
    expect(&p, "GET", ALERTS "/groups?receiver_matchers=name=other", "", 200, "[]\n");
    expect(&p, "GET", "/api/v2/status", "", 200,
           "{\"cluster\":{\"peers\":[],\"status\":\"disabled\"},");
    expect(&p, "GET", "/api/v2/status", "", 200, "\"uptime\":\"2023-11-14T22:13:20.000Z\"");
    expect(&p, "GET", "/api/v1/silences", "", 410, "\"status\":\"deprecated\"");
    expect(&p, "GET", "/alertmanager/api/v2/status", "", 404, "");
    parts_release(&p);
}

#define SILENCES "/api/v2/silences"
#define MATCHERS "\"matchers\":[{\"name\":\"a\",\"value\":\"b\",\"isRegex\":false}]"
#define PEOPLE   "\"createdBy\":\"me\",\"comment\":\"c\""

static void post_silence(struct parts *p, const char *rest, char id[64])
{
    struct answer a;
    struct json *document = NULL;
    struct buf body = BUF_INIT;
    buf_printf(&body, "{" MATCHERS "," PEOPLE ",%s}", rest);
    call(p, "POST", SILENCES, buf_text(&body), &a);
    if (a.status != 200 || json_parse(&document, a.body, NULL))
        fail_msg("%s: %d %.*s", rest, a.status, STR_ARG(a.body));
    struct str text = json_text(json_get(document, "silenceID"));
    snprintf(id, 64, "%.*s", STR_ARG(text));
    json_free(document);
    answer_release(&a);
    buf_release(&body);
}

static const char *with_id(char *out, size_t size, const char *id, const char *rest)
{
    snprintf(out, size, "\"id\":\"%s\",%s", id, rest);
    return out;
}

static void silences(void **state)
{
    (void)state;
    struct parts p;
    char first[64], second[64], path[128], text[256];
    parts_init(&p);
    post_silence(&p, "\"startsAt\":\"2023-11-14T22:00:00Z\",\"endsAt\":\"2023-11-14T23:00:00Z\"",
                 first);
    snprintf(path, sizeof(path), "/api/v2/silence/%s", first);
    expect(&p, "GET", path, "", 200,
           "\"status\":{\"state\":\"active\"},\"updatedAt\":\"2023-11-14T22:14:20.000Z\","
           "\"comment\":\"c\","
           "\"createdBy\":\"me\",\"endsAt\":\"2023-11-14T23:00:00.000Z\",\"matchers\":[{"
           "\"isEqual\":true,"
           "\"isRegex\":false,\"name\":\"a\",\"value\":\"b\"}],\"startsAt\":\"2023-11-14T22:14:20."
           "000Z\"}\n");
    // Another end is the same silence; another beginning is another one.
    post_silence(
        &p,
        with_id(text, sizeof(text), first,
                "\"startsAt\":\"2023-11-14T22:14:20Z\",\"endsAt\":\"2023-11-14T23:30:00Z\""),
        second);
    assert_string_equal(first, second);
    clock_virtual_advance(&p.f.clock, 60000);
    post_silence(
        &p,
        with_id(text, sizeof(text), first,
                "\"startsAt\":\"2023-11-14T22:20:00Z\",\"endsAt\":\"2023-11-14T23:30:00Z\""),
        second);
    assert_string_not_equal(first, second);
    expect(&p, "GET", path, "", 200, "\"state\":\"expired\"");
    expect(&p, "GET", SILENCES, "", 200, "\"state\":\"pending\"");
    expect(&p, "GET", SILENCES "?pending=false", "", 200, "[{\"id\":\"");
    expect(&p, "GET", SILENCES "?expired=0&active=false", "", 200, "\"state\":\"pending\"");
    expect(&p, "GET", SILENCES "?pending=false&expired=false&active=true", "", 200, "[]\n");
    expect(&p, "DELETE", path, "", 200, "");
    snprintf(path, sizeof(path), "/api/v2/silence/%s", second);
    expect(&p, "DELETE", path, "", 200, "");
    expect(&p, "GET", path, "", 200, "\"endsAt\":\"2023-11-14T22:15:20.000Z\"");
    expect(&p, "GET", SILENCES "?filter=a=b", "", 200, second);
    expect(&p, "GET", SILENCES "?filter=a=~b", "", 200, "[]");
    parts_release(&p);
}

#define SPAN "\"startsAt\":\"2023-11-14T22:14:20Z\",\"endsAt\":\"2023-11-15T23:00:00Z\""

static void own_fields(void **state)
{
    (void)state;
    struct parts p;
    char id[64], again[64], path[128], text[512];
    static const char *const shown =
        "\"recurrence\":[{\"weekdays\":[\"tuesday\"],\"times\":[{\"start_time\":\"22:00\","
        "\"end_time\":\"23:00\"}]}],\"expireOnResolve\":true,\"remindBefore\":\"1h30m\"}\n";
    parts_init(&p);
    post_silence(
        &p,
        SPAN
        ",\"annotations\":{\"ticket\":\"7\"},\"expireOnResolve\":true,\"remindBefore\":\"90m\","
        "\"recurrence\":[{\"weekdays\":[\"tuesday\"],\"times\":[{\"start_time\":\"22:00\","
        "\"end_time\":\"23:00\"}]}]",
        id);
    snprintf(path, sizeof(path), "/api/v2/silence/%s", id);
    expect(&p, "GET", path, "", 200, shown);
    expect(&p, "GET", path, "", 200, "\"annotations\":{\"ticket\":\"7\"},\"comment\"");
    // A client that does not know them keeps them; null takes them away.
    post_silence(&p, with_id(text, sizeof(text), id, SPAN), again);
    assert_string_equal(id, again);
    expect(&p, "GET", path, "", 200, shown);
    clock_virtual_advance(&p.f.clock, 3600000);
    expect(&p, "GET", path, "", 200, "\"state\":\"pending\"");
    post_silence(
        &p,
        with_id(text, sizeof(text), id, SPAN ",\"expireOnResolve\":false,\"remindBefore\":null"),
        again);
    expect(&p, "GET", path, "", 200, "\"23:00\"}]}]}\n");
    parts_release(&p);
}

static void refused_silences(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *text;
    } cases[] = {
        {"{" MATCHERS "," SPAN ",\"createdBy\":\"\",\"comment\":\"c\"}", 400,
         "\"invalid silence: an author is required: createdBy is empty\"\n"},
        {"{" MATCHERS "," SPAN ",\"createdBy\":\"me\",\"comment\":\" \"}", 400,
         "\"invalid silence: a comment is required: comment is empty\"\n"},
        {"{" MATCHERS "," SPAN "," PEOPLE ",\"recurrence\":[{\"weekdays\":[\"someday\"]}]}", 400,
         "\"invalid silence: recurrence: "},
        {"{" MATCHERS "," SPAN "," PEOPLE ",\"recurrence\":[[[[[[[[[[1]]]]]]]]]]}", 400,
         "too deep"},
        {"{" MATCHERS "," SPAN "," PEOPLE ",\"remindBefore\":\"soon\"}", 400, "remindBefore"},
        {"{\"matchers\":[{\"name\":\"a\",\"value\":\"(\",\"isRegex\":true}]," SPAN "," PEOPLE "}",
         400, "\"invalid silence: invalid label matcher 0: invalid regular expression \\\"(\\\": "},
        {"{\"matchers\":[{\"name\":\"a\",\"value\":\"\",\"isRegex\":false}]," SPAN "," PEOPLE "}",
         400, "at least one matcher must not match the empty string\"\n"},
        {"{\"matchers\":[{\"name\":\"\",\"value\":\"\",\"isRegex\":false}]," SPAN "," PEOPLE "}",
         400, "invalid label matcher 0: invalid label name \\\"\\\"\"\n"},
    };
    struct parts p;
    char id[64], text[1024];
    parts_init(&p);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect(&p, "POST", SILENCES, cases[i].body, cases[i].status, cases[i].text);
    snprintf(text, sizeof(text),
             "{" MATCHERS "," SPAN ",\"createdBy\":\"me\",\"comment\":\"%0400d\"}", 0);
    expect(&p, "POST", SILENCES, text, 400, "silence exceeded maximum size: ");
    for (int i = 0; i < 6; i++)
        post_silence(&p, SPAN, id);
    expect(&p, "POST", SILENCES, "{" MATCHERS "," SPAN "," PEOPLE "}", 400,
           "\"exceeded maximum number of silences: 6 (limit: 6)\"\n");
    parts_release(&p);
}

static void without_engine(void **state)
{
    (void)state;
    struct parts p = {.config = NULL};
    fixture_init(&p.f, NULL);
    expect(&p, "GET", "/api/v2/status", "", 503, "--alertmanager.config.file");
    expect(&p, "POST", ALERTS, "[]", 503, "");
    fixture_release(&p.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts),         cmocka_unit_test(silences),
        cmocka_unit_test(own_fields),     cmocka_unit_test(refused_silences),
        cmocka_unit_test(without_engine),
    };
    return UNIT_RUN(tests);
}
