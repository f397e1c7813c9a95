// Requests one after the other to a server that keeps its connections: which go over the link, what
// it makes of the answers, and that whatever it can't do ends as well as without it.
#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compress.h"
#include "http_answer.h"
#include "scrape/transfer.h"

#define SIZED(length, body) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body
#define CHUNKED             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"

struct parsed {
    const char *text;
    enum http_progress progress;
    const char *body;
};

// Fed in pieces of `step` bytes.
static enum http_progress feed(struct http_answer *a, struct str text, size_t step)
{
    enum http_progress progress = HTTP_MORE;
    while (progress == HTTP_MORE && text.len) {
        size_t size = step < text.len ? step : text.len;
        buf_str(&a->bytes, str_first(text, size));
        text = str_skip(text, size);
        progress = http_answer_feed(a);
    }
    return progress;
}

static void check_parsed(const struct parsed *c, size_t step)
{
    struct http_answer a = {.part = HTTP_HEAD};
    enum http_progress progress = feed(&a, str_from(c->text), step);
    if (progress != c->progress)
        fail_msg("by %zu: %s: %d", step, c->text, (int)progress);
    if (c->body)
        assert_str(http_answer_body(&a), c->body);
    buf_release(&a.bytes);
}

static void test_answers_in_pieces(void **state)
{
    (void)state;
    static const struct parsed cases[] = {
        {SIZED("3", "a 1"), HTTP_DONE, "a 1"},
        {SIZED("0", ""), HTTP_DONE, ""},
        {SIZED("4", "a 1"), HTTP_MORE, NULL},
        {"HTTP/1.1 200\r\ncontent-length:1\r\n\r\nx", HTTP_DONE, "x"},
        {CHUNKED "\r\n2\r\nab\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", HTTP_DONE, "ab0123456789"},
        {CHUNKED "\r\n1\r\na\r\n0\r\nTrailer: 1\r\n\r\n", HTTP_DONE, "a"},
        {CHUNKED "Connection: keep-alive\r\n\r\n0\r\n\r\n", HTTP_DONE, ""},
        {CHUNKED "\r\n1\r\nab\r\n0\r\n\r\n", HTTP_ODD, NULL},
        {CHUNKED "\r\n\r\n", HTTP_ODD, NULL},
        {CHUNKED "\r\nxyz\r\n", HTTP_ODD, NULL},
        {CHUNKED "\r\n1000000000000000\r\n", HTTP_ODD, NULL},
        {CHUNKED "\r\n1\na\n", HTTP_ODD, NULL},
        {CHUNKED "Content-Length: 1\r\n\r\n", HTTP_ODD, NULL},
        {"HTTP/1.1 200 OK\r\n\r\n", HTTP_ODD, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP_ODD, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", HTTP_ODD, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n folded\r\n\r\nx", HTTP_ODD, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nnonsense\r\n\r\nx", HTTP_ODD, NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Encoding: br\r\n\r\nx", HTTP_ODD, NULL},
        {"HTTP/1.1 2000\r\nContent-Length: 0\r\n\r\n", HTTP_ODD, NULL},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", HTTP_ODD, NULL},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", HTTP_ODD, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t step = 1; step < 120; step++)
            check_parsed(&cases[i], step);
    }
}

static void test_long_heads_are_odd(void **state)
{
    (void)state;
    struct http_answer a = {.part = HTTP_HEAD};
    struct buf text = BUF_INIT;
    buf_cstr(&text, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; i++)
        buf_printf(&text, "X-%d: y\r\n", i);
    assert_int_equal(feed(&a, buf_view(&text), 100), HTTP_ODD);
    buf_release(&text);
    buf_release(&a.bytes);
}

#define ANSWERS_MAX 6
// What follows is sent compressed.
#define GZIP "gzip:"

// What the server says on one connection, then it closes it; NULL ends.
struct script {
    const char *answers[ANSWERS_MAX];
};

struct peer {
    pthread_t thread;
    int fd;
    char url[64];
    const struct script *scripts;
    size_t count;
    size_t accepted;
    struct buf asked; // of the last request
};

static bool read_request(struct peer *p, int fd)
{
    char byte;
    buf_reset(&p->asked);
    while (!str_has_suffix(buf_view(&p->asked), STR("\r\n\r\n"))) {
        if (recv(fd, &byte, 1, 0) != 1)
            return false;
        buf_char(&p->asked, byte);
    }
    return true;
}

// Half of it, and a little later the rest.
static void answer_in_halves(int fd, struct str answer)
{
    size_t half = answer.len / 2;
    send(fd, answer.ptr, half, MSG_NOSIGNAL);
    usleep(1000);
    send(fd, answer.ptr + half, answer.len - half, MSG_NOSIGNAL);
}

static void answer_one(int fd, struct str answer)
{
    struct buf packed = BUF_INIT, all = BUF_INIT;
    if (!str_has_prefix(answer, STR(GZIP))) {
        answer_in_halves(fd, answer);
        return;
    }
    gzip_compress(str_skip(answer, strlen(GZIP)), &packed);
    buf_printf(&all, CHUNKED "Content-Encoding: gzip\r\n\r\n%zx\r\n", packed.len);
    buf_str(&all, buf_view(&packed));
    buf_cstr(&all, "\r\n0\r\n\r\n");
    answer_in_halves(fd, buf_view(&all));
    buf_release(&packed);
    buf_release(&all);
}

static void *serve(void *argument)
{
    struct peer *p = argument;
    for (size_t i = 0; i < p->count; i++) {
        int fd = accept(p->fd, NULL, NULL);
        p->accepted++;
        for (size_t a = 0; a < ANSWERS_MAX && p->scripts[i].answers[a]; a++) {
            if (!read_request(p, fd))
                break;
            answer_one(fd, str_from(p->scripts[i].answers[a]));
        }
        close(fd);
    }
    return NULL;
}

static void peer_start(struct peer *p, const struct script *scripts, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *p = (struct peer){.scripts = scripts, .count = count};
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(p->fd, 8), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&address, &size), 0);
    snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d/metrics?a=b", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

static void peer_stop(struct peer *p, size_t accepted)
{
    pthread_join(p->thread, NULL);
    assert_int_equal(p->accepted, accepted);
    close(p->fd);
    buf_release(&p->asked);
}

struct outcome {
    bool done;
    struct buf text; // "status|body", or the failure's text
};

static void on_done(void *context, const struct transfer_result *r)
{
    struct outcome *o = context;
    o->done = true;
    if (r->code)
        buf_cstr(&o->text, r->text);
    else
        buf_printf(&o->text, "%ld|%.*s", r->status, STR_ARG(r->body));
}

static void expect(struct transfer_client *client, const struct peer *p, int64_t timeout_ms,
                   const char *expected)
{
    struct transfer_header header = {STR("X-Mine"), STR("yes")};
    struct transfer_request request = {.method = STR("GET"),
                                       .url = str_from(p->url),
                                       .headers = &header,
                                       .header_count = 1,
                                       .timeout_ms = timeout_ms,
                                       .response_max = 100,
                                       .encoding = TRANSFER_COMPRESSED};
    struct outcome o = {.done = false};
    struct error err;
    assert_int_equal(transfer_start(client, &request, on_done, &o, NULL, &err), OK);
    while (!o.done)
        transfer_run(client, 100);
    assert_buf(&o.text, expected);
    buf_release(&o.text);
}

// libcurl's connection, then the link's for all that follow.
static void test_a_connection_is_kept(void **state)
{
    (void)state;
    static const struct script scripts[] = {
        {{SIZED("1", "1")}},
        {{SIZED("1", "2"), CHUNKED "\r\n2\r\n33\r\n0\r\n\r\n", SIZED("1", "4")}},
    };
    struct peer p;
    struct transfer_client *client = transfer_client_new("Test/1");
    peer_start(&p, scripts, COUNT_OF(scripts));
    expect(client, &p, 10000, "200|1");
    expect(client, &p, 10000, "200|2");
    expect(client, &p, 10000, "200|33");
    expect(client, &p, 10000, "200|4");
    struct str asked = buf_view(&p.asked);
    assert_true(str_has_prefix(asked, STR("GET /metrics?a=b HTTP/1.1\r\nHost: 127.0.0.1:")));
    assert_true(str_search(asked, STR("\r\nUser-Agent: Test/1\r\n")) < asked.len);
    assert_true(str_search(asked, STR("\r\nX-Mine: yes\r\n")) < asked.len);
    assert_true(str_search(asked, STR("identity, gzip;q=0.5")) < asked.len);
    peer_stop(&p, 2);
    transfer_client_free(client);
}

static void test_compressed(void **state)
{
    (void)state;
    static const struct script scripts[] = {
        {{SIZED("1", "1")}},
        {{GZIP "two", GZIP "", SIZED("1", "4"),
          GZIP
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaa"}}};
    struct peer p;
    struct transfer_client *client = transfer_client_new("Test/1");
    peer_start(&p, scripts, COUNT_OF(scripts));
    expect(client, &p, 10000, "200|1");
    expect(client, &p, 10000, "200|two");
    expect(client, &p, 10000, "200|");
    expect(client, &p, 10000, "200|4");
    expect(client, &p, 10000, "body size limit exceeded");
    peer_stop(&p, 2);
    transfer_client_free(client);
}

// Closed while idle, in the middle of an answer, before one: the request is made again.
static void test_broken_connections(void **state)
{
    (void)state;
    static const struct script scripts[] = {
        {{SIZED("1", "1")}}, {{SIZED("1", "2")}}, {{SIZED("9", "3")}}, {{SIZED("1", "3")}}, {{""}},
        {{SIZED("1", "4")}},
    };
    struct peer p;
    struct transfer_client *client = transfer_client_new("Test/1");
    peer_start(&p, scripts, COUNT_OF(scripts));
    expect(client, &p, 10000, "200|1");
    expect(client, &p, 10000, "200|2");
    usleep(20000); // the close has come
    expect(client, &p, 10000, "200|3");
    expect(client, &p, 10000, "200|4");
    peer_stop(&p, 6);
    transfer_client_free(client);
}

static void test_odd_answers(void **state)
{
    (void)state;
    static const struct script scripts[] = {
        {{SIZED("1", "1")}},
        {{"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"}},
        {{"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n", SIZED("1", "3"), SIZED("1", "4")}},
    };
    struct peer p;
    struct transfer_client *client = transfer_client_new("Test/1");
    peer_start(&p, scripts, COUNT_OF(scripts));
    expect(client, &p, 10000, "200|1");
    expect(client, &p, 10000, "503|");
    expect(client, &p, 10000, "200|3");
    expect(client, &p, 10000, "200|4");
    peer_stop(&p, 3);
    transfer_client_free(client);
}

static void test_limits(void **state)
{
    (void)state;
    static const struct script scripts[] = {
        {{SIZED("1", "1")}},
        {{SIZED("101", "")}},
        {{SIZED("1", "3"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12", SIZED("1", "x")}},
    };
    struct peer p;
    struct transfer_client *client = transfer_client_new("Test/1");
    peer_start(&p, scripts, COUNT_OF(scripts));
    expect(client, &p, 10000, "200|1");
    expect(client, &p, 10000, "body size limit exceeded");
    expect(client, &p, 10000, "200|3");
    expect(client, &p, 50, "context deadline exceeded");
    peer_stop(&p, 3);
    transfer_client_free(client);
}

static void test_cancelled(void **state)
{
    (void)state;
    static const struct script scripts[] = {
        {{SIZED("1", "1")}}, {{SIZED("2", "2")}}, {{SIZED("1", "3")}}};
    struct peer p;
    struct outcome o = {.done = false};
    struct error err;
    struct transfer *running;
    struct transfer_client *client = transfer_client_new("Test/1");
    peer_start(&p, scripts, COUNT_OF(scripts));
    expect(client, &p, 10000, "200|1");
    struct transfer_request request = {.method = STR("GET"),
                                       .url = str_from(p.url),
                                       .timeout_ms = 10000,
                                       .response_max = 100,
                                       .encoding = TRANSFER_PLAIN};
    assert_int_equal(transfer_start(client, &request, on_done, &o, &running, &err), OK);
    transfer_run(client, 1);
    transfer_cancel(client, running);
    assert_false(o.done);
    expect(client, &p, 10000, "200|3");
    peer_stop(&p, 3);
    transfer_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_in_pieces),
        cmocka_unit_test(test_long_heads_are_odd),
        cmocka_unit_test(test_a_connection_is_kept),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_broken_connections),
        cmocka_unit_test(test_odd_answers),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cancelled),
    };
    return UNIT_RUN(tests);
}
