// Sections that several files or several places of a file share.
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

#include "config/prometheus.h"
#include "decode.h"

// http_config, for decode_section() and for inlining into another section.
extern const struct section http_section;
// What is so without any key: redirects are followed, HTTP/2 is on.
void http_defaults(struct config_http *http);
// Checks what http_section's keys mean together; `mapping` is the one that holds them.
int http_check(struct decoder *d, const struct yaml_node *mapping, const struct config_http *http);
// The three above; `out` is a struct config_http.
int decode_http(struct decoder *d, const struct yaml_node *node, void *out);
int decode_tls(struct decoder *d, const struct yaml_node *node, void *out); // config_tls
// `out` is a pointer to a struct config_oauth2.
int decode_oauth2(struct decoder *d, const struct yaml_node *node, void *out);
int decode_proxy_url(struct decoder *d, const struct yaml_node *node, void *out);
// `out` is a struct config_http.
int decode_proxy_connect_header(struct decoder *d, const struct yaml_node *node, void *out);
// What the proxy's keys mean together.
int http_check_proxy(struct decoder *d, const struct yaml_node *mapping,
                     const struct config_http *http);
// ERR_INVALID when the mapping has both keys.
int check_exclusive(struct decoder *d, const struct yaml_node *mapping, const char *a,
                    const char *b);

bool secret_is_set(const struct config_secret *secret);
bool header_name_is_valid(struct str name); // an HTTP header's or a mail's

int decode_relabel_configs(struct decoder *d, const struct yaml_node *node, void *out);

// Where targets come from: every *_sd_configs key, of a scrape config or an alertmanager.
struct discovery {
    struct config_target_group *static_groups;
    size_t static_group_count;
    struct config_file_sd *file_sds;
    size_t file_sd_count;
    struct config_other_sd *other_sds;
    size_t other_sd_count;
    size_t other_sd_capacity;
};
extern const struct section discovery_section;
extern const struct section other_sd_section; // the kinds without implementation
// A static target must be an address, not a URL.
int check_static_targets(struct decoder *d, const struct yaml_node *mapping,
                         const struct discovery *discovery);

// A scrape config and what it needs beside its struct while it is decoded.
struct scrape_defaults {
    int64_t scrape_interval_ms;
    int64_t scrape_timeout_ms;
    uint64_t body_size_limit;
    uint64_t sample_limit;
    uint64_t label_limit;
    uint64_t label_name_length_limit;
    uint64_t label_value_length_limit;
    uint64_t target_limit;
    uint64_t keep_dropped_targets;
    bool extra_metrics;
    struct str name_validation;
    struct str name_escaping;
    enum scrape_protocol *scrape_protocols;
    size_t scrape_protocol_count;
};
// The list of a scrape_configs key; the decoder's context is a struct scrape_defaults. Appends.
int decode_scrape_configs(struct decoder *d, const struct yaml_node *node,
                          struct scrape_config **items, size_t *count);
int decode_scrape_protocols(struct decoder *d, const struct yaml_node *node, void *out);
int check_name_schemes(struct decoder *d, const struct yaml_node *mapping, struct str validation,
                       struct str escaping);

#endif
