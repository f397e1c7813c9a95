// /api/v1/rules and /alerts: a consistent copy of the rules' state, filtered and paged.
#include "api.h"
#include "base/hash.h"
#include "routes.h"

#define TOKEN_SIZE 16 // hexadecimal digits

enum rule_kinds { RULES_ALL, RULES_ALERT, RULES_RECORD };

struct rule_filter {
    enum rule_kinds kinds;
    bool exclude_alerts;
    struct str *names, *groups, *files;
    size_t name_count, group_count, file_count;
    struct matcher_sets matches; // owned
    size_t group_limit;          // 0: no paging
    struct str token;            // the page starts with this group; empty: with the first
};

// Grafana spells lists with and without brackets, often both at once.
static struct str *both_spellings(struct request *req, const char *plain, const char *bracketed,
                                  size_t *count)
{
    size_t first, second;
    struct str *a = request_param_all(req, plain, &first);
    struct str *b = request_param_all(req, bracketed, &second);
    struct str *all = arena_array(&req->arena, first + second + 1, sizeof(*all));
    *count = 0;
    for (size_t i = 0; i < first + second; i++) {
        struct str value = i < first ? a[i] : b[i - first];
        if (value.len)
            all[(*count)++] = value;
    }
    return all;
}

static bool parse_kinds(const struct request *req, struct response *res, enum rule_kinds *out)
{
    struct str type = request_param(req, "type");
    *out = str_is(type, "alert") ? RULES_ALERT : str_is(type, "record") ? RULES_RECORD : RULES_ALL;
    if (type.len == 0 || *out != RULES_ALL)
        return true;
    api_fail_param(res, "type", "not supported value \"%.*s\"", STR_ARG(type));
    return false;
}

// Go's strconv.ParseBool.
static bool parse_bool(struct str text, bool *out)
{
    static const char *const words[] = {"1", "t", "T", "TRUE",  "true",  "True",
                                        "0", "f", "F", "FALSE", "false", "False"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_is(text, words[i])) {
            *out = i < 6;
            return true;
        }
    }
    return false;
}

static bool parse_exclude(const struct request *req, struct response *res, bool *out)
{
    struct str text = request_param(req, "exclude_alerts");
    *out = false;
    if (text.len == 0 || parse_bool(text, out))
        return true;
    api_fail_param(res, "exclude_alerts",
                   "error converting exclude_alerts: strconv.ParseBool: parsing \"%.*s\": invalid "
                   "syntax",
                   STR_ARG(text));
    return false;
}

static bool parse_paging(const struct request *req, struct response *res, struct rule_filter *f)
{
    struct str limit = request_param(req, "group_limit");
    int64_t number = 0;
    f->token = request_param(req, "group_next_token");
    if (f->token.len && !limit.len) {
        api_fail_param(res, "group_next_token",
                       "group_limit needs to be present in order to paginate over the groups");
        return false;
    }
    if (limit.len && !str_to_i64(limit, &number)) {
        api_fail_param(
            res, "group_limit",
            "group_limit needs to be a valid number: strconv.ParseInt: parsing \"%.*s\": "
            "invalid syntax",
            STR_ARG(limit));
        return false;
    }
    if (limit.len && number <= 0) {
        api_fail_param(res, "group_limit", "group_limit needs to be greater than 0");
        return false;
    }
    f->group_limit = (size_t)number;
    return true;
}

// Release the matchers in both cases.
static bool parse_filter(struct request *req, struct response *res, struct rule_filter *f)
{
    *f = (struct rule_filter){0};
    f->names = both_spellings(req, "rule_name", "rule_name[]", &f->name_count);
    f->groups = both_spellings(req, "rule_group", "rule_group[]", &f->group_count);
    f->files = both_spellings(req, "file", "file[]", &f->file_count);
    return parse_kinds(req, res, &f->kinds) && parse_exclude(req, res, &f->exclude_alerts) &&
           parse_paging(req, res, f) && api_matchers(req, res, "match[]", false, &f->matches);
}

static bool listed(const struct str *items, size_t count, struct str value)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(items[i], value))
            return true;
    }
    return count == 0;
}

static bool rule_passes(const struct rule_filter *f, const struct rule_status *rule)
{
    if (f->kinds != RULES_ALL && rule->is_alert != (f->kinds == RULES_ALERT))
        return false;
    return listed(f->names, f->name_count, rule->name) &&
           (f->matches.count == 0 || matcher_sets_match(&f->matches, rule->labels));
}

// Groups without rules are not shown: all of theirs were filtered away.
static bool group_passes(const struct rule_filter *f, const struct rule_group_status *g)
{
    if (!listed(f->groups, f->group_count, g->name) || !listed(f->files, f->file_count, g->file))
        return false;
    for (size_t i = 0; i < g->rule_count; i++) {
        if (rule_passes(f, &g->rules[i]))
            return true;
    }
    return false;
}

static void write_alert(struct json_writer *w, const struct active_alert_status *a)
{
    json_object_begin(w);
    json_key(w, "labels");
    labels_json(w, a->labels);
    json_key(w, "annotations");
    labels_json(w, a->annotations);
    json_key(w, "state");
    json_cstr(w, alert_state_name(a->state));
    json_key(w, "activeAt");
    json_time(w, a->active_at_ms);
    if (a->keep_firing_since_ms) {
        json_key(w, "keepFiringSince");
        json_time(w, a->keep_firing_since_ms);
    }
    json_key(w, "value");
    json_float_str(w, a->value, FLOAT_E);
    json_object_end(w);
}

static void write_alerts(struct json_writer *w, const struct rule_status *rule)
{
    for (size_t i = 0; i < rule->alert_count; i++)
        write_alert(w, &rule->alerts[i]);
}

static void write_alerting_head(struct json_writer *w, const struct rule_status *rule, bool alerts)
{
    json_key(w, "state");
    json_cstr(w, alert_state_name(rule->state));
    json_key(w, "name");
    json_str(w, rule->name);
    json_key(w, "query");
    json_str(w, rule->query);
    json_key(w, "duration");
    json_double(w, (double)rule->for_ms / 1000);
    json_key(w, "keepFiringFor");
    json_double(w, (double)rule->keep_firing_for_ms / 1000);
    json_key(w, "labels");
    labels_json(w, rule->labels);
    json_key(w, "annotations");
    labels_json(w, rule->annotations);
    json_key(w, "alerts");
    json_array_begin(w);
    if (alerts)
        write_alerts(w, rule);
    json_array_end(w);
}

static void write_recording_head(struct json_writer *w, const struct rule_status *rule)
{
    json_key(w, "name");
    json_str(w, rule->name);
    json_key(w, "query");
    json_str(w, rule->query);
    if (rule->labels.count) {
        json_key(w, "labels");
        labels_json(w, rule->labels);
    }
}

static void write_rule(struct json_writer *w, const struct rule_status *rule, bool alerts)
{
    json_object_begin(w);
    if (rule->is_alert)
        write_alerting_head(w, rule, alerts);
    else
        write_recording_head(w, rule);
    json_key(w, "health");
    json_cstr(w, rule_health_name(rule->health));
    if (rule->last_error.len) {
        json_key(w, "lastError");
        json_str(w, rule->last_error);
    }
    json_key(w, "evaluationTime");
    json_double(w, rule->evaluation_time_s);
    json_key(w, "lastEvaluation");
    json_time(w, rule->last_evaluation_ms);
    json_key(w, "type");
    json_cstr(w, rule->is_alert ? "alerting" : "recording");
    json_object_end(w);
}

static void write_group(struct json_writer *w, const struct rule_group_status *g,
                        const struct rule_filter *f)
{
    json_object_begin(w);
    json_key(w, "name");
    json_str(w, g->name);
    json_key(w, "file");
    json_str(w, g->file);
    json_key(w, "rules");
    json_array_begin(w);
    for (size_t i = 0; i < g->rule_count; i++) {
        if (rule_passes(f, &g->rules[i]))
            write_rule(w, &g->rules[i], !f->exclude_alerts);
    }
    json_array_end(w);
    json_key(w, "interval");
    json_double(w, (double)g->interval_ms / 1000);
    json_key(w, "limit");
    json_u64(w, g->limit);
    json_key(w, "evaluationTime");
    json_double(w, g->evaluation_time_s);
    json_key(w, "lastEvaluation");
    json_time(w, g->last_evaluation_ms);
    json_object_end(w);
}

static void group_token(const struct rule_group_status *g, char out[TOKEN_SIZE + 1])
{
    uint64_t hash = hash64(g->name.ptr, g->name.len, hash_str(g->file));
    snprintf(out, TOKEN_SIZE + 1, "%016llx", (unsigned long long)hash);
}

// Index of the group with which the page starts, or `count`.
static size_t page_start(const struct rule_filter *f, const struct rule_group_status *groups,
                         size_t count)
{
    char token[TOKEN_SIZE + 1];
    for (size_t i = 0; i < count; i++) {
        group_token(&groups[i], token);
        if (!f->token.len || str_is(f->token, token))
            return i;
    }
    return count;
}

static void write_groups(struct response *res, const struct rule_filter *f,
                         const struct rule_group_status *groups, size_t count, size_t start)
{
    struct json_writer w;
    char token[TOKEN_SIZE + 1] = "";
    size_t shown = 0;
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "groups");
    json_array_begin(&w);
    for (size_t i = start; i < count && !token[0]; i++) {
        if (!group_passes(f, &groups[i]))
            continue;
        if (f->group_limit && shown == f->group_limit) {
            group_token(&groups[i], token);
        } else {
            write_group(&w, &groups[i], f);
            shown++;
        }
    }
    json_array_end(&w);
    if (token[0]) {
        json_key(&w, "groupNextToken");
        json_cstr(&w, token);
    }
    json_object_end(&w);
    api_end(&w);
}

void api_rules(struct web_server *web, struct request *req, struct response *res)
{
    struct rule_filter filter;
    struct rule_group_status *groups;
    size_t count;
    if (parse_filter(req, res, &filter)) {
        rule_manager_status(web->options.rules, &req->arena, &groups, &count);
        size_t start = page_start(&filter, groups, count);
        if (filter.token.len && start == count)
            api_fail_param(res, "group_next_token",
                           "invalid group_next_token '%.*s'. were rule groups changed?",
                           STR_ARG(filter.token));
        else
            write_groups(res, &filter, groups, count, start);
    }
    matcher_sets_release(&filter.matches);
}

void api_alerts(struct web_server *web, struct request *req, struct response *res)
{
    struct rule_group_status *groups;
    struct json_writer w;
    size_t count;
    rule_manager_status(web->options.rules, &req->arena, &groups, &count);
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "alerts");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < groups[i].rule_count; k++)
            write_alerts(&w, &groups[i].rules[k]);
    }
    json_array_end(&w);
    json_object_end(&w);
    api_end(&w);
}
