// web.config.file: what is read, and what is refused with which words.
#include "config/web.h"

#include "unit.h"

#define HASH "$2y$10$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0"
#define PAIR "tls_server_config: {cert_file: a.crt, key_file: a.key"

static void read_whole(void **state)
{
    (void)state;
    static const char text[] = "tls_server_config:\n"
                               "  cert_file: a.crt\n"
                               "  key_file: /etc/a.key\n"
                               "  client_ca: inline\n"
                               "  client_auth_type: VerifyClientCertIfGiven\n"
                               "  min_version: TLS11\n"
                               "  max_version: TLS12\n"
                               "  prefer_server_cipher_suites: false\n"
                               "  cipher_suites:\n"
                               "  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n"
                               "  - TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA\n"
                               "  curve_preferences: [X25519, CurveP256]\n"
                               "http_server_config:\n"
                               "  http2: true\n"
                               "  headers: {X-Frame-Options: sameorigin, X-XSS-Protection: ''}\n"
                               "basic_auth_users:\n"
                               "  alice: " HASH "\n"
                               "rate_limit: {interval: 2s, burst: 7}\n";
    struct web_config *c;
    struct error err;
    if (web_config_parse(&c, str_from(text), "web.yml", "/etc/lapwing", NULL, &err))
        fail_msg("%s", err.text);
    assert_true(c->has_tls);
    assert_true(str_is(c->tls.cert.file, "/etc/lapwing/a.crt"));
    assert_true(str_is(c->tls.key.file, "/etc/a.key"));
    assert_true(str_is(c->tls.client_ca.value, "inline"));
    assert_int_equal(c->tls.client_auth, WEB_CLIENT_VERIFY_IF_GIVEN);
    assert_int_equal(c->tls.min_version, WEB_TLS11);
    assert_int_equal(c->tls.max_version, WEB_TLS12);
    assert_false(c->tls.prefer_server_ciphers);
    assert_true(str_is(c->tls.priorities,
                       ":-CIPHER-ALL:-KX-ALL:-MAC-ALL:+AES-128-GCM:+AEAD:+ECDHE-RSA:+AES-128-CBC"
                       ":+SHA1:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"));
    assert_int_equal(c->header_count, 1); // a blank one is unset
    assert_true(str_is(c->headers[0].name, "X-Frame-Options"));
    assert_int_equal(c->user_count, 1);
    assert_true(str_is(c->users[0].hash, HASH));
    assert_int_equal(c->rate_interval_ms, 2000);
    assert_int_equal(c->rate_burst, 7);
    web_config_free(c);
}

static void defaults(void **state)
{
    (void)state;
    static const char *const nothing[] = {"",
                                          "{}",
                                          "tls_server_config: {}",
                                          "tls_server_config:",
                                          "basic_auth_users:",
                                          "http_server_config: {headers: }"};
    struct web_config *c;
    struct error err;
    for (size_t i = 0; i < COUNT_OF(nothing); i++) {
        assert_int_equal(web_config_parse(&c, str_from(nothing[i]), "w", "", NULL, &err), OK);
        assert_false(c->has_tls);
        assert_int_equal(c->user_count + c->header_count + (size_t)c->rate_interval_ms, 0);
        web_config_free(c);
    }
    assert_int_equal(web_config_parse(&c, STR(PAIR "}"), "w", "", NULL, &err), OK);
    assert_int_equal(c->tls.min_version, WEB_TLS12);
    assert_int_equal(c->tls.max_version, WEB_TLS13);
    assert_int_equal(c->tls.client_auth, WEB_CLIENT_NONE);
    assert_true(c->tls.prefer_server_ciphers);
    web_config_free(c);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"tls_config: {}", "w:1:1: "},
        {"tls_server_config: {cert_file: a}", "w:1:20: missing one of key or key_file"},
        {"tls_server_config: {key_file: a}", "w:1:20: missing one of cert or cert_file"},
        {PAIR ", cert: x}", "at most one of cert & cert_file"},
        {PAIR ", min_version: TLS9}", "unknown TLS version \"TLS9\""},
        {PAIR ", min_version: TLS13, max_version: TLS12}", "min_version TLS13 is above"},
        {PAIR ", cipher_suites: [TLS_MADE_UP]}", "unknown cipher: TLS_MADE_UP"},
        {PAIR ", curve_preferences: [CurveX]}", "unknown curve: CurveX"},
        {PAIR ", client_auth_type: Maybe}", "invalid ClientAuth: Maybe"},
        {PAIR ", client_ca_file: b}", "without a Client Auth Policy"},
        {PAIR ", client_allowed_sans: [b]}", "client_allowed_sans needs"},
        {"http_server_config: {http2: perhaps}", "w:1:29: "},
        {"http_server_config: {headers: {Server: x}}", "HTTP header \"Server\" can not be"},
        {"http_server_config: {headers: {X-Frame-Options: allow}}",
         "Expected one of: deny, sameorigin, but got: allow"},
        {"http_server_config: {headers: {X-Content-Type-Options: sniff}}", "nosniff"},
        {"http_server_config: {headers: {X-XSS-Protection: \"a\\r\\nb: c\"}}", "control"},
        {"http_server_config: {headers: [a]}", "mapping"},
        {"basic_auth_users: [a]", "mapping"},
        {"basic_auth_users: {a: secret}", "is not a bcrypt hash"},
        {"basic_auth_users: {a: $2y$99$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0}",
         "is not a bcrypt hash"},
        {"basic_auth_users: {\"a:b\": " HASH "}", "must not hold a colon"},
        {"rate_limit: {interval: 1s}", "burst must be at least 1"},
        {"rate_limit: {interval: often, burst: 1}", "w:1:24: "},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct web_config *c;
        struct error err = {0};
        int rc = web_config_parse(&c, str_from(cases[i].text), "w", "", NULL, &err);
        if (rc != ERR_INVALID || !strstr(err.text, cases[i].message))
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i].text, err.text, cases[i].message);
    }
}

static void warned(void **state)
{
    (void)state;
    struct web_config *c;
    struct buf warnings = BUF_INIT;
    struct error err;
    static const char text[] = PAIR ", curve_preferences: [X25519MLKEM768, CurveP521]}";
    assert_int_equal(web_config_parse(&c, str_from(text), "w", "", &warnings, &err), OK);
    assert_true(strstr(buf_text(&warnings), "X25519MLKEM768 is not available") != NULL);
    assert_true(str_is(c->tls.priorities, ":-GROUP-ALL:+GROUP-SECP521R1"));
    web_config_free(c);
    buf_release(&warnings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_whole),
        cmocka_unit_test(defaults),
        cmocka_unit_test(refused),
        cmocka_unit_test(warned),
    };
    return UNIT_RUN(tests);
}
