// A request target and a form body: decoding never reads outside, keeps order and limits, and
// agrees with encoding everything it found.
//
// Input: the target up to the first newline, then the body: a multipart one if it begins with --X.
#include <assert.h>

#include "base/buf.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        buf_printf(out, "%%%02x", (unsigned char)s.ptr[i]);
}

static void check_round_trip(struct request *r)
{
    struct buf encoded = BUF_INIT;
    struct request again;
    struct error err;
    buf_cstr(&encoded, "/?");
    for (size_t i = 0; i < r->param_count; i++) {
        encode(&encoded, r->params[i].name);
        buf_char(&encoded, '=');
        encode(&encoded, r->params[i].value);
        buf_char(&encoded, '&');
    }
    request_init(&again);
    request_set_target(&again, buf_view(&encoded));
    assert(request_parse_params(&again, &err) == OK);
    assert(again.param_count == r->param_count);
    for (size_t i = 0; i < r->param_count; i++) {
        assert(str_eq(again.params[i].name, r->params[i].name));
        assert(str_eq(again.params[i].value, r->params[i].value));
    }
    request_release(&again);
    buf_release(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r;
    struct error err;
    struct str target, body;
    request_init(&r);
    str_cut(str_make((const char *)data, size), '\n', &target, &body);
    r.method = HTTP_POST;
    r.content_type = str_has_prefix(body, STR("--X")) ? STR("multipart/form-data; boundary=X")
                                                      : STR("application/x-www-form-urlencoded");
    r.body = body;
    request_set_target(&r, target);
    int rc = request_parse_params(&r, &err);
    assert(rc == OK || rc == ERR_INVALID || rc == ERR_LIMIT);
    assert(r.param_count <= PARAM_COUNT_MAX);
    if (rc == OK)
        check_round_trip(&r);
    header_accepts(body, "gzip");
    media_type(body);
    request_release(&r);
    return 0;
}
