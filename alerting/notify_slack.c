// Slack: one attachment, as Alertmanager sends it, to an incoming webhook or, with an app token, to
// chat.postMessage.
//
// With update_message the notification log keeps channel and time stamp of a group's message, which
// later notifications change by chat.update until all of the group has ended. A message that is not
// there any more, or too old to be changed, is made anew.
#include "base/json.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "render.h"

#define SLACK_TIMEOUT_MS      INT64_C(30000)
#define SLACK_TITLE_RUNES_MAX 1024
#define ANSWER_SHOWN_MAX      200

struct slack_call {
    struct str url, body, token;
};

// What the web API says of the message that it made.
struct slack_answer {
    struct buf channel, ts;
    bool message_is_gone;
};

struct slack_writer {
    struct json_writer json;
    const struct notice *notice;
    struct buf scratch;
};

static struct str expand(struct slack_writer *w, struct str text)
{
    buf_reset(&w->scratch);
    notice_expand(w->notice, TEMPLATE_TEXT, text, &w->scratch);
    return buf_view(&w->scratch);
}

static void put_always(struct slack_writer *w, const char *key, struct str text)
{
    struct str value = expand(w, text);
    json_key(&w->json, key);
    json_str(&w->json, value);
}

static void put_if_any(struct slack_writer *w, const char *key, struct str text)
{
    struct str value = expand(w, text);
    if (value.len == 0)
        return;
    json_key(&w->json, key);
    json_str(&w->json, value);
}

// At most `max` code points, the last of them an ellipsis when something was cut.
static struct str truncate_runes(struct str text, size_t max, struct buf *out)
{
    size_t at = 0, runes = 0, cut = 0;
    while (at < text.len) {
        uint32_t code_point;
        size_t len = utf8_decode(str_skip(text, at), &code_point);
        if (++runes == max)
            cut = at;
        at += len ? len : 1;
    }
    if (runes <= max)
        return text;
    buf_reset(out);
    buf_str(out, str_first(text, cut));
    buf_cstr(out, "\xe2\x80\xa6");
    return buf_view(out);
}

static void put_title(struct slack_writer *w, struct str text)
{
    struct buf cut = BUF_INIT;
    struct str title = truncate_runes(expand(w, text), SLACK_TITLE_RUNES_MAX, &cut);
    if (title.len) {
        json_key(&w->json, "title");
        json_str(&w->json, title);
    }
    buf_release(&cut);
}

static void put_fields(struct slack_writer *w, const struct slack_config *config)
{
    if (config->field_count == 0)
        return;
    json_key(&w->json, "fields");
    json_array_begin(&w->json);
    for (size_t i = 0; i < config->field_count; i++) {
        const struct slack_field_config *field = &config->fields[i];
        json_object_begin(&w->json);
        put_if_any(w, "title", field->title);
        put_if_any(w, "value", field->value);
        json_key(&w->json, "short");
        json_bool(&w->json, field->is_short < 0 ? config->short_fields : field->is_short != 0);
        json_object_end(&w->json);
    }
    json_array_end(&w->json);
}

static void put_confirm(struct slack_writer *w, const struct slack_action_config *action)
{
    json_key(&w->json, "confirm");
    json_object_begin(&w->json);
    put_always(w, "text", action->confirm_text);
    put_if_any(w, "title", action->confirm_title);
    put_if_any(w, "ok_text", action->confirm_ok_text);
    put_if_any(w, "dismiss_text", action->confirm_dismiss_text);
    json_object_end(&w->json);
}

static void put_actions(struct slack_writer *w, const struct slack_config *config)
{
    if (config->action_count == 0)
        return;
    json_key(&w->json, "actions");
    json_array_begin(&w->json);
    for (size_t i = 0; i < config->action_count; i++) {
        const struct slack_action_config *action = &config->actions[i];
        json_object_begin(&w->json);
        put_if_any(w, "type", action->type);
        put_if_any(w, "text", action->text);
        put_if_any(w, "url", action->url);
        put_if_any(w, "style", action->style);
        put_if_any(w, "name", action->name);
        put_if_any(w, "value", action->value);
        if (action->has_confirm)
            put_confirm(w, action);
        json_object_end(&w->json);
    }
    json_array_end(&w->json);
}

static void put_mrkdwn_in(struct slack_writer *w, const struct slack_config *config)
{
    static const char *const defaults[] = {"fallback", "pretext", "text"};
    json_key(&w->json, "mrkdwn_in");
    json_array_begin(&w->json);
    for (size_t i = 0; i < config->mrkdwn_in_count; i++)
        json_str(&w->json, config->mrkdwn_in[i]);
    for (size_t i = 0; config->mrkdwn_in_count == 0 && i < 3; i++)
        json_cstr(&w->json, defaults[i]);
    json_array_end(&w->json);
}

static void put_attachment(struct slack_writer *w, const struct slack_config *config)
{
    json_object_begin(&w->json);
    put_title(w, config->title);
    put_if_any(w, "title_link", config->title_link);
    put_if_any(w, "pretext", config->pretext);
    put_always(w, "text", config->text);
    put_always(w, "fallback", config->fallback);
    put_always(w, "callback_id", config->callback_id);
    put_fields(w, config);
    put_actions(w, config);
    put_if_any(w, "image_url", config->image_url);
    put_if_any(w, "thumb_url", config->thumb_url);
    put_always(w, "footer", config->footer);
    put_if_any(w, "color", config->color);
    put_mrkdwn_in(w, config);
    json_object_end(&w->json);
}

static int slack_render(const struct integration *in, const struct notice *notice,
                        struct buf *payload, struct error *err)
{
    (void)err;
    const struct slack_config *config = in->config;
    struct slack_writer w = {.notice = notice};
    json_writer_init(&w.json, payload);
    json_object_begin(&w.json);
    put_if_any(&w, "channel", config->channel);
    put_if_any(&w, "username", config->username);
    put_if_any(&w, "icon_emoji", config->icon_emoji);
    put_if_any(&w, "icon_url", config->icon_url);
    put_if_any(&w, "text", config->message_text);
    if (config->link_names) {
        json_key(&w.json, "link_names");
        json_bool(&w.json, true);
    }
    json_key(&w.json, "attachments");
    json_array_begin(&w.json);
    put_attachment(&w, config);
    json_array_end(&w.json);
    json_object_end(&w.json);
    buf_release(&w.scratch);
    return 0;
}

static bool says_gone(struct str reason)
{
    static const char *const reasons[] = {"message_not_found", "cant_update_message",
                                          "edit_window_closed", "channel_not_found"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (str_is(reason, reasons[i]))
            return true;
    return false;
}

// The web API says no with a 200 and {"ok": false, "error": "channel_not_found"}, a webhook with a
// text that isn't "ok".
static void check_answer(struct send_result *out, struct str body, struct slack_answer *answer)
{
    struct json *document;
    if (out->outcome != OUTBOX_DELIVERED)
        return;
    if (json_parse(&document, body, NULL)) {
        if (body.len && !str_is(str_trim(body), "ok")) {
            out->outcome = OUTBOX_REFUSED;
            (void)error_set(&out->err, ERR_EXECUTION, "Slack answered: %.*s",
                            STR_ARG(str_first(body, ANSWER_SHOWN_MAX)));
        }
        return;
    }
    const struct json *ok = json_get(document, "ok");
    if (ok && json_kind(ok) == JSON_BOOL && !json_is_true(ok)) {
        struct str reason = json_text(json_get(document, "error"));
        bool retry = str_is(reason, "ratelimited") || str_is(reason, "internal_error");
        out->outcome = retry ? OUTBOX_RETRY : OUTBOX_REFUSED;
        (void)error_set(&out->err, ERR_EXECUTION, "Slack answered: %.*s", STR_ARG(reason));
        answer->message_is_gone = says_gone(reason);
    } else {
        buf_str(&answer->channel, json_text(json_get(document, "channel")));
        buf_str(&answer->ts, json_text(json_get(document, "ts")));
    }
    json_free(document);
}

// `channel` 0 `ts`, of the group's message.
static bool memo_decode(struct str memo, struct str *channel, struct str *ts)
{
    return str_cut(memo, '\0', channel, ts) && channel->len && ts->len;
}

static void memo_encode(struct buf *memo, const struct slack_answer *answer)
{
    buf_reset(memo);
    if (!answer->channel.len || !answer->ts.len)
        return;
    buf_str(memo, buf_view(&answer->channel));
    buf_char(memo, '\0');
    buf_str(memo, buf_view(&answer->ts));
}

// The payload with the channel's id in place of its name, and the message that is to change.
static void address_message(struct str payload, struct str channel, struct str ts, struct buf *out)
{
    struct json_writer w;
    struct str rest = str_skip(payload, 1), named = STR("\"channel\":\"");
    if (str_has_prefix(rest, named)) {
        size_t end = named.len;
        while (end < rest.len && rest.ptr[end] != '"')
            end += rest.ptr[end] == '\\' ? 2 : 1;
        rest = str_skip(rest, end + 2); // with the comma: attachments follow
    }
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_key(&w, "channel");
    json_str(&w, channel);
    json_key(&w, "ts");
    json_str(&w, ts);
    buf_char(out, ',');
    buf_str(out, rest);
}

// One request. A message that cannot be changed any more is made anew by the caller.
static void post_once(const struct integration *in, const struct slack_call *call,
                      const struct wire *wire, struct send_result *out, struct slack_answer *answer)
{
    const struct slack_config *config = in->config;
    struct wire_reply reply = {0};
    const struct wire_post post = {
        .url = call->url,
        .body = call->body,
        .bearer = call->token,
        .http = &config->http,
        .timeout_ms = config->timeout_ms ? config->timeout_ms : SLACK_TIMEOUT_MS,
    };
    *answer = (struct slack_answer){.message_is_gone = false};
    int rc = wire->post(wire->context, &post, &reply, &out->err);
    send_result_http(out, rc, &reply);
    check_answer(out, buf_view(&reply.body), answer);
    buf_release(&reply.body);
}

static void answer_release(struct slack_answer *answer)
{
    buf_release(&answer->channel);
    buf_release(&answer->ts);
}

// False when there is no message that could be changed.
static bool update(const struct integration *in, const struct slack_call *first,
                   const struct wire *wire, struct send_result *out)
{
    struct str channel, ts;
    struct slack_answer answer;
    struct buf url = BUF_INIT, body = BUF_INIT;
    if (!memo_decode(buf_view(&out->memo), &channel, &ts))
        return false;
    buf_str(&url, str_first(first->url, first->url.len - strlen(SLACK_POST_MESSAGE)));
    buf_cstr(&url, "chat.update");
    address_message(first->body, channel, ts, &body);
    const struct slack_call call = {buf_view(&url), buf_view(&body), first->token};
    post_once(in, &call, wire, out, &answer);
    bool gone = out->outcome == OUTBOX_REFUSED && answer.message_is_gone;
    answer_release(&answer);
    buf_release(&body);
    buf_release(&url);
    return !gone;
}

static void post_message(const struct integration *in, const struct slack_call *call,
                         const struct wire *wire, struct send_result *out)
{
    const struct slack_config *config = in->config;
    struct slack_answer answer;
    bool updates = config->update_message && str_has_suffix(call->url, STR(SLACK_POST_MESSAGE));
    if (updates && update(in, call, wire, out))
        return;
    post_once(in, call, wire, out, &answer);
    if (updates && out->outcome == OUTBOX_DELIVERED)
        memo_encode(&out->memo, &answer);
    answer_release(&answer);
}

static void slack_send(const struct integration *in, struct str payload, const struct wire *wire,
                       struct send_result *out)
{
    const struct slack_config *config = in->config;
    struct buf url = BUF_INIT, token = BUF_INIT;
    int rc = secret_read(&config->app_token, &token, &out->err);
    if (rc == 0 && secret_is_given(&config->api_url))
        rc = secret_read(&config->api_url, &url, &out->err);
    else
        buf_str(&url, config->app_url);
    if (rc) {
        out->outcome = OUTBOX_RETRY;
    } else {
        const struct slack_call call = {buf_view(&url), payload, buf_view(&token)};
        post_message(in, &call, wire, out);
    }
    buf_release(&token);
    buf_release(&url);
}

const struct integration_kind integration_slack = {
    .name = "slack",
    .render = slack_render,
    .send = slack_send,
};
