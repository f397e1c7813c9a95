// OpsGenie: an alert under an alias, which is the group's key hashed; created, updated, closed.
//
// The payload is a list of requests, each method, path and body, length-prefixed: they are sent in
// order until one fails, and all again when it is tried again, which the service takes well. An
// API key that is a template is expanded into the payload's head; else the head is empty.
#include "base/coding.h"
#include "render.h"
#include "sha256.h"

#define TIMEOUT_MS        INT64_C(30000)
#define MESSAGE_RUNES_MAX 130
#define SEPARATOR         ','

struct request {
    struct str method, path, body;
};

static void put_request(struct buf *payload, const char *method, struct str path, struct buf *body)
{
    buf_sized(payload, str_from(method));
    buf_sized(payload, path);
    buf_sized(payload, buf_view(body));
    buf_reset(body);
}

static const struct label *find_detail(const struct opsgenie_config *c, struct str name)
{
    for (size_t i = 0; i < c->detail_count; i++) {
        if (str_eq(c->details[i].name, name))
            return &c->details[i];
    }
    return NULL;
}

// The common labels, under the configured details.
static void put_details(struct render *r, const struct opsgenie_config *c)
{
    struct labels common = r->notice->data->common_labels;
    json_key(&r->json, "details");
    json_object_begin(&r->json);
    for (size_t i = 0; i < common.count; i++) {
        if (find_detail(c, common.items[i].name))
            continue;
        json_key_str(&r->json, common.items[i].name);
        json_str(&r->json, common.items[i].value);
    }
    for (size_t i = 0; i < c->detail_count; i++) {
        json_key_str(&r->json, c->details[i].name);
        json_str(&r->json, render_text(r, c->details[i].value));
    }
    json_object_end(&r->json);
}

static void put_responder(struct render *r, struct str id, struct str name, struct str username,
                          struct str type)
{
    json_object_begin(&r->json);
    if (id.len)
        render_str(r, "id", id);
    if (name.len)
        render_str(r, "name", name);
    if (username.len)
        render_str(r, "username", username);
    render_str(r, "type", type);
    json_object_end(&r->json);
}

static void put_teams(struct render *r, struct str names)
{
    struct str name;
    while (str_next(&names, SEPARATOR, &name)) {
        name = str_trim(name);
        if (name.len)
            put_responder(r, STR(""), name, STR(""), STR("team"));
    }
}

static void put_responders(struct render *r, const struct opsgenie_config *c)
{
    if (c->responder_count == 0)
        return;
    json_key(&r->json, "responders");
    json_array_begin(&r->json);
    for (size_t i = 0; i < c->responder_count; i++) {
        const struct opsgenie_responder_config *responder = &c->responders[i];
        struct str id = render_text(r, responder->id), name = render_text(r, responder->name);
        struct str username = render_text(r, responder->username);
        struct str type = render_text(r, responder->type);
        if (str_eq_nocase(type, STR("teams")))
            put_teams(r, name);
        else if (id.len || name.len || username.len)
            put_responder(r, id, name, username, type);
    }
    json_array_end(&r->json);
}

static void put_list(struct render *r, const char *key, struct str template_text)
{
    struct str rest = str_trim(render_text(r, template_text)), piece;
    if (rest.len == 0)
        return;
    json_key(&r->json, key);
    json_array_begin(&r->json);
    while (str_next(&rest, SEPARATOR, &piece)) {
        if (piece.len)
            json_str(&r->json, piece);
    }
    json_array_end(&r->json);
}

static void put_create(struct render *r, const struct opsgenie_config *c, const char *alias)
{
    json_object_begin(&r->json);
    render_str(r, "alias", str_from(alias));
    render_str(r, "message", render_cut(r, c->message, MESSAGE_RUNES_MAX));
    render_if_any(r, "description", c->description);
    put_details(r, c);
    render_always(r, "source", c->source);
    put_responders(r, c);
    put_list(r, "tags", c->tags);
    render_if_any(r, "note", c->note);
    render_if_any(r, "priority", c->priority);
    render_if_any(r, "entity", c->entity);
    put_list(r, "actions", c->actions);
    json_object_end(&r->json);
}

static struct str alias_path(struct arena *arena, const char *alias, const char *action)
{
    return arena_printf(arena, "v2/alerts/%s/%s?identifierType=alias", alias, action);
}

static void put_update(struct render *r, struct buf *body, struct buf *payload, const char *alias,
                       const char *what, struct str text)
{
    json_writer_init(&r->json, body);
    json_object_begin(&r->json);
    render_str(r, what, text);
    json_object_end(&r->json);
    put_request(payload, "PUT", alias_path(&r->arena, alias, what), body);
}

static void put_firing(struct render *r, const struct opsgenie_config *c, struct buf *body,
                       struct buf *payload, const char *alias)
{
    put_create(r, c, alias);
    put_request(payload, "POST", STR("v2/alerts"), body);
    if (!c->update_alerts)
        return;
    put_update(r, body, payload, alias, "message", render_cut(r, c->message, MESSAGE_RUNES_MAX));
    put_update(r, body, payload, alias, "description", render_text(r, c->description));
}

static int opsgenie_render(const struct integration *in, const struct notice *notice,
                           struct buf *payload, struct error *err)
{
    (void)err;
    const struct opsgenie_config *c = in->config;
    struct buf body = BUF_INIT;
    struct render r;
    char alias[SHA256_HEX_SIZE];
    sha256_hex(notice->group_key, alias);
    render_init(&r, notice, &body);
    buf_sized(payload,
              text_is_template(c->api_key.value) ? render_text(&r, c->api_key.value) : STR(""));
    if (str_is(notice->data->status, "resolved")) {
        json_object_begin(&r.json);
        render_always(&r, "source", c->source);
        json_object_end(&r.json);
        put_request(payload, "POST", alias_path(&r.arena, alias, "close"), &body);
    } else {
        put_firing(&r, c, &body, payload, alias);
    }
    render_release(&r);
    buf_release(&body);
    return 0;
}

static void send_one(const struct opsgenie_config *c, const struct request *request, struct str key,
                     const struct wire *wire, struct send_result *out)
{
    struct wire_reply reply = {0};
    struct buf url = BUF_INIT;
    buf_str(&url, c->api_url);
    buf_str(&url, request->path);
    const struct wire_post post = {
        .method = request->method,
        .url = buf_view(&url),
        .body = request->body,
        .auth_scheme = STR("GenieKey"),
        .bearer = key,
        .http = &c->http,
        .timeout_ms = TIMEOUT_MS,
    };
    int rc = wire->post(wire->context, &post, &reply, &out->err);
    send_result_http(out, rc, &reply);
    buf_release(&reply.body);
    buf_release(&url);
}

static void opsgenie_send(const struct integration *in, struct str payload, const struct wire *wire,
                          struct send_result *out)
{
    const struct opsgenie_config *c = in->config;
    struct buf key = BUF_INIT;
    struct decoder d;
    decoder_init(&d, payload);
    buf_str(&key, decode_sized(&d));
    if (key.len == 0 && secret_read(&c->api_key, &key, &out->err)) {
        out->outcome = OUTBOX_RETRY;
        buf_release(&key);
        return;
    }
    out->outcome = OUTBOX_DELIVERED;
    while (decoder_left(&d) && !d.failed && out->outcome == OUTBOX_DELIVERED) {
        struct request request;
        request.method = decode_sized(&d);
        request.path = decode_sized(&d);
        request.body = decode_sized(&d);
        if (!d.failed)
            send_one(c, &request, buf_view(&key), wire, out);
    }
    if (d.failed) {
        out->outcome = OUTBOX_REFUSED;
        (void)error_set(&out->err, ERR_CORRUPT, "the stored requests cannot be read");
    }
    buf_release(&key);
}

const struct integration_kind integration_opsgenie = {
    .name = "opsgenie",
    .render = opsgenie_render,
    .send = opsgenie_send,
};
