// alertmanager.yml's sections, one file each.
#ifndef CONFIG_ALERTMANAGER_SECTIONS_H
#define CONFIG_ALERTMANAGER_SECTIONS_H

#include "config/alertmanager.h"
#include "sections.h"

// `global`: what receivers inherit.
struct alertmanager_global {
    int64_t resolve_timeout_ms;
    struct config_http http;
    struct config_secret slack_api_url;
    struct config_secret slack_app_token;
    struct str slack_app_url;
    struct str pagerduty_url;
    struct str opsgenie_api_url;
    struct config_secret opsgenie_api_key;
    struct str telegram_api_url;
    struct config_secret telegram_bot_token;
    struct email_config email; // from, hello, smarthost, authentication, TLS
};

int decode_global_section(struct decoder *d, const struct yaml_node *node,
                          struct alertmanager_global *global);
int decode_smarthost(struct decoder *d, const struct yaml_node *node, void *out);    // email_config
int decode_implicit_tls(struct decoder *d, const struct yaml_node *node, void *out); // int

// The decoder's context is the alertmanager_global for those below.
int decode_pagerduty_configs(struct decoder *d, const struct yaml_node *node, void *out);
int decode_opsgenie_configs(struct decoder *d, const struct yaml_node *node, void *out);
int decode_telegram_configs(struct decoder *d, const struct yaml_node *node, void *out);
int decode_discord_configs(struct decoder *d, const struct yaml_node *node, void *out);
int decode_msteamsv2_configs(struct decoder *d, const struct yaml_node *node, void *out);
int decode_slack_configs(struct decoder *d, const struct yaml_node *node, void *out);
int decode_email_configs(struct decoder *d, const struct yaml_node *node, void *out);
int decode_receivers(struct decoder *d, const struct yaml_node *node,
                     struct alertmanager_config *config);

// The tree below `node`, checked against the receivers and time intervals of the configuration.
int decode_route(struct decoder *d, const struct yaml_node *node,
                 struct alertmanager_config *config);
int decode_inhibit_rules(struct decoder *d, const struct yaml_node *node,
                         struct alertmanager_config *config);
// Appends the intervals of `time_intervals` or `mute_time_intervals`.
int decode_time_intervals(struct decoder *d, const struct yaml_node *node,
                          struct alertmanager_config *config);

// The masked text without what only Lapwing reads; in the arena.
struct str alertmanager_api_text(struct str masked, struct arena *arena);

// Matchers on their way into a configuration: strings in the arena, expressions the decoder's.
struct matcher_set {
    struct matcher *items;
    size_t count;
    size_t capacity;
};
int decode_match(struct decoder *d, const struct yaml_node *node, void *out);    // name: value
int decode_match_re(struct decoder *d, const struct yaml_node *node, void *out); // name: regex
int decode_matchers(struct decoder *d, const struct yaml_node *node, void *out); // texts

#endif
