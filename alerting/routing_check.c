// What can be said of an alertmanager.yml without running it: its template files parse, its time
// zones exist, and the templates that stand in its receivers are templates. The last is a warning:
// a text with a mistake is sent with the error in its place, an alert that is not sent helps nobody.
#include "alerting/alertmanager.h"
#include "routing.h"

struct text_field {
    const char *key;
    size_t offset;
};

#define FIELD(type, member)                                                                        \
    {                                                                                              \
#member, offsetof(struct type, member)                                                     \
    }

static const struct text_field slack_texts[] = {
    FIELD(slack_config, channel),     FIELD(slack_config, username),
    FIELD(slack_config, color),       FIELD(slack_config, message_text),
    FIELD(slack_config, title),       FIELD(slack_config, title_link),
    FIELD(slack_config, pretext),     FIELD(slack_config, text),
    FIELD(slack_config, fallback),    FIELD(slack_config, footer),
    FIELD(slack_config, callback_id), FIELD(slack_config, icon_emoji),
    FIELD(slack_config, icon_url),    FIELD(slack_config, image_url),
    FIELD(slack_config, thumb_url),
};
static const struct text_field slack_field_texts[] = {
    FIELD(slack_field_config, title),
    FIELD(slack_field_config, value),
};
static const struct text_field email_texts[] = {
    FIELD(email_config, to),
    FIELD(email_config, from),
    FIELD(email_config, html),
    FIELD(email_config, text),
};
static const struct text_field pagerduty_texts[] = {
    FIELD(pagerduty_config, client),      FIELD(pagerduty_config, client_url),
    FIELD(pagerduty_config, description), FIELD(pagerduty_config, source),
    FIELD(pagerduty_config, severity),    FIELD(pagerduty_config, class_name),
    FIELD(pagerduty_config, component),   FIELD(pagerduty_config, group),
};
static const struct text_field opsgenie_texts[] = {
    FIELD(opsgenie_config, message), FIELD(opsgenie_config, description),
    FIELD(opsgenie_config, source),  FIELD(opsgenie_config, entity),
    FIELD(opsgenie_config, actions), FIELD(opsgenie_config, tags),
    FIELD(opsgenie_config, note),    FIELD(opsgenie_config, priority),
};
static const struct text_field telegram_texts[] = {FIELD(telegram_config, message)};
static const struct text_field discord_texts[] = {
    FIELD(discord_config, content),    FIELD(discord_config, title),
    FIELD(discord_config, message),    FIELD(discord_config, username),
    FIELD(discord_config, avatar_url),
};
static const struct text_field msteamsv2_texts[] = {
    FIELD(msteamsv2_config, title),
    FIELD(msteamsv2_config, text),
};

struct checking {
    const struct template_set *templates;
    const struct receiver_config *receiver;
    struct buf *warnings;
};

static void check_text(struct checking *c, const char *kind, const char *key, struct str text)
{
    struct error err;
    if (template_check(c->templates, text, "", &err) == OK)
        return;
    buf_printf(c->warnings, "receiver \"%.*s\" (line %d), %s: %s: %s\n", STR_ARG(c->receiver->name),
               c->receiver->line, kind, key, err.text);
}

// An array of structs, each with the fields.
static void check_all(struct checking *c, const char *kind, const void *items, size_t count,
                      size_t size, const struct text_field *fields, size_t field_count)
{
    for (size_t i = 0; i < count; i++) {
        const char *item = (const char *)items + i * size;
        for (size_t f = 0; f < field_count; f++)
            check_text(c, kind, fields[f].key, *(const struct str *)(item + fields[f].offset));
    }
}
#define CHECK_ALL(c, kind, items, count, fields)                                                   \
    check_all(c, kind, items, count, sizeof(*(items)), fields, sizeof(fields) / sizeof((fields)[0]))

static void check_tree(struct checking *c, const char *kind, const char *key,
                       const struct yaml_node *node)
{
    if (!node)
        return;
    if (node->kind == YAML_SCALAR)
        check_text(c, kind, key, node->text);
    for (const struct yaml_node *child = node->child; child; child = child->next)
        check_tree(c, kind, key, child);
}

static void check_receiver(struct checking *c)
{
    const struct receiver_config *r = c->receiver;
    CHECK_ALL(c, "slack", r->slacks, r->slack_count, slack_texts);
    for (size_t i = 0; i < r->slack_count; i++)
        CHECK_ALL(c, "slack field", r->slacks[i].fields, r->slacks[i].field_count,
                  slack_field_texts);
    CHECK_ALL(c, "email", r->emails, r->email_count, email_texts);
    for (size_t i = 0; i < r->email_count; i++) {
        for (size_t h = 0; h < r->emails[i].header_count; h++)
            check_text(c, "email", "headers", r->emails[i].headers[h].value);
    }
    for (size_t i = 0; i < r->webhook_count; i++) {
        check_text(c, "webhook", "url", r->webhooks[i].url.value);
        check_tree(c, "webhook", "payload", r->webhooks[i].payload);
    }
    CHECK_ALL(c, "pagerduty", r->pagerduties, r->pagerduty_count, pagerduty_texts);
    for (size_t i = 0; i < r->pagerduty_count; i++)
        check_tree(c, "pagerduty", "details", r->pagerduties[i].details);
    CHECK_ALL(c, "opsgenie", r->opsgenies, r->opsgenie_count, opsgenie_texts);
    CHECK_ALL(c, "telegram", r->telegrams, r->telegram_count, telegram_texts);
    CHECK_ALL(c, "discord", r->discords, r->discord_count, discord_texts);
    CHECK_ALL(c, "msteamsv2", r->msteams, r->msteams_count, msteamsv2_texts);
}

int alertmanager_check(const struct alertmanager_config *config, struct buf *warnings,
                       struct error *err)
{
    struct template_set *templates = NULL;
    int rc = routing_templates(&templates, config, err);
    for (size_t i = 0; i < config->time_interval_count && rc == OK; i++) {
        struct time_interval interval;
        rc = time_interval_init(&interval, &config->time_intervals[i], err);
        if (rc == OK)
            time_interval_release(&interval);
    }
    for (size_t i = 0; i < config->receiver_count && rc == OK; i++) {
        struct checking c = {templates, &config->receivers[i], warnings};
        check_receiver(&c);
    }
    template_set_free(templates);
    return rc;
}
