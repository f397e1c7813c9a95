// An HTTP/1.1 answer as it comes in, taken apart where it lies.
//
// Understands what exporters send: status 200, a length or chunks. All else is told apart and left
// to somebody who knows more.
#ifndef SCRAPE_HTTP_ANSWER_H
#define SCRAPE_HTTP_ANSWER_H

#include "base/buf.h"

enum http_progress {
    HTTP_MORE, // is to come
    HTTP_DONE,
    HTTP_ODD, // not understood
};

enum http_part {
    HTTP_HEAD,
    HTTP_SIZED_BODY,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END,
    HTTP_TRAILER,
    HTTP_END,
};

struct http_field {
    size_t at, len; // in the bytes
};

// Zeroed at the start. Bytes are appended to `bytes`, then http_answer_feed() is called.
struct http_answer {
    struct buf bytes; // owned: the head, the body decoded so far, bytes not yet looked at
    enum http_part part;
    size_t head_size;
    size_t body_size;
    size_t next;   // first byte not looked at
    uint64_t left; // bytes of the body, or of the chunk, to come
    struct http_field reason, content_type;
    bool closes; // the connection is of no more use
    bool gzip;   // the body is compressed
};

enum http_progress http_answer_feed(struct http_answer *a);
// Bytes came that belong to no answer.
bool http_answer_has_surplus(const struct http_answer *a);
// Borrowed from `bytes`.
struct str http_answer_body(const struct http_answer *a);
struct str http_answer_field(const struct http_answer *a, struct http_field field);

#endif
