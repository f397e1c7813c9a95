// OAuth 2, client credentials (RFC 6749, 4.4): a transfer that needs a token waits while another one
// asks for it. Its own handle is complete by then but for the token, so that nothing of the
// configuration is needed later. A transfer whose token is known makes no more than its key.
//
// Servers differ in where they want the client's credentials: as basic authentication, which is
// tried first, or in the form. What one took is remembered with its token. Several transfers that
// begin before the first token is there ask for one each.
#include "base/clock.h"
#include "base/mem.h"
#include "oauth2_token.h"
#include "transfer_internal.h"

#define TOKEN_ANSWER_MAX ((size_t)1 << 20)

// What it takes to ask, in the arena of the transfer that waits.
struct oauth2 {
    struct str url;
    struct str user, password; // for basic authentication, escaped
    struct str form;
    bool in_form; // the credentials
    int64_t deadline_ns;
    struct config_http http;
};

static int64_t mono_ns(void)
{
    return clock_mono_ns(&clock_system);
}

static struct config_secret copy_secret(struct arena *a, const struct config_secret *s)
{
    return (struct config_secret){.value = arena_copy(a, s->value), .file = arena_copy(a, s->file)};
}

// Of CONNECT: names and values.
static struct config_header *copy_headers(struct arena *a, const struct config_header *headers,
                                          size_t count)
{
    struct config_header *copies = arena_calloc(a, count, sizeof(*copies));
    for (size_t i = 0; i < count; i++) {
        const struct config_header *h = &headers[i];
        copies[i].name = arena_copy(a, h->name);
        copies[i].values = arena_calloc(a, h->value_count, sizeof(*h->values));
        copies[i].value_count = h->value_count;
        for (size_t v = 0; v < h->value_count; v++)
            copies[i].values[v] = arena_copy(a, h->values[v]);
    }
    return copies;
}

static struct config_http copy_http(struct arena *a, const struct config_http *http)
{
    const struct config_tls *tls = &http->tls;
    return (struct config_http){
        .tls = {.ca = copy_secret(a, &tls->ca),
                .cert = copy_secret(a, &tls->cert),
                .key = copy_secret(a, &tls->key),
                .server_name = arena_copy(a, tls->server_name),
                .min_version = arena_copy(a, tls->min_version),
                .max_version = arena_copy(a, tls->max_version),
                .insecure_skip_verify = tls->insecure_skip_verify},
        .follow_redirects = http->follow_redirects,
        .enable_http2 = http->enable_http2,
        .proxy_url = arena_copy(a, http->proxy_url),
        .no_proxy = arena_copy(a, http->no_proxy),
        .proxy_from_environment = http->proxy_from_environment,
        .proxy_headers = copy_headers(a, http->proxy_headers, http->proxy_header_count),
        .proxy_header_count = http->proxy_header_count,
    };
}

static struct str escaped(struct arena *a, struct str text)
{
    // To curl a length of 0 means "up to the NUL".
    char *copy = text.len ? curl_easy_escape(NULL, text.ptr, (int)text.len) : NULL;
    struct str out = arena_copy(a, str_from(copy));
    curl_free(copy);
    return out;
}

static void add_param(struct arena *a, struct buf *form, struct str name, struct str value)
{
    if (form->len)
        buf_char(form, '&');
    buf_str(form, escaped(a, name));
    buf_char(form, '=');
    buf_str(form, escaped(a, value));
}

static struct oauth2 *oauth2_new(struct arena *a, const struct config_oauth2 *config,
                                 struct str secret)
{
    struct oauth2 *o = arena_calloc(a, 1, sizeof(*o));
    struct buf text = BUF_INIT;
    add_param(a, &text, STR("grant_type"), STR("client_credentials"));
    if (config->scopes.len)
        add_param(a, &text, STR("scope"), config->scopes);
    for (size_t i = 0; i < config->param_count; i++)
        add_param(a, &text, config->params[i].name, config->params[i].value);
    o->form = arena_copy(a, buf_view(&text));
    o->user = escaped(a, config->client_id);
    o->password = escaped(a, secret);
    o->url = arena_copy(a, config->token_url);
    o->http = copy_http(a, &config->http);
    buf_release(&text);
    return o;
}

static void add_token(struct transfer *t, const struct oauth2_token *token)
{
    transfer_add_header(t, STR("Authorization"), buf_view(&token->header));
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

int transfer_add_token(struct transfer *t, const struct transfer_request *request,
                       struct error *err)
{
    const struct config_oauth2 *config = request->http->oauth2;
    struct buf *key = &t->client->token_key, secret = BUF_INIT;
    int rc = transfer_read_secret(&config->client_secret, &secret, err);
    if (rc == OK) {
        buf_reset(key);
        oauth2_token_key(key, config, buf_view(&secret));
        t->token_key = arena_copy(&t->arena, buf_view(key));
        const struct oauth2_token *token =
            oauth2_token_find(&t->client->tokens, t->token_key, t->start_ns);
        t->waits = !token || token->until_ns <= t->start_ns;
        if (t->waits) {
            t->oauth2 = oauth2_new(&t->arena, config, buf_view(&secret));
            t->oauth2->in_form = token && token->in_form;
            t->oauth2->deadline_ns = t->start_ns + request->timeout_ms * 1000000;
        } else {
            add_token(t, token);
        }
    }
    buf_release(&secret);
    return rc;
}

void transfer_forget_token(struct transfer *t)
{
    if (t->token_key.len)
        oauth2_token_expire(&t->client->tokens, t->token_key);
}

void transfer_release_tokens(struct transfer_client *c)
{
    oauth2_tokens_release(&c->tokens);
    buf_release(&c->token_key);
}

static void give_up(struct transfer *t, int code, const char *what, struct str detail)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "oauth2: cannot fetch token: %s%.*s", what, STR_ARG(detail));
    struct transfer_result result = {
        .code = code, .text = buf_text(&text), .duration_us = (mono_ns() - t->start_ns) / 1000};
    transfer_finish(t, &result);
    buf_release(&text);
}

// At least 1: to libcurl 0 is no limit.
static int64_t left_ms(const struct oauth2 *o)
{
    int64_t ms = (o->deadline_ns - mono_ns()) / 1000000;
    return ms > 0 ? ms : 1;
}

static void go_on(struct transfer *t, struct oauth2_token *token)
{
    token->in_form = t->oauth2->in_form;
    oauth2_token_keep(&t->client->tokens, t->token_key, token, mono_ns());
    add_token(t, token);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)left_ms(t->oauth2));
    t->waits = false;
    transfer_go(t);
}

static bool try_form(struct transfer *t)
{
    if (t->oauth2->in_form)
        return false;
    t->oauth2->in_form = true;
    return transfer_ask_token(t, NULL) == OK;
}

static void on_token(void *context, const struct transfer_result *result)
{
    struct transfer *t = context;
    t->token = NULL;
    if (result->code) {
        give_up(t, result->code, "", str_from(result->text));
        return;
    }
    if (result->status / 100 != 2) {
        if (!try_form(t)) {
            char status[32];
            (void)snprintf(status, sizeof(status), "%ld ", result->status);
            give_up(t, ERR_UNAVAILABLE, status, result->reason);
        }
        return;
    }
    struct oauth2_token *token = oauth2_token_read(result->body, mono_ns());
    if (token)
        go_on(t, token);
    else
        give_up(t, ERR_UNAVAILABLE, "the answer holds no access_token", STR(""));
}

int transfer_ask_token(struct transfer *t, struct error *err)
{
    struct oauth2 *o = t->oauth2;
    struct config_http http = o->http;
    struct buf form = BUF_INIT;
    static const struct transfer_header headers[] = {
        {STR_INIT("Content-Type"), STR_INIT("application/x-www-form-urlencoded")},
        {STR_INIT("Accept"), STR_INIT("application/json")},
    };
    buf_str(&form, o->form);
    if (o->in_form)
        buf_printf(&form, "&client_id=%.*s&client_secret=%.*s", STR_ARG(o->user),
                   STR_ARG(o->password));
    http.has_basic_auth = !o->in_form;
    http.basic_username = o->user;
    http.basic_password.value = o->password;
    const struct transfer_request request = {
        .method = STR("POST"),
        .url = o->url,
        .headers = headers,
        .header_count = 2,
        .body = buf_view(&form),
        .timeout_ms = left_ms(o),
        .response_max = TOKEN_ANSWER_MAX,
        .redirect = TRANSFER_BY_STATUS,
        .http = &http,
    };
    int rc = transfer_start(t->client, &request, on_token, t, &t->token, err);
    if (rc == OK)
        t->token->waiter = t;
    buf_release(&form);
    return rc;
}
