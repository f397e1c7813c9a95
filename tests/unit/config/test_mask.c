// What configurations show of their secrets: nothing, in whatever form YAML holds them.
#include "fixture.h"

static void test_forms(void **state)
{
    struct prometheus_config *c = parse("# the key\n" JOB "  authorization:\n"
                                        "    credentials: |\n"
                                        "      line one\n"
                                        "      line two\n"
                                        "\n"
                                        "    type: Token # kept\n"
                                        "- job_name: k\n"
                                        "  authorization: &a {credentials: !!str &b 'it''s'}\n"
                                        "- job_name: l\n"
                                        "  authorization: *a\n"
                                        "- job_name: m\n"
                                        "  bearer_token: *b\n",
                                        NULL);
    (void)state;
    assert_str(c->text, "# the key\n" JOB "  authorization:\n"
                        "    credentials: <secret>\n"
                        "\n"
                        "    type: Token # kept\n"
                        "- job_name: k\n"
                        "  authorization: &a {credentials: !!str &b <secret>}\n"
                        "- job_name: l\n"
                        "  authorization: *a\n"
                        "- job_name: m\n"
                        "  bearer_token: *b\n");
    assert_str(c->scrapes[0].http.authorization_type, "Token");
    assert_str(c->scrapes[0].http.authorization.value, "line one\nline two\n");
    assert_str(c->scrapes[3].http.authorization.value, "it's");
    assert_str(c->scrapes[3].http.authorization_type, "Bearer");
    prometheus_config_unref(c);
}

static void test_proxy_headers(void **state)
{
    struct prometheus_config *c =
        parse(JOB "  oauth2: {client_id: a, client_secret: shh, token_url: 'http://x/', "
                  "proxy_connect_header: {Proxy-Authorization: [hunter2]}}\n",
              NULL);
    (void)state;
    assert_str(c->text, JOB "  oauth2: {client_id: a, client_secret: <secret>, token_url: "
                            "'http://x/', proxy_connect_header: {Proxy-Authorization: "
                            "[<secret>]}}\n");
    const struct config_http *http = &c->scrapes[0].http.oauth2->http;
    assert_int_equal(http->proxy_header_count, 1);
    assert_str(http->proxy_headers[0].values[0], "hunter2");
    prometheus_config_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_proxy_headers),
    };
    return UNIT_RUN(tests);
}
