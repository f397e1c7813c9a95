// Receivers: webhooks here, Slack and email in files of their own, and the integrations that are
// accepted but cannot send yet.
#include "alertmanager_sections.h"

static int decode_webhook_url(struct decoder *d, const struct yaml_node *node, void *out)
{
    mask_secret_url(d, node);
    return decode_string(d, node, &((struct config_secret *)out)->value);
}

static const struct field webhook_fields[] = {
    {"send_resolved", FIELD_BOOL, offsetof(struct webhook_config, send_resolved), NULL},
    {"url", FIELD_CUSTOM, offsetof(struct webhook_config, url), decode_webhook_url},
    {"url_file", FIELD_SECRET_FILE, offsetof(struct webhook_config, url), NULL},
    {"max_alerts", FIELD_U64, offsetof(struct webhook_config, max_alerts), NULL},
    {"timeout", FIELD_DURATION, offsetof(struct webhook_config, timeout_ms), NULL},
    {"http_config", FIELD_CUSTOM, offsetof(struct webhook_config, http), decode_http},
    {"payload", FIELD_UNSUPPORTED, 0, NULL},
};
static const struct section webhook_section = SECTION("webhook_config", webhook_fields);

static int decode_webhook(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct webhook_config *webhook = out;
    webhook->send_resolved = true;
    webhook->http = global->http;
    int rc = decode_section(d, node, &webhook_section, webhook);
    if (rc == OK)
        rc = check_exclusive(d, node, "url", "url_file");
    if (rc)
        return rc;
    struct str url = webhook->url.value;
    if (url.len == 0 && webhook->url.file.len == 0)
        return decode_fail(d, node, "one of url or url_file must be configured");
    bool is_template = str_search(url, STR("{{")) < url.len;
    if (url.len && !is_template && !url_is_valid(url, true))
        return decode_fail(d, yaml_get(node, "url"),
                           "expected a URL such as http://host:8080/path for the webhook");
    return OK;
}

static int decode_webhook_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct receiver_config *receiver = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct webhook_config), decode_webhook, &items,
                         &receiver->webhook_count);
    receiver->webhooks = items;
    return rc;
}

struct raw_receiver {
    struct receiver_config receiver;
    size_t other_capacity;
};

static int decode_other_configs(struct decoder *d, const struct yaml_node *node, void *out);

#define OTHER(name)                                                                                \
    {                                                                                              \
        name "_configs", FIELD_CUSTOM, 0, decode_other_configs                                     \
    }

static const struct field receiver_fields[] = {
    {"name", FIELD_STRING, offsetof(struct receiver_config, name), NULL},
    {"webhook_configs", FIELD_CUSTOM, 0, decode_webhook_configs},
    {"slack_configs", FIELD_CUSTOM, 0, decode_slack_configs},
    {"email_configs", FIELD_CUSTOM, 0, decode_email_configs},
    OTHER("discord"),
    OTHER("incidentio"),
    OTHER("jira"),
    OTHER("mattermost"),
    OTHER("msteams"),
    OTHER("msteamsv2"),
    OTHER("opsgenie"),
    OTHER("pagerduty"),
    OTHER("pushover"),
    OTHER("rocketchat"),
    OTHER("sns"),
    OTHER("telegram"),
    OTHER("victorops"),
    OTHER("webex"),
    OTHER("wechat"),
};
static const struct section receiver_section = SECTION("receiver", receiver_fields);

static const char *static_kind(struct str key)
{
    for (size_t i = 0; i < receiver_section.field_count; i++) {
        if (str_is(key, receiver_fields[i].key))
            return receiver_fields[i].key;
    }
    return NULL;
}

static int decode_other_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct raw_receiver *raw = out;
    struct receiver_config *receiver = &raw->receiver;
    const char *kind = static_kind(node->key->text);
    if (node->kind != YAML_SEQUENCE)
        return decode_fail(d, node, "expected a list of mappings as %s", kind);
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (child->kind != YAML_MAPPING)
            return decode_fail(d, child, "expected a mapping as element of %s", kind);
        ARENA_GROW(d->arena, receiver->others, receiver->other_count, raw->other_capacity);
        receiver->others[receiver->other_count++] =
            (struct other_receiver_config){kind, child->line};
    }
    mask_by_name(d, node);
    if (node->child_count)
        decode_warn(d, node->key, "%s is not supported yet: nothing is sent by it", kind);
    return OK;
}

static int decode_receiver(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct raw_receiver raw = {.receiver = {.line = node->line}};
    int rc = decode_section(d, node, &receiver_section, &raw);
    if (rc == OK && raw.receiver.name.len == 0)
        rc = decode_fail(d, node, "missing name in receiver");
    *(struct receiver_config *)out = raw.receiver;
    return rc;
}

static int check_unique(struct decoder *d, const struct yaml_node *list)
{
    struct strmap seen;
    int rc = OK;
    strmap_init(&seen);
    for (const struct yaml_node *receiver = list->child; rc == OK && receiver;
         receiver = receiver->next) {
        const struct yaml_node *name = yaml_get(receiver, "name");
        if (strmap_has(&seen, name->text))
            rc = decode_fail(d, name, "notification config name \"%.*s\" is not unique",
                             STR_ARG(name->text));
        strmap_put(&seen, name->text, NULL);
    }
    strmap_release(&seen);
    return rc;
}

int decode_receivers(struct decoder *d, const struct yaml_node *node,
                     struct alertmanager_config *config)
{
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct receiver_config), decode_receiver, &items,
                         &config->receiver_count);
    config->receivers = items;
    return rc ? rc : check_unique(d, node);
}
