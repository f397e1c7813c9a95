// A server on a thread, which answers each connection with the bytes it was given and keeps what it
// was asked; and requests to it.
#ifndef SCRAPE_PEER_H
#define SCRAPE_PEER_H

#include "unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

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

static inline void serve_one(struct peer *p, size_t index)
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

static inline void *serve(void *argument)
{
    struct peer *p = argument;
    for (size_t i = 0; i < p->answer_count; i++)
        serve_one(p, i);
    return NULL;
}

static inline void peer_start(struct peer *p, struct str *answers, size_t count)
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

static inline void peer_stop(struct peer *p)
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

static inline void on_done(void *context, const struct transfer_result *r)
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

static inline void fetch(const struct transfer_request *request, struct outcome *o)
{
    struct transfer_client *client = transfer_client_new("Test/1");
    struct error err;
    if (transfer_start(client, request, on_done, o, NULL, &err))
        fail_msg("%s", err.text);
    while (!o->done)
        transfer_run(client, 100);
    transfer_client_free(client);
}

static inline struct transfer_request request_to(const struct peer *p)
{
    return (struct transfer_request){.method = STR("GET"),
                                     .url = str_from(p->url),
                                     .timeout_ms = 10000,
                                     .response_max = 1000,
                                     .encoding = TRANSFER_COMPRESSED};
}

static inline struct prometheus_config *parse(const char *job)
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

static inline size_t count_of(const struct buf *b, const char *text)
{
    size_t count = 0;
    struct str rest = buf_view(b);
    for (size_t at; (at = str_search(rest, str_from(text))) < rest.len; count++)
        rest = str_skip(rest, at + 1);
    return count;
}

#endif
