// Events become lines as they come; what belongs to the summary is counted on the way: how often and
// how long each alert fired, and how often each integration of a receiver was told something.
//
// A notification is one event an alert; those of one moment, integration and group are one.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "cli/dry_run.h"
#include "model/duration.h"

struct alert_count {
    uint64_t fired;
    int64_t total_ms, longest_ms;
    uint64_t firing; // at the end
};

struct firing {
    struct alert_count *count;
    int64_t since_ms;
};

struct told_count {
    uint64_t notifications, alerts;
    int64_t last_ms;
    char *last_group;
};

struct dry_run_report {
    bool json;
    struct strmap alerts; // name -> struct alert_count
    struct strmap told;   // "receiver by webhook[0]" -> struct told_count
    struct strmap muted;  // "silenced" ... -> uint64_t
    struct strmap firing; // fingerprint -> struct firing
};

struct dry_run_report *dry_run_report_new(bool json)
{
    struct dry_run_report *r = mem_calloc(1, sizeof(*r));
    r->json = json;
    strmap_init(&r->alerts);
    strmap_init(&r->told);
    strmap_init(&r->muted);
    strmap_init(&r->firing);
    return r;
}

static void release_map(struct strmap *map)
{
    for (size_t i = 0; i < map->count; i++)
        mem_free(map->entries[i].value);
    strmap_release(map);
}

void dry_run_report_free(struct dry_run_report *r)
{
    for (size_t i = 0; i < r->told.count; i++)
        mem_free(((struct told_count *)r->told.entries[i].value)->last_group);
    release_map(&r->alerts);
    release_map(&r->told);
    release_map(&r->muted);
    release_map(&r->firing);
    mem_free(r);
}

// ---- counting

static void *entry(struct strmap *map, struct str key, size_t size)
{
    void *value = strmap_get(map, key);
    if (!value) {
        value = mem_calloc(1, size);
        strmap_put(map, key, value);
    }
    return value;
}

static struct str alert_key(const struct history_event *event, char bytes[8])
{
    memcpy(bytes, &event->fingerprint, sizeof(event->fingerprint));
    return str_make(bytes, sizeof(event->fingerprint));
}

static void count_time(const struct firing *f, int64_t until_ms)
{
    int64_t lasted_ms = until_ms - f->since_ms;
    f->count->total_ms += lasted_ms;
    if (lasted_ms > f->count->longest_ms)
        f->count->longest_ms = lasted_ms;
}

static void count_state(struct dry_run_report *r, const struct history_event *event)
{
    char bytes[8];
    struct str key = alert_key(event, bytes);
    struct alert_count *c =
        entry(&r->alerts, labels_get(event->labels, STR("alertname")), sizeof(*c));
    struct firing *f = strmap_remove(&r->firing, key);
    if (f) {
        count_time(f, event->time_ms);
        c->firing--;
        mem_free(f);
    }
    if (event->type != HISTORY_FIRING)
        return;
    f = mem_alloc(sizeof(*f));
    *f = (struct firing){c, event->time_ms};
    strmap_put(&r->firing, key, f);
    c->fired++;
    c->firing++;
}

static void count_told(struct dry_run_report *r, const struct history_event *event)
{
    struct buf key = BUF_INIT;
    buf_printf(&key, "%.*s by %.*s", STR_ARG(event->receiver), STR_ARG(event->integration));
    struct told_count *c = entry(&r->told, buf_view(&key), sizeof(*c));
    c->alerts++;
    if (!c->last_group || c->last_ms != event->time_ms ||
        !str_eq(str_from(c->last_group), event->group)) {
        c->notifications++;
        c->last_ms = event->time_ms;
        mem_free(c->last_group);
        c->last_group = mem_copy_str(event->group);
    }
    buf_release(&key);
}

// ---- events

static void print_alert(struct buf *out, struct labels labels)
{
    struct label *items = mem_alloc((labels.count + 1) * sizeof(*items));
    size_t count = 0;
    buf_str(out, labels_get(labels, STR("alertname")));
    for (size_t i = 0; i < labels.count; i++)
        if (!str_is(labels.items[i].name, "alertname"))
            items[count++] = labels.items[i];
    labels_format(out, (struct labels){items, count});
    mem_free(items);
}

static void print_event(const struct history_event *event)
{
    struct buf line = BUF_INIT;
    timestamp_format_nano(&line, event->time_ms / 1000 * 1000);
    buf_cstr(&line, "  ");
    if (event->type == HISTORY_DELIVERED) {
        buf_printf(&line, "told %.*s by %.*s that it %s: ", STR_ARG(event->receiver),
                   STR_ARG(event->integration), event->resolved ? "resolved" : "fires");
        print_alert(&line, event->labels);
    } else {
        print_alert(&line, event->labels);
        buf_char(&line, ' ');
        history_describe(&line, event);
    }
    printf("%s\n", buf_text(&line));
    buf_release(&line);
}

static void write_member(struct json_writer *w, const char *name, struct str value)
{
    if (!value.len)
        return;
    json_key(w, name);
    json_str(w, value);
}

static void print_json(const struct history_event *event)
{
    struct buf line = BUF_INIT, time = BUF_INIT;
    struct json_writer w;
    timestamp_format(&time, event->time_ms);
    json_writer_init(&w, &line);
    json_object_begin(&w);
    write_member(&w, "time", buf_view(&time));
    write_member(&w, "event",
                 event->type == HISTORY_DELIVERED ? STR("told")
                                                  : str_from(history_event_name(event->type)));
    json_key(&w, "labels");
    labels_json(&w, event->labels);
    write_member(&w, "receiver", event->receiver);
    write_member(&w, "integration", event->integration);
    write_member(&w, "group", event->group);
    write_member(&w, "by", event->by);
    write_member(&w, "error", event->error);
    if (event->type >= HISTORY_ROUTED) {
        json_key(&w, "resolved");
        json_bool(&w, event->resolved);
    }
    json_object_end(&w);
    printf("%s\n", buf_text(&line));
    buf_release(&line);
    buf_release(&time);
}

void dry_run_report_event(struct dry_run_report *r, const struct history_event *event)
{
    bool mutes = event->type > HISTORY_ROUTED && event->type < HISTORY_QUEUED;
    // What follows from the others is left out: passed by a flush, queued.
    if (event->type == HISTORY_ROUTED || event->type == HISTORY_QUEUED)
        return;
    if (event->type <= HISTORY_RESOLVED)
        count_state(r, event);
    else if (event->type == HISTORY_DELIVERED)
        count_told(r, event);
    else if (mutes)
        ++*(uint64_t *)entry(&r->muted, str_from(history_event_name(event->type)),
                             sizeof(uint64_t));
    if (r->json)
        print_json(event);
    else
        print_event(event);
}

// ---- the end

static int by_key(const void *a, const void *b)
{
    const struct strmap_entry *x = a, *y = b;
    return str_cmp(str_make(x->key, x->key_len), str_make(y->key, y->key_len));
}

static struct strmap_entry *sorted(const struct strmap *map)
{
    struct strmap_entry *copy = mem_alloc((map->count + 1) * sizeof(*copy));
    if (map->count) {
        memcpy(copy, map->entries, map->count * sizeof(*copy));
        qsort(copy, map->count, sizeof(*copy), by_key);
    }
    return copy;
}

static void print_alerts(const struct dry_run_report *r)
{
    struct strmap_entry *items = sorted(&r->alerts);
    printf("\nAlerts that would have fired:%s\n", r->alerts.count ? "" : " none");
    for (size_t i = 0; i < r->alerts.count; i++) {
        const struct alert_count *c = items[i].value;
        struct buf total = BUF_INIT, longest = BUF_INIT;
        duration_format(&total, c->total_ms / 1000 * 1000);
        duration_format(&longest, c->longest_ms / 1000 * 1000);
        printf("  %s: fired %" PRIu64 " time%s, %s in all, %s at the longest", items[i].key,
               c->fired, c->fired == 1 ? "" : "s", buf_text(&total), buf_text(&longest));
        if (c->firing)
            printf(", %" PRIu64 " firing at the end", c->firing);
        printf("\n");
        buf_release(&total);
        buf_release(&longest);
    }
    mem_free(items);
}

static void print_told(const struct dry_run_report *r)
{
    struct strmap_entry *items = sorted(&r->told);
    printf("\nWho would have been told:%s\n", r->told.count ? "" : " nobody");
    for (size_t i = 0; i < r->told.count; i++) {
        const struct told_count *c = items[i].value;
        printf("  %s: %" PRIu64 " notifications about %" PRIu64 " alerts\n", items[i].key,
               c->notifications, c->alerts);
    }
    mem_free(items);
    items = sorted(&r->muted);
    for (size_t i = 0; i < r->muted.count; i++)
        printf("  %s: %" PRIu64 "\n", items[i].key, *(uint64_t *)items[i].value);
    mem_free(items);
}

static void print_failures(const struct dry_run_result *result)
{
    for (size_t i = 0; i < result->failure_count; i++) {
        const struct dry_run_failure *f = &result->failures[i];
        fprintf(stderr, "%.*s: group \"%.*s\", rule \"%.*s\" failed: %.*s\n", STR_ARG(f->file),
                STR_ARG(f->group), STR_ARG(f->rule), STR_ARG(f->error));
    }
}

void dry_run_report_end(struct dry_run_report *r, const struct dry_run_options *options,
                        const struct dry_run_result *result)
{
    for (size_t i = 0; i < r->firing.count; i++)
        count_time(r->firing.entries[i].value, options->end_ms);
    print_failures(result);
    if (r->json)
        return;
    struct buf start = BUF_INIT, end = BUF_INIT;
    timestamp_format_nano(&start, options->start_ms / 1000 * 1000);
    timestamp_format_nano(&end, options->end_ms / 1000 * 1000);
    printf("\nFrom %s to %s: %" PRIu64 " rule evaluations, %" PRIu64 " failed; %zu silences.\n",
           buf_text(&start), buf_text(&end), result->evaluation_count, result->failed_count,
           result->silence_count);
    buf_release(&start);
    buf_release(&end);
    print_alerts(r);
    print_told(r);
}
