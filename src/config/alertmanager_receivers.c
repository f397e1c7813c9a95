// Receivers: webhooks here, the other integrations in files of their own. Those that cannot send
// yet are refused: a receiver that says nothing would be found out too late.
#include "alertmanager_sections.h"

#define HEARTBEAT_INTERVAL_MS INT64_C(60000)

static int decode_webhook_url(struct decoder *d, const struct yaml_node *node, void *out)
{
    mask_secret_url(d, node);
    return decode_string(d, node, &((struct config_secret *)out)->value);
}

// Kept as it is: what its texts make is known when it is sent.
static int decode_tree(struct decoder *d, const struct yaml_node *node, void *out)
{
    (void)d;
    *(const struct yaml_node **)out = node->kind == YAML_NULL ? NULL : node;
    return OK;
}

static const struct field webhook_fields[] = {
    {"send_resolved", FIELD_BOOL, offsetof(struct webhook_config, send_resolved), NULL},
    {"url", FIELD_CUSTOM, offsetof(struct webhook_config, url), decode_webhook_url},
    {"url_file", FIELD_SECRET_FILE, offsetof(struct webhook_config, url), NULL},
    {"max_alerts", FIELD_U64, offsetof(struct webhook_config, max_alerts), NULL},
    {"timeout", FIELD_DURATION, offsetof(struct webhook_config, timeout_ms), NULL},
    {"http_config", FIELD_CUSTOM, offsetof(struct webhook_config, http), decode_http},
    {"payload", FIELD_CUSTOM, offsetof(struct webhook_config, payload), decode_tree},
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

static int decode_heartbeat_url(struct decoder *d, const struct yaml_node *node, void *out)
{
    mask_secret_url(d, node);
    return decode_string(d, node, &((struct config_secret *)out)->value);
}

static const struct field heartbeat_fields[] = {
    {"url", FIELD_CUSTOM, offsetof(struct heartbeat_config, url), decode_heartbeat_url},
    {"url_file", FIELD_SECRET_FILE, offsetof(struct heartbeat_config, url), NULL},
    {"interval", FIELD_DURATION, offsetof(struct heartbeat_config, interval_ms), NULL},
    {"timeout", FIELD_DURATION, offsetof(struct heartbeat_config, timeout_ms), NULL},
    {"http_config", FIELD_CUSTOM, offsetof(struct heartbeat_config, http), decode_http},
};
static const struct section heartbeat_section = SECTION("heartbeat_config", heartbeat_fields);

static int decode_heartbeat(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct heartbeat_config *heartbeat = out;
    heartbeat->interval_ms = HEARTBEAT_INTERVAL_MS;
    heartbeat->timeout_ms = HEARTBEAT_INTERVAL_MS / 6;
    heartbeat->http = global->http;
    int rc = decode_section(d, node, &heartbeat_section, heartbeat);
    if (rc == OK)
        rc = check_exclusive(d, node, "url", "url_file");
    if (rc)
        return rc;
    if (heartbeat->url.value.len == 0 && heartbeat->url.file.len == 0)
        return decode_fail(d, node, "one of url or url_file must be configured");
    if (heartbeat->url.value.len && !url_is_valid(heartbeat->url.value, true))
        return decode_fail(d, yaml_get(node, "url"),
                           "expected a URL such as https://host/path for the heartbeat");
    if (heartbeat->interval_ms < 1000 || heartbeat->timeout_ms < 1)
        return decode_fail(d, node, "a heartbeat's interval is at least 1s, its timeout positive");
    return OK;
}

static int decode_heartbeat_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct receiver_config *receiver = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct heartbeat_config), decode_heartbeat, &items,
                         &receiver->heartbeat_count);
    receiver->heartbeats = items;
    return rc;
}

static int decode_receiver_labels(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_labels(d, node, out);
}

static int refuse_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    (void)out;
    if (node->child_count == 0)
        return OK;
    return decode_refuse(d, node->key, "%.*s is not supported yet: remove it",
                         STR_ARG(node->key->text));
}

#define OTHER(name)                                                                                \
    {                                                                                              \
        name "_configs", FIELD_CUSTOM, 0, refuse_configs                                           \
    }

static const struct field receiver_fields[] = {
    {"name", FIELD_STRING, offsetof(struct receiver_config, name), NULL},
    {"labels", FIELD_CUSTOM, offsetof(struct receiver_config, labels), decode_receiver_labels},
    {"webhook_configs", FIELD_CUSTOM, 0, decode_webhook_configs},
    {"slack_configs", FIELD_CUSTOM, 0, decode_slack_configs},
    {"email_configs", FIELD_CUSTOM, 0, decode_email_configs},
    {"pagerduty_configs", FIELD_CUSTOM, 0, decode_pagerduty_configs},
    {"opsgenie_configs", FIELD_CUSTOM, 0, decode_opsgenie_configs},
    {"telegram_configs", FIELD_CUSTOM, 0, decode_telegram_configs},
    {"discord_configs", FIELD_CUSTOM, 0, decode_discord_configs},
    {"msteamsv2_configs", FIELD_CUSTOM, 0, decode_msteamsv2_configs},
    {"heartbeat_configs", FIELD_CUSTOM, 0, decode_heartbeat_configs},
    OTHER("incidentio"),
    OTHER("jira"),
    OTHER("mattermost"),
    OTHER("msteams"),
    OTHER("pushover"),
    OTHER("rocketchat"),
    OTHER("sns"),
    OTHER("victorops"),
    OTHER("webex"),
    OTHER("wechat"),
};
static const struct section receiver_section = SECTION("receiver", receiver_fields);

static int decode_receiver(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct receiver_config *receiver = out;
    receiver->line = node->line;
    int rc = decode_section(d, node, &receiver_section, receiver);
    if (rc == OK && receiver->name.len == 0)
        rc = decode_fail(d, node, "missing name in receiver");
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
