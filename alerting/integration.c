#include "integration.h"

#include "base/file.h"
#include "base/log.h"

#define SECRET_SIZE_MAX ((size_t)64 << 10)
#define BODY_QUOTED_MAX 256

void notice_expand(const struct notice *notice, enum template_mode mode, struct str text,
                   struct buf *out)
{
    if (text.len == 0)
        return;
    struct error err = {0};
    const struct template_input in = {.now_ms = notice->now_ms, .notification = notice->data};
    if (template_execute(notice->templates, mode, text, &in, out, &err) == 0)
        return;
    log_error("notification template failed", LOG_STR("receiver", notice->data->receiver),
              LOG_STR("group", notice->group_key), LOG_ERR(&err));
    buf_printf(out, "<error expanding template: %s>", err.text);
}

struct str notice_expand_in(const struct notice *notice, struct str text, struct arena *arena)
{
    struct buf out = BUF_INIT;
    notice_expand(notice, TEMPLATE_TEXT, text, &out);
    struct str copy = arena_copy(arena, buf_view(&out));
    buf_release(&out);
    return copy;
}

int secret_read(const struct config_secret *secret, struct buf *out, struct error *err)
{
    if (secret->file.len == 0) {
        buf_str(out, secret->value);
        return 0;
    }
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    buf_str(&path, secret->file);
    int rc = file_read(buf_text(&path), SECRET_SIZE_MAX, &bytes, err);
    if (rc == 0)
        buf_str(out, str_trim(buf_view(&bytes)));
    buf_release(&path);
    buf_release(&bytes);
    return rc;
}

void send_result_http(struct send_result *out, int rc, const struct wire_reply *reply)
{
    int status = reply->status;
    out->status = status;
    out->retry_after_ms = reply->retry_after_ms;
    if (rc) {
        bool never = rc == ERR_INVALID || rc == ERR_UNSUPPORTED;
        out->outcome = never ? OUTBOX_REFUSED : OUTBOX_UNREACHABLE;
        return;
    }
    if (status / 100 == 2) {
        out->outcome = OUTBOX_DELIVERED;
        return;
    }
    bool retry = status / 100 == 5 || status == 429 || status == 408;
    out->outcome = retry ? OUTBOX_RETRY : OUTBOX_REFUSED;
    struct str body = str_trim(buf_view(&reply->body));
    if (body.len > BODY_QUOTED_MAX)
        body.len = BODY_QUOTED_MAX;
    (void)error_set(&out->err, ERR_EXECUTION, "unexpected status code %d: %.*s", status,
                    STR_ARG(body));
}
