// The webhook payload, version 4, field by field in Alertmanager's order; or the user's own.
#include "base/coding.h"
#include "model/duration.h"
#include "render.h"

#define WEBHOOK_TIMEOUT_MS INT64_C(10000)
#define ZERO_TIME          "0001-01-01T00:00:00Z"

static uint64_t webhook_max_alerts(const struct integration *in)
{
    const struct webhook_config *config = in->config;
    return config->max_alerts;
}

static void write_time(struct json_writer *w, const char *key, int64_t ms)
{
    struct buf text = BUF_INIT;
    if (ms)
        timestamp_format_nano(&text, ms);
    else
        buf_cstr(&text, ZERO_TIME);
    json_key(w, key);
    json_str(w, buf_view(&text));
    buf_release(&text);
}

static void write_labels(struct json_writer *w, const char *key, struct labels labels)
{
    json_key(w, key);
    labels_json(w, labels);
}

static void write_text(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_str(w, text);
}

static void write_alert(struct json_writer *w, const struct notification_alert *alert)
{
    json_object_begin(w);
    write_text(w, "status", alert->status);
    write_labels(w, "labels", alert->labels);
    write_labels(w, "annotations", alert->annotations);
    write_time(w, "startsAt", alert->starts_ms);
    write_time(w, "endsAt", alert->ends_ms);
    write_text(w, "generatorURL", alert->generator_url);
    write_text(w, "fingerprint", alert->fingerprint);
    json_object_end(w);
}

static void write_message(const struct notice *notice, struct buf *payload)
{
    const struct notification_data *data = notice->data;
    struct json_writer w;
    json_writer_init(&w, payload);
    json_object_begin(&w);
    write_text(&w, "receiver", data->receiver);
    write_text(&w, "status", data->status);
    json_key(&w, "alerts");
    json_array_begin(&w);
    for (size_t i = 0; i < data->alert_count; i++)
        write_alert(&w, &data->alerts[i]);
    json_array_end(&w);
    write_labels(&w, "groupLabels", data->group_labels);
    write_labels(&w, "commonLabels", data->common_labels);
    write_labels(&w, "commonAnnotations", data->common_annotations);
    write_text(&w, "externalURL", data->external_url);
    write_text(&w, "version", STR("4"));
    write_text(&w, "groupKey", notice->group_key);
    json_key(&w, "truncatedAlerts");
    json_u64(&w, notice->truncated_count);
    json_object_end(&w);
    buf_char(payload, '\n');
}

// The user's own tree of templates. A single text is the whole body, whatever it makes.
static void write_tree(const struct notice *notice, const struct yaml_node *tree,
                       struct buf *payload)
{
    struct render r;
    render_init(&r, notice, payload);
    if (tree->kind == YAML_SCALAR)
        buf_str(payload, render_text(&r, tree->text));
    else
        render_tree(&r, tree);
    render_release(&r);
}

// An address that is a template comes from labels: it is put in front, behind a byte that no
// message begins with.
static void write_address(const struct notice *notice, struct str url, struct buf *payload)
{
    struct buf address = BUF_INIT;
    notice_expand(notice, TEMPLATE_TEXT, url, &address);
    buf_char(payload, '\0');
    buf_sized(payload, buf_view(&address));
    buf_release(&address);
}

static int webhook_render(const struct integration *in, const struct notice *notice,
                          struct buf *payload, struct error *err)
{
    const struct webhook_config *config = in->config;
    (void)err;
    if (text_is_template(config->url.value))
        write_address(notice, config->url.value, payload);
    if (config->payload)
        write_tree(notice, config->payload, payload);
    else
        write_message(notice, payload);
    return 0;
}

// Where the payload goes, and what is left of it to send.
static int find_address(const struct webhook_config *config, struct str *payload, struct buf *url,
                        struct error *err)
{
    struct decoder d;
    if (payload->len == 0 || payload->ptr[0] != '\0')
        return secret_read(&config->url, url, err);
    decoder_init(&d, str_skip(*payload, 1));
    buf_str(url, decode_sized(&d));
    *payload = str_make((const char *)d.pos, decoder_left(&d));
    return d.failed ? error_set(err, ERR_CORRUPT, "the stored message cannot be read") : 0;
}

static void webhook_send(const struct integration *in, struct str payload, const struct wire *wire,
                         struct send_result *out)
{
    const struct webhook_config *config = in->config;
    struct wire_reply reply = {0};
    struct buf url = BUF_INIT;
    int rc = find_address(config, &payload, &url, &out->err);
    if (rc) {
        out->outcome = OUTBOX_RETRY;
    } else {
        const struct wire_post post = {
            .url = buf_view(&url),
            .body = payload,
            .id = out->id,
            .http = &config->http,
            .timeout_ms = config->timeout_ms ? config->timeout_ms : WEBHOOK_TIMEOUT_MS,
        };
        rc = wire->post(wire->context, &post, &reply, &out->err);
        send_result_http(out, rc, &reply);
    }
    buf_release(&reply.body);
    buf_release(&url);
}

const struct integration_kind integration_webhook = {
    .name = "webhook",
    .render = webhook_render,
    .send = webhook_send,
    .max_alerts = webhook_max_alerts,
};
