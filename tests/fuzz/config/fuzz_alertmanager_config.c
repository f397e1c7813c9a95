// alertmanager.yml of any bytes: loads or tells where it fails; the route tree is complete, and the
// text that is shown is YAML again.
#include <assert.h>

#include "config/alertmanager.h"
#include "config/yaml.h"

static void check_route(const struct route_config *route)
{
    assert(route->receiver.len);
    assert(route->group_wait_ms >= 0);
    assert(route->group_interval_ms > 0 && route->repeat_interval_ms > 0);
    assert(!route->group_by_all || route->group_by_count == 0);
    for (size_t i = 0; i < route->matcher_count; i++) {
        const struct matcher *m = &route->matchers[i];
        assert((m->regex != NULL) == (m->type == MATCH_REGEX || m->type == MATCH_NOT_REGEX));
    }
    for (size_t i = 0; i < route->child_count; i++)
        check_route(&route->children[i]);
}

static void check_text(struct str text)
{
    struct arena arena;
    struct yaml_node *root;
    arena_init(&arena, 0);
    int rc = yaml_parse(&root, text, &arena, NULL);
    assert(rc == OK);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct alertmanager_config *config;
    struct buf warnings = BUF_INIT;
    struct error err = {0};
    int rc = alertmanager_config_parse(&config, str_make((const char *)data, size), "f", "",
                                       &warnings, &err);
    if (rc == OK) {
        check_route(config->route);
        check_text(config->text);
        alertmanager_config_unref(config);
    } else {
        assert(err.code == rc && str_has_prefix(str_from(err.text), STR("f:")));
    }
    buf_release(&warnings);
    return 0;
}
