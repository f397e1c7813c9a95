#include "oauth2_token.h"

#include "base/json.h"
#include "base/mem.h"

#define EXPIRES_EARLY_NS (INT64_C(10) * 1000000000)
#define SECOND_NS        1e9

void oauth2_token_free(struct oauth2_token *token)
{
    if (!token)
        return;
    buf_release(&token->header);
    mem_free(token);
}

// In seconds, a number or one in quotes; 0 when it is not said.
static double seconds_of(const struct json *value)
{
    uint64_t seconds = 0;
    if (value && json_kind(value) == JSON_STRING)
        (void)str_to_u64(json_text(value), &seconds);
    return value && json_kind(value) == JSON_NUMBER ? json_number(value) : (double)seconds;
}

struct oauth2_token *oauth2_token_read(struct str answer, int64_t now_ns)
{
    struct json *document;
    if (json_parse(&document, answer, NULL))
        return NULL;
    const struct json *type = json_get(document, "token_type");
    struct str scheme = type ? json_text(type) : STR("");
    const struct json *value = json_get(document, "access_token");
    struct oauth2_token *token = NULL;
    if (value && json_text(value).len) {
        double seconds = seconds_of(json_get(document, "expires_in"));
        if (!scheme.len || str_eq_nocase(scheme, STR("bearer")))
            scheme = STR("Bearer");
        token = mem_calloc(1, sizeof(*token));
        buf_printf(&token->header, "%.*s %.*s", STR_ARG(scheme), STR_ARG(json_text(value)));
        token->until_ns = seconds > 0 && seconds < 1e9
                              ? now_ns + (int64_t)(seconds * SECOND_NS) - EXPIRES_EARLY_NS
                              : INT64_MAX;
        token->used_ns = now_ns;
    }
    json_free(document);
    return token;
}

// Lengths keep parts apart.
static void add_part(struct buf *key, struct str part)
{
    buf_printf(key, "%zu ", part.len);
    buf_str(key, part);
}

static void add_secret(struct buf *key, const struct config_secret *s)
{
    add_part(key, s->value);
    add_part(key, s->file);
}

static void add_http(struct buf *key, const struct config_http *http)
{
    add_secret(key, &http->tls.ca);
    add_secret(key, &http->tls.cert);
    add_secret(key, &http->tls.key);
    add_part(key, http->tls.server_name);
    add_part(key, http->proxy_url);
    add_part(key, http->no_proxy);
    buf_printf(key, "%d %d", http->tls.insecure_skip_verify, http->proxy_from_environment);
}

void oauth2_token_key(struct buf *key, const struct config_oauth2 *config, struct str secret)
{
    add_part(key, config->token_url);
    add_part(key, config->client_id);
    add_part(key, secret);
    add_part(key, config->scopes);
    buf_printf(key, "%zu ", config->param_count);
    for (size_t i = 0; i < config->param_count; i++) {
        add_part(key, config->params[i].name);
        add_part(key, config->params[i].value);
    }
    add_http(key, &config->http);
}

struct oauth2_token *oauth2_token_find(struct strmap *tokens, struct str key, int64_t now_ns)
{
    struct oauth2_token *token = strmap_get(tokens, key);
    if (token)
        token->used_ns = now_ns;
    return token;
}

static void drop_unused(struct strmap *tokens, int64_t now_ns)
{
    for (size_t i = tokens->count; i-- > 0;) {
        const struct strmap_entry *e = &tokens->entries[i];
        const struct oauth2_token *token = e->value;
        if (now_ns - token->used_ns > OAUTH2_KEPT_UNUSED_NS)
            oauth2_token_free(strmap_remove(tokens, str_make(e->key, e->key_len)));
    }
}

void oauth2_token_keep(struct strmap *tokens, struct str key, struct oauth2_token *token,
                       int64_t now_ns)
{
    token->used_ns = now_ns;
    drop_unused(tokens, now_ns);
    oauth2_token_free(strmap_put(tokens, key, token));
}

void oauth2_token_expire(struct strmap *tokens, struct str key)
{
    struct oauth2_token *token = strmap_get(tokens, key);
    if (token)
        token->until_ns = 0;
}

void oauth2_tokens_release(struct strmap *tokens)
{
    for (size_t i = 0; i < tokens->count; i++)
        oauth2_token_free(tokens->entries[i].value);
    strmap_release(tokens);
}
