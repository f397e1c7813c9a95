#include "unit.h"

#include "route.h"

static struct alertmanager_config *config;
static struct arena arena;

static void collect(void *context, struct route *route)
{
    buf_printf(context, "%.*s ", STR_ARG(route->config->receiver));
}

static struct route *tree(const char *routes)
{
    struct error err = {0};
    struct buf yaml = BUF_INIT, warnings = BUF_INIT;
    buf_printf(&yaml, "%sreceivers:\n- name: r\n- name: a\n- name: b\n- name: c\n", routes);
    alertmanager_config_unref(config);
    config = NULL;
    if (alertmanager_config_parse(&config, buf_view(&yaml), "t.yml", ".", &warnings, &err))
        fail_msg("%s", err.text);
    buf_release(&yaml);
    buf_release(&warnings);
    arena_reset(&arena);
    return route_new(&arena, config->route);
}

static struct labels labels_of(const char *text)
{
    static struct arena own;
    struct labels_builder b;
    struct str rest = str_from(text), pair, name, value;
    if (!own.block)
        arena_init(&own, 0);
    arena_reset(&own);
    labels_builder_init(&b, &own, (struct labels){0});
    while (str_next(&rest, ',', &pair)) {
        (void)str_cut(pair, '=', &name, &value);
        labels_builder_set(&b, name, value);
    }
    return labels_builder_finish(&b);
}

static const char *const forest = "route:\n"
                                  "  receiver: r\n"
                                  "  routes:\n"
                                  "  - receiver: a\n"
                                  "    match: {severity: critical}\n"
                                  "    continue: true\n"
                                  "    routes:\n"
                                  "    - receiver: b\n"
                                  "      match_re: {team: 'db|web'}\n"
                                  "  - receiver: c\n"
                                  "    matchers: [ 'severity=~\"crit.*\"', 'env!=\"dev\"' ]\n"
                                  "    group_by: ['...']\n";

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *labels;
        const char *receivers;
    } cases[] = {
        {"severity=info", "r "},
        {"severity=critical", "a c "},
        {"severity=critical,team=db", "b c "},
        {"severity=critical,team=database", "a c "},
        {"severity=critical,env=dev", "a "},
        {"severity=crit", "c "},
        {"", "r "},
    };
    struct route *root = tree(forest);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out = BUF_INIT;
        route_match(root, labels_of(cases[i].labels), collect, &out);
        assert_string_equal(buf_text(&out), cases[i].receivers);
        buf_release(&out);
    }
}

static void test_keys(void **state)
{
    (void)state;
    struct route *root = tree(forest);
    assert_str(root->key, "{}");
    assert_str(root->children[0].key, "{}/{severity=\"critical\"}");
    assert_str(root->children[1].key, "{}/{env!=\"dev\",severity=~\"crit.*\"}");
    assert_str(root->children[1].id, "{}/0/{env!=\"dev\",severity=~\"crit.*\"}/1");
}

static void test_group_labels(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct route *root = tree("route:\n  receiver: r\n  group_by: [alertname, gone, \"a b\"]\n");
    struct labels labels = labels_of("a b=x\"y,alertname=Down,instance=h:1");
    labels_format_all(&out, route_group_labels(root, labels, &arena));
    assert_buf(&out, "{\"a b\"=\"x\\\"y\", alertname=\"Down\"}");
    root = tree("route:\n  receiver: r\n  group_by: ['...']\n");
    labels = labels_of("b=2,a=1");
    labels_format_all(&out, route_group_labels(root, labels, &arena));
    assert_buf(&out, "{a=\"1\", b=\"2\"}");
    root = tree("route:\n  receiver: r\n");
    labels_format_all(&out, route_group_labels(root, labels, &arena));
    assert_buf(&out, "{}");
    buf_release(&out);
}

static int teardown(void **state)
{
    (void)state;
    alertmanager_config_unref(config);
    arena_release(&arena);
    return 0;
}

int main(void)
{
    arena_init(&arena, 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_group_labels),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
