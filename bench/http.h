// One HTTP connection to one target, kept open between requests; blocking.
//
// Not safe for concurrent use: each thread that measures has its own.
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include "base/buf.h"
#include "base/error.h"

struct http;

struct http_request {
    const char *url;
    struct str body;            // with `content_type`: a POST; else a GET
    const char *content_type;   // NULL: GET
    const char *const *headers; // "Name: value", NULL at the end; may be NULL
    int64_t timeout_ms;
};

struct http_answer {
    long status;
    struct str body;     // borrowed until the next request
    int64_t duration_ns; // from the first byte sent, or the connect, to the last byte of the answer
};

struct http *http_new(void);
void http_free(struct http *h);
// ERR_UNAVAILABLE or ERR_TIMEOUT with the reason and the URL; whatever status came is OK.
int http_send(struct http *h, const struct http_request *request, struct http_answer *out,
              struct error *err);
// The next request opens a new connection.
void http_forget_connection(struct http *h);
// application/x-www-form-urlencoded, or a part of a path or query.
void http_escape(struct buf *out, struct str text);
// "host:port", "http://host:port/", ... as a URL with scheme and without slash at the end, on the
// heap; the path that it has stays.
char *http_base_url(const char *text);

#endif
