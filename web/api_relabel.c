// /api/v1/targets/relabel_steps: what each rule of a scrape pool makes of a label set.
//
// The rules are applied one after another to the same set, which is shown after each. From the rule
// that drops it on, nothing is left.
#include "api.h"
#include "base/json.h"
#include "config/prometheus.h"
#include "routes.h"
#include "scrape/relabel.h"

static void write_text(struct json_writer *w, const char *key, struct str value)
{
    if (value.len == 0)
        return;
    json_key(w, key);
    json_str(w, value);
}

static void write_rule(struct json_writer *w, const struct relabel_config *rule)
{
    json_object_begin(w);
    if (rule->source_label_count) {
        json_key(w, "sourceLabels");
        json_array_begin(w);
        for (size_t i = 0; i < rule->source_label_count; i++)
            json_str(w, rule->source_labels[i]);
        json_array_end(w);
    }
    write_text(w, "separator", rule->separator);
    json_key(w, "regex");
    json_str(w, rule->regex_text);
    if (rule->modulus) {
        json_key(w, "modulus");
        json_u64(w, rule->modulus);
    }
    write_text(w, "targetLabel", rule->target_label);
    write_text(w, "replacement", rule->replacement);
    write_text(w, "action", str_from(relabel_action_name(rule->action)));
    json_object_end(w);
}

static void write_steps(struct json_writer *w, const struct relabel_configs *rules,
                        struct labels_builder *set)
{
    bool kept = true;
    json_object_begin(w);
    json_key(w, "steps");
    json_array_begin(w);
    for (size_t i = 0; i < rules->count; i++) {
        struct relabel_configs one = {&rules->items[i], 1};
        kept = kept && relabel_apply(&one, set);
        json_object_begin(w);
        json_key(w, "rule");
        write_rule(w, &rules->items[i]);
        json_key(w, "output");
        labels_json(w, kept ? labels_builder_finish(set) : (struct labels){NULL, 0});
        json_key(w, "keep");
        json_bool(w, kept);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static const struct scrape_config *find_pool(const struct prometheus_config *config,
                                             struct str name)
{
    for (size_t i = 0; config && i < config->scrape_count; i++) {
        if (str_eq(config->scrapes[i].job_name, name))
            return &config->scrapes[i];
    }
    return NULL;
}

// Reads {"name": "value"}.
static bool read_labels(struct request *req, struct response *res, struct labels_builder *set)
{
    struct json *document;
    struct error err;
    if (json_parse(&document, request_param(req, "labels"), &err)) {
        api_fail(res, API_BAD_DATA, "error parsing labels: %s", err.text);
        return false;
    }
    bool valid = json_kind(document) == JSON_OBJECT;
    for (const struct json *m = json_child(document); valid && m; m = json_next(m)) {
        valid = json_kind(m) == JSON_STRING;
        if (valid)
            labels_builder_set(set, arena_copy(&req->arena, json_name(m)),
                               arena_copy(&req->arena, json_text(m)));
    }
    json_free(document);
    if (!valid)
        api_fail(res, API_BAD_DATA, "error parsing labels: expected an object of strings");
    return valid;
}

void api_relabel_steps(struct web_server *web, struct request *req, struct response *res)
{
    struct str pool = request_param(req, "scrapePool");
    struct labels_builder set;
    struct json_writer w;
    labels_builder_init(&set, &req->arena, (struct labels){NULL, 0});
    if (pool.len == 0) {
        api_fail(res, API_BAD_DATA, "no scrapePool parameter provided");
        return;
    }
    if (request_param(req, "labels").len == 0) {
        api_fail(res, API_BAD_DATA, "no labels parameter provided");
        return;
    }
    if (!read_labels(req, res, &set))
        return;
    struct prometheus_config *config = scrape_manager_config(web->options.scrape);
    const struct scrape_config *scrape = find_pool(config, pool);
    if (scrape) {
        api_begin(res, &w);
        write_steps(&w, &scrape->relabel, &set);
        api_end(&w);
    } else {
        api_fail(res, API_BAD_DATA, "error getting scrape config: scrape pool \"%.*s\" not found",
                 STR_ARG(pool));
    }
    prometheus_config_unref(config);
}
