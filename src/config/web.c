// The web configuration file: decoding, and what its names for ciphers and curves mean to GnuTLS.
//
// GnuTLS chooses key exchange, cipher and MAC independently of each other, where the file names
// whole suites. A list is taken apart into the three: what is negotiated is made of listed parts
// only. TLS 1.3 has suites of its own that the file cannot choose (as in Go); they need one of the
// AEAD ciphers, so that a list without any of these leaves TLS 1.3 out.
#include "config/web.h"

#include "base/file.h"
#include "base/mem.h"
#include "decode.h"
#include "sections.h"

#define FILE_SIZE_MAX    ((size_t)1 << 20)
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

struct cipher {
    const char *name;
    const char *exchange; // NULL: a suite of TLS 1.3
    const char *cipher;
    bool aead;
};

static const struct cipher ciphers[] = {
    {"TLS_AES_128_GCM_SHA256", NULL, "AES-128-GCM", true},
    {"TLS_AES_256_GCM_SHA384", NULL, "AES-256-GCM", true},
    {"TLS_CHACHA20_POLY1305_SHA256", NULL, "CHACHA20-POLY1305", true},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "AES-128-CBC", false},
    {"TLS_RSA_WITH_AES_256_CBC_SHA", "RSA", "AES-256-CBC", false},
    {"TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA", "AES-128-GCM", true},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA", "AES-256-GCM", true},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA", "AES-128-CBC", false},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA", "AES-256-CBC", false},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA", "AES-128-CBC", false},
    {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA", "AES-256-CBC", false},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA", "AES-128-GCM", true},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA", "AES-256-GCM", true},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA", "AES-128-GCM", true},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA", "AES-256-GCM", true},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA", "CHACHA20-POLY1305", true},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA", "CHACHA20-POLY1305", true},
    // The names without their hash, as older Go had them.
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA", "CHACHA20-POLY1305", true},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA", "CHACHA20-POLY1305", true},
};

static const struct {
    const char *name;
    const char *group; // NULL: known, but GnuTLS has no such group
} curves[] = {
    {"CurveP256", "SECP256R1"}, {"CurveP384", "SECP384R1"}, {"CurveP521", "SECP521R1"},
    {"X25519", "X25519"},       {"X25519MLKEM768", NULL},
};

static const char *const version_names[] = {"TLS10", "TLS11", "TLS12", "TLS13"};

static const struct {
    const char *name;
    enum web_client_auth auth;
} client_auths[] = {
    {"NoClientCert", WEB_CLIENT_NONE},
    {"RequestClientCert", WEB_CLIENT_REQUEST},
    {"RequireClientCert", WEB_CLIENT_REQUIRE_ANY},
    {"RequireAnyClientCert", WEB_CLIENT_REQUIRE_ANY},
    {"VerifyClientCertIfGiven", WEB_CLIENT_VERIFY_IF_GIVEN},
    {"RequireAndVerifyClientCert", WEB_CLIENT_VERIFY},
};

static int decode_version(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str text;
    int rc = decode_string(d, node, &text);
    for (size_t i = 0; rc == OK && i < LENGTH_OF(version_names); i++) {
        if (str_is(text, version_names[i])) {
            *(enum web_tls_version *)out = (enum web_tls_version)i;
            return OK;
        }
    }
    return rc ? rc
              : decode_fail(d, node,
                            "unknown TLS version \"%.*s\": expected TLS10, TLS11, TLS12 "
                            "or TLS13",
                            STR_ARG(text));
}

static int decode_client_auth(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str text;
    int rc = decode_string(d, node, &text);
    if (rc || text.len == 0)
        return rc;
    for (size_t i = 0; i < LENGTH_OF(client_auths); i++) {
        if (str_is(text, client_auths[i].name)) {
            *(enum web_client_auth *)out = client_auths[i].auth;
            return OK;
        }
    }
    return decode_fail(d, node,
                       "invalid ClientAuth: %.*s: expected NoClientCert, RequestClientCert, "
                       "RequireAnyClientCert, VerifyClientCertIfGiven or "
                       "RequireAndVerifyClientCert",
                       STR_ARG(text));
}

static int decode_pem(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_string(d, node, &((struct config_secret *)out)->value);
}

// A name as GnuTLS has it is appended once, with its sign before it.
static void add_priority(struct buf *out, const char *kind, const char *name)
{
    struct buf piece = BUF_INIT;
    buf_printf(&piece, ":+%s%s", kind, name);
    struct str rest = buf_view(out), have;
    bool there = false;
    while (str_next(&rest, ':', &have))
        there = there || str_eq(have, str_skip(buf_view(&piece), 1));
    if (!there)
        buf_str(out, buf_view(&piece));
    buf_release(&piece);
}

static const struct cipher *find_cipher(struct str name)
{
    for (size_t i = 0; i < LENGTH_OF(ciphers); i++) {
        if (str_is(name, ciphers[i].name))
            return &ciphers[i];
    }
    return NULL;
}

// What the listed suites consist of, and whether TLS 1.3 can do with it.
static void priorities_of_ciphers(const struct cipher **list, size_t count, struct buf *out)
{
    bool has_aead = false, has_exchange = false;
    if (count == 0)
        return;
    buf_cstr(out, ":-CIPHER-ALL:-KX-ALL:-MAC-ALL");
    for (size_t i = 0; i < count; i++) {
        add_priority(out, "", list[i]->cipher);
        add_priority(out, "", list[i]->aead ? "AEAD" : "SHA1");
        if (list[i]->exchange)
            add_priority(out, "", list[i]->exchange);
        has_aead = has_aead || list[i]->aead;
        has_exchange = has_exchange || list[i]->exchange;
    }
    if (!has_aead)
        buf_cstr(out, ":-VERS-TLS1.3");
    if (!has_exchange)
        buf_cstr(out, ":+ECDHE-ECDSA:+ECDHE-RSA");
}

static int decode_ciphers(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct string_list names = {0};
    const struct yaml_node *at = node_is_given(node) ? node->child : NULL;
    int rc = decode_strings(d, node, &names);
    if (rc)
        return rc;
    const struct cipher **list = arena_array(d->arena, names.count, sizeof(const struct cipher *));
    for (size_t i = 0; i < names.count; i++) {
        list[i] = find_cipher(names.items[i]);
        if (!list[i])
            return decode_fail(d, at ? at : node, "unknown cipher: %.*s", STR_ARG(names.items[i]));
        at = at ? at->next : NULL;
    }
    priorities_of_ciphers(list, names.count, out);
    return OK;
}

static int decode_curves(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct string_list names = {0};
    const struct yaml_node *at = node_is_given(node) ? node->child : NULL;
    struct buf groups = BUF_INIT;
    int rc = decode_strings(d, node, &names);
    for (size_t i = 0; rc == OK && i < names.count; i++, at = at ? at->next : NULL) {
        size_t k = 0;
        while (k < LENGTH_OF(curves) && !str_is(names.items[i], curves[k].name))
            k++;
        if (k == LENGTH_OF(curves))
            rc = decode_fail(d, at ? at : node, "unknown curve: %.*s", STR_ARG(names.items[i]));
        else if (curves[k].group)
            add_priority(&groups, "GROUP-", curves[k].group);
        else
            decode_warn(d, at ? at : node, "curve %s is not available: left out", curves[k].name);
    }
    if (rc == OK && groups.len) {
        buf_cstr(out, ":-GROUP-ALL");
        buf_str(out, buf_view(&groups));
    }
    buf_release(&groups);
    return rc;
}

struct raw_tls {
    struct web_tls_config tls;
    struct string_list sans;
    struct buf ciphers;
    struct buf curves;
};

#define IN_TLS(member) (offsetof(struct raw_tls, tls) + offsetof(struct web_tls_config, member))

static const struct field tls_fields[] = {
    {"cert", FIELD_CUSTOM, IN_TLS(cert), decode_pem},
    {"cert_file", FIELD_SECRET_FILE, IN_TLS(cert), NULL},
    {"key", FIELD_SECRET, IN_TLS(key), NULL},
    {"key_file", FIELD_SECRET_FILE, IN_TLS(key), NULL},
    {"client_ca", FIELD_CUSTOM, IN_TLS(client_ca), decode_pem},
    {"client_ca_file", FIELD_SECRET_FILE, IN_TLS(client_ca), NULL},
    {"client_auth_type", FIELD_CUSTOM, IN_TLS(client_auth), decode_client_auth},
    {"client_allowed_sans", FIELD_STRINGS, offsetof(struct raw_tls, sans), NULL},
    {"min_version", FIELD_CUSTOM, IN_TLS(min_version), decode_version},
    {"max_version", FIELD_CUSTOM, IN_TLS(max_version), decode_version},
    {"cipher_suites", FIELD_CUSTOM, offsetof(struct raw_tls, ciphers), decode_ciphers},
    {"prefer_server_cipher_suites", FIELD_BOOL, IN_TLS(prefer_server_ciphers), NULL},
    {"curve_preferences", FIELD_CUSTOM, offsetof(struct raw_tls, curves), decode_curves},
};
static const struct section tls_section = SECTION("tls_server_config", tls_fields);

static int check_tls(struct decoder *d, const struct yaml_node *node,
                     const struct web_tls_config *tls)
{
    static const char *const pairs[][2] = {
        {"cert", "cert_file"}, {"key", "key_file"}, {"client_ca", "client_ca_file"}};
    for (size_t i = 0; i < LENGTH_OF(pairs); i++) {
        int rc = check_exclusive(d, node, pairs[i][0], pairs[i][1]);
        if (rc)
            return rc;
    }
    if (!secret_is_set(&tls->cert))
        return decode_fail(d, node, "missing one of cert or cert_file");
    if (!secret_is_set(&tls->key))
        return decode_fail(d, node, "missing one of key or key_file");
    if (tls->min_version > tls->max_version)
        return decode_fail(d, node, "min_version %s is above max_version %s",
                           version_names[tls->min_version], version_names[tls->max_version]);
    if (secret_is_set(&tls->client_ca) && tls->client_auth == WEB_CLIENT_NONE)
        return decode_fail(d, node,
                           "client CA's have been configured without a Client Auth Policy");
    if (tls->client_allowed_san_count && tls->client_auth != WEB_CLIENT_REQUIRE_ANY &&
        tls->client_auth != WEB_CLIENT_VERIFY)
        return decode_fail(d, node,
                           "client_allowed_sans needs client_auth_type "
                           "RequireAnyClientCert or RequireAndVerifyClientCert");
    return OK;
}

static int decode_tls_server(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct web_config *c = out;
    struct raw_tls raw = {
        .tls = {.min_version = WEB_TLS12, .max_version = WEB_TLS13, .prefer_server_ciphers = true}};
    // An empty section is no TLS.
    if (!node_is_given(node) || (node->kind == YAML_MAPPING && node->child_count == 0))
        return OK;
    int rc = decode_section(d, node, &tls_section, &raw);
    c->tls = raw.tls;
    c->tls.client_allowed_sans = raw.sans.items;
    c->tls.client_allowed_san_count = raw.sans.count;
    c->tls.priorities =
        arena_printf(d->arena, "%s%s", buf_text(&raw.ciphers), buf_text(&raw.curves));
    buf_release(&raw.ciphers);
    buf_release(&raw.curves);
    if (rc == OK)
        rc = check_tls(d, node, &c->tls);
    c->has_tls = rc == OK;
    return rc;
}

static const struct {
    const char *name;
    const char *allowed[2]; // none: any value
} known_headers[] = {
    {"Content-Security-Policy", {NULL, NULL}},     {"X-Frame-Options", {"deny", "sameorigin"}},
    {"X-Content-Type-Options", {"nosniff", NULL}}, {"X-XSS-Protection", {NULL, NULL}},
    {"Strict-Transport-Security", {NULL, NULL}},
};

static int check_header(struct decoder *d, const struct yaml_node *node, struct str name,
                        struct str value)
{
    size_t i = 0;
    while (i < LENGTH_OF(known_headers) && !str_is(name, known_headers[i].name))
        i++;
    if (i == LENGTH_OF(known_headers))
        return decode_fail(d, node->key, "HTTP header \"%.*s\" can not be configured",
                           STR_ARG(name));
    for (size_t k = 0; k < value.len; k++) {
        if ((unsigned char)value.ptr[k] < ' ' || value.ptr[k] == 0x7f)
            return decode_fail(d, node, "the value of %.*s must not hold control characters",
                               STR_ARG(name));
    }
    const char *const *allowed = known_headers[i].allowed;
    if (value.len == 0 || !allowed[0] || str_eq_nocase(value, str_from(allowed[0])) ||
        (allowed[1] && str_eq_nocase(value, str_from(allowed[1]))))
        return OK;
    return decode_fail(d, node, "invalid value for %.*s. Expected one of: %s%s%s, but got: %.*s",
                       STR_ARG(name), allowed[0], allowed[1] ? ", " : "",
                       allowed[1] ? allowed[1] : "", STR_ARG(value));
}

static int decode_headers(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct web_config *c = out;
    if (!node_is_given(node))
        return OK;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "headers: expected a mapping of names to values");
    c->headers = arena_calloc(d->arena, node->child_count, sizeof(*c->headers));
    for (const struct yaml_node *n = node->child; n; n = n->next) {
        struct web_header header = {.name = n->key->text};
        int rc = n->kind == YAML_NULL ? OK : decode_string(d, n, &header.value);
        if (rc == OK)
            rc = check_header(d, n, header.name, header.value);
        if (rc)
            return rc;
        if (header.value.len)
            c->headers[c->header_count++] = header;
    }
    return OK;
}

// $2y$10$ and 53 characters of bcrypt's alphabet.
static bool is_bcrypt(struct str hash)
{
    const char *p = hash.ptr;
    if (hash.len != 60 || p[0] != '$' || p[1] != '2' || (p[2] != 'a' && p[2] != 'b' && p[2] != 'y'))
        return false;
    if (p[3] != '$' || p[6] != '$' || p[4] < '0' || p[4] > '3' || p[5] < '0' || p[5] > '9')
        return false;
    int cost = (p[4] - '0') * 10 + p[5] - '0';
    for (size_t i = 7; i < hash.len; i++) {
        char c = p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '/')
            return false;
    }
    return cost >= 4 && cost <= 31;
}

static int decode_users(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct web_config *c = out;
    if (!node_is_given(node))
        return OK;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "basic_auth_users: expected a mapping of names to hashes");
    c->users = arena_calloc(d->arena, node->child_count, sizeof(*c->users));
    for (const struct yaml_node *n = node->child; n; n = n->next) {
        struct web_user *user = &c->users[c->user_count++];
        user->name = n->key->text;
        int rc = decode_string(d, n, &user->hash);
        if (rc)
            return rc;
        if (!is_bcrypt(user->hash))
            return decode_fail(d, n,
                               "the password of user \"%.*s\" is not a bcrypt hash: expected "
                               "60 characters such as $2y$10$...",
                               STR_ARG(user->name));
        if (str_find(user->name, ':') < user->name.len)
            return decode_fail(d, n->key, "a user's name must not hold a colon");
    }
    return OK;
}

static const struct field http_fields[] = {
    // Clients that could speak HTTP/2 agree on HTTP/1.1 while the TLS connection is made.
    {"http2", FIELD_IGNORED, 0, NULL},
    {"headers", FIELD_CUSTOM, 0, decode_headers},
};
static const struct section server_section = SECTION("http_server_config", http_fields);

static int decode_http_server(struct decoder *d, const struct yaml_node *node, void *out)
{
    bool on;
    const struct yaml_node *http2 = yaml_get(node, "http2");
    int rc = node_is_given(http2) ? decode_bool(d, http2, &on) : OK;
    return rc ? rc : decode_section(d, node, &server_section, out);
}

static const struct field rate_fields[] = {
    {"interval", FIELD_DURATION, offsetof(struct web_config, rate_interval_ms), NULL},
    {"burst", FIELD_U64, offsetof(struct web_config, rate_burst), NULL},
};
static const struct section rate_section = SECTION("rate_limit", rate_fields);

static int decode_rate(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct web_config *c = out;
    int rc = decode_section(d, node, &rate_section, c);
    if (rc == OK && c->rate_interval_ms && c->rate_burst == 0)
        return decode_fail(d, node, "rate_limit: burst must be at least 1 with an interval");
    return rc;
}

static const struct field fields[] = {
    {"tls_server_config", FIELD_CUSTOM, 0, decode_tls_server},
    {"http_server_config", FIELD_CUSTOM, 0, decode_http_server},
    {"basic_auth_users", FIELD_CUSTOM, 0, decode_users},
    {"rate_limit", FIELD_CUSTOM, 0, decode_rate},
};
static const struct section web_section = SECTION("web configuration", fields);

int web_config_parse(struct web_config **out, struct str text, const char *name, const char *folder,
                     struct buf *warnings, struct error *err)
{
    struct decoder d;
    struct yaml_node *root;
    struct web_config *c = mem_calloc(1, sizeof(*c));
    arena_init(&c->arena, 0);
    struct str kept = arena_copy(&c->arena, text);
    config_decoder_init(&d, &c->arena, kept, name, folder, warnings, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_section(&d, root, &web_section, c);
    decoder_release(&d);
    if (rc)
        web_config_free(c);
    else
        *out = c;
    return rc;
}

int web_config_load(struct web_config **out, const char *path, struct buf *warnings,
                    struct error *err)
{
    struct buf bytes = BUF_INIT;
    char *folder = mem_copy_str(path_folder(str_from(path)));
    int rc = file_read(path, FILE_SIZE_MAX, &bytes, err);
    if (rc == OK)
        rc = web_config_parse(out, buf_view(&bytes), path, folder, warnings, err);
    mem_free(folder);
    buf_release(&bytes);
    return rc;
}

void web_config_free(struct web_config *c)
{
    if (!c)
        return;
    arena_release(&c->arena);
    mem_free(c);
}
