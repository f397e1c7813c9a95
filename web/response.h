// What a handler answers: status, headers, body.
#ifndef WEB_RESPONSE_H
#define WEB_RESPONSE_H

#include "base/buf.h"

#define RESPONSE_HEADER_COUNT_MAX 20
// A larger body becomes an error.
#define RESPONSE_BODY_MAX ((size_t)256 << 20)

struct response_header {
    const char *name;
    struct str value; // static, or in the request's arena
};

struct response {
    int status;
    const char *content_type; // static, or in the request's arena; NULL: none
    struct buf body;          // owned
    struct str fixed_body;    // used instead of `body` when its ptr is not NULL; static
    struct response_header headers[RESPONSE_HEADER_COUNT_MAX];
    size_t header_count;
    bool encoded;  // the body has a Content-Encoding of its own already
    bool deferred; // nothing yet: it takes longer than a brief request may
};

void response_init(struct response *r); // 200, no body
void response_release(struct response *r);
void response_header(struct response *r, const char *name, struct str value);
// Replaces the whole answer by a line of text.
void response_text(struct response *r, int status, struct str text);
// Compresses the body when that pays: not for small ones, nor ones that are encoded already.
void response_gzip(struct response *r);

#endif
