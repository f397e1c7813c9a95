// Any text as a template: it parses or says why not, and runs to an end, within its limits, in both
// languages and modes. What HTML mode prints of a value opens no tag.
#include <assert.h>
#include <stdlib.h>

#include "alerting/template.h"

#define OUTPUT_MAX ((size_t)64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct label labels[] = {{STR_INIT("alertname"), STR_INIT("<script>x")},
                                      {STR_INIT("severity"), STR_INIT("\" onload='y")}};
static const struct notification_alert alerts[] = {
    {STR_INIT("firing"),
     {labels, 2},
     {labels, 1},
     1700000000000,
     0,
     STR_INIT("javascript:x"),
     STR_INIT("0011")},
};
static const struct notification_data notification = {
    .receiver = STR_INIT("r"),
    .status = STR_INIT("firing"),
    .alerts = alerts,
    .alert_count = 1,
    .group_labels = {labels, 1},
    .common_labels = {labels, 2},
    .external_url = STR_INIT("http://x"),
};
static const struct rule_template_data rule = {.labels = {labels, 2}, .value = 1.5};

static void run(enum template_functions functions, enum template_mode mode, struct str text)
{
    static struct template_set *sets[2];
    struct template_input in = {.name = "fuzz", .now_ms = 1700000000000, .output_max = OUTPUT_MAX};
    struct buf out = BUF_INIT;
    struct error err = {0};
    if (!sets[functions])
        sets[functions] = template_set_new(functions);
    if (functions == TEMPLATE_RULE)
        in.rule = &rule;
    else
        in.notification = &notification;
    int rc = template_execute(sets[functions], mode, text, &in, &out, &err);
    assert(rc == OK ? out.len <= OUTPUT_MAX : out.len == 0 && err.text[0]);
    if (mode == TEMPLATE_HTML && str_search(text, STR("script")) == text.len &&
        str_search(text, STR("safe")) == text.len)
        assert(str_search(buf_view(&out), STR("<script")) == out.len);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str text = str_make((const char *)bytes, size);
    if (size > 4096)
        return 0;
    run(TEMPLATE_RULE, TEMPLATE_TEXT, text);
    run(TEMPLATE_NOTIFICATION, TEMPLATE_TEXT, text);
    run(TEMPLATE_NOTIFICATION, TEMPLATE_HTML, text);
    return 0;
}
