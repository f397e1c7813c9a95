// PagerDuty: an event of API v2, or of v1 for a service key. The group's key, hashed, is what makes
// later events those of the same incident.
//
// The payload lacks the routing key, which is a secret; it is put in front when it is sent. A key
// that is a template comes from labels and is part of the payload.
#include "render.h"
#include "sha256.h"

#define TIMEOUT_MS        INT64_C(30000)
#define EVENT_SIZE_MAX    512000
#define SUMMARY_RUNES_MAX 1024
#define V1_URL            "https://events.pagerduty.com/generic/2010-04-15/create_event.json"

static const struct {
    const char *name, *text;
} default_details[] = {
    {"firing", "{{ .Alerts.Firing | toJson }}"},
    {"resolved", "{{ .Alerts.Resolved | toJson }}"},
    {"num_firing", "{{ .Alerts.Firing | len }}"},
    {"num_resolved", "{{ .Alerts.Resolved | len }}"},
};

static bool has_detail(const struct pagerduty_config *c, const char *name)
{
    return c->details && yaml_get(c->details, name) != NULL;
}

static void put_details(struct render *r, const struct pagerduty_config *c, const char *key,
                        bool too_large)
{
    json_key(&r->json, key);
    json_object_begin(&r->json);
    if (too_large)
        render_str(r, "error",
                   STR("Custom details have been removed because the original event exceeds the "
                       "maximum size of 512KB"));
    for (size_t i = 0; i < 4 && !too_large; i++) {
        if (has_detail(c, default_details[i].name))
            continue;
        json_key(&r->json, default_details[i].name);
        render_made(r, render_text(r, str_from(default_details[i].text)));
    }
    const struct yaml_node *child = c->details && !too_large ? c->details->child : NULL;
    for (; child; child = child->next) {
        json_key_str(&r->json, child->key->text);
        render_tree(r, child);
    }
    json_object_end(&r->json);
}

static void put_links(struct render *r, const struct pagerduty_config *c)
{
    if (c->link_count) {
        json_key(&r->json, "links");
        json_array_begin(&r->json);
    }
    for (size_t i = 0; i < c->link_count; i++) {
        struct str href = render_text(r, c->links[i].href);
        if (href.len == 0)
            continue;
        json_object_begin(&r->json);
        render_str(r, "href", href);
        render_always(r, "text", c->links[i].text);
        json_object_end(&r->json);
    }
    if (c->link_count)
        json_array_end(&r->json);
}

static void put_images(struct render *r, const struct pagerduty_config *c)
{
    if (c->image_count) {
        json_key(&r->json, "images");
        json_array_begin(&r->json);
    }
    for (size_t i = 0; i < c->image_count; i++) {
        struct str src = render_text(r, c->images[i].src);
        if (src.len == 0)
            continue;
        json_object_begin(&r->json);
        render_str(r, "src", src);
        render_always(r, "alt", c->images[i].alt);
        render_always(r, "href", c->images[i].href);
        json_object_end(&r->json);
    }
    if (c->image_count)
        json_array_end(&r->json);
}

static void put_event(struct render *r, const struct pagerduty_config *c, bool too_large)
{
    json_key(&r->json, "payload");
    json_object_begin(&r->json);
    render_str(r, "summary", render_cut(r, c->description, SUMMARY_RUNES_MAX));
    render_always(r, "source", c->source);
    render_always(r, "severity", c->severity);
    render_if_any(r, "class", c->class_name);
    render_if_any(r, "component", c->component);
    render_if_any(r, "group", c->group);
    put_details(r, c, "custom_details", too_large);
    json_object_end(&r->json);
    render_if_any(r, "client", c->client);
    render_if_any(r, "client_url", c->client_url);
    put_images(r, c);
    put_links(r, c);
}

static void put_v1(struct render *r, const struct pagerduty_config *c, bool resolves,
                   bool too_large)
{
    render_str(r, "description", render_cut(r, c->description, SUMMARY_RUNES_MAX));
    if (!resolves) {
        render_if_any(r, "client", c->client);
        render_if_any(r, "client_url", c->client_url);
    }
    put_details(r, c, "details", too_large);
}

static const struct config_secret *key_of(const struct pagerduty_config *c)
{
    return secret_is_given(&c->service_key) ? &c->service_key : &c->routing_key;
}

static void render_message(const struct pagerduty_config *c, const struct notice *notice,
                           bool too_large, struct buf *out)
{
    struct render r;
    char hash[SHA256_HEX_SIZE];
    bool v1 = secret_is_given(&c->service_key);
    bool resolves = str_is(notice->data->status, "resolved");
    struct str action = resolves ? STR("resolve") : STR("trigger");
    sha256_hex(notice->group_key, hash);
    render_init(&r, notice, out);
    json_object_begin(&r.json);
    if (text_is_template(key_of(c)->value))
        render_always(&r, v1 ? "service_key" : "routing_key", key_of(c)->value);
    render_str(&r, v1 ? "incident_key" : "dedup_key", str_from(hash));
    render_str(&r, v1 ? "event_type" : "event_action", action);
    if (v1)
        put_v1(&r, c, resolves, too_large);
    else
        put_event(&r, c, too_large);
    json_object_end(&r.json);
    render_release(&r);
}

static int pagerduty_render(const struct integration *in, const struct notice *notice,
                            struct buf *payload, struct error *err)
{
    (void)err;
    const struct pagerduty_config *c = in->config;
    size_t start = payload->len;
    render_message(c, notice, false, payload);
    if (payload->len - start > EVENT_SIZE_MAX) {
        buf_truncate(payload, start);
        render_message(c, notice, true, payload);
    }
    return 0;
}

// {"routing_key":"...", and the rest of the payload
static int make_body(const struct pagerduty_config *c, struct str payload, struct buf *out,
                     struct error *err)
{
    const struct config_secret *secret = key_of(c);
    struct buf key = BUF_INIT;
    if (text_is_template(secret->value)) {
        buf_str(out, payload);
        return 0;
    }
    int rc = secret_read(secret, &key, err);
    if (rc == 0 && payload.len > 1) {
        buf_printf(out,
                   "{\"%s\":", secret_is_given(&c->service_key) ? "service_key" : "routing_key");
        json_escape(out, buf_view(&key));
        buf_char(out, ',');
        buf_str(out, str_skip(payload, 1));
    }
    buf_release(&key);
    return rc;
}

static void pagerduty_send(const struct integration *in, struct str payload,
                           const struct wire *wire, struct send_result *out)
{
    const struct pagerduty_config *c = in->config;
    struct wire_reply reply = {0};
    struct buf body = BUF_INIT;
    bool v1 = secret_is_given(&c->service_key);
    if (make_body(c, payload, &body, &out->err)) {
        out->outcome = OUTBOX_RETRY;
    } else {
        const struct wire_post post = {
            .url = v1 ? STR(V1_URL) : c->url,
            .body = buf_view(&body),
            .http = &c->http,
            .timeout_ms = c->timeout_ms ? c->timeout_ms : TIMEOUT_MS,
        };
        int rc = wire->post(wire->context, &post, &reply, &out->err);
        send_result_http(out, rc, &reply);
        // The old API says 403 where others say 429.
        if (v1 && out->status == 403)
            out->outcome = OUTBOX_RETRY;
    }
    buf_release(&reply.body);
    buf_release(&body);
}

const struct integration_kind integration_pagerduty = {
    .name = "pagerduty",
    .render = pagerduty_render,
    .send = pagerduty_send,
};
