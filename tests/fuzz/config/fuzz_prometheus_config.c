// prometheus.yml of any bytes: loads or tells where it fails; the text that is shown loads again
// and means the same.
#include <assert.h>

#include "config/prometheus.h"

static struct prometheus_config *load(struct str text)
{
    struct prometheus_config *config = NULL;
    struct buf warnings = BUF_INIT;
    struct error err = {0};
    int rc = prometheus_config_parse(&config, text, "f", "", &warnings, &err);
    if (rc)
        assert(err.code == rc && str_has_prefix(str_from(err.text), STR("f:")));
    buf_release(&warnings);
    return config;
}

static void check_scrape(const struct scrape_config *s)
{
    assert(s->job_name.len);
    assert(s->scrape_interval_ms > 0 && s->scrape_timeout_ms > 0);
    assert(s->scrape_timeout_ms <= s->scrape_interval_ms);
    assert(s->scrape_protocol_count > 0);
    for (size_t i = 0; i < s->relabel.count; i++)
        assert(s->relabel.items[i].regex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data, size);
    // Other files are none of the fuzzer's business.
    if (str_search(text, STR("scrape_config_files")) < size)
        return 0;
    struct prometheus_config *config = load(text);
    if (!config)
        return 0;
    for (size_t i = 0; i < config->scrape_count; i++)
        check_scrape(&config->scrapes[i]);
    struct prometheus_config *again = load(config->text);
    assert(again);
    assert(again->scrape_count == config->scrape_count);
    assert(again->regex_count == config->regex_count);
    assert(labels_eq(again->external_labels, config->external_labels));
    prometheus_config_unref(again);
    prometheus_config_unref(config);
    return 0;
}
