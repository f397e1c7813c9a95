// What the tests of prometheus.yml share.
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include "unit.h"

#include "config/prometheus.h"

#define JOB "scrape_configs:\n- job_name: j\n"

// Valid text, or the test fails; *warnings, unless NULL, grows.
static inline struct prometheus_config *parse(const char *yaml, struct buf *warnings)
{
    struct prometheus_config *c = NULL;
    struct error err;
    if (prometheus_config_parse(&c, str_from(yaml), "p.yml", "/etc/p", warnings, &err))
        fail_msg("%s\n%s", err.text, yaml);
    return c;
}

#endif
