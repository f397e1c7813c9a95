// Telegram: sendMessage of the bot API, which takes texts for booleans and numbers. The payload holds the message; the chat, which may stand in
// a file, and the token, which is part of the address, are put in when it is sent.
#include "base/json.h"
#include "render.h"

#define TIMEOUT_MS        INT64_C(30000)
#define MESSAGE_RUNES_MAX 4096
#define TOO_LONG                                                                                   \
    "Alertmanager notification could not be sent: message length exceeds Telegram limits. Please " \
    "check the template used for producing the message content."

// HTML cannot be cut anywhere: what is too long is replaced by a word about it.
static struct str message_of(struct render *r, const struct telegram_config *c)
{
    if (!str_is(c->parse_mode, "HTML"))
        return render_cut(r, c->message, MESSAGE_RUNES_MAX);
    struct buf html = BUF_INIT;
    notice_expand(r->notice, TEMPLATE_HTML, c->message, &html);
    struct str text = arena_copy(&r->arena, buf_view(&html));
    buf_release(&html);
    size_t runes = 0;
    for (size_t i = 0; i < text.len; i++)
        runes += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return runes > MESSAGE_RUNES_MAX ? STR(TOO_LONG) : text;
}

static int telegram_render(const struct integration *in, const struct notice *notice,
                           struct buf *payload, struct error *err)
{
    (void)err;
    const struct telegram_config *c = in->config;
    struct render r;
    render_init(&r, notice, payload);
    json_object_begin(&r.json);
    render_str(&r, "text", message_of(&r, c));
    if (c->parse_mode.len)
        render_str(&r, "parse_mode", c->parse_mode);
    render_str(&r, "disable_web_page_preview", STR("true"));
    if (c->disable_notifications)
        render_str(&r, "disable_notification", STR("true"));
    if (c->message_thread_id)
        render_str(&r, "message_thread_id",
                   arena_printf(&r.arena, "%lld", (long long)c->message_thread_id));
    json_object_end(&r.json);
    render_release(&r);
    return 0;
}

static int make_request(const struct telegram_config *c, struct str payload, struct buf *url,
                        struct buf *body, struct error *err)
{
    struct buf token = BUF_INIT, chat = BUF_INIT;
    int64_t id;
    int rc = secret_read(&c->bot_token, &token, err);
    if (rc == 0)
        rc = secret_read(&c->chat_id, &chat, err);
    if (rc == 0 && !str_to_i64(buf_view(&chat), &id))
        rc = error_set(err, ERR_INVALID, "the chat id is no number");
    if (rc == 0 && payload.len > 1) {
        buf_printf(url, "%.*s/bot%s/sendMessage", STR_ARG(c->api_url), buf_text(&token));
        buf_printf(body, "{\"chat_id\":\"%lld\",", (long long)id);
        buf_str(body, str_skip(payload, 1));
    }
    buf_release(&token);
    buf_release(&chat);
    return rc;
}

// {"ok": false, "description": "...", "parameters": {"retry_after": 30}}
static void read_pause(struct send_result *out, struct str body)
{
    struct json *document;
    if (out->outcome != OUTBOX_RETRY || json_parse(&document, body, NULL))
        return;
    double seconds = json_number(json_get(json_get(document, "parameters"), "retry_after"));
    if (seconds > 0 && seconds < 86400)
        out->retry_after_ms = (int64_t)(seconds * 1000);
    json_free(document);
}

static void telegram_send(const struct integration *in, struct str payload, const struct wire *wire,
                          struct send_result *out)
{
    const struct telegram_config *c = in->config;
    struct wire_reply reply = {0};
    struct buf url = BUF_INIT, body = BUF_INIT;
    if (make_request(c, payload, &url, &body, &out->err)) {
        out->outcome = OUTBOX_RETRY;
    } else {
        const struct wire_post post = {
            .url = buf_view(&url),
            .body = buf_view(&body),
            .http = &c->http,
            .timeout_ms = c->timeout_ms ? c->timeout_ms : TIMEOUT_MS,
        };
        int rc = wire->post(wire->context, &post, &reply, &out->err);
        send_result_http(out, rc, &reply);
        read_pause(out, buf_view(&reply.body));
    }
    buf_release(&reply.body);
    buf_release(&body);
    buf_release(&url);
}

const struct integration_kind integration_telegram = {
    .name = "telegram",
    .render = telegram_render,
    .send = telegram_send,
};
