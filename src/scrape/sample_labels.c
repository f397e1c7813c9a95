// In this order: the labels as exposed, bounds normalised, the target's labels added, relabelling,
// checks. Exposed labels that collide with the target's are kept as exported_NAME, or win with
// honor_labels; there an exposed empty value means that the series shall not have the label at all.
#include "sample_labels.h"

#include <math.h>
#include <stdlib.h>

#include "base/float_text.h"
#include "base/hash.h"
#include "scrape/relabel.h"

// 1 -> 1.0: bounds are floats, however they were written.
static void normalise_bound(struct labels_builder *set, struct str label)
{
    struct str text = labels_builder_get(set, label);
    double value;
    char digits[FLOAT_TEXT_SIZE];
    if (!text.len || !float_parse(text, &value))
        return;
    size_t len = float_format(value, FLOAT_G, digits);
    struct str shortest = str_make(digits, len);
    bool whole =
        isfinite(value) && str_find(shortest, '.') == len && str_find(shortest, 'e') == len;
    labels_builder_set(set, label,
                       arena_printf(set->arena, "%.*s%s", STR_ARG(shortest), whole ? ".0" : ""));
}

static bool is_exposed(const struct labels_builder *set, size_t exposed_count, struct str name)
{
    for (size_t i = 0; i < exposed_count; i++) {
        if (str_eq(set->items[i].name, name))
            return true;
    }
    return false;
}

static void add_missing(struct labels_builder *set, struct labels target)
{
    size_t exposed_count = set->count;
    for (size_t i = 0; i < target.count; i++) {
        if (!is_exposed(set, exposed_count, target.items[i].name))
            labels_builder_set(set, target.items[i].name, target.items[i].value);
    }
}

static int by_name_length(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    if (x->name.len != y->name.len)
        return x->name.len < y->name.len ? -1 : 1;
    return str_cmp(x->name, y->name);
}

static void export(struct labels_builder *set, struct label l)
{
    do {
        l.name = arena_printf(set->arena, "exported_%.*s", STR_ARG(l.name));
    } while (labels_builder_get(set, l.name).len);
    labels_builder_set(set, l.name, l.value);
}

static void add_over(struct labels_builder *set, struct labels target)
{
    struct label *collided = arena_array(set->arena, target.count, sizeof(*collided));
    size_t count = 0;
    for (size_t i = 0; i < target.count; i++) {
        struct label l = target.items[i];
        struct str own = labels_builder_get(set, l.name);
        if (own.len)
            collided[count++] = (struct label){l.name, own};
        labels_builder_set(set, l.name, l.value);
    }
    // Short names first: which collision gets which name must not depend on order.
    if (count > 1)
        qsort(collided, count, sizeof(*collided), by_name_length);
    for (size_t i = 0; i < count; i++)
        export(set, collided[i]);
}

static int check_names(const struct scrape_config *c, struct labels labels, struct error *err)
{
    struct str metric = labels_get(labels, STR(LABEL_METRIC_NAME));
    if (!metric.len)
        return error_set(err, ERR_INVALID, "missing metric name (__name__ label)");
    bool valid = c->legacy_names ? metric_name_is_legacy(metric) : label_name_is_valid(metric);
    for (size_t i = 0; i < labels.count; i++) {
        struct str name = labels.items[i].name;
        valid &= c->legacy_names ? label_name_is_legacy(name) : label_name_is_valid(name);
    }
    if (valid)
        return OK;
    struct buf text = BUF_INIT;
    labels_format(&text, labels);
    error_set(err, ERR_INVALID, "invalid metric name or label names: %s", buf_text(&text));
    buf_release(&text);
    return ERR_INVALID;
}

static struct str shown(struct str s)
{
    return s.len > 50 ? str_first(s, 50) : s;
}

static int check_label(const struct scrape_config *c, struct str metric, struct label l,
                       struct error *err)
{
    if (c->label_name_length_limit && l.name.len > c->label_name_length_limit)
        return error_set(err, ERR_LIMIT,
                         "label_name_length_limit exceeded (metric: %.*s, label name: %.*s, "
                         "length: %zu, limit: %llu)",
                         STR_ARG(shown(metric)), STR_ARG(shown(l.name)), l.name.len,
                         (unsigned long long)c->label_name_length_limit);
    if (c->label_value_length_limit && l.value.len > c->label_value_length_limit)
        return error_set(err, ERR_LIMIT,
                         "label_value_length_limit exceeded (metric: %.*s, label name: %.*s, "
                         "value: \"%.*s\", length: %zu, limit: %llu)",
                         STR_ARG(shown(metric)), STR_ARG(shown(l.name)), STR_ARG(shown(l.value)),
                         l.value.len, (unsigned long long)c->label_value_length_limit);
    return OK;
}

static int check_limits(const struct scrape_config *c, struct labels labels, struct error *err)
{
    struct str metric = labels_get(labels, STR(LABEL_METRIC_NAME));
    int rc = OK;
    if (c->label_limit && labels.count > c->label_limit)
        return error_set(err, ERR_LIMIT,
                         "label_limit exceeded (metric: %.*s, number of labels: %zu, limit: %llu)",
                         STR_ARG(shown(metric)), labels.count, (unsigned long long)c->label_limit);
    for (size_t i = 0; i < labels.count && rc == OK; i++)
        rc = check_label(c, metric, labels.items[i], err);
    return rc;
}

int sample_labels(const struct scrape_config *config, struct labels target, enum metric_type type,
                  struct str series, struct arena *arena, struct labels *out, bool *dropped,
                  struct error *err)
{
    struct labels_builder set;
    labels_builder_init(&set, arena, (struct labels){0});
    int rc = exposition_labels(series, &set, err);
    if (rc)
        return rc;
    if (type == METRIC_TYPE_SUMMARY)
        normalise_bound(&set, STR("quantile"));
    else if (type == METRIC_TYPE_HISTOGRAM)
        normalise_bound(&set, STR("le"));
    if (config->honor_labels)
        add_missing(&set, target);
    exposition_drop_empty(&set);
    if (!config->honor_labels)
        add_over(&set, target);
    *dropped = !relabel_apply(&config->metric_relabel, &set) || set.count == 0;
    if (*dropped)
        return OK;
    *out = labels_builder_finish(&set);
    rc = check_names(config, *out, err);
    return rc ? rc : check_limits(config, *out, err);
}

static uint64_t hash_more(uint64_t hash, struct str s)
{
    return hash64(s.ptr ? s.ptr : "", s.len, hash);
}

uint64_t sample_labels_fingerprint(const struct scrape_config *config)
{
    uint64_t numbers[] = {config->honor_labels,
                          config->legacy_names,
                          config->label_limit,
                          config->label_name_length_limit,
                          config->label_value_length_limit,
                          config->sample_limit,
                          config->metric_relabel.count};
    uint64_t hash = hash64(numbers, sizeof(numbers), 0);
    for (size_t i = 0; i < config->metric_relabel.count; i++) {
        const struct relabel_config *c = &config->metric_relabel.items[i];
        uint64_t more[] = {c->action, c->modulus, c->source_label_count};
        hash = hash64(more, sizeof(more), hash);
        for (size_t s = 0; s < c->source_label_count; s++)
            hash = hash_more(hash, c->source_labels[s]);
        hash = hash_more(hash, c->separator);
        hash = hash_more(hash, c->regex_text);
        hash = hash_more(hash, c->target_label);
        hash = hash_more(hash, c->replacement);
    }
    return hash;
}
