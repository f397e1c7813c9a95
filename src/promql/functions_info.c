// info(): data labels of info series (target_info unless named otherwise) added to series.
//
// An info series belongs to the series with the same `instance` and `job`. Of several of one metric
// the one sampled last counts; two metrics must not disagree about a label. Which info series there
// are may change from step to step, so a series may come out as several, one for each set of labels
// it has had.
//
// As in Prometheus, @ and offset of the first selector in the first argument move what is seen of
// info series and not when it is looked at; names that were to be dropped stay.
#include "eval.h"
#include "families.h"

struct info {
    struct eval *ev;
    const struct plan_node *node;
    struct matcher *matchers; // of the second argument; may be none
    size_t matcher_count;
    bool selects_labels; // some of them are about data labels
    struct vector base;
    struct vector info; // values are the samples' times
    struct label_index ids;
    uint32_t *info_ids;
    struct vector *out;
};

static const struct str id_names[] = {STR_INIT("instance"), STR_INIT("job")};
static const struct label_filter id_filter = {.names = id_names, .name_count = 2, .keep = true};

// What it takes to be an info series itself, which is left alone: to match what selects their names.
static bool is_info(const struct info *x, struct str name)
{
    const struct selection *s = &x->ev->plan->selections[x->node->call.info->selector.selection];
    for (size_t i = 0; i < s->matcher_count; i++)
        if (str_is(s->matchers[i].name, LABEL_METRIC_NAME) && !matcher_match(&s->matchers[i], name))
            return false;
    return true;
}

static struct str metric_of(const struct row *row)
{
    return labels_get(row->labels, STR(LABEL_METRIC_NAME));
}

static bool is_data_label(const struct info *x, struct str name)
{
    if (str_is(name, LABEL_METRIC_NAME))
        return false;
    if (!x->selects_labels)
        return true;
    for (size_t i = 0; i < x->matcher_count; i++)
        if (str_eq(x->matchers[i].name, name))
            return true;
    return false;
}

static bool needs_match(const struct info *x)
{
    for (size_t i = 0; i < x->matcher_count; i++)
        if (!str_is(x->matchers[i].name, LABEL_METRIC_NAME) &&
            !matcher_match_empty(&x->matchers[i]))
            return true;
    return false;
}

// Of the info series of one metric and id the one sampled last, or NULL.
static int find_newest(struct info *x, uint32_t id, struct str metric, size_t from, size_t step,
                       const struct row **out)
{
    const struct row *best = NULL;
    for (size_t i = from; i < x->info.count; i++) {
        const struct row *row = &x->info.rows[i];
        if (x->info_ids[i] != id || !row->present[step] || !str_eq(metric_of(row), metric))
            continue;
        if (best && best->values[step] == row->values[step]) {
            struct buf a = BUF_INIT, b = BUF_INIT;
            labels_format_all(&a, best->labels);
            labels_format_all(&b, row->labels);
            long long t = (long long)(row->values[step] * 1000);
            int rc = eval_fail(x->ev,
                               "found duplicate series for info metric: existing %s @ %lld, new "
                               "%s @ %lld",
                               buf_text(&a), t, buf_text(&b), t);
            buf_release(&a);
            buf_release(&b);
            return rc;
        }
        if (!best || best->values[step] < row->values[step])
            best = row;
    }
    *out = best;
    return 0;
}

static int add_labels(struct info *x, const struct row *base, const struct row *info,
                      struct labels_builder *b)
{
    for (size_t i = 0; i < info->labels.count; i++) {
        struct label label = info->labels.items[i];
        if (!is_data_label(x, label.name))
            continue;
        bool on_base = labels_get(base->labels, label.name).len > 0;
        struct str set = labels_builder_get(b, label.name);
        if (!on_base && set.len && !str_eq(set, label.value))
            return eval_fail(x->ev, "conflicting label: %.*s", STR_ARG(label.name));
        if (!on_base)
            labels_builder_set(b, label.name, label.value);
    }
    return 0;
}

static bool is_first_of_metric(const struct info *x, uint32_t id, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (x->info_ids[i] == id &&
            str_eq(metric_of(&x->info.rows[i]), metric_of(&x->info.rows[at])))
            return false;
    return true;
}

// The labels of a series at a step; *matched: by at least one info series.
static int labels_at(struct info *x, const struct row *base, uint32_t id, size_t step,
                     struct labels *out, bool *matched)
{
    struct labels_builder b;
    labels_builder_init(&b, x->ev->arena, base->labels);
    *matched = false;
    for (size_t i = 0; i < x->info.count; i++) {
        if (x->info_ids[i] != id || !is_first_of_metric(x, id, i))
            continue;
        const struct row *newest = NULL;
        int rc = find_newest(x, id, metric_of(&x->info.rows[i]), i, step, &newest);
        if (rc || (newest && (rc = add_labels(x, base, newest, &b))))
            return rc;
        *matched = *matched || newest;
    }
    *out = labels_builder_finish(&b);
    return 0;
}

static int push_copy(struct info *x, struct labels labels)
{
    struct row row;
    int rc = row_init(x->ev, &row, labels, x->node->grid->count);
    if (rc == 0)
        vector_push(x->ev, x->out, &row);
    return rc;
}

static int enrich(struct info *x, const struct row *base)
{
    struct label *scratch = arena_array(x->ev->arena, base->labels.count + 1, sizeof(*scratch));
    struct labels id_labels = {scratch, label_filter_apply(&id_filter, base->labels, scratch)};
    uint32_t id = id_labels.count ? label_index_find(&x->ids, id_labels) : HMAP_NONE;
    size_t first = x->out->count;
    for (size_t i = 0; i < x->node->grid->count; i++) {
        struct labels labels = base->labels;
        bool matched = false;
        if (!base->present[i])
            continue;
        int rc = id == HMAP_NONE ? 0 : labels_at(x, base, id, i, &labels, &matched);
        if (rc)
            return rc;
        if (!matched && needs_match(x))
            continue;
        size_t at = first;
        while (at < x->out->count && !labels_eq(x->out->rows[at].labels, labels))
            at++;
        if (at == x->out->count && (rc = push_copy(x, labels)))
            return rc;
        x->out->rows[at].values[i] = base->values[i];
        x->out->rows[at].present[i] = 1;
    }
    return 0;
}

// The values of one identifying label.
struct id_values {
    struct label_filter filter;
    struct label_index index;
};

static void id_values_add(struct info *x, struct id_values *v, struct labels labels)
{
    if (labels_get(labels, v->filter.names[0]).len)
        label_index_filtered(&v->index, x->ev->arena, &v->filter, labels);
}

static bool id_values_hold(const struct id_values *v, struct labels labels)
{
    struct label kept[1];
    struct labels one = {kept, label_filter_apply(&v->filter, labels, kept)};
    return v->index.count == 0 || label_index_find(&v->index, one) != HMAP_NONE;
}

// Keeps the info series whose identifying labels have values that any series to be enriched has.
static void keep_related(struct info *x)
{
    struct id_values values[2];
    size_t kept = 0;
    for (size_t k = 0; k < 2; k++) {
        values[k].filter = (struct label_filter){&id_names[k], 1, .keep = true};
        label_index_init(&values[k].index);
        for (size_t i = 0; i < x->base.count; i++)
            if (!is_info(x, metric_of(&x->base.rows[i])))
                id_values_add(x, &values[k], x->base.rows[i].labels);
    }
    bool any = values[0].index.count || values[1].index.count;
    for (size_t i = 0; any && i < x->info.count; i++)
        if (id_values_hold(&values[0], x->info.rows[i].labels) &&
            id_values_hold(&values[1], x->info.rows[i].labels))
            x->info.rows[kept++] = x->info.rows[i];
    x->info.count = kept;
    label_index_release(&values[0].index);
    label_index_release(&values[1].index);
}

static int gather_info(struct info *x)
{
    struct collector c = {.ev = x->ev, .vector = &x->info, .step_count = x->node->grid->count};
    int rc = eval_vector(x->ev, x->node->call.args[0], &x->base);
    if (rc || (rc = stream_timestamps(x->ev, x->node->call.info, collect_row, &c)))
        return rc;
    keep_related(x);
    x->info_ids = arena_array(x->ev->arena, x->info.count, sizeof(*x->info_ids));
    for (size_t i = 0; i < x->info.count; i++)
        x->info_ids[i] =
            label_index_filtered(&x->ids, x->ev->arena, &id_filter, x->info.rows[i].labels);
    return 0;
}

// At each step that has series at all, no two info series of one metric and id are equally new.
static int check_info(struct info *x)
{
    int rc = 0;
    for (size_t step = 0; step < x->node->grid->count && rc == 0; step++) {
        bool any = false;
        for (size_t i = 0; i < x->base.count && !any; i++)
            any = x->base.rows[i].present[step];
        const struct row *newest;
        for (size_t i = 0; any && i < x->info.count && rc == 0; i++)
            if (is_first_of_metric(x, x->info_ids[i], i))
                rc = find_newest(x, x->info_ids[i], metric_of(&x->info.rows[i]), i, step, &newest);
    }
    return rc;
}

int info_info(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct info x = {.ev = ev, .node = node, .out = &out->vector};
    if (node->call.arg_count > 1) {
        const struct selector *s = &expr_unwrap(node->expr->call.args[1])->selector;
        x.matchers = s->matchers;
        x.matcher_count = s->matcher_count;
    }
    for (size_t i = 0; i < x.matcher_count; i++)
        x.selects_labels = x.selects_labels || !str_is(x.matchers[i].name, LABEL_METRIC_NAME);
    label_index_init(&x.ids);
    int rc = gather_info(&x);
    if (rc == 0)
        rc = check_info(&x);
    for (size_t i = 0; i < x.base.count && rc == 0; i++) {
        if ((rc = eval_check(ev)))
            break;
        bool left_alone = is_info(&x, metric_of(&x.base.rows[i]));
        x.base.rows[i].drop_name = false;
        if (left_alone)
            vector_push(ev, x.out, &x.base.rows[i]);
        else
            rc = enrich(&x, &x.base.rows[i]);
    }
    label_index_release(&x.ids);
    return rc ? rc : vector_merge(ev, x.out, node->grid->count);
}
