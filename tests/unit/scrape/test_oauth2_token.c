// Tokens that are kept: for whom, how long, and what an answer makes of them.
#include "unit.h"

#include "oauth2_token.h"

#define SECOND_NS INT64_C(1000000000)

static struct oauth2_token *token_of(const char *answer, int64_t now_ns)
{
    return oauth2_token_read(str_from(answer), now_ns);
}

static void keep(struct strmap *tokens, const char *key, int64_t now_ns)
{
    oauth2_token_keep(tokens, str_from(key), token_of("{\"access_token\": \"x\"}", now_ns), now_ns);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *header; // NULL: no token
        int64_t until_ns;            // of one that comes at 1000 s
    } cases[] = {
        {"{\"access_token\":\"a\"}", "Bearer a", INT64_MAX},
        {"{\"access_token\":\"a\",\"token_type\":\"bearer\",\"expires_in\":60}", "Bearer a",
         1050 * SECOND_NS},
        {"{\"access_token\":\"a\",\"token_type\":\"MAC\",\"expires_in\":\"20\"}", "MAC a",
         1010 * SECOND_NS},
        {"{\"access_token\":\"a\",\"expires_in\":0}", "Bearer a", INT64_MAX},
        {"{\"access_token\":\"a\",\"expires_in\":-5}", "Bearer a", INT64_MAX},
        {"{\"access_token\":\"a\",\"expires_in\":1e300}", "Bearer a", INT64_MAX},
        {"{\"access_token\":\"\"}", NULL, 0},
        {"{\"token\":\"a\"}", NULL, 0},
        {"[]", NULL, 0},
        {"access_token=a", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct oauth2_token *token = token_of(cases[i].answer, 1000 * SECOND_NS);
        if (!token != !cases[i].header)
            fail_msg("%s", cases[i].answer);
        if (token) {
            assert_string_equal(buf_text(&token->header), cases[i].header);
            assert_int_equal(token->until_ns, cases[i].until_ns);
        }
        oauth2_token_free(token);
    }
}

// What nobody uses goes a day later; what is used, or merely expired, stays.
static void test_unused(void **state)
{
    (void)state;
    struct strmap tokens;
    int64_t now_ns = 5 * SECOND_NS;
    strmap_init(&tokens);
    keep(&tokens, "old", now_ns);
    keep(&tokens, "expired", now_ns);
    oauth2_token_expire(&tokens, STR("expired"));
    oauth2_token_expire(&tokens, STR("nobody's"));
    keep(&tokens, "used", now_ns);
    now_ns += OAUTH2_KEPT_UNUSED_NS;
    assert_non_null(oauth2_token_find(&tokens, STR("used"), now_ns));
    keep(&tokens, "a day later", now_ns);
    assert_int_equal(tokens.count, 4);
    keep(&tokens, "after a day", now_ns + 1);
    assert_int_equal(tokens.count, 3);
    assert_null(oauth2_token_find(&tokens, STR("old"), now_ns));
    assert_null(oauth2_token_find(&tokens, STR("expired"), now_ns));
    assert_non_null(oauth2_token_find(&tokens, STR("used"), now_ns));
    keep(&tokens, "used", now_ns + 2); // takes the place of the one before
    assert_int_equal(tokens.count, 3);
    oauth2_tokens_release(&tokens);
}

// Each way of asking that differs in one thing has a key of its own.
static void test_keys(void **state)
{
    (void)state;
    struct config_form_param params[] = {{STR("a"), STR("bc")}, {STR("ab"), STR("c")}};
    const struct config_oauth2 base = {.client_id = STR("i"), .token_url = STR("u")};
    struct config_oauth2 ways[16];
    for (size_t i = 0; i < COUNT_OF(ways); i++)
        ways[i] = base;
    ways[1].client_id = STR("j");
    ways[2].token_url = STR("v");
    ways[3].scopes = STR("s");
    ways[4].params = &params[0], ways[4].param_count = 1;
    ways[5].params = &params[1], ways[5].param_count = 1;
    ways[6].http.tls.ca.file = STR("f");
    ways[7].http.tls.ca.value = STR("f");
    ways[8].http.tls.cert.file = STR("f");
    ways[9].http.tls.key.file = STR("f");
    ways[10].http.tls.server_name = STR("f");
    ways[11].http.proxy_url = STR("f");
    ways[12].http.no_proxy = STR("f");
    ways[13].http.tls.insecure_skip_verify = true;
    ways[14].http.proxy_from_environment = true;
    ways[15].client_id = STR("i1 x"), ways[15].token_url = STR("");
    struct strmap tokens;
    strmap_init(&tokens);
    for (size_t i = 0; i < COUNT_OF(ways) + 1; i++) {
        struct buf key = BUF_INIT;
        bool last = i == COUNT_OF(ways);
        oauth2_token_key(&key, last ? &base : &ways[i], last ? STR("other") : STR("secret"));
        assert_null(oauth2_token_find(&tokens, buf_view(&key), 0));
        keep(&tokens, buf_text(&key), 0);
        buf_release(&key);
    }
    oauth2_tokens_release(&tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_unused),
        cmocka_unit_test(test_keys),
    };
    return UNIT_RUN(tests);
}
