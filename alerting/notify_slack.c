// Slack: one attachment, as Alertmanager sends it, to an incoming webhook or, with an app token, to
// chat.postMessage.
#include "base/json.h"
#include "base/json_write.h"
#include "base/utf8.h"
#include "render.h"

#define SLACK_TIMEOUT_MS      INT64_C(30000)
#define SLACK_TITLE_RUNES_MAX 1024

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

// The web API says no with a 200 and {"ok": false, "error": "channel_not_found"}.
static void check_answer(struct send_result *out, struct str body)
{
    struct json *document;
    if (out->outcome != OUTBOX_DELIVERED || json_parse(&document, body, NULL))
        return;
    const struct json *ok = json_get(document, "ok");
    if (ok && json_kind(ok) == JSON_BOOL && !json_is_true(ok)) {
        struct str reason = json_text(json_get(document, "error"));
        bool retry = str_is(reason, "ratelimited") || str_is(reason, "internal_error");
        out->outcome = retry ? OUTBOX_RETRY : OUTBOX_REFUSED;
        (void)error_set(&out->err, ERR_EXECUTION, "Slack answered: %.*s", STR_ARG(reason));
    }
    json_free(document);
}

static void slack_send(const struct integration *in, struct str payload, const struct wire *wire,
                       struct send_result *out)
{
    const struct slack_config *config = in->config;
    struct wire_reply reply = {0};
    struct buf url = BUF_INIT, token = BUF_INIT;
    int rc = secret_read(&config->app_token, &token, &out->err);
    if (rc == 0 && secret_is_given(&config->api_url))
        rc = secret_read(&config->api_url, &url, &out->err);
    else
        buf_str(&url, config->app_url);
    if (rc) {
        out->outcome = OUTBOX_RETRY;
    } else {
        const struct wire_post post = {
            .url = buf_view(&url),
            .body = payload,
            .bearer = buf_view(&token),
            .http = &config->http,
            .timeout_ms = config->timeout_ms ? config->timeout_ms : SLACK_TIMEOUT_MS,
        };
        rc = wire->post(wire->context, &post, &reply, &out->err);
        send_result_http(out, rc, &reply);
        check_answer(out, buf_view(&reply.body));
    }
    buf_release(&reply.body);
    buf_release(&token);
    buf_release(&url);
}

const struct integration_kind integration_slack = {
    .name = "slack",
    .render = slack_render,
    .send = slack_send,
};
