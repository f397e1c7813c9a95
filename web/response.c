#include "response.h"

#include <assert.h>

#include "base/compress.h"

// Below this a compressed answer saves no packet.
#define GZIP_SIZE_MIN 1400

void response_init(struct response *r)
{
    *r = (struct response){.status = 200};
    buf_init(&r->body, RESPONSE_BODY_MAX);
}

void response_release(struct response *r)
{
    buf_release(&r->body);
}

void response_header(struct response *r, const char *name, struct str value)
{
    assert(r->header_count < RESPONSE_HEADER_COUNT_MAX);
    r->headers[r->header_count++] = (struct response_header){name, value};
}

void response_text(struct response *r, int status, struct str text)
{
    r->status = status;
    r->content_type = "text/plain; charset=utf-8";
    r->fixed_body = (struct str){0};
    r->encoded = false;
    buf_reset(&r->body);
    buf_str(&r->body, text);
    buf_char(&r->body, '\n');
}

void response_gzip(struct response *r)
{
    if (r->encoded || r->fixed_body.ptr || r->body.len < GZIP_SIZE_MIN)
        return;
    struct buf packed = BUF_INIT;
    gzip_compress(buf_view(&r->body), &packed);
    buf_release(&r->body);
    r->body = packed;
    response_header(r, "Content-Encoding", STR("gzip"));
    response_header(r, "Vary", STR("Accept-Encoding"));
}
