// One thread, one poll loop. What a host shows changes with the workload's interval, by the wall
// clock: all scrapers that come within an interval see the same values, so that stores which are
// compared side by side get the same data. A host's text is made when its first scraper of an
// interval comes, and packed when the first one wants it packed.
#include "targets_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compress.h"
#include "base/mem.h"
#include "exposition.h"
#include "interrupt.h"

#define PER_NETWORK     200
#define REQUEST_MAX     (64u << 10)
#define CATCH_UP_ROUNDS 1000

struct page {
    struct buf plain, packed;
    bool down;
};

struct host_pages {
    int64_t round;      // of the pages; -1: none yet
    struct page *pages; // per job
};

struct client {
    int fd;
    size_t target; // by the address that was called
    struct buf in, out;
    size_t sent;
    bool closing;
};

struct targets_server {
    struct workload workload;
    struct generator *generator;
    struct exposition *jobs;
    size_t job_count;
    struct host_pages *hosts;
    int64_t start_ms;
    int listener;
    unsigned port;
    struct client *clients;
    size_t client_count, client_capacity;
    struct pollfd *polls;
    size_t poll_capacity;
    uint64_t scrapes;
};

static int listen_on(struct targets_server *s, unsigned port, struct error *err)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof(address);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listener < 0)
        return error_set(err, err_from_errno(errno), "socket: %s", strerror(errno));
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(s->listener, (struct sockaddr *)&address, sizeof(address)) ||
        listen(s->listener, SOMAXCONN) ||
        getsockname(s->listener, (struct sockaddr *)&address, &size))
        return error_set(err, err_from_errno(errno), "listening on port %u: %s", port,
                         strerror(errno));
    s->port = ntohs(address.sin_port);
    return OK;
}

int targets_server_new(struct targets_server **out, const struct workload *w, unsigned port,
                       struct error *err)
{
    struct targets_server *s = mem_calloc(1, sizeof(*s));
    s->workload = *w;
    s->listener = -1;
    int result = generator_new(&s->generator, w, err);
    if (!result)
        result = listen_on(s, port, err);
    if (result) {
        targets_server_free(s);
        return result;
    }
    s->jobs = expositions_new(s->generator, &s->job_count);
    s->hosts = mem_calloc(w->hosts, sizeof(*s->hosts));
    for (unsigned i = 0; i < w->hosts; i++)
        s->hosts[i] = (struct host_pages){-1, mem_calloc(s->job_count, sizeof(struct page))};
    s->start_ms = clock_wall_ms(&clock_system);
    *out = s;
    return OK;
}

static void client_close(struct client *c)
{
    close(c->fd);
    buf_release(&c->in);
    buf_release(&c->out);
}

void targets_server_free(struct targets_server *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->client_count; i++)
        client_close(&s->clients[i]);
    for (unsigned i = 0; s->hosts && i < s->workload.hosts; i++) {
        for (size_t j = 0; j < s->job_count; j++) {
            buf_release(&s->hosts[i].pages[j].plain);
            buf_release(&s->hosts[i].pages[j].packed);
        }
        mem_free(s->hosts[i].pages);
    }
    if (s->listener >= 0)
        close(s->listener);
    expositions_free(s->jobs, s->job_count);
    generator_free(s->generator);
    mem_free(s->hosts);
    mem_free(s->clients);
    mem_free(s->polls);
    mem_free(s);
}

unsigned targets_server_port(const struct targets_server *s)
{
    return s->port;
}

uint64_t targets_server_scrapes(const struct targets_server *s)
{
    return s->scrapes;
}

void targets_server_config(const struct targets_server *s, struct buf *out)
{
    buf_printf(out,
               "global:\n  scrape_interval: %lldms\n  scrape_timeout: %lldms\nscrape_configs:\n",
               (long long)s->workload.interval_ms, (long long)s->workload.interval_ms);
    for (size_t j = 0; j < s->job_count; j++) {
        buf_printf(out, "- job_name: %.*s\n  static_configs:\n  - targets:\n",
                   STR_ARG(s->jobs[j].job));
        for (size_t host = 0; host < s->workload.hosts; host++) {
            size_t n = host * s->job_count + j;
            buf_printf(out, "    - 127.0.%zu.%zu:%u\n", 1 + n / PER_NETWORK, 1 + n % PER_NETWORK,
                       s->port);
        }
    }
}

// The page of a target in this interval. Intervals in which nobody came are gone through, so that
// counters have grown by as much as if somebody had; after a very long pause they are not.
static struct page *page_of(struct targets_server *s, size_t target)
{
    size_t host = target / s->job_count;
    struct host_pages *h = &s->hosts[host];
    int64_t round = (clock_wall_ms(&clock_system) - s->start_ms) / s->workload.interval_ms;
    struct scrape scrape;
    if (h->round == round)
        return &h->pages[target % s->job_count];
    for (int i = 0; h->round < round && i < CATCH_UP_ROUNDS; i++, h->round++)
        generator_scrape(s->generator, host, &scrape);
    h->round = round;
    for (size_t j = 0; j < s->job_count; j++) {
        struct page *p = &h->pages[j];
        buf_reset(&p->plain);
        buf_reset(&p->packed);
        p->down = !exposition_write(&s->jobs[j], s->generator, host, &scrape, &p->plain);
    }
    return &h->pages[target % s->job_count];
}

static void answer_text(struct client *c, const char *status, const char *encoding, struct str body)
{
    buf_printf(&c->out,
               "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
               "%sContent-Length: %zu\r\n\r\n",
               status, encoding, body.len);
    buf_str(&c->out, body);
}

static bool wants_gzip(struct str head)
{
    struct str line;
    while (str_next(&head, '\n', &line)) {
        struct str name, value;
        if (str_cut(line, ':', &name, &value) && str_eq_nocase(name, STR("accept-encoding")))
            return str_search(value, STR("gzip")) < value.len;
    }
    return false;
}

// "/metrics" is the target of the address that was called, "/12/metrics" number 12.
static bool target_of(const struct targets_server *s, struct str path, size_t called, size_t *out)
{
    struct str number;
    uint64_t n = called;
    path = str_first(path, str_find(path, '?'));
    if (str_has_suffix(path, STR("/metrics"))) {
        number = str_first(path, path.len - strlen("/metrics"));
        if (number.len && !str_to_u64(str_skip(number, 1), &n))
            return false;
        *out = (size_t)n;
        return n < s->workload.hosts * s->job_count;
    }
    return false;
}

static void answer(struct targets_server *s, struct client *c, struct str head)
{
    struct str line = str_first(head, str_find(head, '\r')), method, rest, path, protocol;
    size_t target;
    str_cut(line, ' ', &method, &rest);
    str_cut(rest, ' ', &path, &protocol);
    if (!str_is(method, "GET") || !target_of(s, path, c->target, &target)) {
        answer_text(c, "404 Not Found", "", STR("no such target\n"));
        return;
    }
    struct page *p = page_of(s, target);
    s->scrapes++;
    if (p->down) {
        answer_text(c, "503 Service Unavailable", "", STR("this scrape fails\n"));
    } else if (wants_gzip(head)) {
        if (!p->packed.len)
            gzip_compress(buf_view(&p->plain), &p->packed);
        answer_text(c, "200 OK", "Content-Encoding: gzip\r\n", buf_view(&p->packed));
    } else {
        answer_text(c, "200 OK", "", buf_view(&p->plain));
    }
}

static void read_requests(struct targets_server *s, struct client *c)
{
    char *room = buf_reserve(&c->in, 4096);
    ssize_t got = recv(c->fd, room, 4096, 0);
    if (got <= 0) {
        c->closing = got == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    buf_advance(&c->in, (size_t)got);
    for (;;) {
        struct str all = buf_view(&c->in);
        size_t end = str_search(all, STR("\r\n\r\n"));
        if (end == all.len) {
            c->closing |= all.len > REQUEST_MAX;
            return;
        }
        answer(s, c, str_first(all, end));
        memmove(c->in.ptr, c->in.ptr + end + 4, c->in.len - end - 4);
        buf_truncate(&c->in, c->in.len - end - 4);
    }
}

static void write_answers(struct client *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
        if (n < 0) {
            c->closing = errno != EAGAIN && errno != EINTR;
            return;
        }
        c->sent += (size_t)n;
    }
    buf_reset(&c->out);
    c->sent = 0;
}

static void accept_clients(struct targets_server *s)
{
    for (int fd; (fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        int on = 1;
        struct sockaddr_in called = {0};
        socklen_t size = sizeof(called);
        getsockname(fd, (struct sockaddr *)&called, &size);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        uint32_t address = ntohl(called.sin_addr.s_addr);
        uint32_t network = (address >> 8) & 0xff, number = address & 0xff;
        bool own = address >> 24 == 127 && network >= 1 && number >= 1 && number <= PER_NETWORK;
        MEM_GROW(s->clients, s->client_count, s->client_capacity);
        s->clients[s->client_count++] = (struct client){
            .fd = fd, .target = own ? (size_t)(network - 1) * PER_NETWORK + number - 1 : 0};
    }
}

static void drop_closed(struct targets_server *s)
{
    for (size_t i = s->client_count; i-- > 0;) {
        if (!s->clients[i].closing)
            continue;
        client_close(&s->clients[i]);
        s->clients[i] = s->clients[--s->client_count];
    }
}

static void poll_once(struct targets_server *s, int wait_ms)
{
    if (s->poll_capacity < s->client_count + 1) {
        s->poll_capacity = 2 * (s->client_count + 1);
        s->polls = mem_realloc(s->polls, s->poll_capacity, sizeof(*s->polls));
    }
    size_t count = s->client_count;
    s->polls[count] = (struct pollfd){.fd = s->listener, .events = POLLIN};
    for (size_t i = 0; i < count; i++) {
        struct client *c = &s->clients[i];
        s->polls[i] =
            (struct pollfd){.fd = c->fd, .events = c->sent < c->out.len ? POLLOUT : POLLIN};
    }
    if (poll(s->polls, count + 1, wait_ms) <= 0)
        return;
    for (size_t i = 0; i < count; i++) {
        if (s->polls[i].revents & (POLLIN | POLLHUP | POLLERR))
            read_requests(s, &s->clients[i]);
        if (!s->clients[i].closing)
            write_answers(&s->clients[i]);
    }
    if (s->polls[count].revents)
        accept_clients(s);
    drop_closed(s);
}

void targets_server_run(struct targets_server *s, int64_t wait_ms)
{
    int64_t end_ns = clock_mono_ns(&clock_system) + wait_ms * 1000000;
    for (int64_t left; !interrupted() && (left = end_ns - clock_mono_ns(&clock_system)) > 0;)
        poll_once(s, left > 200000000 ? 200 : (int)(left / 1000000) + 1);
}
