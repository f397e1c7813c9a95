// Discord and Microsoft Teams: one message to an address that is itself the secret.
#include "render.h"

#define TIMEOUT_MS            INT64_C(30000)
#define CONTENT_RUNES_MAX     2000
#define TITLE_RUNES_MAX       256
#define DESCRIPTION_RUNES_MAX 4096
#define COLOR_FIRING          0x992d22
#define COLOR_RESOLVED        0x2ecc71

static bool is_resolved(const struct notice *notice)
{
    return str_is(notice->data->status, "resolved");
}

static int discord_render(const struct integration *in, const struct notice *notice,
                          struct buf *payload, struct error *err)
{
    (void)err;
    const struct discord_config *c = in->config;
    struct render r;
    render_init(&r, notice, payload);
    json_object_begin(&r.json);
    render_str(&r, "content", render_cut(&r, c->content, CONTENT_RUNES_MAX));
    json_key(&r.json, "embeds");
    json_array_begin(&r.json);
    json_object_begin(&r.json);
    render_str(&r, "title", render_cut(&r, c->title, TITLE_RUNES_MAX));
    render_str(&r, "description", render_cut(&r, c->message, DESCRIPTION_RUNES_MAX));
    json_key(&r.json, "color");
    json_i64(&r.json, is_resolved(notice) ? COLOR_RESOLVED : COLOR_FIRING);
    json_object_end(&r.json);
    json_array_end(&r.json);
    render_if_any(&r, "username", c->username);
    render_if_any(&r, "avatar_url", c->avatar_url);
    json_object_end(&r.json);
    render_release(&r);
    return 0;
}

static void put_block(struct render *r, struct str text, const char *color)
{
    json_object_begin(&r->json);
    render_str(r, "type", STR("TextBlock"));
    render_str(r, "text", text);
    if (color) {
        render_str(r, "weight", STR("Bolder"));
        render_str(r, "size", STR("Medium"));
    }
    json_key(&r->json, "wrap");
    json_bool(&r->json, true);
    if (color) {
        render_str(r, "style", STR("heading"));
        render_str(r, "color", str_from(color));
    }
    json_object_end(&r->json);
}

// An adaptive card: the title in the colour of the status, and the text.
static void put_card(struct render *r, const struct msteamsv2_config *c)
{
    json_object_begin(&r->json);
    render_str(r, "$schema", STR("http://adaptivecards.io/schemas/adaptive-card.json"));
    render_str(r, "type", STR("AdaptiveCard"));
    render_str(r, "version", STR("1.2"));
    json_key(&r->json, "body");
    json_array_begin(&r->json);
    put_block(r, render_text(r, c->title), is_resolved(r->notice) ? "Good" : "Attention");
    put_block(r, render_text(r, c->text), NULL);
    json_array_end(&r->json);
    json_key(&r->json, "msteams");
    json_object_begin(&r->json);
    render_str(r, "width", STR("full"));
    json_object_end(&r->json);
    json_object_end(&r->json);
}

static int msteamsv2_render(const struct integration *in, const struct notice *notice,
                            struct buf *payload, struct error *err)
{
    (void)err;
    struct render r;
    render_init(&r, notice, payload);
    json_object_begin(&r.json);
    render_str(&r, "type", STR("message"));
    json_key(&r.json, "attachments");
    json_array_begin(&r.json);
    json_object_begin(&r.json);
    render_str(&r, "contentType", STR("application/vnd.microsoft.card.adaptive"));
    json_key(&r.json, "contentUrl");
    json_null(&r.json);
    json_key(&r.json, "content");
    put_card(&r, in->config);
    json_object_end(&r.json);
    json_array_end(&r.json);
    json_object_end(&r.json);
    render_release(&r);
    return 0;
}

static void send_to(const struct config_secret *webhook_url, const struct config_http *http,
                    struct str payload, const struct wire *wire, struct send_result *out)
{
    struct wire_reply reply = {0};
    struct buf url = BUF_INIT;
    if (secret_read(webhook_url, &url, &out->err)) {
        out->outcome = OUTBOX_RETRY;
    } else {
        const struct wire_post post = {
            .url = buf_view(&url), .body = payload, .http = http, .timeout_ms = TIMEOUT_MS};
        int rc = wire->post(wire->context, &post, &reply, &out->err);
        send_result_http(out, rc, &reply);
    }
    buf_release(&reply.body);
    buf_release(&url);
}

static void discord_send(const struct integration *in, struct str payload, const struct wire *wire,
                         struct send_result *out)
{
    const struct discord_config *c = in->config;
    send_to(&c->webhook_url, &c->http, payload, wire, out);
}

static void msteamsv2_send(const struct integration *in, struct str payload,
                           const struct wire *wire, struct send_result *out)
{
    const struct msteamsv2_config *c = in->config;
    send_to(&c->webhook_url, &c->http, payload, wire, out);
}

const struct integration_kind integration_discord = {
    .name = "discord",
    .render = discord_render,
    .send = discord_send,
};

const struct integration_kind integration_msteamsv2 = {
    .name = "msteamsv2",
    .render = msteamsv2_render,
    .send = msteamsv2_send,
};
