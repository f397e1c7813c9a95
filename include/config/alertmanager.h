// alertmanager.yml, validated.
#ifndef CONFIG_ALERTMANAGER_H
#define CONFIG_ALERTMANAGER_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/error.h"
#include "config/common.h"
#include "config/yaml.h"
#include "model/matcher.h"

struct route_config {
    struct str receiver;      // inherited from the parent when not given
    struct matcher *matchers; // owned by the configuration; match and match_re are folded in
    size_t matcher_count;
    struct str *group_by; // sorted; empty with group_by_all
    size_t group_by_count;
    bool group_by_all; // '...'
    bool continue_matching;
    int64_t group_wait_ms; // inherited likewise
    int64_t group_interval_ms;
    int64_t repeat_interval_ms;
    struct str *mute_time_intervals;
    size_t mute_time_interval_count;
    struct str *active_time_intervals;
    size_t active_time_interval_count;
    struct route_config *children;
    size_t child_count;
    int line;
};

struct inhibit_rule_config {
    struct matcher *source;
    size_t source_count;
    struct matcher *target;
    size_t target_count;
    struct str *equal;
    size_t equal_count;
};

// Inclusive ranges; negative days count from the end of the month (-1 is its last day).
struct config_range {
    int begin, end;
};

struct time_interval_config {
    struct str name;
    struct time_interval_part {
        struct config_range *times; // minutes of the day, end exclusive
        size_t time_count;
        struct config_range *weekdays; // 0 is Sunday
        size_t weekday_count;
        struct config_range *days_of_month;
        size_t day_count;
        struct config_range *months; // 1..12
        size_t month_count;
        struct config_range *years;
        size_t year_count;
        struct str location; // IANA zone; empty is UTC
    } * parts;
    size_t part_count;
};

struct webhook_config {
    bool send_resolved;
    struct config_secret url;
    uint64_t max_alerts; // 0: all
    int64_t timeout_ms;  // 0: the default
    // What is sent instead of the standard message: any tree whose texts are templates, or NULL.
    const struct yaml_node *payload;
    struct config_http http;
};

struct slack_field_config {
    struct str title, value;
    int is_short; // -1: not given
};

struct slack_action_config {
    struct str type, text, url, style, name, value;
    bool has_confirm;
    struct str confirm_text, confirm_title, confirm_ok_text, confirm_dismiss_text;
};

// Every text is a template; defaults are filled in as Alertmanager's.
// How the address ends that makes messages which can be changed later.
#define SLACK_POST_MESSAGE "chat.postMessage"

struct slack_config {
    bool send_resolved;
    struct config_secret api_url; // the global one when not given
    struct config_secret app_token;
    struct str app_url; // where messages with an app token go
    int64_t timeout_ms; // 0: the default
    struct str channel, username, color;
    struct str message_text; // beside the attachment
    struct str title, title_link, pretext, text, fallback, footer, callback_id;
    struct str icon_emoji, icon_url, image_url, thumb_url;
    bool short_fields, link_names;
    bool update_message; // later notifications of a group change its first message
    struct str *mrkdwn_in;
    size_t mrkdwn_in_count;
    struct slack_field_config *fields;
    size_t field_count;
    struct slack_action_config *actions;
    size_t action_count;
    struct config_http http;
};

struct email_config {
    bool send_resolved;
    struct str to, from, hello, smarthost_host, smarthost_port;
    struct str auth_username, auth_identity;
    struct config_secret auth_password, auth_secret;
    bool require_tls;
    int implicit_tls; // 1: TLS from the first byte, 0: never, -1: as the port says (465)
    struct config_tls tls;
    struct label *headers; // name, template; `subject` of older files is the header Subject
    size_t header_count;
    struct str html, text; // templates; `body` of older files is the text part
    bool threads;          // mails of a group refer to one that is never sent, so that they thread
    bool threads_by_day;   // a new thread each day
};

struct pagerduty_link_config {
    struct str href, text;
};

struct pagerduty_image_config {
    struct str src, alt, href;
};

// Every text is a template, the keys too. With a service key it is the events API v1.
struct pagerduty_config {
    bool send_resolved;
    struct config_secret routing_key, service_key;
    struct str url; // of API v2
    struct str client, client_url, description, source, severity, class_name, component, group;
    const struct yaml_node *details; // a mapping of any trees, or NULL; defaults come on top
    struct pagerduty_link_config *links;
    size_t link_count;
    struct pagerduty_image_config *images;
    size_t image_count;
    int64_t timeout_ms; // 0: the default
    struct config_http http;
};

struct opsgenie_responder_config {
    struct str id, name, username, type;
};

struct opsgenie_config {
    bool send_resolved;
    struct config_secret api_key;
    struct str api_url; // ends in '/'
    struct str message, description, source, entity, actions, tags, note, priority;
    struct label *details; // name, template
    size_t detail_count;
    struct opsgenie_responder_config *responders;
    size_t responder_count;
    bool update_alerts;
    struct config_http http;
};

struct telegram_config {
    bool send_resolved;
    struct str api_url;
    struct config_secret bot_token;
    struct config_secret chat_id;
    int64_t message_thread_id; // 0: none
    struct str message, parse_mode;
    bool disable_notifications;
    int64_t timeout_ms; // 0: the default
    struct config_http http;
};

struct discord_config {
    bool send_resolved;
    struct config_secret webhook_url;
    struct str content, title, message, username, avatar_url;
    struct config_http http;
};

struct msteamsv2_config {
    bool send_resolved;
    struct config_secret webhook_url;
    struct str title, text;
    struct config_http http;
};

// Lapwing's own: a ping to a URL as long as all is well here. No alert is routed to it.
struct heartbeat_config {
    struct config_secret url;
    int64_t interval_ms;
    int64_t timeout_ms; // of one ping
    struct config_http http;
};

struct receiver_config {
    struct str name;
    struct labels labels; // what it is found by in the API
    int line;
    struct webhook_config *webhooks;
    size_t webhook_count;
    struct slack_config *slacks;
    size_t slack_count;
    struct email_config *emails;
    size_t email_count;
    struct pagerduty_config *pagerduties;
    size_t pagerduty_count;
    struct opsgenie_config *opsgenies;
    size_t opsgenie_count;
    struct telegram_config *telegrams;
    size_t telegram_count;
    struct discord_config *discords;
    size_t discord_count;
    struct msteamsv2_config *msteams;
    size_t msteams_count;
    struct heartbeat_config *heartbeats;
    size_t heartbeat_count;
};

// Immutable and counted.
struct alertmanager_config {
    struct arena arena;
    atomic_int references;
    struct regex **regexes; // as in prometheus_config
    size_t regex_count;

    struct str text;     // with secrets replaced by <secret>: loadable YAML
    struct str api_text; // the same without what only Lapwing knows: Alertmanager loads it
    struct str folder;
    int64_t resolve_timeout_ms;
    struct route_config *route;
    struct receiver_config *receivers;
    size_t receiver_count;
    struct inhibit_rule_config *inhibit_rules;
    size_t inhibit_rule_count;
    struct time_interval_config *time_intervals;
    size_t time_interval_count;
    struct str *templates; // file patterns, resolved
    size_t template_count;
};

int alertmanager_config_load(struct alertmanager_config **out, const char *path,
                             struct buf *warnings, struct error *err);
int alertmanager_config_parse(struct alertmanager_config **out, struct str text, const char *name,
                              const char *folder, struct buf *warnings, struct error *err);
// A list of time intervals as `time_intervals` holds them under a name, in YAML or JSON; in the
// arena.
int time_interval_config_parse(struct time_interval_config *out, struct str text,
                               struct arena *arena, struct error *err);
struct alertmanager_config *alertmanager_config_ref(struct alertmanager_config *c);
void alertmanager_config_unref(struct alertmanager_config *c);

#endif
