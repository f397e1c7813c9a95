// alertmanager.yml: the file as a whole, and `global`.
//
// The sections are decoded in the order in which they need each other, wherever they stand: global,
// then receivers and time intervals, then the routes that name them. Integrations that cannot send
// yet are accepted with a warning, so that a file made for Alertmanager loads; so is a Slack URL
// that is still a placeholder, which Alertmanager itself refuses.
#include "config/alertmanager.h"

#include "alertmanager_sections.h"
#include "base/file.h"
#include "base/mem.h"

#define FILE_SIZE_MAX ((size_t)64 << 20)

int decode_smarthost(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct email_config *email = out;
    struct str text;
    int rc = decode_string(d, node, &text);
    if (rc || text.len == 0)
        return rc;
    size_t colon = str_find_last(text, ':');
    bool in_brackets = text.ptr[0] == '[' && colon && text.ptr[colon - 1] == ']';
    if (colon == text.len || colon + 1 == text.len)
        return decode_fail(d, node, "expected host:port such as smtp.example.org:587, got \"%.*s\"",
                           STR_ARG(text));
    email->smarthost_host =
        in_brackets ? str_make(text.ptr + 1, colon - 2) : str_first(text, colon);
    email->smarthost_port = str_skip(text, colon + 1);
    return OK;
}

int decode_implicit_tls(struct decoder *d, const struct yaml_node *node, void *out)
{
    bool on = false;
    int rc = decode_bool(d, node, &on);
    *(int *)out = on;
    return rc;
}

#define IN_GLOBAL(member) offsetof(struct alertmanager_global, member)
#define IN_EMAIL(member)                                                                           \
    (offsetof(struct alertmanager_global, email) + offsetof(struct email_config, member))

static const struct field global_fields[] = {
    {"resolve_timeout", FIELD_DURATION, IN_GLOBAL(resolve_timeout_ms), NULL},
    {"http_config", FIELD_CUSTOM, IN_GLOBAL(http), decode_http},
    {"smtp_from", FIELD_STRING, IN_EMAIL(from), NULL},
    {"smtp_hello", FIELD_STRING, IN_EMAIL(hello), NULL},
    {"smtp_smarthost", FIELD_CUSTOM, IN_GLOBAL(email), decode_smarthost},
    {"smtp_auth_username", FIELD_STRING, IN_EMAIL(auth_username), NULL},
    {"smtp_auth_password", FIELD_SECRET, IN_EMAIL(auth_password), NULL},
    {"smtp_auth_password_file", FIELD_SECRET_FILE, IN_EMAIL(auth_password), NULL},
    {"smtp_auth_secret", FIELD_SECRET, IN_EMAIL(auth_secret), NULL},
    {"smtp_auth_secret_file", FIELD_SECRET_FILE, IN_EMAIL(auth_secret), NULL},
    {"smtp_auth_identity", FIELD_STRING, IN_EMAIL(auth_identity), NULL},
    {"smtp_require_tls", FIELD_BOOL, IN_EMAIL(require_tls), NULL},
    {"smtp_tls_config", FIELD_CUSTOM, IN_EMAIL(tls), decode_tls},
    {"smtp_force_implicit_tls", FIELD_CUSTOM, IN_EMAIL(implicit_tls), decode_implicit_tls},
    {"slack_api_url", FIELD_SECRET, IN_GLOBAL(slack_api_url), NULL},
    {"slack_api_url_file", FIELD_SECRET_FILE, IN_GLOBAL(slack_api_url), NULL},
    {"slack_app_token", FIELD_SECRET, IN_GLOBAL(slack_app_token), NULL},
    {"slack_app_token_file", FIELD_SECRET_FILE, IN_GLOBAL(slack_app_token), NULL},
    {"slack_app_url", FIELD_STRING, IN_GLOBAL(slack_app_url), NULL},
    {"pagerduty_url", FIELD_STRING, IN_GLOBAL(pagerduty_url), NULL},
    {"opsgenie_api_url", FIELD_STRING, IN_GLOBAL(opsgenie_api_url), NULL},
    {"opsgenie_api_key", FIELD_SECRET, IN_GLOBAL(opsgenie_api_key), NULL},
    {"opsgenie_api_key_file", FIELD_SECRET_FILE, IN_GLOBAL(opsgenie_api_key), NULL},
    {"telegram_api_url", FIELD_STRING, IN_GLOBAL(telegram_api_url), NULL},
    {"telegram_bot_token", FIELD_SECRET, IN_GLOBAL(telegram_bot_token), NULL},
    {"telegram_bot_token_file", FIELD_SECRET_FILE, IN_GLOBAL(telegram_bot_token), NULL},
};

// Of integrations that cannot send yet: accepted, the secrets masked.
struct ignored_global {
    struct config_secret secret;
    struct str text;
};
#define TEXT(key)                                                                                  \
    {                                                                                              \
        key, FIELD_STRING, offsetof(struct ignored_global, text), NULL                             \
    }
#define SECRET(key)                                                                                \
    {                                                                                              \
        key, FIELD_SECRET, offsetof(struct ignored_global, secret), NULL                           \
    }
static const struct field ignored_global_fields[] = {
    TEXT("wechat_api_url"),
    SECRET("wechat_api_secret"),
    TEXT("wechat_api_secret_file"),
    TEXT("wechat_api_corp_id"),
    TEXT("victorops_api_url"),
    SECRET("victorops_api_key"),
    TEXT("victorops_api_key_file"),
    TEXT("webex_api_url"),
    TEXT("jira_api_url"),
    TEXT("rocketchat_api_url"),
    SECRET("rocketchat_token"),
    TEXT("rocketchat_token_file"),
    SECRET("rocketchat_token_id"),
    TEXT("rocketchat_token_id_file"),
    SECRET("mattermost_webhook_url"),
    TEXT("mattermost_webhook_url_file"),
};
static const struct section ignored_global_section = SECTION("global", ignored_global_fields);

struct raw_global {
    struct alertmanager_global global;
    struct ignored_global ignored;
};
static const struct section global_section = SECTION_WITH(
    "global", global_fields, {&ignored_global_section, offsetof(struct raw_global, ignored)});

int decode_global_section(struct decoder *d, const struct yaml_node *node,
                          struct alertmanager_global *global)
{
    static const char *const pairs[][2] = {
        {"smtp_auth_password", "smtp_auth_password_file"},
        {"smtp_auth_secret", "smtp_auth_secret_file"},
        {"slack_api_url", "slack_api_url_file"},
        {"slack_app_token", "slack_app_token_file"},
        {"opsgenie_api_key", "opsgenie_api_key_file"},
        {"victorops_api_key", "victorops_api_key_file"},
        {"telegram_bot_token", "telegram_bot_token_file"},
        {"rocketchat_token", "rocketchat_token_file"},
        {"rocketchat_token_id", "rocketchat_token_id_file"},
        {"wechat_api_secret", "wechat_api_secret_file"},
        {"mattermost_webhook_url", "mattermost_webhook_url_file"},
    };
    struct raw_global raw = {
        .global =
            {
                .resolve_timeout_ms = 5 * 60 * 1000,
                .slack_app_url = STR("https://slack.com/api/chat.postMessage"),
                .pagerduty_url = STR("https://events.pagerduty.com/v2/enqueue"),
                .opsgenie_api_url = STR("https://api.opsgenie.com/"),
                .telegram_api_url = STR("https://api.telegram.org"),
                .email = {.hello = STR("localhost"), .require_tls = true, .implicit_tls = -1},
            },
    };
    http_defaults(&raw.global.http);
    int rc = node ? decode_section(d, node, &global_section, &raw) : OK;
    for (size_t i = 0; rc == OK && i < sizeof(pairs) / sizeof(pairs[0]); i++)
        rc = check_exclusive(d, node, pairs[i][0], pairs[i][1]);
    *global = raw.global;
    return rc;
}

static int decode_templates(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct alertmanager_config *config = out;
    struct string_list list = {0};
    int rc = decode_strings(d, node, &list);
    if (rc)
        return rc;
    for (size_t i = 0; i < list.count; i++)
        list.items[i] = path_resolve(d, list.items[i]);
    config->templates = list.items;
    config->template_count = list.count;
    return OK;
}

static const struct field config_fields[] = {
    {"global", FIELD_LATER, 0, NULL},
    {"route", FIELD_LATER, 0, NULL},
    {"receivers", FIELD_LATER, 0, NULL},
    {"inhibit_rules", FIELD_LATER, 0, NULL},
    {"time_intervals", FIELD_LATER, 0, NULL},
    {"mute_time_intervals", FIELD_LATER, 0, NULL},
    {"templates", FIELD_CUSTOM, 0, decode_templates},
    {"tracing", FIELD_NO_EFFECT, 0, NULL},
};
static const struct section config_section = SECTION("config", config_fields);

static int decode_parts(struct decoder *d, const struct yaml_node *root,
                        struct alertmanager_config *config)
{
    static const struct {
        const char *key;
        int (*decode)(struct decoder *d, const struct yaml_node *node,
                      struct alertmanager_config *config);
    } parts[] = {
        {"time_intervals", decode_time_intervals}, {"mute_time_intervals", decode_time_intervals},
        {"receivers", decode_receivers},           {"route", decode_route},
        {"inhibit_rules", decode_inhibit_rules},
    };
    int rc = OK;
    for (size_t i = 0; rc == OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
        const struct yaml_node *node = yaml_get(root, parts[i].key);
        if (node_is_given(node))
            rc = parts[i].decode(d, node, config);
    }
    return rc;
}

static int decode_config(struct decoder *d, const struct yaml_node *root,
                         struct alertmanager_config *config)
{
    struct alertmanager_global global;
    if (root->kind != YAML_MAPPING && root->kind != YAML_NULL)
        return decode_fail(d, root, "expected a mapping with route, receivers, ...");
    int rc = decode_section(d, root, &config_section, config);
    if (rc == OK)
        rc = decode_global_section(d, yaml_get(root, "global"), &global);
    if (rc)
        return rc;
    config->resolve_timeout_ms = global.resolve_timeout_ms;
    if (!has_key(root, "route"))
        return decode_fail(d, root, "no route provided: expected route with a receiver");
    d->context = &global;
    rc = decode_parts(d, root, config);
    d->context = NULL;
    return rc;
}

static int parse_into(struct alertmanager_config *config, struct str text, const char *name,
                      const char *folder, struct buf *warnings, struct error *err)
{
    struct decoder d;
    struct yaml_node *root;
    config->folder = arena_copy(&config->arena, str_from(folder ? folder : ""));
    config_decoder_init(&d, &config->arena, text, name, config->folder.ptr, warnings, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_config(&d, root, config);
    if (rc == OK) {
        config->text = decoder_masked_text(&d);
        config->api_text = alertmanager_api_text(config->text, &config->arena);
        config->regexes = decoder_take_regexes(&d, &config->regex_count);
    }
    decoder_release(&d);
    return rc;
}

int alertmanager_config_parse(struct alertmanager_config **out, struct str text, const char *name,
                              const char *folder, struct buf *warnings, struct error *err)
{
    struct alertmanager_config *config = mem_calloc(1, sizeof(*config));
    atomic_init(&config->references, 1);
    arena_init(&config->arena, 0);
    int rc = parse_into(config, text, name, folder, warnings, err);
    if (rc) {
        alertmanager_config_unref(config);
        return rc;
    }
    *out = config;
    return OK;
}

int alertmanager_config_load(struct alertmanager_config **out, const char *path,
                             struct buf *warnings, struct error *err)
{
    struct buf bytes = BUF_INIT;
    int rc = file_read(path, FILE_SIZE_MAX, &bytes, err);
    if (rc == OK) {
        char *folder = mem_copy_str(path_folder(str_from(path)));
        rc = alertmanager_config_parse(out, buf_view(&bytes), path, folder, warnings, err);
        mem_free(folder);
    }
    buf_release(&bytes);
    return rc;
}

struct alertmanager_config *alertmanager_config_ref(struct alertmanager_config *c)
{
    atomic_fetch_add(&c->references, 1);
    return c;
}

void alertmanager_config_unref(struct alertmanager_config *c)
{
    if (!c || atomic_fetch_sub(&c->references, 1) != 1)
        return;
    for (size_t i = 0; i < c->regex_count; i++)
        regex_free(c->regexes[i]);
    arena_release(&c->arena);
    mem_free(c);
}
