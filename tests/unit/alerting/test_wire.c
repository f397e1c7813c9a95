// The wire's HTTP clients: one for each thread that is sending, and kept, with its connections, for
// whoever sends next. The server answers a round of requests once all of it has come, so that a
// round has as many threads sending at once as it has requests.
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire_transfer.h"

#define CONNECTIONS_MAX 8
#define PATIENCE_MS     60000

struct server {
    int fd;
    uint16_t port;
    const int *rounds; // requests of each, ended by 0
    pthread_t thread;
    int connections[CONNECTIONS_MAX];
    int accepted;
};

static void server_accept(struct server *s)
{
    assert_true(s->accepted < CONNECTIONS_MAX);
    s->connections[s->accepted++] = accept(s->fd, NULL, NULL);
}

// A request has come once its body has, which ends in a brace.
static void take_requests(struct server *s, bool *asking, int *count)
{
    struct pollfd fds[CONNECTIONS_MAX + 1] = {{.fd = s->fd, .events = POLLIN}};
    char bytes[4096];
    int accepted = s->accepted;
    for (int i = 0; i < accepted; i++)
        fds[i + 1] = (struct pollfd){.fd = asking[i] ? -1 : s->connections[i], .events = POLLIN};
    if (poll(fds, (nfds_t)accepted + 1, PATIENCE_MS) <= 0)
        abort(); // nobody sends what is waited for
    if (fds[0].revents)
        server_accept(s);
    for (int i = 0; i < accepted; i++) {
        ssize_t len = fds[i + 1].revents ? read(s->connections[i], bytes, sizeof(bytes)) : 0;
        if (len > 0 && bytes[len - 1] == '}') {
            asking[i] = true;
            ++*count;
        }
    }
}

static void *serve(void *argument)
{
    struct server *s = argument;
    for (const int *round = s->rounds; *round; round++) {
        bool asking[CONNECTIONS_MAX] = {false};
        int count = 0;
        while (count < *round)
            take_requests(s, asking, &count);
        for (int i = 0; i < s->accepted; i++)
            if (asking[i])
                dprintf(s->connections[i], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    return NULL;
}

static void server_start(struct server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    s->port = ntohs(address.sin_port);
    assert_int_equal(listen(s->fd, CONNECTIONS_MAX), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    pthread_join(s->thread, NULL);
    for (int i = 0; i < s->accepted; i++)
        close(s->connections[i]);
    close(s->fd);
}

struct sender {
    struct wire wire;
    uint16_t port;
    pthread_t thread;
    int status;
};

static void *send_one(void *argument)
{
    struct sender *sender = argument;
    struct buf url = BUF_INIT;
    struct wire_reply reply = {0};
    struct error err;
    buf_printf(&url, "http://127.0.0.1:%u/", sender->port);
    const struct wire_post what = {
        .url = buf_view(&url), .body = STR("{}"), .timeout_ms = PATIENCE_MS};
    if (sender->wire.post(sender->wire.context, &what, &reply, &err) == OK)
        sender->status = reply.status;
    buf_release(&reply.body);
    buf_release(&url);
    return NULL;
}

static void send_round(struct wire wire, uint16_t port, int count)
{
    struct sender senders[CONNECTIONS_MAX];
    for (int i = 0; i < count; i++) {
        senders[i] = (struct sender){.wire = wire, .port = port};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_one, &senders[i]), 0);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(senders[i].thread, NULL);
        assert_int_equal(senders[i].status, 200);
    }
}

static void test_connections_are_kept(void **state)
{
    static const struct {
        int rounds[6]; // how many send at once
        int connections;
    } cases[] = {
        {{1, 1, 1, 1, 0}, 1},
        {{3, 0}, 3},
        {{3, 2, 1, 3, 2, 0}, 3},
        {{1, 2, 3, 3, 1, 0}, 3},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct server s = {.rounds = cases[i].rounds};
        struct wire_transfer *t = wire_transfer_new("Lapwing/test");
        server_start(&s);
        for (const int *round = cases[i].rounds; *round; round++)
            send_round(wire_transfer_wire(t), s.port, *round);
        server_stop(&s);
        assert_int_equal(s.accepted, cases[i].connections);
        wire_transfer_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections_are_kept),
    };
    return UNIT_RUN(tests);
}
