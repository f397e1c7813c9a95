// slack_configs, with Alertmanager's default templates.
//
// Where messages go: the receiver's own api_url(_file) or app_token(_file), else the global ones.
#include "alertmanager_sections.h"

struct raw_field {
    struct slack_field_config field;
    bool is_short;
};

static const struct field slack_field_fields[] = {
    {"title", FIELD_STRING, offsetof(struct raw_field, field.title), NULL},
    {"value", FIELD_STRING, offsetof(struct raw_field, field.value), NULL},
    {"short", FIELD_BOOL, offsetof(struct raw_field, is_short), NULL},
};
static const struct section slack_field_section = SECTION("slack_field", slack_field_fields);

static int decode_slack_field(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct raw_field raw = {0};
    int rc = decode_section(d, node, &slack_field_section, &raw);
    if (rc)
        return rc;
    if (raw.field.title.len == 0)
        return decode_fail(d, node, "missing title in Slack field configuration");
    if (raw.field.value.len == 0)
        return decode_fail(d, node, "missing value in Slack field configuration");
    raw.field.is_short = has_key(node, "short") ? raw.is_short : -1;
    *(struct slack_field_config *)out = raw.field;
    return OK;
}

static int decode_slack_fields(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct slack_config *slack = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct slack_field_config), decode_slack_field, &items,
                         &slack->field_count);
    slack->fields = items;
    return rc;
}

static const struct field confirm_fields[] = {
    {"text", FIELD_STRING, offsetof(struct slack_action_config, confirm_text), NULL},
    {"title", FIELD_STRING, offsetof(struct slack_action_config, confirm_title), NULL},
    {"ok_text", FIELD_STRING, offsetof(struct slack_action_config, confirm_ok_text), NULL},
    {"dismiss_text", FIELD_STRING, offsetof(struct slack_action_config, confirm_dismiss_text),
     NULL},
};
static const struct section confirm_section = SECTION("slack_confirmation_field", confirm_fields);

static int decode_confirm(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct slack_action_config *action = out;
    action->has_confirm = true;
    int rc = decode_section(d, node, &confirm_section, action);
    if (rc == OK && action->confirm_text.len == 0)
        return decode_fail(d, node, "missing text in Slack confirmation configuration");
    return rc;
}

static const struct field action_fields[] = {
    {"type", FIELD_STRING, offsetof(struct slack_action_config, type), NULL},
    {"text", FIELD_STRING, offsetof(struct slack_action_config, text), NULL},
    {"url", FIELD_STRING, offsetof(struct slack_action_config, url), NULL},
    {"style", FIELD_STRING, offsetof(struct slack_action_config, style), NULL},
    {"name", FIELD_STRING, offsetof(struct slack_action_config, name), NULL},
    {"value", FIELD_STRING, offsetof(struct slack_action_config, value), NULL},
    {"confirm", FIELD_CUSTOM, 0, decode_confirm},
};
static const struct section action_section = SECTION("slack_action", action_fields);

static int decode_action(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct slack_action_config *action = out;
    int rc = decode_section(d, node, &action_section, action);
    if (rc)
        return rc;
    if (action->type.len == 0)
        return decode_fail(d, node, "missing type in Slack action configuration");
    if (action->text.len == 0)
        return decode_fail(d, node, "missing text in Slack action configuration");
    if (action->url.len == 0 && action->name.len == 0)
        return decode_fail(d, node, "missing name or url in Slack action configuration");
    // A link is no message: what belongs to the latter goes.
    if (action->url.len) {
        action->name = action->value = str_make(NULL, 0);
        action->has_confirm = false;
    }
    return OK;
}

static int decode_actions(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct slack_config *slack = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct slack_action_config), decode_action, &items,
                         &slack->action_count);
    slack->actions = items;
    return rc;
}

static int decode_mrkdwn_in(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct slack_config *slack = out;
    struct string_list list = {0};
    int rc = decode_strings(d, node, &list);
    slack->mrkdwn_in = list.items;
    slack->mrkdwn_in_count = list.count;
    return rc;
}

#define IN_SLACK(member) offsetof(struct slack_config, member)
#define TEXT(key)                                                                                  \
    {                                                                                              \
#key, FIELD_STRING, IN_SLACK(key), NULL                                                    \
    }

static const struct field slack_fields[] = {
    {"send_resolved", FIELD_BOOL, IN_SLACK(send_resolved), NULL},
    {"http_config", FIELD_CUSTOM, IN_SLACK(http), decode_http},
    {"api_url", FIELD_SECRET, IN_SLACK(api_url), NULL},
    {"api_url_file", FIELD_SECRET_FILE, IN_SLACK(api_url), NULL},
    {"app_token", FIELD_SECRET, IN_SLACK(app_token), NULL},
    {"app_token_file", FIELD_SECRET_FILE, IN_SLACK(app_token), NULL},
    {"timeout", FIELD_DURATION, IN_SLACK(timeout_ms), NULL},
    TEXT(app_url),
    TEXT(channel),
    TEXT(username),
    TEXT(color),
    TEXT(title),
    TEXT(title_link),
    TEXT(pretext),
    TEXT(text),
    TEXT(fallback),
    TEXT(footer),
    TEXT(callback_id),
    TEXT(icon_emoji),
    TEXT(icon_url),
    TEXT(image_url),
    TEXT(thumb_url),
    {"short_fields", FIELD_BOOL, IN_SLACK(short_fields), NULL},
    {"link_names", FIELD_BOOL, IN_SLACK(link_names), NULL},
    {"mrkdwn_in", FIELD_CUSTOM, 0, decode_mrkdwn_in},
    {"fields", FIELD_CUSTOM, 0, decode_slack_fields},
    {"actions", FIELD_CUSTOM, 0, decode_actions},
    TEXT(message_text),
    {"update_message", FIELD_BOOL, IN_SLACK(update_message), NULL},
};
static const struct section slack_section = SECTION("slack_config", slack_fields);

static const struct slack_config slack_defaults = {
    .color = STR_INIT("{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}"),
    .username = STR_INIT("{{ template \"slack.default.username\" . }}"),
    .title = STR_INIT("{{ template \"slack.default.title\" . }}"),
    .title_link = STR_INIT("{{ template \"slack.default.titlelink\" . }}"),
    .icon_emoji = STR_INIT("{{ template \"slack.default.iconemoji\" . }}"),
    .icon_url = STR_INIT("{{ template \"slack.default.iconurl\" . }}"),
    .pretext = STR_INIT("{{ template \"slack.default.pretext\" . }}"),
    .text = STR_INIT("{{ template \"slack.default.text\" . }}"),
    .fallback = STR_INIT("{{ template \"slack.default.fallback\" . }}"),
    .callback_id = STR_INIT("{{ template \"slack.default.callbackid\" . }}"),
    .footer = STR_INIT("{{ template \"slack.default.footer\" . }}"),
};

static int choose_endpoint(struct decoder *d, const struct yaml_node *node,
                           struct slack_config *slack, const struct alertmanager_global *global)
{
    bool own = secret_is_set(&slack->api_url) || secret_is_set(&slack->app_token);
    if (!own && secret_is_set(&global->slack_api_url))
        slack->api_url = global->slack_api_url;
    else if (!own)
        slack->app_token = global->slack_app_token;
    if (slack->app_url.len == 0)
        slack->app_url = global->slack_app_url;
    if (secret_is_set(&slack->api_url) && secret_is_set(&slack->app_token))
        return decode_fail(d, node, "at most one of api_url & app_token must be configured");
    if (!secret_is_set(&slack->api_url) && !secret_is_set(&slack->app_token))
        return decode_fail(d, node,
                           "no Slack API URL: expected api_url or api_url_file here, or "
                           "slack_api_url or slack_api_url_file in global");
    return OK;
}

// Only the web API tells which message it made. What a file holds is seen when it is read.
static int check_update(struct decoder *d, const struct yaml_node *node,
                        const struct slack_config *slack)
{
    struct str url = secret_is_set(&slack->app_token) ? slack->app_url : slack->api_url.value;
    if (!slack->update_message || url.len == 0 || str_has_suffix(url, STR(SLACK_POST_MESSAGE)))
        return OK;
    return decode_fail(d, yaml_get(node, "update_message"),
                       "update_message: an incoming webhook cannot change its messages: expected "
                       "app_token, or https://slack.com/api/" SLACK_POST_MESSAGE " as api_url");
}

static int decode_slack(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct slack_config *slack = out;
    *slack = slack_defaults;
    slack->http = global->http;
    int rc = decode_section(d, node, &slack_section, slack);
    if (rc == OK)
        rc = check_exclusive(d, node, "api_url", "api_url_file");
    if (rc == OK)
        rc = check_exclusive(d, node, "app_token", "app_token_file");
    if (rc == OK)
        rc = choose_endpoint(d, node, slack, global);
    if (rc == OK)
        rc = check_update(d, node, slack);
    if (rc)
        return rc;
    if (slack->api_url.value.len && !url_is_valid(slack->api_url.value, true))
        decode_warn(d, has_key(node, "api_url") ? yaml_get(node, "api_url") : node,
                    "the Slack API URL is not a URL such as https://hooks.slack.com/services/...: "
                    "no message will arrive");
    return OK;
}

int decode_slack_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct receiver_config *receiver = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct slack_config), decode_slack, &items,
                         &receiver->slack_count);
    receiver->slacks = items;
    return rc;
}
