// Rules as they are written in a configuration, applied to one label set.
#include "unit.h"

#include "config/prometheus.h"
#include "scrape/relabel.h"

static struct prometheus_config *parse(const char *rules)
{
    struct prometheus_config *config;
    struct buf text = BUF_INIT;
    struct error err;
    buf_printf(&text, "scrape_configs: [{job_name: j, relabel_configs: [%s]}]", rules);
    if (prometheus_config_parse(&config, buf_view(&text), "p.yml", "/", NULL, &err))
        fail_msg("%s: %s", rules, err.text);
    buf_release(&text);
    return config;
}

// a="x-1", b="Grün", __address__="h:1" after the rules, or "dropped".
static void apply(const char *rules, struct buf *out)
{
    static const struct label items[] = {
        {STR_INIT("__address__"), STR_INIT("h:1")},
        {STR_INIT("a"), STR_INIT("x-1")},
        {STR_INIT("b"), STR_INIT("Gr\xc3\xbcn")},
    };
    struct prometheus_config *config = parse(rules);
    struct arena arena;
    struct labels_builder set;
    arena_init(&arena, 0);
    labels_builder_init(&set, &arena, (struct labels){items, 3});
    if (relabel_apply(&config->scrapes[0].relabel, &set))
        labels_format(out, labels_builder_finish(&set));
    else
        buf_cstr(out, "dropped");
    arena_release(&arena);
    prometheus_config_unref(config);
}

#define REST ", a=\"x-1\", b=\"Gr\xc3\xbcn\""
#define SAME "{__address__=\"h:1\"" REST "}"

static const struct {
    const char *rules, *expected;
} cases[] = {
    {"", SAME},
    // replace
    {"{source_labels: [a], target_label: c}", "{__address__=\"h:1\"" REST ", c=\"x-1\"}"},
    {"{source_labels: [a], regex: '(.+)-(.+)', target_label: c, replacement: '${2}_$1'}",
     "{__address__=\"h:1\"" REST ", c=\"1_x\"}"},
    {"{source_labels: [a], regex: '(?P<letter>.)-.', target_label: c, replacement: '${letter}$$'}",
     "{__address__=\"h:1\"" REST ", c=\"x$\"}"},
    {"{source_labels: [a], regex: '(.)-(.)', target_label: '${1}_$2'}",
     "{__address__=\"h:1\"" REST ", x_1=\"x\"}"},
    {"{source_labels: [a, b], separator: '/', target_label: c}",
     "{__address__=\"h:1\"" REST ", c=\"x-1/Gr\xc3\xbcn\"}"},
    {"{source_labels: [a, b], target_label: c}",
     "{__address__=\"h:1\"" REST ", c=\"x-1;Gr\xc3\xbcn\"}"},
    {"{target_label: c, replacement: fixed}", "{__address__=\"h:1\"" REST ", c=\"fixed\"}"},
    {"{source_labels: [a], regex: x, target_label: c}", SAME}, // anchored
    {"{source_labels: [a], target_label: a, replacement: ''}",
     "{__address__=\"h:1\", b=\"Gr\xc3\xbcn\"}"},
    {"{source_labels: [none], target_label: a}", "{__address__=\"h:1\", b=\"Gr\xc3\xbcn\"}"},
    {"{source_labels: [a], regex: '(.)-.', target_label: c, replacement: '$1x'}", SAME},
    // keep and drop
    {"{source_labels: [a], regex: 'x-.', action: keep}", SAME},
    {"{source_labels: [a], regex: 'y.*', action: keep}", "dropped"},
    {"{source_labels: [a], regex: 'x.*', action: drop}", "dropped"},
    {"{source_labels: [none], regex: '', action: drop}", "dropped"},
    {"{source_labels: [a], regex: '-', action: drop}", SAME},
    {"{source_labels: [a], target_label: c, action: keepequal}", "dropped"},
    {"{source_labels: [a], target_label: a, action: keepequal}", SAME},
    {"{source_labels: [a], target_label: a, action: dropequal}", "dropped"},
    {"{source_labels: [a], target_label: b, action: dropequal}", SAME},
    // hashmod
    {"{source_labels: [a], target_label: c, modulus: 1, action: hashmod}",
     "{__address__=\"h:1\"" REST ", c=\"0\"}"},
    // labelmap, labeldrop, labelkeep
    {"{regex: '__(.*)__', action: labelmap}",
     "{__address__=\"h:1\", a=\"x-1\", address=\"h:1\", b=\"Gr\xc3\xbcn\"}"},
    {"{regex: '(a|b)', replacement: 'k_$1', action: labelmap}",
     "{__address__=\"h:1\"" REST ", k_a=\"x-1\", k_b=\"Gr\xc3\xbcn\"}"},
    {"{regex: 'a|b', action: labeldrop}", "{__address__=\"h:1\"}"},
    {"{regex: 'a', action: labelkeep}", "{a=\"x-1\"}"},
    // case
    {"{source_labels: [b], target_label: c, action: uppercase}",
     "{__address__=\"h:1\"" REST ", c=\"GR\xc3\x9cN\"}"},
    {"{source_labels: [b], target_label: c, action: lowercase}",
     "{__address__=\"h:1\"" REST ", c=\"gr\xc3\xbcn\"}"},
    // in order
    {"{source_labels: [a], target_label: t}, {source_labels: [t], regex: x-1, action: drop}",
     "dropped"},
    {"{source_labels: [a], regex: 'y', action: keep}, {regex: 'a', action: labeldrop}", "dropped"},
};

static void test_actions(void **state)
{
    struct buf out = BUF_INIT;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        apply(cases[i].rules, &out);
        if (strcmp(buf_text(&out), cases[i].expected) != 0)
            fail_msg("%s: got %s, expected %s", cases[i].rules, buf_text(&out), cases[i].expected);
        buf_reset(&out);
    }
    buf_release(&out);
}

// The last eight bytes of MD5 as a big-endian number, so that targets are spread as Prometheus
// spreads them: md5sum of "x-1" is the reference.
static void test_hashmod(void **state)
{
    struct buf out = BUF_INIT;
    (void)state;
    apply("{source_labels: [a], target_label: c, modulus: 1000, action: hashmod}, "
          "{regex: c, action: labelkeep}",
          &out);
    assert_buf(&out, "{c=\"87\"}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_hashmod),
    };
    return UNIT_RUN(tests);
}
