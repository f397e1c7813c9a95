// http_config: how to reach something over HTTP. Scrape configs have the same keys inline.
#include "sections.h"

bool secret_is_set(const struct config_secret *secret)
{
    return secret->value.len || secret->file.len;
}

int check_exclusive(struct decoder *d, const struct yaml_node *mapping, const char *a,
                    const char *b)
{
    if (!has_key(mapping, a) || !has_key(mapping, b))
        return OK;
    return decode_fail(d, yaml_get(mapping, b)->key, "at most one of %s & %s must be configured", a,
                       b);
}

static int decode_tls_version(struct decoder *d, const struct yaml_node *node, void *out)
{
    static const char *const versions[] = {"TLS10", "TLS11", "TLS12", "TLS13"};
    int rc = decode_string(d, node, out);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (str_is(node->text, versions[i]))
            return OK;
    }
    return decode_fail(d, node, "expected TLS10, TLS11, TLS12 or TLS13, got \"%.*s\"",
                       STR_ARG(node->text));
}

static int decode_pem(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_string(d, node, &((struct config_secret *)out)->value);
}

static const struct field tls_fields[] = {
    {"ca", FIELD_CUSTOM, offsetof(struct config_tls, ca), decode_pem},
    {"ca_file", FIELD_SECRET_FILE, offsetof(struct config_tls, ca), NULL},
    {"cert", FIELD_CUSTOM, offsetof(struct config_tls, cert), decode_pem},
    {"cert_file", FIELD_SECRET_FILE, offsetof(struct config_tls, cert), NULL},
    {"key", FIELD_SECRET, offsetof(struct config_tls, key), NULL},
    {"key_file", FIELD_SECRET_FILE, offsetof(struct config_tls, key), NULL},
    {"server_name", FIELD_STRING, offsetof(struct config_tls, server_name), NULL},
    {"insecure_skip_verify", FIELD_BOOL, offsetof(struct config_tls, insecure_skip_verify), NULL},
    {"min_version", FIELD_CUSTOM, offsetof(struct config_tls, min_version), decode_tls_version},
    {"max_version", FIELD_CUSTOM, offsetof(struct config_tls, max_version), decode_tls_version},
};
static const struct section tls_section = SECTION("tls_config", tls_fields);

int decode_tls(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_tls *tls = out;
    int rc = decode_section(d, node, &tls_section, tls);
    if (rc == OK)
        rc = check_exclusive(d, node, "ca", "ca_file");
    if (rc == OK)
        rc = check_exclusive(d, node, "cert", "cert_file");
    if (rc == OK)
        rc = check_exclusive(d, node, "key", "key_file");
    if (rc)
        return rc;
    if (secret_is_set(&tls->cert) && !secret_is_set(&tls->key))
        return decode_fail(d, node,
                           "exactly one of key or key_file must be configured when a "
                           "client certificate is configured");
    if (secret_is_set(&tls->key) && !secret_is_set(&tls->cert))
        return decode_fail(d, node,
                           "exactly one of cert or cert_file must be configured when a "
                           "client key is configured");
    if (tls->min_version.len && tls->max_version.len &&
        str_cmp(tls->min_version, tls->max_version) > 0)
        return decode_fail(d, node, "min_version %.*s is above max_version %.*s",
                           STR_ARG(tls->min_version), STR_ARG(tls->max_version));
    return OK;
}

static const struct field basic_auth_fields[] = {
    {"username", FIELD_STRING, offsetof(struct config_http, basic_username), NULL},
    {"username_file", FIELD_SECRET_FILE, offsetof(struct config_http, basic_username_file), NULL},
    {"password", FIELD_SECRET, offsetof(struct config_http, basic_password), NULL},
    {"password_file", FIELD_SECRET_FILE, offsetof(struct config_http, basic_password), NULL},
    {"username_ref", FIELD_UNSUPPORTED, 0, NULL},
    {"password_ref", FIELD_UNSUPPORTED, 0, NULL},
};
static const struct section basic_auth_section = SECTION("basic_auth", basic_auth_fields);

static int decode_basic_auth(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_http *http = out;
    http->has_basic_auth = true;
    int rc = decode_section(d, node, &basic_auth_section, http);
    if (rc == OK)
        rc = check_exclusive(d, node, "username", "username_file");
    if (rc == OK)
        rc = check_exclusive(d, node, "password", "password_file");
    return rc;
}

static const struct field authorization_fields[] = {
    {"type", FIELD_STRING, offsetof(struct config_http, authorization_type), NULL},
    {"credentials", FIELD_SECRET, offsetof(struct config_http, authorization), NULL},
    {"credentials_file", FIELD_SECRET_FILE, offsetof(struct config_http, authorization), NULL},
    {"credentials_ref", FIELD_UNSUPPORTED, 0, NULL},
};
static const struct section authorization_section = SECTION("authorization", authorization_fields);

static int decode_authorization(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_http *http = out;
    int rc = decode_section(d, node, &authorization_section, http);
    if (rc == OK)
        rc = check_exclusive(d, node, "credentials", "credentials_file");
    if (rc)
        return rc;
    http->authorization_type = str_trim(http->authorization_type);
    if (http->authorization_type.len == 0)
        http->authorization_type = STR("Bearer");
    if (str_eq_nocase(http->authorization_type, STR("Basic")))
        return decode_fail(d, node,
                           "authorization type cannot be set to \"basic\", use "
                           "basic_auth instead");
    return OK;
}

static int decode_bearer_token(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_http *http = out;
    http->authorization_type = STR("Bearer");
    mask_node(d, node);
    return decode_string(d, node, &http->authorization.value);
}

static int decode_bearer_token_file(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_http *http = out;
    http->authorization_type = STR("Bearer");
    int rc = decode_string(d, node, &http->authorization.file);
    http->authorization.file = path_resolve(d, http->authorization.file);
    return rc;
}

int decode_proxy_url(struct decoder *d, const struct yaml_node *node, void *out)
{
    int rc = decode_string(d, node, out);
    mask_url(d, node);
    if (rc == OK && node->text.len && !url_is_valid(node->text, false))
        return decode_fail(d, node, "expected a URL such as http://proxy:3128, got \"%.*s\"",
                           STR_ARG(node->text));
    return rc;
}

struct header_values {
    struct string_list values, secrets, files;
};

static int decode_secrets(struct decoder *d, const struct yaml_node *node, void *out)
{
    for (const struct yaml_node *child = node->child; child; child = child->next)
        mask_node(d, child);
    return decode_strings(d, node, out);
}

static const struct field header_fields[] = {
    {"values", FIELD_STRINGS, offsetof(struct header_values, values), NULL},
    {"secrets", FIELD_CUSTOM, offsetof(struct header_values, secrets), decode_secrets},
    {"files", FIELD_STRINGS, offsetof(struct header_values, files), NULL},
};
static const struct section header_section = SECTION("http_headers", header_fields);

// Set by the client itself, or by another key.
static bool is_reserved_header(struct str name)
{
    static const char *const reserved[] = {
        "Authorization",
        "Host",
        "Content-Encoding",
        "Content-Length",
        "Content-Type",
        "User-Agent",
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Www-Authenticate",
        "Accept-Encoding",
        "X-Prometheus-Remote-Write-Version",
        "X-Prometheus-Remote-Read-Version",
        "X-Prometheus-Scrape-Timeout-Seconds",
    };
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (str_eq_nocase(name, str_from(reserved[i])))
            return true;
    }
    return false;
}

bool header_name_is_valid(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c))
            return false;
    }
    return name.len > 0;
}

static int fill_header(struct decoder *d, const struct yaml_node *node,
                       struct config_header *header)
{
    struct header_values given = {0};
    int rc = decode_section(d, node, &header_section, &given);
    if (rc)
        return rc;
    header->values = given.values.items;
    header->value_count = given.values.count;
    header->secrets =
        arena_calloc(d->arena, given.secrets.count + given.files.count, sizeof(*header->secrets));
    for (size_t i = 0; i < given.secrets.count; i++)
        header->secrets[header->secret_count++].value = given.secrets.items[i];
    for (size_t i = 0; i < given.files.count; i++)
        header->secrets[header->secret_count++].file = path_resolve(d, given.files.items[i]);
    return OK;
}

static int decode_headers(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_http *http = out;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node,
                           "expected a mapping of header names to values, secrets and "
                           "files");
    http->headers = arena_calloc(d->arena, node->child_count, sizeof(*http->headers));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        struct str name = child->key->text;
        if (!header_name_is_valid(name))
            return decode_fail(d, child->key, "\"%.*s\" is not a valid header name", STR_ARG(name));
        if (is_reserved_header(name))
            return decode_fail(d, child->key, "setting header \"%.*s\" is not allowed",
                               STR_ARG(name));
        struct config_header *header = &http->headers[http->header_count++];
        header->name = name;
        int rc = fill_header(d, child, header);
        if (rc)
            return rc;
    }
    return OK;
}

// Names to lists of secrets.
int decode_proxy_connect_header(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_http *http = out;
    if (node->kind == YAML_NULL)
        return OK;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of header names to values");
    http->proxy_headers = arena_calloc(d->arena, node->child_count, sizeof(*http->proxy_headers));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        struct string_list values = {0};
        if (!header_name_is_valid(child->key->text))
            return decode_fail(d, child->key, "\"%.*s\" is not a valid header name",
                               STR_ARG(child->key->text));
        int rc = decode_secrets(d, child, &values);
        if (rc)
            return rc;
        http->proxy_headers[http->proxy_header_count++] = (struct config_header){
            .name = child->key->text, .values = values.items, .value_count = values.count};
    }
    return OK;
}

static const struct field http_fields[] = {
    {"basic_auth", FIELD_CUSTOM, 0, decode_basic_auth},
    {"authorization", FIELD_CUSTOM, 0, decode_authorization},
    {"bearer_token", FIELD_CUSTOM, 0, decode_bearer_token},
    {"bearer_token_file", FIELD_CUSTOM, 0, decode_bearer_token_file},
    {"oauth2", FIELD_CUSTOM, offsetof(struct config_http, oauth2), decode_oauth2},
    {"tls_config", FIELD_CUSTOM, offsetof(struct config_http, tls), decode_tls},
    {"follow_redirects", FIELD_BOOL, offsetof(struct config_http, follow_redirects), NULL},
    {"enable_http2", FIELD_BOOL, offsetof(struct config_http, enable_http2), NULL},
    {"proxy_url", FIELD_CUSTOM, offsetof(struct config_http, proxy_url), decode_proxy_url},
    {"no_proxy", FIELD_STRING, offsetof(struct config_http, no_proxy), NULL},
    {"proxy_from_environment", FIELD_BOOL, offsetof(struct config_http, proxy_from_environment),
     NULL},
    {"proxy_connect_header", FIELD_CUSTOM, 0, decode_proxy_connect_header},
    {"http_headers", FIELD_CUSTOM, 0, decode_headers},
};
const struct section http_section = SECTION("http_config", http_fields);

void http_defaults(struct config_http *http)
{
    *http = (struct config_http){.follow_redirects = true, .enable_http2 = true};
}

int http_check_proxy(struct decoder *d, const struct yaml_node *mapping,
                     const struct config_http *http)
{
    if (http->proxy_from_environment && http->proxy_url.len)
        return decode_fail(d, yaml_get(mapping, "proxy_url")->key,
                           "if proxy_from_environment is configured, proxy_url must not be "
                           "configured");
    if (http->proxy_from_environment && http->no_proxy.len)
        return decode_fail(d, yaml_get(mapping, "no_proxy")->key,
                           "if proxy_from_environment is configured, no_proxy must not be "
                           "configured");
    if (http->no_proxy.len && !http->proxy_url.len)
        return decode_fail(d, yaml_get(mapping, "no_proxy")->key,
                           "if no_proxy is configured, proxy_url must also be configured");
    return OK;
}

int http_check(struct decoder *d, const struct yaml_node *mapping, const struct config_http *http)
{
    static const char *const ways[] = {"basic_auth", "authorization", "oauth2", "bearer_token",
                                       "bearer_token_file"};
    const char *chosen = NULL;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (!has_key(mapping, ways[i]))
            continue;
        if (chosen)
            return decode_fail(d, yaml_get(mapping, ways[i])->key,
                               "at most one of basic_auth, authorization, oauth2, bearer_token & "
                               "bearer_token_file must be configured: %s is, too",
                               chosen);
        chosen = ways[i];
    }
    return http_check_proxy(d, mapping, http);
}

int decode_http(struct decoder *d, const struct yaml_node *node, void *out)
{
    http_defaults(out);
    int rc = decode_section(d, node, &http_section, out);
    return rc ? rc : http_check(d, node, out);
}
