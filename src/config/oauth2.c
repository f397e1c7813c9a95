// oauth2 of an http_config: client credentials alone, the other ways to get a token are refused.
#include "sections.h"

static int decode_grant_type(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str type = {0};
    (void)out;
    int rc = decode_string(d, node, &type);
    if (rc || type.len == 0 || str_is(type, "client_credentials"))
        return rc;
    return decode_refuse(d, node, "oauth2 grant_type %.*s is not supported yet", STR_ARG(type));
}

static int decode_scopes(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct string_list scopes = {0};
    struct buf text = BUF_INIT;
    int rc = decode_strings(d, node, &scopes);
    for (size_t i = 0; rc == OK && i < scopes.count; i++)
        buf_printf(&text, "%s%.*s", i ? " " : "", STR_ARG(scopes.items[i]));
    *(struct str *)out = arena_copy(d->arena, buf_view(&text));
    buf_release(&text);
    return rc;
}

static int decode_params(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_oauth2 *oauth2 = out;
    if (node->kind == YAML_NULL)
        return OK;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of parameters to values");
    oauth2->params = arena_calloc(d->arena, node->child_count, sizeof(*oauth2->params));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        struct config_form_param *param = &oauth2->params[oauth2->param_count++];
        param->name = child->key->text;
        int rc = decode_string(d, child, &param->value);
        if (rc)
            return rc;
    }
    return OK;
}

static const struct field oauth2_fields[] = {
    {"client_id", FIELD_STRING, offsetof(struct config_oauth2, client_id), NULL},
    {"client_secret", FIELD_SECRET, offsetof(struct config_oauth2, client_secret), NULL},
    {"client_secret_file", FIELD_SECRET_FILE, offsetof(struct config_oauth2, client_secret), NULL},
    {"client_secret_ref", FIELD_UNSUPPORTED, 0, NULL},
    {"grant_type", FIELD_CUSTOM, 0, decode_grant_type},
    {"client_certificate_key", FIELD_UNSUPPORTED, 0, NULL},
    {"client_certificate_key_file", FIELD_UNSUPPORTED, 0, NULL},
    {"client_certificate_key_ref", FIELD_UNSUPPORTED, 0, NULL},
    {"client_certificate_key_id", FIELD_UNSUPPORTED, 0, NULL},
    {"signature_algorithm", FIELD_UNSUPPORTED, 0, NULL},
    {"iss", FIELD_UNSUPPORTED, 0, NULL},
    {"audience", FIELD_UNSUPPORTED, 0, NULL},
    {"claims", FIELD_UNSUPPORTED, 0, NULL},
    {"scopes", FIELD_CUSTOM, offsetof(struct config_oauth2, scopes), decode_scopes},
    {"token_url", FIELD_STRING, offsetof(struct config_oauth2, token_url), NULL},
    {"endpoint_params", FIELD_CUSTOM, 0, decode_params},
    {"tls_config", FIELD_CUSTOM, offsetof(struct config_oauth2, http.tls), decode_tls},
    {"proxy_url", FIELD_CUSTOM, offsetof(struct config_oauth2, http.proxy_url), decode_proxy_url},
    {"no_proxy", FIELD_STRING, offsetof(struct config_oauth2, http.no_proxy), NULL},
    {"proxy_from_environment", FIELD_BOOL,
     offsetof(struct config_oauth2, http.proxy_from_environment), NULL},
    {"proxy_connect_header", FIELD_CUSTOM, offsetof(struct config_oauth2, http),
     decode_proxy_connect_header},
};
static const struct section oauth2_section = SECTION("oauth2", oauth2_fields);

int decode_oauth2(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_oauth2 *oauth2 = arena_calloc(d->arena, 1, sizeof(*oauth2));
    http_defaults(&oauth2->http);
    *(const struct config_oauth2 **)out = oauth2;
    int rc = decode_section(d, node, &oauth2_section, oauth2);
    if (rc == OK)
        rc = check_exclusive(d, node, "client_secret", "client_secret_file");
    if (rc)
        return rc;
    if (oauth2->client_id.len == 0)
        return decode_fail(d, node, "oauth2 client_id must be configured");
    if (oauth2->token_url.len == 0)
        return decode_fail(d, node, "oauth2 token_url must be configured");
    if (!url_is_valid(oauth2->token_url, true))
        return decode_fail(d, yaml_get(node, "token_url"),
                           "expected a URL such as https://host/token for token_url");
    return http_check_proxy(d, node, &oauth2->http);
}
