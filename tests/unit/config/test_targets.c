// file_sd files, in YAML and in JSON.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/prometheus.h"

// [a b]{x="y"} for each group.
static void print(struct buf *out, const struct config_target_group *groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_char(out, '[');
        for (size_t j = 0; j < groups[i].target_count; j++)
            buf_printf(out, j ? " %.*s" : "%.*s", STR_ARG(groups[i].targets[j]));
        buf_char(out, ']');
        labels_format(out, groups[i].labels);
    }
}

static const struct {
    const char *name, *text, *expected; // expected: groups, or "!" and the error
} cases[] = {
    {"t.yml", "", ""},
    {"t.yml", "[]", ""},
    {"t.yml", "- targets: [a, 'b:1']\n  labels: {x: y, e: ''}\n- labels: {z: 1}\n",
     "[a b:1]{x=\"y\"}[]{z=\"1\"}"},
    {"t.yml", "- targets: [http://a/b]\n", "[http://a/b]{}"},
    {"t.yml", "- target: [a]\n",
     "!t.yml:1:3: field target not found in static_config: did you mean targets?"},
    {"t.yml", "targets: [a]\n", "!t.yml:1:1: expected a list, got a mapping"},
    {"t.yml", "- targets: [a\n",
     "!t.yml:2:1: did not find expected ',' or ']' while parsing a flow sequence"},
    {"t.json", "[]", ""},
    {"t.JSON",
     "\n[{\"targets\": [\"a\"], \"labels\": {\"b\": \"c\", \"a\": \"\\ud83d\\ude42\"}},\n"
     "\t{\"labels\": null, \"targets\": []}]",
     "[a]{a=\"\xf0\x9f\x99\x82\", b=\"c\"}[]{}"},
    {"t.json", "{}", "!t.json: expected a list of objects with targets and labels"},
    {"t.json", "[1]", "!t.json: expected a list of objects with targets and labels"},
    {"t.json", "[{\"targets\": \"a\"}]", "!t.json: expected a list of texts as targets"},
    {"t.json", "[{\"targets\": [1]}]", "!t.json: expected a list of texts as targets"},
    {"t.json", "[{\"labels\": {\"a\": 1}}]", "!t.json: label \"a\": expected text as its value"},
    {"t.json", "[{\"labels\": {\"\": \"1\"}}]", "!t.json: \"\" is not a valid label name"},
    {"t.json", "[{\"labels\": []}]", "!t.json: expected an object of texts as labels"},
    {"t.json", "[{\"label\": {}}]", "!t.json: field label not found in target group"},
    {"t.json", "[", "!t.json: "},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena;
        struct config_target_group *groups = NULL;
        size_t count = 99;
        struct error err;
        struct buf out = BUF_INIT;
        arena_init(&arena, 0);
        int rc = target_groups_parse(str_from(cases[i].text), cases[i].name, &arena, &groups,
                                     &count, &err);
        if (rc) {
            buf_printf(&out, "!%s", err.text);
            assert_int_equal(count, 99);
            // What the JSON parser says is its own matter.
            if (strlen(cases[i].expected) == strlen("!t.json: "))
                buf_truncate(&out, strlen("!t.json: "));
        } else {
            print(&out, groups, count);
        }
        assert_string_equal(buf_text(&out), cases[i].expected);
        buf_release(&out);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
