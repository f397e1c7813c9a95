// Pieces that prometheus.yml and alertmanager.yml share.
#ifndef CONFIG_COMMON_H
#define CONFIG_COMMON_H

#include "base/regex.h"
#include "model/labels.h"

// A value given inline or in a file that is read when it is used.
struct config_secret {
    struct str value; // empty: none
    struct str file;  // path, already relative to the configuration's folder
};

struct config_tls {
    struct config_secret ca, cert, key; // PEM
    struct str server_name;
    struct str min_version; // "", TLS10, TLS11, TLS12, TLS13
    struct str max_version;
    bool insecure_skip_verify;
};

struct config_header {
    struct str name;
    struct str *values; // as given
    size_t value_count;
    struct config_secret *secrets; // further values, from `secrets` and `files`
    size_t secret_count;
};

struct config_oauth2;

// http_config of a receiver; the same keys inline in a scrape config.
struct config_http {
    struct str basic_username;
    struct config_secret basic_username_file; // file only
    struct config_secret basic_password;
    bool has_basic_auth;
    struct str authorization_type; // "" when there is no authorization; else "Bearer" or as given
    struct config_secret authorization;
    struct config_tls tls;
    bool follow_redirects;
    bool enable_http2;
    struct str proxy_url;
    struct str no_proxy;
    bool proxy_from_environment;
    struct config_header *proxy_headers; // of CONNECT
    size_t proxy_header_count;
    struct config_header *headers;
    size_t header_count;
    const struct config_oauth2 *oauth2; // NULL: none
};

struct config_form_param {
    struct str name, value;
};

// Client credentials of OAuth 2 (RFC 6749, 4.4): a token is asked for, and sent with each request.
struct config_oauth2 {
    struct str client_id;
    struct config_secret client_secret;
    struct str token_url;
    struct str scopes;                // separated by spaces
    struct config_form_param *params; // further ones of the request for a token
    size_t param_count;
    struct config_http http; // of that request: TLS and proxy
};

enum relabel_action {
    RELABEL_REPLACE,
    RELABEL_KEEP,
    RELABEL_DROP,
    RELABEL_KEEPEQUAL,
    RELABEL_DROPEQUAL,
    RELABEL_HASHMOD,
    RELABEL_LABELMAP,
    RELABEL_LABELDROP,
    RELABEL_LABELKEEP,
    RELABEL_LOWERCASE,
    RELABEL_UPPERCASE,
};

const char *relabel_action_name(enum relabel_action action); // "replace", "keep", ...

struct relabel_config {
    enum relabel_action action;
    struct str *source_labels;
    size_t source_label_count;
    struct str separator;
    struct str regex_text;
    struct regex *regex; // owned by the configuration
    uint64_t modulus;
    struct str target_label;
    struct str replacement;
};

struct relabel_configs {
    struct relabel_config *items;
    size_t count;
};

#endif
