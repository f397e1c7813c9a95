// The HTTP server as a client sees it: routing, methods, limits, headers, management.
#include "ui_assets.h"
#include "unit.h"
#include "web/fixture.h"

struct call {
    const char *method;
    const char *target;
    const char *headers;
    int status;
    const char *head; // part of the headers, or NULL
    const char *body; // whole body, or NULL
};

static void check_calls(struct fixture *f, const struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct call *c = &calls[i];
        struct answer a;
        client_call(f->port, c->method, c->target, c->headers, str_make(NULL, 0), &a);
        if (a.status != c->status)
            fail_msg("%s %s: status %d, expected %d", c->method, c->target, a.status, c->status);
        if (c->head && !contains(a.head, c->head))
            fail_msg("%s %s: no \"%s\" in %.*s", c->method, c->target, c->head, STR_ARG(a.head));
        if (c->body)
            assert_str(a.body, c->body);
        answer_release(&a);
    }
}

static void routing(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"GET", "/-/healthy", NULL, 200, NULL, "Lapwing is healthy.\n"},
        {"HEAD", "/-/healthy", NULL, 200, "Content-Length: 20", ""},
        {"GET", "/-/healthy?x=1", NULL, 200, NULL, NULL},
        {"GET", "/-/ready", NULL, 200, NULL, "Lapwing is ready.\n"},
        {"HEAD", "/-/ready", NULL, 200, "Content-Length: 18", ""},
        {"POST", "/-/ready", NULL, 405, "Allow: GET, HEAD, OPTIONS", NULL},
        {"HEAD", "/api/v1/query?query=1", NULL, 405, "Allow: GET, POST, OPTIONS", NULL},
        {"OPTIONS", "/-/ready", NULL, 200, "Allow: GET, HEAD, OPTIONS", ""},
        {"OPTIONS", "/api/v1/nope", NULL, 204, NULL, ""},
        {"OPTIONS", "/nope", NULL, 404, NULL, NULL},
        {"GET", "/nope", NULL, 404, "text/plain", "404 page not found\n"},
        {"GET", "/api/v1/nope", NULL, 404, "text/plain", "404 page not found\n"},
        {"GET", "/alertmanager/api/v2/status", NULL, 404, NULL, "404 page not found\n"},
        {"GET", "/api/v1/query/", NULL, 404, NULL, NULL},
        {"GET", "/api/v1/label//values", NULL, 400, NULL, NULL},
        {"GET", "/api/v1/label/a/b/values", NULL, 404, NULL, NULL},
        {"POST", "/api/v1/rules", NULL, 405, "Allow: GET, OPTIONS", NULL},
        {"POST", "/api/v1/status/buildinfo", NULL, 405, "Allow: GET, OPTIONS", NULL},
        {"PUT", "/api/v1/query", NULL, 405, "Allow: GET, POST, OPTIONS", NULL},
        {"GET", "/api/v1/write", NULL, 405, "Allow: POST, OPTIONS", NULL},
        {"BREW", "/api/v1/query", NULL, 405, NULL, NULL},
        {"OPTIONS", "/api/v1/query", NULL, 204, NULL, ""},
        {"GET", "/api/v1/query?query=%zz", NULL, 400, "application/json",
         "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"error parsing form values: "
         "invalid URL escape \\\"%zz\\\"\"}"},
    };
    struct fixture f;
    fixture_init(&f, NULL);
    check_calls(&f, calls, COUNT_OF(calls));
    web_server_set_ready(f.web, false);
    static const struct call starting[] = {
        {"GET", "/-/ready", NULL, 503, "X-Prometheus-Stopping: false", "Service Unavailable\n"},
        {"GET", "/api/v1/query?query=1", NULL, 503, "X-Prometheus-Stopping: false", NULL},
        {"GET", "/federate?match[]=up", NULL, 503, NULL, NULL},
        {"GET", "/-/healthy", NULL, 200, NULL, NULL},
        {"GET", "/metrics", NULL, 200, NULL, NULL},
    };
    check_calls(&f, starting, COUNT_OF(starting));
    fixture_release(&f);
}

static void headers(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"GET", "/-/healthy", "X-Request-ID: abc-123\r\n", 200, "X-Request-ID: abc-123", NULL},
        {"GET", "/-/healthy", "X-Request-ID: a b\r\n", 200, "X-Request-ID: ", NULL},
        {"OPTIONS", "/api/v1/query", "Origin: http://grafana\r\n", 204,
         "Access-Control-Allow-Headers: Accept, Authorization, Content-Type, Origin", ""},
        {"GET", "/-/healthy", "Origin: http://grafana\r\n", 200, "Access-Control-Allow-Origin: *",
         NULL},
        {"GET", "/metrics", "Accept-Encoding: gzip\r\n", 200, "Content-Encoding: gzip", NULL},
        {"GET", "/metrics", "Accept-Encoding: zstd\r\n", 200, "text/plain; version=0.0.4", NULL},
    };
    struct fixture f;
    struct answer a;
    fixture_init(&f, NULL);
    check_calls(&f, calls, COUNT_OF(calls));
    client_call(f.port, "GET", "/-/healthy", "X-Request-ID: a b\r\n", str_make(NULL, 0), &a);
    assert_false(contains(a.head, "a b"));
    answer_release(&a);
    fixture_release(&f);
}

static void only_one_origin(struct web_options *o)
{
    o->cors_origin = "https?://a\\.example";
}

static void cors_by_pattern(void **state)
{
    (void)state;
    struct fixture f;
    struct answer a;
    fixture_init(&f, only_one_origin);
    static const struct call call = {"GET",
                                     "/-/healthy",
                                     "Origin: https://a.example\r\n",
                                     200,
                                     "Access-Control-Allow-Origin: https://a.example",
                                     NULL};
    check_calls(&f, &call, 1);
    client_call(f.port, "GET", "/-/healthy", "Origin: https://aXexample\r\n", str_make(NULL, 0),
                &a);
    assert_false(contains(a.head, "Access-Control"));
    answer_release(&a);
    fixture_release(&f);
}

static void with_prefix(struct web_options *o)
{
    o->route_prefix = "/lapwing/";
    o->enable_lifecycle = false;
    o->enable_remote_write = false;
}

static void prefix_and_disabled_parts(void **state)
{
    (void)state;
    static const struct call calls[] = {
        {"GET", "/lapwing/-/healthy", NULL, 200, NULL, NULL},
        {"GET", "/-/healthy", NULL, 404, NULL, NULL},
        {"GET", "/lapwingx/-/healthy", NULL, 404, NULL, NULL},
        {"POST", "/lapwing/-/reload", NULL, 403, NULL, "Lifecycle API is not enabled.\n"},
        {"PUT", "/lapwing/-/quit", NULL, 403, NULL, "Lifecycle API is not enabled.\n"},
        {"POST", "/lapwing/api/v1/write", NULL, 404, NULL, NULL},
        {"GET", "/lapwing/api/v1/otlp/v1/metrics", NULL, 405, NULL, NULL},
        {"POST", "/lapwing/api/v1/otlp/v1/metrics", NULL, 404, NULL,
         "OTLP is not supported yet: send metrics by remote write to /api/v1/write\n"},
        {"POST", "/lapwing/api/v1/admin/tsdb/snapshot", NULL, 503, NULL,
         "{\"status\":\"error\",\"errorType\":\"unavailable\",\"error\":\"admin APIs disabled\"}"},
    };
    struct fixture f;
    fixture_init(&f, with_prefix);
    check_calls(&f, calls, COUNT_OF(calls));
    fixture_release(&f);
}

// With the UI the root leads to it, by the external URL's path; without, it names the API.
static void check_root(struct fixture *f, const char *root, const char *pages)
{
    struct answer a;
    char target[64];
    get(f, root, &a);
    assert_int_equal(a.status, ui_asset_count ? 302 : 200);
    assert_true(contains(ui_asset_count ? a.head : a.body,
                         ui_asset_count ? "Location: /query" : "/api/v1/query_range"));
    answer_release(&a);
    snprintf(target, sizeof(target), "%s/alerts", pages);
    get(f, target, &a);
    assert_int_equal(a.status, ui_asset_count ? 200 : 404);
    answer_release(&a);
    snprintf(target, sizeof(target), "%s/assets/nothing.js", pages);
    get(f, target, &a);
    assert_int_equal(a.status, 404);
    answer_release(&a);
}

static void root_page(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, NULL);
    check_root(&f, "/", "");
    fixture_release(&f);
    fixture_init(&f, with_prefix);
    check_root(&f, "/", "/lapwing");
    check_root(&f, "/lapwing", "/lapwing");
    check_root(&f, "/lapwing/", "/lapwing");
    fixture_release(&f);
}

// The UI's document names its script, which is served for ever under that name.
static void ui_files(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, NULL);
    for (size_t i = 0; i < ui_asset_count; i++) {
        struct answer a;
        char target[128], header[128];
        snprintf(target, sizeof(target), "/assets/%s", ui_assets[i].name);
        get(&f, target, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body.len, ui_assets[i].end - ui_assets[i].begin);
        assert_true(contains(a.head, "Content-Encoding: gzip"));
        assert_true(contains(a.head, ui_assets[i].content_type));
        answer_release(&a);
        snprintf(header, sizeof(header), "If-None-Match: %s\r\n", ui_assets[i].etag);
        client_call(f.port, "GET", target, header, str_make(NULL, 0), &a);
        assert_int_equal(a.status, 304);
        assert_int_equal(a.body.len, 0);
        answer_release(&a);
    }
    fixture_release(&f);
}

static void lifecycle(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, NULL);
    static const struct call good = {"POST", "/-/reload", NULL, 200, NULL, ""};
    static const struct call bad = {
        "PUT", "/-/reload", NULL, 500, NULL, "failed to reload config: prometheus.yml:1:1: bad\n"};
    static const struct call wrong = {"GET", "/-/reload", NULL, 405, "Allow: POST, PUT, OPTIONS",
                                      NULL};
    static const struct call quit = {"POST", "/-/quit", NULL, 200, NULL, NULL};
    check_calls(&f, &good, 1);
    f.reload_fails = true;
    check_calls(&f, &bad, 1);
    check_calls(&f, &wrong, 1);
    check_calls(&f, &quit, 1);
    assert_int_equal(f.reload_count, 2);
    assert_int_equal(f.quit_count, 1);
    fixture_release(&f);
}

static void bodies_are_limited(void **state)
{
    (void)state;
    struct fixture f;
    struct answer a;
    struct buf body = BUF_INIT;
    fixture_init(&f, NULL);
    buf_advance(&body, (memset(buf_reserve(&body, (1 << 20) + 1), 'a', (1 << 20) + 1), 1 << 20));
    post_form(&f, "/api/v1/query", buf_text(&body), &a);
    assert_int_equal(a.status, 400); // exactly the limit: read, but no query in it
    answer_release(&a);
    int fd = client_connect(f.port);
    client_send(fd, STR("POST /api/v1/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"));
    client_read(fd, &a);
    assert_int_equal(a.status, 413);
    answer_release(&a);
    close(fd);
    // Without a length in advance it is refused once it is too long.
    fd = client_connect(f.port);
    client_send(fd, STR("POST /api/v1/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n100001\r\n"));
    buf_char(&body, 'a');
    client_send(fd, buf_view(&body));
    client_send(fd, STR("\r\n0\r\n\r\n"));
    client_read(fd, &a);
    assert_int_equal(a.status, 413);
    answer_release(&a);
    close(fd);
    buf_release(&body);
    fixture_release(&f);
}

static void hostile_requests(void **state)
{
    (void)state;
    struct fixture f;
    struct buf text = BUF_INIT;
    fixture_init(&f, NULL);
    for (int i = 0; i < 200000; i++)
        buf_char(&text, 'x');
    const struct str requests[] = {
        STR("\r\n\r\n"),
        STR("GET\r\n\r\n"),
        STR("GET / HTTP/9.9\r\n\r\n"),
        STR("\x16\x03\x01\x02\x00\x01"),
        buf_view(&text),
        STR("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        STR("POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nquery=1"),
    };
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct answer a;
        int fd = client_connect(f.port);
        client_send(fd, requests[i]);
        shutdown(fd, SHUT_WR);
        client_read(fd, &a);
        assert_true(a.status == 0 || a.status >= 400);
        answer_release(&a);
        close(fd);
    }
    static const struct call alive = {"GET", "/-/healthy", NULL, 200, NULL, NULL};
    check_calls(&f, &alive, 1);
    buf_release(&text);
    fixture_release(&f);
}

static void bad_options(void **state)
{
    (void)state;
    struct web_server *web;
    struct error err;
    struct web_options o = {.external_url = "http://x", .cors_origin = "(", .max_connections = 1};
    o.metrics = metrics_new();
    o.clock = &clock_system;
    o.listen_address = "127.0.0.1:0";
    assert_int_not_equal(web_server_start(&web, &o, &err), OK);
    assert_non_null(strstr(err.text, "CORS origin pattern"));
    o.cors_origin = "";
    o.listen_address = "nowhere";
    assert_int_not_equal(web_server_start(&web, &o, &err), OK);
    assert_non_null(strstr(err.text, "nowhere"));
    metrics_free(o.metrics);
}

static void own_metrics(void **state)
{
    (void)state;
    struct fixture f;
    struct answer a;
    fixture_init(&f, NULL);
    get(&f, "/-/healthy", &a);
    answer_release(&a);
    get(&f, "/metrics", &a);
    assert_true(
        contains(a.body, "lapwing_http_requests_total{handler=\"/-/healthy\",code=\"200\"} 1"));
    assert_true(contains(a.body, "\nprocess_resident_memory_bytes "));
    assert_true(contains(a.body, "\nprocess_start_time_seconds 1"));
    assert_true(contains(a.body, "\nlapwing_build_info{version="));
    answer_release(&a);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routing),          cmocka_unit_test(headers),
        cmocka_unit_test(cors_by_pattern),  cmocka_unit_test(prefix_and_disabled_parts),
        cmocka_unit_test(root_page),        cmocka_unit_test(ui_files),
        cmocka_unit_test(lifecycle),        cmocka_unit_test(bodies_are_limited),
        cmocka_unit_test(hostile_requests), cmocka_unit_test(bad_options),
        cmocka_unit_test(own_metrics),
    };
    return UNIT_RUN(tests);
}
