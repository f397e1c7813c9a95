// References instead of label sets: eight bytes for each series that was written, in an array that
// is sorted when the next evaluation is compared with it. An alert keeps the references of its two
// series, so that their labels are put together once, not once an evaluation. A reference that the
// store has forgotten is looked up again.
#include "rule_series.h"

#include "base/mem.h"
#include "base/sort.h"
#include "rule_group.h"

void rule_series_release(struct rule_series *s)
{
    mem_free(s->items);
    *s = (struct rule_series){0};
}

static void note(struct rule_series *s, series_ref ref)
{
    MEM_GROW(s->items, s->count, s->capacity);
    s->items[s->count++] = ref;
}

static void sort(struct rule_series *s)
{
    size_t i = 1;
    while (i < s->count && s->items[i - 1] <= s->items[i])
        i++;
    if (i < s->count)
        u64_sort(s->items, s->count);
    if (s->capacity > 2 * s->count + 8) {
        s->capacity = s->count;
        s->items = mem_realloc(s->items, s->capacity, sizeof(*s->items));
    }
}

static int find(struct appender *appender, struct labels labels, series_ref *ref, struct error *err)
{
    int rc = appender_series(appender, labels, ref);
    return rc ? error_set(err, rc, "writing a series: %s", err_text(rc)) : OK;
}

int series_writer_add(struct series_writer *w, struct labels labels, double value,
                      struct error *err)
{
    series_ref ref;
    int rc = find(w->appender, labels, &ref, err);
    if (rc)
        return rc;
    // Late and double samples are counted by the store and change nothing here.
    appender_add(w->appender, ref, w->t_ms, value);
    note(&w->written, ref);
    return OK;
}

static struct labels for_state_labels(struct arena *arena, const struct rule_alert *a)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, a->labels);
    labels_builder_set(&b, STR(LABEL_METRIC_NAME), STR("ALERTS_FOR_STATE"));
    return labels_builder_finish(&b);
}

static struct labels state_labels(struct arena *arena, const struct rule_alert *a)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, a->labels);
    labels_builder_set(&b, STR(LABEL_METRIC_NAME), STR("ALERTS"));
    labels_builder_set(&b, STR("alertstate"), str_from(alert_state_name(a->state)));
    return labels_builder_finish(&b);
}

typedef struct labels series_labels_fn(struct arena *arena, const struct rule_alert *a);

// By its reference, if that is known and good; *ref is then.
static int add_of_alert(struct series_writer *w, const struct rule_alert *a, series_ref *ref,
                        series_labels_fn *labels_of, double value, struct error *err)
{
    if (*ref && appender_add(w->appender, *ref, w->t_ms, value) != ERR_NOT_FOUND) {
        note(&w->written, *ref);
        return OK;
    }
    struct arena arena;
    arena_init(&arena, 0);
    int rc = series_writer_add(w, labels_of(&arena, a), value, err);
    *ref = rc ? 0 : w->written.items[w->written.count - 1];
    arena_release(&arena);
    return rc;
}

int series_writer_alerts(struct series_writer *w, struct rule *rule, struct error *err)
{
    int rc = OK;
    for (size_t i = 0; i < rule->alerts.count && rc == OK; i++) {
        struct rule_alert *a = &rule->alerts.items[i];
        if (a->state == ALERT_INACTIVE)
            continue;
        if (a->ref_state != a->state)
            a->state_ref = 0;
        a->ref_state = a->state;
        rc = add_of_alert(w, a, &a->for_state_ref, for_state_labels,
                          (double)(a->active_at_ms / 1000), err);
        if (rc == OK)
            rc = add_of_alert(w, a, &a->state_ref, state_labels, 1, err);
    }
    return rc;
}

void series_writer_end_vanished(struct series_writer *w, struct rule_series *last)
{
    struct rule_series *now = &w->written;
    size_t at = 0;
    sort(now);
    for (size_t i = 0; i < last->count; i++) {
        while (at < now->count && now->items[at] < last->items[i])
            at++;
        if (at == now->count || now->items[at] != last->items[i])
            appender_add(w->appender, last->items[i], w->t_ms, sample_stale());
    }
    rule_series_release(last);
    *last = *now;
    *now = (struct rule_series){0};
}

void rule_series_recall(struct rule *rule, struct appender *appender)
{
    struct arena arena;
    series_ref ref;
    arena_init(&arena, 0);
    for (size_t i = 0; rule->restored && i < rule->alerts.count; i++) {
        const struct rule_alert *a = &rule->alerts.items[i];
        arena_reset(&arena);
        if (a->state == ALERT_INACTIVE)
            continue;
        if (appender_series(appender, for_state_labels(&arena, a), &ref) == OK)
            note(&rule->written, ref);
        if (appender_series(appender, state_labels(&arena, a), &ref) == OK)
            note(&rule->written, ref);
    }
    sort(&rule->written);
    rule->restored = false;
    arena_release(&arena);
}

void rule_series_end(struct rule *rule, struct appender *appender, int64_t t_ms)
{
    rule_series_recall(rule, appender);
    for (size_t i = 0; i < rule->written.count; i++)
        appender_add(appender, rule->written.items[i], t_ms, sample_stale());
}
