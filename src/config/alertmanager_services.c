// pagerduty_configs, opsgenie_configs, telegram_configs, discord_configs, msteamsv2_configs: with
// Alertmanager's default templates and checks.
#include "alertmanager_sections.h"

static int decode_tree(struct decoder *d, const struct yaml_node *node, void *out)
{
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of names to texts");
    *(const struct yaml_node **)out = node;
    return OK;
}

static bool is_template(struct str text)
{
    return str_search(text, STR("{{")) < text.len;
}

static int check_url(struct decoder *d, const struct yaml_node *node, const char *key,
                     struct str url)
{
    if (!has_key(node, key) || url_is_valid(url, true))
        return OK;
    return decode_fail(d, yaml_get(node, key), "expected a URL such as https://host/path for %s",
                       key);
}

#define LIST(name, type, decode)                                                                   \
    static int decode_##name(struct decoder *d, const struct yaml_node *node, void *out)           \
    {                                                                                              \
        void *items = NULL;                                                                        \
        int rc =                                                                                   \
            decode_list(d, node, sizeof(type), decode, &items, &((CONTAINER *)out)->name##_count); \
        ((CONTAINER *)out)->name##s = items;                                                       \
        return rc;                                                                                 \
    }

// PagerDuty.

#define IN_LINK(member)  offsetof(struct pagerduty_link_config, member)
#define IN_IMAGE(member) offsetof(struct pagerduty_image_config, member)
static const struct field link_fields[] = {
    {"href", FIELD_STRING, IN_LINK(href), NULL},
    {"text", FIELD_STRING, IN_LINK(text), NULL},
};
static const struct section link_section = SECTION("pagerduty_link", link_fields);
static const struct field image_fields[] = {
    {"src", FIELD_STRING, IN_IMAGE(src), NULL},
    {"alt", FIELD_STRING, IN_IMAGE(alt), NULL},
    {"href", FIELD_STRING, IN_IMAGE(href), NULL},
};
static const struct section image_section = SECTION("pagerduty_image", image_fields);

static int decode_link_item(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &link_section, out);
}

static int decode_image_item(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &image_section, out);
}

#define CONTAINER struct pagerduty_config
LIST(link, struct pagerduty_link_config, decode_link_item)
LIST(image, struct pagerduty_image_config, decode_image_item)
#undef CONTAINER

#define IN_PD(member) offsetof(struct pagerduty_config, member)
static const struct field pagerduty_fields[] = {
    {"send_resolved", FIELD_BOOL, IN_PD(send_resolved), NULL},
    {"http_config", FIELD_CUSTOM, IN_PD(http), decode_http},
    {"service_key", FIELD_SECRET, IN_PD(service_key), NULL},
    {"service_key_file", FIELD_SECRET_FILE, IN_PD(service_key), NULL},
    {"routing_key", FIELD_SECRET, IN_PD(routing_key), NULL},
    {"routing_key_file", FIELD_SECRET_FILE, IN_PD(routing_key), NULL},
    {"url", FIELD_STRING, IN_PD(url), NULL},
    {"client", FIELD_STRING, IN_PD(client), NULL},
    {"client_url", FIELD_STRING, IN_PD(client_url), NULL},
    {"description", FIELD_STRING, IN_PD(description), NULL},
    {"details", FIELD_CUSTOM, IN_PD(details), decode_tree},
    {"images", FIELD_CUSTOM, 0, decode_image},
    {"links", FIELD_CUSTOM, 0, decode_link},
    {"source", FIELD_STRING, IN_PD(source), NULL},
    {"severity", FIELD_STRING, IN_PD(severity), NULL},
    {"class", FIELD_STRING, IN_PD(class_name), NULL},
    {"component", FIELD_STRING, IN_PD(component), NULL},
    {"group", FIELD_STRING, IN_PD(group), NULL},
    {"timeout", FIELD_DURATION, IN_PD(timeout_ms), NULL},
};
static const struct section pagerduty_section = SECTION("pagerduty_config", pagerduty_fields);

static int decode_pagerduty(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct pagerduty_config *c = out;
    *c = (struct pagerduty_config){
        .send_resolved = true,
        .url = global->pagerduty_url,
        .client = STR("{{ template \"pagerduty.default.client\" . }}"),
        .client_url = STR("{{ template \"pagerduty.default.clientURL\" . }}"),
        .description = STR("{{ template \"pagerduty.default.description\" . }}"),
        .severity = STR("error"),
        .http = global->http,
    };
    int rc = decode_section(d, node, &pagerduty_section, c);
    if (rc == OK)
        rc = check_exclusive(d, node, "routing_key", "routing_key_file");
    if (rc == OK)
        rc = check_exclusive(d, node, "service_key", "service_key_file");
    if (rc == OK)
        rc = check_url(d, node, "url", c->url);
    if (rc)
        return rc;
    if (!secret_is_set(&c->routing_key) && !secret_is_set(&c->service_key))
        return decode_fail(d, node,
                           "missing service or routing key in PagerDuty config: expected "
                           "routing_key or routing_key_file");
    if (c->source.len == 0)
        c->source = c->client;
    return OK;
}

// OpsGenie.

#define IN_RESPONDER(member) offsetof(struct opsgenie_responder_config, member)
static const struct field responder_fields[] = {
    {"id", FIELD_STRING, IN_RESPONDER(id), NULL},
    {"name", FIELD_STRING, IN_RESPONDER(name), NULL},
    {"username", FIELD_STRING, IN_RESPONDER(username), NULL},
    {"type", FIELD_STRING, IN_RESPONDER(type), NULL},
};
static const struct section responder_section = SECTION("opsgenie_responder", responder_fields);

static int decode_responder_item(struct decoder *d, const struct yaml_node *node, void *out)
{
    static const char *const types[] = {"team", "teams", "user", "escalation", "schedule"};
    struct opsgenie_responder_config *r = out;
    int rc = decode_section(d, node, &responder_section, r);
    if (rc)
        return rc;
    if (r->id.len == 0 && r->name.len == 0 && r->username.len == 0)
        return decode_fail(d, node,
                           "an OpsGenie responder needs at least one of id, username or name");
    bool known = is_template(r->type);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && !known; i++)
        known = str_eq_nocase(r->type, str_from(types[i]));
    if (!known)
        return decode_fail(d, node,
                           "expected team, teams, user, escalation or schedule as type of an "
                           "OpsGenie responder, got \"%.*s\"",
                           STR_ARG(r->type));
    return OK;
}

#define CONTAINER struct opsgenie_config
LIST(responder, struct opsgenie_responder_config, decode_responder_item)
#undef CONTAINER

static int decode_details(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct opsgenie_config *c = out;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of names to texts");
    c->details = arena_calloc(d->arena, node->child_count + 1, sizeof(*c->details));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        struct label *l = &c->details[c->detail_count];
        l->name = child->key->text;
        int rc = child->kind == YAML_NULL ? OK : decode_string(d, child, &l->value);
        if (rc)
            return rc;
        c->detail_count++;
    }
    return OK;
}

#define IN_OG(member) offsetof(struct opsgenie_config, member)
static const struct field opsgenie_fields[] = {
    {"send_resolved", FIELD_BOOL, IN_OG(send_resolved), NULL},
    {"http_config", FIELD_CUSTOM, IN_OG(http), decode_http},
    {"api_key", FIELD_SECRET, IN_OG(api_key), NULL},
    {"api_key_file", FIELD_SECRET_FILE, IN_OG(api_key), NULL},
    {"api_url", FIELD_STRING, IN_OG(api_url), NULL},
    {"message", FIELD_STRING, IN_OG(message), NULL},
    {"description", FIELD_STRING, IN_OG(description), NULL},
    {"source", FIELD_STRING, IN_OG(source), NULL},
    {"details", FIELD_CUSTOM, 0, decode_details},
    {"entity", FIELD_STRING, IN_OG(entity), NULL},
    {"responders", FIELD_CUSTOM, 0, decode_responder},
    {"actions", FIELD_STRING, IN_OG(actions), NULL},
    {"tags", FIELD_STRING, IN_OG(tags), NULL},
    {"note", FIELD_STRING, IN_OG(note), NULL},
    {"priority", FIELD_STRING, IN_OG(priority), NULL},
    {"update_alerts", FIELD_BOOL, IN_OG(update_alerts), NULL},
};
static const struct section opsgenie_section = SECTION("opsgenie_config", opsgenie_fields);

static int decode_opsgenie(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct opsgenie_config *c = out;
    *c = (struct opsgenie_config){
        .send_resolved = true,
        .api_url = global->opsgenie_api_url,
        .message = STR("{{ template \"opsgenie.default.message\" . }}"),
        .description = STR("{{ template \"opsgenie.default.description\" . }}"),
        .source = STR("{{ template \"opsgenie.default.source\" . }}"),
        .http = global->http,
    };
    int rc = decode_section(d, node, &opsgenie_section, c);
    if (rc == OK)
        rc = check_exclusive(d, node, "api_key", "api_key_file");
    if (rc == OK)
        rc = check_url(d, node, "api_url", c->api_url);
    if (rc)
        return rc;
    if (!secret_is_set(&c->api_key))
        c->api_key = global->opsgenie_api_key;
    if (!secret_is_set(&c->api_key))
        return decode_fail(d, node,
                           "no OpsGenie API key: expected api_key or api_key_file here, or "
                           "opsgenie_api_key or opsgenie_api_key_file in global");
    if (!str_has_suffix(c->api_url, STR("/")))
        c->api_url = arena_printf(d->arena, "%.*s/", STR_ARG(c->api_url));
    return OK;
}

// Telegram.

static int decode_chat_id(struct decoder *d, const struct yaml_node *node, void *out)
{
    int64_t id;
    struct config_secret *chat = out;
    int rc = decode_string(d, node, &chat->value);
    if (rc == OK && (!str_to_i64(chat->value, &id) || id == 0))
        return decode_fail(d, node, "expected a number other than 0 as chat_id, got \"%.*s\"",
                           STR_ARG(chat->value));
    return rc;
}

static int decode_thread_id(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str text;
    int rc = decode_string(d, node, &text);
    if (rc == OK && !str_to_i64(text, out))
        return decode_fail(d, node, "expected a number as message_thread_id, got \"%.*s\"",
                           STR_ARG(text));
    return rc;
}

#define IN_TG(member) offsetof(struct telegram_config, member)
static const struct field telegram_fields[] = {
    {"send_resolved", FIELD_BOOL, IN_TG(send_resolved), NULL},
    {"http_config", FIELD_CUSTOM, IN_TG(http), decode_http},
    {"api_url", FIELD_STRING, IN_TG(api_url), NULL},
    {"bot_token", FIELD_SECRET, IN_TG(bot_token), NULL},
    {"bot_token_file", FIELD_SECRET_FILE, IN_TG(bot_token), NULL},
    {"chat_id", FIELD_CUSTOM, IN_TG(chat_id), decode_chat_id},
    {"chat_id_file", FIELD_SECRET_FILE, IN_TG(chat_id), NULL},
    {"message_thread_id", FIELD_CUSTOM, IN_TG(message_thread_id), decode_thread_id},
    {"message", FIELD_STRING, IN_TG(message), NULL},
    {"disable_notifications", FIELD_BOOL, IN_TG(disable_notifications), NULL},
    {"parse_mode", FIELD_STRING, IN_TG(parse_mode), NULL},
    {"timeout", FIELD_DURATION, IN_TG(timeout_ms), NULL},
};
static const struct section telegram_section = SECTION("telegram_config", telegram_fields);

static int check_telegram(struct decoder *d, const struct yaml_node *node,
                          const struct telegram_config *c)
{
    static const char *const modes[] = {"", "Markdown", "MarkdownV2", "HTML"};
    if (!secret_is_set(&c->bot_token))
        return decode_fail(d, node,
                           "no Telegram bot token: expected bot_token or bot_token_file here, or "
                           "telegram_bot_token or telegram_bot_token_file in global");
    if (!secret_is_set(&c->chat_id))
        return decode_fail(d, node, "missing chat_id or chat_id_file on telegram_config");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (str_is(c->parse_mode, modes[i]))
            return OK;
    }
    return decode_fail(d, yaml_get(node, "parse_mode"),
                       "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML "
                       "or empty string");
}

static int decode_telegram(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct telegram_config *c = out;
    *c = (struct telegram_config){
        .send_resolved = true,
        .api_url = global->telegram_api_url,
        .message = STR("{{ template \"telegram.default.message\" . }}"),
        .parse_mode = STR("HTML"),
        .http = global->http,
    };
    int rc = decode_section(d, node, &telegram_section, c);
    if (rc == OK)
        rc = check_exclusive(d, node, "bot_token", "bot_token_file");
    if (rc == OK)
        rc = check_exclusive(d, node, "chat_id", "chat_id_file");
    if (rc == OK)
        rc = check_url(d, node, "api_url", c->api_url);
    if (rc)
        return rc;
    if (!secret_is_set(&c->bot_token))
        c->bot_token = global->telegram_bot_token;
    while (str_has_suffix(c->api_url, STR("/")))
        c->api_url.len--;
    return check_telegram(d, node, c);
}

// Discord and Microsoft Teams: a URL that is the secret.

static int check_webhook_url(struct decoder *d, const struct yaml_node *node,
                             const struct config_secret *url)
{
    int rc = check_exclusive(d, node, "webhook_url", "webhook_url_file");
    if (rc == OK && !secret_is_set(url))
        rc = decode_fail(d, node, "one of webhook_url or webhook_url_file must be configured");
    return rc ? rc : check_url(d, node, "webhook_url", url->value);
}

static int decode_secret_url(struct decoder *d, const struct yaml_node *node, void *out)
{
    mask_secret_url(d, node);
    return decode_string(d, node, &((struct config_secret *)out)->value);
}

#define IN_DC(member) offsetof(struct discord_config, member)
static const struct field discord_fields[] = {
    {"send_resolved", FIELD_BOOL, IN_DC(send_resolved), NULL},
    {"http_config", FIELD_CUSTOM, IN_DC(http), decode_http},
    {"webhook_url", FIELD_CUSTOM, IN_DC(webhook_url), decode_secret_url},
    {"webhook_url_file", FIELD_SECRET_FILE, IN_DC(webhook_url), NULL},
    {"content", FIELD_STRING, IN_DC(content), NULL},
    {"title", FIELD_STRING, IN_DC(title), NULL},
    {"message", FIELD_STRING, IN_DC(message), NULL},
    {"username", FIELD_STRING, IN_DC(username), NULL},
    {"avatar_url", FIELD_STRING, IN_DC(avatar_url), NULL},
};
static const struct section discord_section = SECTION("discord_config", discord_fields);

static int decode_discord(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct discord_config *c = out;
    *c = (struct discord_config){
        .send_resolved = true,
        .content = STR("{{ template \"discord.default.content\" . }}"),
        .title = STR("{{ template \"discord.default.title\" . }}"),
        .message = STR("{{ template \"discord.default.message\" . }}"),
        .http = global->http,
    };
    int rc = decode_section(d, node, &discord_section, c);
    return rc ? rc : check_webhook_url(d, node, &c->webhook_url);
}

#define IN_MT(member) offsetof(struct msteamsv2_config, member)
static const struct field msteamsv2_fields[] = {
    {"send_resolved", FIELD_BOOL, IN_MT(send_resolved), NULL},
    {"http_config", FIELD_CUSTOM, IN_MT(http), decode_http},
    {"webhook_url", FIELD_CUSTOM, IN_MT(webhook_url), decode_secret_url},
    {"webhook_url_file", FIELD_SECRET_FILE, IN_MT(webhook_url), NULL},
    {"title", FIELD_STRING, IN_MT(title), NULL},
    {"text", FIELD_STRING, IN_MT(text), NULL},
};
static const struct section msteamsv2_section = SECTION("msteamsv2_config", msteamsv2_fields);

static int decode_msteamsv2(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct msteamsv2_config *c = out;
    *c = (struct msteamsv2_config){
        .send_resolved = true,
        .title = STR("{{ template \"msteamsv2.default.title\" . }}"),
        .text = STR("{{ template \"msteamsv2.default.text\" . }}"),
        .http = global->http,
    };
    int rc = decode_section(d, node, &msteamsv2_section, c);
    return rc ? rc : check_webhook_url(d, node, &c->webhook_url);
}

#define CONFIGS(kind, list, number)                                                                \
    int decode_##kind##_configs(struct decoder *d, const struct yaml_node *node, void *out)        \
    {                                                                                              \
        struct receiver_config *receiver = out;                                                    \
        void *items = NULL;                                                                        \
        int rc = decode_list(d, node, sizeof(struct kind##_config), decode_##kind, &items,         \
                             &receiver->number);                                                   \
        receiver->list = items;                                                                    \
        return rc;                                                                                 \
    }
CONFIGS(pagerduty, pagerduties, pagerduty_count)
CONFIGS(opsgenie, opsgenies, opsgenie_count)
CONFIGS(telegram, telegrams, telegram_count)
CONFIGS(discord, discords, discord_count)
CONFIGS(msteamsv2, msteams, msteams_count)
