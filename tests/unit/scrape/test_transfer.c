// Requests to a real server on a thread.
#include "peer.h"

#include "base/compress.h"

struct exchange {
    const char *answer;
    bool hangs;
    int64_t timeout_ms;
    int code;
    const char *text;
};

static void test_answers(void **state)
{
    (void)state;
    static const struct exchange cases[] = {
        {OK_HEAD "\r\na 1\n", false, 10000, OK, "OK|text/plain|a 1\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 10000, OK, "OK||"},
        {"HTTP/1.1 401 Who are you\r\nContent-Length: 0\r\n\r\n", false, 10000, OK,
         "Who are you||"},
        {"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", false, 10000, OK, "Not Found||"},
        {"HTTP/1.1 100 Continue\r\nContent-Type: a/b\r\n\r\n"
         "HTTP/1.1 200 Fine\r\nContent-Length: 1\r\n\r\nx",
         false, 10000, OK, "Fine||x"},
        {"", false, 10000, ERR_UNAVAILABLE, "EOF"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx", false, 10000, ERR_UNAVAILABLE,
         "unexpected EOF"},
        {OK_HEAD "\r\na 1\n", true, 50, ERR_TIMEOUT, "context deadline exceeded"},
        {"garbage\r\n\r\n", false, 10000, ERR_UNAVAILABLE, NULL},
        {OK_HEAD "Content-Encoding: gzip\r\n\r\nnot gzip", false, 10000, ERR_UNAVAILABLE, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct peer p = {.hangs = cases[i].hangs};
        struct outcome o = {.done = false};
        struct str answer = str_from(cases[i].answer);
        peer_start(&p, &answer, 1);
        struct transfer_request request = request_to(&p);
        request.timeout_ms = cases[i].timeout_ms;
        fetch(&request, &o);
        assert_int_equal(o.code, cases[i].code);
        if (cases[i].text)
            assert_string_equal(buf_text(&o.text), cases[i].text);
        else
            assert_true(o.text.len > 0);
        buf_release(&o.text);
        peer_stop(&p);
    }
}

static void test_size_limit(void **state)
{
    (void)state;
    struct buf plain = BUF_INIT, answer = BUF_INIT;
    for (int i = 0; i < 100000; i++)
        buf_cstr(&plain, "0123456789");
    // A small compressed body counts as what it becomes.
    for (int packed = 0; packed < 2; packed++) {
        buf_reset(&answer);
        buf_printf(&answer, OK_HEAD "%s\r\n", packed ? "Content-Encoding: gzip\r\n" : "");
        if (packed)
            gzip_compress(buf_view(&plain), &answer);
        else
            buf_str(&answer, buf_view(&plain));
        struct peer p = {.hangs = false};
        struct outcome o = {.done = false};
        struct str bytes = buf_view(&answer);
        peer_start(&p, &bytes, 1);
        struct transfer_request request = request_to(&p);
        fetch(&request, &o);
        assert_int_equal(o.code, ERR_LIMIT);
        assert_buf(&o.text, "body size limit exceeded");
        buf_release(&o.text);
        peer_stop(&p);
    }
    buf_release(&plain);
    buf_release(&answer);
}

static void test_gzip(void **state)
{
    (void)state;
    struct buf answer = BUF_INIT;
    buf_cstr(&answer, OK_HEAD "Content-Encoding: gzip\r\n\r\n");
    gzip_compress(STR("a 1\n"), &answer);
    struct peer p = {.hangs = false};
    struct outcome o = {.done = false};
    struct str bytes = buf_view(&answer);
    peer_start(&p, &bytes, 1);
    struct transfer_request request = request_to(&p);
    fetch(&request, &o);
    assert_buf(&o.text, "OK|text/plain|a 1\n");
    assert_non_null(strstr(buf_text(&p.asked), "Accept-Encoding: identity, gzip;q=0.5\r\n"));
    buf_release(&o.text);
    peer_stop(&p);
    buf_release(&answer);
}

static void test_redirects(void **state)
{
    struct prometheus_config *config = parse("follow_redirects: true");
    struct str answers[] = {STR("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Type: a/b\r\n"
                                "Content-Length: 4\r\nConnection: close\r\n\r\nbody"),
                            STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")};
    (void)state;
    for (int follow = 1; follow >= 0; follow--) {
        struct peer p = {.hangs = false};
        struct outcome o = {.done = false};
        peer_start(&p, answers, follow ? 2 : 1);
        struct transfer_request request = request_to(&p);
        config->scrapes[0].http.follow_redirects = follow;
        request.http = &config->scrapes[0].http;
        fetch(&request, &o);
        assert_buf(&o.text, follow ? "OK||x" : "Found|a/b|body");
        buf_release(&o.text);
        peer_stop(&p);
    }
    prometheus_config_unref(config);
}

static void test_credentials(void **state)
{
    static const struct {
        const char *job, *header;
    } cases[] = {
        {"basic_auth: {username: u, password: p}", "\r\nAuthorization: Basic dTpw\r\n"},
        {"authorization: {credentials: abc}", "\r\nAuthorization: Bearer abc\r\n"},
        {"authorization: {type: Token, credentials: abc}", "\r\nAuthorization: Token abc\r\n"},
        {"bearer_token: xyz", "\r\nAuthorization: Bearer xyz\r\n"},
        {"http_headers: {X-One: {values: [a, b], secrets: [c]}}",
         "\r\nX-One: a\r\nX-One: b\r\nX-One: c\r\n"},
        {"honor_labels: true", "\r\nUser-Agent: Test/1\r\n"},
    };
    struct str answer = STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct prometheus_config *config = parse(cases[i].job);
        struct peer p = {.hangs = false};
        struct outcome o = {.done = false};
        peer_start(&p, &answer, 1);
        struct transfer_request request = request_to(&p);
        request.http = &config->scrapes[0].http;
        fetch(&request, &o);
        assert_int_equal(o.status, 200);
        if (!strstr(buf_text(&p.asked), cases[i].header))
            fail_msg("%s: asked %s", cases[i].job, buf_text(&p.asked));
        buf_release(&o.text);
        peer_stop(&p);
        prometheus_config_unref(config);
    }
}

static void test_refused(void **state)
{
    struct transfer_request request = {.method = STR("GET"),
                                       .url = STR("http://127.0.0.1:1/metrics"),
                                       .timeout_ms = 5000,
                                       .response_max = 10};
    struct outcome o = {.done = false};
    (void)state;
    fetch(&request, &o);
    assert_int_equal(o.code, ERR_UNAVAILABLE);
    assert_buf(&o.text, "connect: connection refused");
    buf_release(&o.text);
}

static void test_refused_by_name(void **state)
{
    static const struct {
        const char *job, *url, *error;
    } cases[] = {
        {"oauth2: {client_id: c, client_secret_file: /none, token_url: 'http://t/'}", "http://h/",
         "open /none: No such file or directory"},
        {"tls_config: {ca_file: /none.pem}", "https://h/",
         "unable to load specified file /none.pem: no such file"},
        {"tls_config: {server_name: 'a b'}", "https://h/",
         "tls_config server_name \"a b\" is no host name"},
    };
    struct transfer_client *client = transfer_client_new("Test/1");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct prometheus_config *config = parse(cases[i].job);
        struct error err;
        struct transfer_request request = {.method = STR("GET"),
                                           .url = str_from(cases[i].url),
                                           .timeout_ms = 5000,
                                           .http = &config->scrapes[0].http};
        assert_true(transfer_start(client, &request, on_done, NULL, NULL, &err) < 0);
        assert_string_equal(err.text, cases[i].error);
        prometheus_config_unref(config);
    }
    transfer_client_free(client);
}

// proxy_connect_header goes to the proxy alone, http_headers to the server alone; of these each
// value, secret and file is a header.
static void test_proxy_headers(void **state)
{
    (void)state;
    struct str answers[] = {
        STR("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        STR(OK_HEAD "\r\nok")};
    static const char *const urls[] = {"https://h.invalid/", "http://h.invalid/"};
    struct peer p = {0};
    char job[512], file[] = "/tmp/lapwing-header-XXXXXX";
    int fd = mkstemp(file);
    assert_int_equal(write(fd, "e\n", 2), 2);
    close(fd);
    peer_start(&p, answers, COUNT_OF(answers));
    (void)snprintf(job, sizeof(job),
                   "proxy_url: '%.*s', proxy_connect_header: {X-Proxy: [a, b]}, http_headers: "
                   "{X-Server: {values: [c], secrets: [d1, d2], files: [%s]}}",
                   (int)strlen(p.url) - (int)strlen("/metrics"), p.url, file);
    struct prometheus_config *config = parse(job);
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct outcome o = {0};
        struct transfer_request request = request_to(&p);
        request.url = str_from(urls[i]);
        request.http = &config->scrapes[0].http;
        fetch(&request, &o);
        buf_release(&o.text);
    }
    pthread_join(p.thread, NULL);
    struct str asked = buf_view(&p.asked);
    assert_true(str_has_prefix(asked, STR("CONNECT h.invalid:443 ")));
    struct str tunnel = str_first(asked, str_search(asked, STR("GET http://h.invalid/ ")));
    assert_true(tunnel.len < asked.len);
    assert_true(str_search(tunnel, STR("X-Proxy: a\r\nX-Proxy: b\r\n")) < tunnel.len);
    assert_int_equal(str_search(tunnel, STR("X-Server")), tunnel.len);
    struct str request = str_skip(asked, tunnel.len);
    assert_int_equal(str_search(request, STR("X-Proxy")), request.len);
    assert_true(str_search(request, STR("X-Server: c\r\nX-Server: d1\r\nX-Server: d2\r\n"
                                        "X-Server: e\r\n")) < request.len);
    unlink(file);
    prometheus_config_unref(config);
    close(p.fd);
    buf_release(&p.asked);
}

// What is sent somewhere else is sent there whole, whatever kind of redirect it was.
static void test_redirected_post(void **state)
{
    (void)state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        char redirect[128];
        (void)snprintf(redirect, sizeof(redirect),
                       "HTTP/1.1 %d Elsewhere\r\nLocation: /there\r\nContent-Length: 0\r\n"
                       "Connection: close\r\n\r\n",
                       statuses[i]);
        struct str answers[] = {str_from(redirect), STR(OK_HEAD "\r\nok")};
        struct peer p = {0};
        peer_start(&p, answers, COUNT_OF(answers));
        const struct config_http http = {.follow_redirects = true};
        struct transfer_request request = request_to(&p);
        request.http = &http;
        request.method = STR("POST");
        request.body = STR("{\"alert\":1}");
        struct outcome o = {0};
        fetch(&request, &o);
        assert_int_equal(o.status, 200);
        pthread_join(p.thread, NULL);
        assert_int_equal(count_of(&p.asked, "POST /there HTTP"), 1);
        assert_int_equal(count_of(&p.asked, "{\"alert\":1}"), 2);
        close(p.fd);
        buf_release(&p.asked);
        buf_release(&o.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_by_name),
        cmocka_unit_test(test_proxy_headers),
        cmocka_unit_test(test_redirected_post),
    };
    return UNIT_RUN(tests);
}
