// The delivery threads and the real wire, against a small HTTP server on a thread of its own: away
// at first, then answering 500, then 200.
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alerting/alertmanager.h"
#include "base/log.h"
#include "wire_transfer.h"

#define PATIENCE_MS 20000

struct server {
    int fd;
    uint16_t port;
    const int *statuses; // one a request, ended by 0
    const char *header;  // further header line
    struct buf requests;
    pthread_t thread;
};

static void server_bind(struct server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
}

// Reads head and body; false when nobody sends one in time.
static bool read_request(int fd, struct buf *out)
{
    size_t start = out->len;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    while (poll(&ready, 1, PATIENCE_MS) > 0) {
        ssize_t n = read(fd, buf_reserve(out, 4096), 4096);
        if (n <= 0)
            return false;
        buf_advance(out, (size_t)n);
        const char *text = buf_text(out) + start;
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "Content-Length: ");
        if (end && length && (long)strlen(end + 4) >= strtol(length + 16, NULL, 10))
            return true;
    }
    return false;
}

static void *serve(void *argument)
{
    struct server *s = argument;
    struct pollfd ready = {.fd = s->fd, .events = POLLIN};
    for (const int *status = s->statuses; *status; status++) {
        if (poll(&ready, 1, PATIENCE_MS) <= 0)
            break;
        int fd = accept(s->fd, NULL, NULL);
        if (read_request(fd, &s->requests))
            dprintf(fd, "HTTP/1.1 %d X\r\nContent-Length: 2\r\nConnection: close\r\n%s\r\nok",
                    *status, s->header);
        close(fd);
    }
    return NULL;
}

static void server_listen(struct server *s, const int *statuses)
{
    s->statuses = statuses;
    s->header = s->header ? s->header : "";
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
}

static void test_post(void **state)
{
    (void)state;
    static const int statuses[] = {429, 0};
    struct server s = {.header = "Retry-After: 7\r\n"};
    struct buf url = BUF_INIT;
    struct wire_reply reply = {0};
    struct error err = {0};
    server_bind(&s);
    server_listen(&s, statuses);
    buf_printf(&url, "http://127.0.0.1:%u/path", s.port);
    const struct config_http http = {.authorization_type = STR("Bearer"),
                                     .authorization.value = STR("token"),
                                     .follow_redirects = true};
    const struct wire_post what = {
        .url = buf_view(&url), .body = STR("{\"a\":1}"), .http = &http, .timeout_ms = PATIENCE_MS};
    struct wire_transfer *t = wire_transfer_new("Lapwing/test");
    struct wire wire = wire_transfer_wire(t);
    if (wire.post(wire.context, &what, &reply, &err))
        fail_msg("%s", err.text);
    server_stop(&s);
    assert_int_equal(reply.status, 429);
    assert_int_equal(reply.retry_after_ms, 7000);
    const char *request = buf_text(&s.requests);
    assert_non_null(strstr(request, "POST /path HTTP/1.1\r\n"));
    assert_non_null(strstr(request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(request, "Authorization: Bearer token\r\n"));
    assert_non_null(strstr(request, "User-Agent: Lapwing/test\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"a\":1}"));
    // Nobody listens any more.
    assert_int_not_equal(wire.post(wire.context, &what, &reply, &err), 0);
    assert_non_null(strstr(err.text, "connection refused"));
    wire_transfer_free(t);
    buf_release(&reply.body);
    buf_release(&s.requests);
    buf_release(&url);
}

static void put(struct alertmanager *a, int64_t now_ms)
{
    const struct label labels[] = {{STR("alertname"), STR("Down")}};
    const struct alert alert = {
        .labels = {labels, 1}, .starts_ms = now_ms, .ends_ms = now_ms + 3600000};
    alertmanager_put(a, &alert, 1, now_ms);
}

// An engine that delivers, for a configuration.
struct running {
    struct alertmanager_config *config;
    struct storage *storage;
    struct metrics *metrics;
    struct alertmanager *engine;
};

static void running_init(struct running *r, struct str yaml)
{
    struct buf warnings = BUF_INIT;
    struct storage_options storage_options;
    log_fd_set(-1);
    r->metrics = metrics_new();
    storage_options_init(&storage_options);
    storage_options.clock = &clock_system;
    storage_options.metrics = r->metrics;
    assert_int_equal(storage_open(&r->storage, &storage_options, NULL), 0);
    assert_int_equal(alertmanager_config_parse(&r->config, yaml, "t.yml", ".", &warnings, NULL), 0);
    const struct alertmanager_options options = {.storage = r->storage,
                                                 .clock = &clock_system,
                                                 .metrics = r->metrics,
                                                 .external_url = STR("http://x"),
                                                 .user_agent = "Lapwing/test",
                                                 .deliver = true};
    r->engine = alertmanager_new(&options);
    assert_int_equal(alertmanager_apply(r->engine, r->config, NULL), 0);
    int64_t now_ms = clock_wall_ms(&clock_system);
    put(r->engine, now_ms);
    (void)alertmanager_tick(r->engine, now_ms);
    buf_release(&warnings);
}

static void running_release(struct running *r)
{
    alertmanager_free(r->engine);
    storage_close(r->storage);
    metrics_free(r->metrics);
    alertmanager_config_unref(r->config);
}

static void test_threads(void **state)
{
    (void)state;
    static const int statuses[] = {500, 200, 0};
    struct server s = {0};
    struct running r;
    struct buf yaml = BUF_INIT;
    server_bind(&s);
    buf_printf(&yaml,
               "route: {receiver: hook, group_wait: 0s}\nreceivers:\n- name: hook\n"
               "  webhook_configs:\n  - url: http://127.0.0.1:%u/\n",
               s.port);
    running_init(&r, buf_view(&yaml)); // the first attempt finds nobody
    server_listen(&s, statuses);
    server_stop(&s);
    const char *request = strstr(buf_text(&s.requests), "\"groupKey\":\"{}:{}\"");
    assert_non_null(request);
    assert_non_null(strstr(request + 1, "\"groupKey\":\"{}:{}\"")); // and again after the 500
    running_release(&r);
    buf_release(&s.requests);
    buf_release(&yaml);
}

// However many receivers take a connection and never answer, another one is told in time.
static void test_slow_receivers(void **state)
{
    (void)state;
    static const int statuses[] = {200, 0};
    struct server s = {0}, silent = {0};
    struct running r;
    struct buf yaml = BUF_INIT;
    server_bind(&s);
    server_bind(&silent);
    assert_int_equal(listen(silent.fd, 64), 0);
    buf_cstr(&yaml, "route: {receiver: hook, group_wait: 0s}\nreceivers:\n- name: hook\n"
                    "  webhook_configs:\n");
    for (int i = 0; i < 12; i++)
        buf_printf(&yaml, "  - {url: 'http://127.0.0.1:%u/', timeout: 1m}\n", silent.port);
    buf_printf(&yaml, "  - url: http://127.0.0.1:%u/\n", s.port);
    server_listen(&s, statuses);
    running_init(&r, buf_view(&yaml));
    server_stop(&s); // waits for it, but not as long as the others do
    assert_non_null(strstr(buf_text(&s.requests), "\"groupKey\":\"{}:{}\""));
    running_release(&r);
    close(silent.fd);
    buf_release(&s.requests);
    buf_release(&yaml);
}

// Nor do pings that are not answered hold it up.
static void test_slow_pings(void **state)
{
    (void)state;
    static const int statuses[] = {200, 0};
    struct server s = {0}, silent = {0};
    struct running r;
    struct buf yaml = BUF_INIT;
    int fds[6];
    server_bind(&s);
    server_bind(&silent);
    assert_int_equal(listen(silent.fd, 64), 0);
    buf_printf(&yaml,
               "route: {receiver: hook, group_wait: 0s}\nreceivers:\n- name: hook\n"
               "  webhook_configs:\n  - url: http://127.0.0.1:%u/\n"
               "  heartbeat_configs:\n",
               s.port);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        buf_printf(&yaml, "  - {url: 'http://127.0.0.1:%u/', interval: 5m, timeout: 1m}\n",
                   silent.port);
    server_listen(&s, statuses);
    running_init(&r, buf_view(&yaml));
    struct pollfd ready = {.fd = silent.fd, .events = POLLIN};
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
        fds[i] = accept(silent.fd, NULL, NULL);
    }
    server_stop(&s);
    assert_non_null(strstr(buf_text(&s.requests), "\"groupKey\":\"{}:{}\""));
    running_release(&r);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    close(silent.fd);
    buf_release(&s.requests);
    buf_release(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_slow_receivers),
        cmocka_unit_test(test_slow_pings),
    };
    return UNIT_RUN(tests);
}
