// Tokens of OAuth 2: who is asked for one, how, and for how long it serves.
#include "peer.h"

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
        cmocka_unit_test(test_oauth2),          cmocka_unit_test(test_oauth2_apart),
        cmocka_unit_test(test_oauth2_redirect), cmocka_unit_test(test_oauth2_proxy),
        cmocka_unit_test(test_oauth2_fails),    cmocka_unit_test(test_oauth2_cancelled),
    };
    return UNIT_RUN(tests);
}
