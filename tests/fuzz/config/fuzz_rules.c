// A rule file of any bytes: loads or tells where it fails, and appends nothing then.
#include <assert.h>

#include "config/rules.h"

static void check_rule(const struct rule_config *rule)
{
    assert(rule->name.len && rule->expr.len);
    assert(rule->expr_line >= 1 && rule->expr_column >= 1);
    assert(rule->is_alert || (rule->for_ms == 0 && rule->annotations.count == 0));
    for (size_t i = 1; i < rule->labels.count; i++)
        assert(str_cmp(rule->labels.items[i - 1].name, rule->labels.items[i].name) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rules_config rules;
    struct error err = {0};
    rules_config_init(&rules);
    int rc = rules_config_parse(&rules, str_make((const char *)data, size), "f", &err);
    if (rc) {
        assert(err.code == rc && str_has_prefix(str_from(err.text), STR("f:")));
        assert(rules.group_count == 0);
    }
    for (size_t i = 0; i < rules.group_count; i++) {
        assert(rules.groups[i].name.len);
        for (size_t j = 0; j < rules.groups[i].rule_count; j++)
            check_rule(&rules.groups[i].rules[j]);
    }
    rules_config_release(&rules);
    return 0;
}
