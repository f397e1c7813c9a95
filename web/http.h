// HTTP itself, by libmicrohttpd: connections, requests read whole, answers sent.
#ifndef WEB_HTTP_H
#define WEB_HTTP_H

#include "base/clock.h"
#include "base/error.h"
#include "base/pool.h"
#include "request.h"
#include "response.h"

struct http_server;
struct tls_identity;

struct http_options {
    int listen_fd; // taken, closed by http_server_stop() and by a failed start
    unsigned max_connections;
    int64_t read_timeout_ms; // of a connection that sends and takes nothing
    size_t body_max;
    const struct clock *clock;
    // TLS, if not NULL: a reference to what a new connection shows; on the polling thread.
    struct tls_identity *(*identity)(void *context);
    // On the polling thread, before the body is read: false refuses the request with *res.
    bool (*admit)(void *context, struct request *r, struct response *res);
    // On the polling thread, once the headers are known: the pool that handles this request, or
    // NULL to handle it right there (only what never waits).
    struct pool *(*lane)(void *context, struct request *r);
    // Besides, which of the pool's requests are first tried right there when none is running: handle()
    // is then called with r->brief, and once more on the pool if it sets res->deferred.
    bool (*may_be_brief)(void *context, const struct request *r);
    void (*handle)(void *context, struct request *r, struct response *res);
    void *context;
};

int http_server_start(struct http_server **out, const struct http_options *options,
                      struct error *err);
// Stops accepting; waits until running requests are answered, cancels them after 5 s.
void http_server_stop(struct http_server *s);
size_t http_server_connection_count(struct http_server *s);

#endif
