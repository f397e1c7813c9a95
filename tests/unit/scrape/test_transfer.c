// Requests to a real server on a thread, which answers each connection with the bytes it was given
// and keeps what it was asked.
#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compress.h"
#include "config/prometheus.h"
#include "scrape/transfer.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"

struct peer {
    pthread_t thread;
    int fd;
    char url[64];
    struct str *answers; // one a connection
    size_t answer_count;
    bool hangs; // keeps the last connection open until the client closes it
    struct buf asked;
};

static void serve_one(struct peer *p, size_t index)
{
    char bytes[4096];
    int fd = accept(p->fd, NULL, NULL);
    ssize_t len = recv(fd, bytes, sizeof(bytes), 0);
    if (len > 0)
        buf_append(&p->asked, bytes, (size_t)len);
    struct str answer = p->answers[index];
    while (answer.len) {
        ssize_t sent = send(fd, answer.ptr, answer.len, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        answer = str_skip(answer, (size_t)sent);
    }
    if (p->hangs)
        while (recv(fd, bytes, sizeof(bytes), 0) > 0)
            ;
    close(fd);
}

static void *serve(void *argument)
{
    struct peer *p = argument;
    for (size_t i = 0; i < p->answer_count; i++)
        serve_one(p, i);
    return NULL;
}

static void peer_start(struct peer *p, struct str *answers, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(p->fd, 8), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&address, &size), 0);
    snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d/metrics", ntohs(address.sin_port));
    p->answers = answers;
    p->answer_count = count;
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static void peer_stop(struct peer *p)
{
    pthread_join(p->thread, NULL);
    close(p->fd);
    buf_release(&p->asked);
}

struct outcome {
    bool done;
    int code;
    long status;
    struct buf text; // "reason|content type|body", or the failure's text
};

static void on_done(void *context, const struct transfer_result *r)
{
    struct outcome *o = context;
    o->done = true;
    o->code = r->code;
    o->status = r->status;
    if (r->code)
        buf_cstr(&o->text, r->text);
    else
        buf_printf(&o->text, "%.*s|%.*s|%.*s", STR_ARG(r->reason), STR_ARG(r->content_type),
                   STR_ARG(r->body));
}

static void fetch(const struct transfer_request *request, struct outcome *o)
{
    struct transfer_client *client = transfer_client_new("Test/1");
    struct error err;
    if (transfer_start(client, request, on_done, o, NULL, &err))
        fail_msg("%s", err.text);
    while (!o->done)
        transfer_run(client, 100);
    transfer_client_free(client);
}

static struct transfer_request request_to(const struct peer *p)
{
    return (struct transfer_request){.method = STR("GET"),
                                     .url = str_from(p->url),
                                     .timeout_ms = 10000,
                                     .response_max = 1000,
                                     .encoding = TRANSFER_COMPRESSED};
}

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

static struct prometheus_config *parse(const char *job)
{
    struct prometheus_config *config;
    struct buf text = BUF_INIT;
    struct error err;
    buf_printf(&text, "scrape_configs: [{job_name: j, %s}]", job);
    if (prometheus_config_parse(&config, buf_view(&text), "p.yml", "/", NULL, &err))
        fail_msg("%s: %s", job, err.text);
    buf_release(&text);
    return config;
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

#define TOKEN(text, seconds)                                                                       \
    STR_INIT(OK_HEAD "\r\n{\"access_token\": \"" text "\", \"token_type\": \"bearer\", "           \
                     "\"expires_in\": " seconds "}")

static void fetch_with(struct transfer_client *client, const struct transfer_request *request,
                       long status)
{
    struct outcome o = {0};
    struct error err;
    if (transfer_start(client, request, on_done, &o, NULL, &err))
        fail_msg("%s", err.text);
    while (!o.done)
        transfer_run(client, 100);
    if (o.code)
        fail_msg("%s", buf_text(&o.text));
    assert_int_equal(o.status, status);
    buf_release(&o.text);
}

static size_t count_of(const struct buf *b, const char *text)
{
    size_t count = 0;
    struct str rest = buf_view(b);
    for (size_t at; (at = str_search(rest, str_from(text))) < rest.len; count++)
        rest = str_skip(rest, at + 1);
    return count;
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

// The credentials go as basic authentication first, in the form to who wants them there; the token
// is used until it expires or is not taken any more.
static void test_oauth2(void **state)
{
    (void)state;
    struct str answers[] = {
        STR("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        TOKEN("first", "3600"),
        STR(OK_HEAD "\r\n1"),
        STR(OK_HEAD "\r\n2"),
        STR("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        TOKEN("second", "\"5\""),
        STR(OK_HEAD "\r\n3"),
        TOKEN("third", "3600"),
        STR(OK_HEAD "\r\n4"),
    };
    struct peer p = {0};
    peer_start(&p, answers, COUNT_OF(answers));
    struct config_form_param param = {STR("audience"), STR("a b")};
    const struct config_oauth2 oauth2 = {.client_id = STR("me:too"),
                                         .client_secret.value = STR("s&t"),
                                         .token_url = str_from(p.url),
                                         .scopes = STR("read write"),
                                         .params = &param,
                                         .param_count = 1,
                                         .http.follow_redirects = true};
    const struct config_http http = {.oauth2 = &oauth2};
    struct transfer_request request = request_to(&p);
    request.http = &http;
    struct transfer_client *client = transfer_client_new("Test/1");
    static const long statuses[] = {200, 200, 401, 200, 200};
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        fetch_with(client, &request, statuses[i]);
    transfer_client_free(client);
    pthread_join(p.thread, NULL);
    const char *form = "grant_type=client_credentials&scope=read%20write&audience=a%20b";
    assert_int_equal(count_of(&p.asked, form), 4);
    assert_int_equal(count_of(&p.asked, "Authorization: Basic bWUlM0F0b286cyUyNnQ="), 1);
    assert_int_equal(count_of(&p.asked, "&client_id=me%3Atoo&client_secret=s%26t"), 3);
    assert_int_equal(count_of(&p.asked, "Authorization: Bearer first"), 3);
    assert_int_equal(count_of(&p.asked, "Authorization: Bearer second"), 1);
    assert_int_equal(count_of(&p.asked, "Authorization: Bearer third"), 1);
    close(p.fd);
    buf_release(&p.asked);
}

// A token is for those who ask in the same way: the certificate belongs to it.
static void test_oauth2_apart(void **state)
{
    (void)state;
    struct str answers[] = {TOKEN("first", "3600"), STR(OK_HEAD "\r\n1"), TOKEN("second", "3600"),
                            STR(OK_HEAD "\r\n2"),   STR(OK_HEAD "\r\n3"), STR(OK_HEAD "\r\n4")};
    char file[] = "/tmp/lapwing-pem-XXXXXX";
    struct peer p = {0};
    close(mkstemp(file));
    peer_start(&p, answers, COUNT_OF(answers));
    struct config_oauth2 oauth2[2] = {
        {.client_id = STR("me"), .client_secret.value = STR("s"), .token_url = str_from(p.url)}};
    oauth2[1] = oauth2[0];
    oauth2[1].http.tls.cert.file = str_from(file);
    struct transfer_client *client = transfer_client_new("Test/1");
    for (size_t i = 0; i < 4; i++) {
        const struct config_http http = {.oauth2 = &oauth2[i % 2]};
        struct transfer_request request = request_to(&p);
        request.http = &http;
        fetch_with(client, &request, 200);
    }
    transfer_client_free(client);
    pthread_join(p.thread, NULL);
    assert_int_equal(count_of(&p.asked, "Authorization: Bearer first"), 2);
    assert_int_equal(count_of(&p.asked, "Authorization: Bearer second"), 2);
    unlink(file);
    close(p.fd);
    buf_release(&p.asked);
}

// Whoever a token's server redirects to gets the credentials when 307 or 308 ask for that alone.
static void test_oauth2_redirect(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *request;
        size_t forms;
    } cases[] = {{301, "GET /there HTTP", 1},
                 {302, "GET /there HTTP", 1},
                 {303, "GET /there HTTP", 1},
                 {307, "POST /there HTTP", 2},
                 {308, "POST /there HTTP", 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char redirect[128];
        (void)snprintf(redirect, sizeof(redirect),
                       "HTTP/1.1 %d Elsewhere\r\nLocation: /there\r\nContent-Length: 0\r\n"
                       "Connection: close\r\n\r\n",
                       cases[i].status);
        struct str answers[] = {str_from(redirect), TOKEN("first", "3600"), STR(OK_HEAD "\r\n1")};
        struct peer p = {0};
        peer_start(&p, answers, COUNT_OF(answers));
        const struct config_oauth2 oauth2 = {.client_id = STR("me"),
                                             .client_secret.value = STR("s"),
                                             .token_url = str_from(p.url),
                                             .http.follow_redirects = true};
        const struct config_http http = {.oauth2 = &oauth2};
        struct transfer_request request = request_to(&p);
        request.http = &http;
        struct transfer_client *client = transfer_client_new("Test/1");
        fetch_with(client, &request, 200);
        transfer_client_free(client);
        pthread_join(p.thread, NULL);
        assert_int_equal(count_of(&p.asked, cases[i].request), 1);
        assert_int_equal(count_of(&p.asked, "grant_type=client_credentials"), cases[i].forms);
        close(p.fd);
        buf_release(&p.asked);
    }
}

// The request for a token has a proxy of its own, with headers for it.
static void test_oauth2_proxy(void **state)
{
    (void)state;
    struct str answers[] = {
        STR("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")};
    struct peer p = {0};
    char job[512];
    peer_start(&p, answers, COUNT_OF(answers));
    (void)snprintf(job, sizeof(job),
                   "oauth2: {client_id: me, client_secret: s, token_url: 'https://h.invalid/', "
                   "proxy_url: '%.*s', proxy_connect_header: {X-Proxy: [a, b]}}",
                   (int)strlen(p.url) - (int)strlen("/metrics"), p.url);
    struct prometheus_config *config = parse(job);
    struct transfer_request request = request_to(&p);
    request.http = &config->scrapes[0].http;
    struct outcome o = {0};
    fetch(&request, &o);
    assert_int_equal(o.code, ERR_UNAVAILABLE);
    pthread_join(p.thread, NULL);
    assert_true(str_has_prefix(buf_view(&p.asked), STR("CONNECT h.invalid:443 ")));
    assert_int_equal(count_of(&p.asked, "X-Proxy: a\r\nX-Proxy: b\r\n"), 1);
    prometheus_config_unref(config);
    close(p.fd);
    buf_release(&p.asked);
    buf_release(&o.text);
}

static void test_oauth2_fails(void **state)
{
    (void)state;
    struct str answers[] = {
        STR("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        STR("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    };
    struct peer p = {0};
    peer_start(&p, answers, COUNT_OF(answers));
    const struct config_oauth2 oauth2 = {
        .client_id = STR("me"), .client_secret.value = STR("s"), .token_url = str_from(p.url)};
    const struct config_http http = {.oauth2 = &oauth2};
    struct transfer_request request = request_to(&p);
    request.http = &http;
    struct outcome o = {0};
    fetch(&request, &o);
    assert_int_equal(o.code, ERR_UNAVAILABLE);
    assert_string_equal(buf_text(&o.text), "oauth2: cannot fetch token: 403 Forbidden");
    buf_release(&o.text);
    peer_stop(&p);
}

// A client may go while a token is being asked for.
static void test_oauth2_cancelled(void **state)
{
    (void)state;
    struct str answers[] = {STR("")};
    struct peer p = {.hangs = true};
    peer_start(&p, answers, COUNT_OF(answers));
    const struct config_oauth2 oauth2 = {
        .client_id = STR("me"), .client_secret.value = STR("s"), .token_url = str_from(p.url)};
    const struct config_http http = {.oauth2 = &oauth2};
    struct transfer_request request = request_to(&p);
    request.http = &http;
    struct transfer_client *client = transfer_client_new("Test/1");
    struct outcome o = {0};
    struct error err;
    assert_int_equal(transfer_start(client, &request, on_done, &o, NULL, &err), OK);
    for (int i = 0; i < 3; i++)
        transfer_run(client, 10);
    transfer_client_free(client);
    assert_false(o.done);
    peer_stop(&p);
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
        cmocka_unit_test(test_oauth2),
        cmocka_unit_test(test_oauth2_apart),
        cmocka_unit_test(test_oauth2_redirect),
        cmocka_unit_test(test_oauth2_proxy),
        cmocka_unit_test(test_oauth2_fails),
        cmocka_unit_test(test_oauth2_cancelled),
    };
    return UNIT_RUN(tests);
}
