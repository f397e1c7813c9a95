// The webhook payload, version 4, field by field in Alertmanager's order.
#include "base/json_write.h"
#include "integration.h"
#include "model/duration.h"

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

static int webhook_render(const struct integration *in, const struct notice *notice,
                          struct buf *payload, struct error *err)
{
    (void)in;
    (void)err;
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
    return 0;
}

static void webhook_send(const struct integration *in, struct str payload, const struct wire *wire,
                         struct send_result *out)
{
    const struct webhook_config *config = in->config;
    struct wire_reply reply = {0};
    struct buf url = BUF_INIT;
    int rc = secret_read(&config->url, &url, &out->err);
    if (rc) {
        out->outcome = OUTBOX_RETRY;
    } else {
        const struct wire_post post = {
            .url = buf_view(&url),
            .body = payload,
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
