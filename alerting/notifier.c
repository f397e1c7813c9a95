// The queue, and the thread that empties it.
//
//     rules -> external labels, relabelling -> forward (own routing)
//                                           -> queue -> batch -> JSON for each set -> POST to all
//
// Locks: `mutex` guards the queue and the snapshot of targets, and is held neither while the
// network is waited for nor while alerts are forwarded. Only the thread uses the transfer client
// and the cache of target files.
#include "alerting/notifier.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_write.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/duration.h"
#include "notifier_targets.h"
#include "scrape/relabel.h"
#include "scrape/transfer.h"

#define RESPONSE_MAX     ((size_t)16 << 10)
#define DRAIN_MS         INT64_C(3000)
#define FILES_CHECK_MS   INT64_C(5000)
#define RUN_SLICE_MS     100
#define BODY_QUOTED_MAX  200
#define NANOS_PER_SECOND 1000000000L

// On the heap; annotations, labels and URL are its own.
struct queued {
    struct labels labels, annotations;
    int64_t starts_ms, ends_ms;
    char *generator_url;
};

struct notifier {
    struct notifier_options options;
    struct metric *dropped, *length, *discovered;
    pthread_mutex_t mutex; // guards all below but the last two
    pthread_cond_t work;
    struct queued *queue; // a ring of queue_max
    size_t first, count;
    struct notifier_targets *targets; // NULL before the first configuration
    bool stopping;
    pthread_t thread;
    struct transfer_client *client;
    struct target_files *files;
};

static void queued_release(struct queued *q)
{
    mem_free((void *)q->labels.items);
    mem_free((void *)q->annotations.items);
    mem_free(q->generator_url);
}

// Under the lock.
static void push(struct notifier *n, const struct alert *a)
{
    if (n->count == n->options.queue_max) {
        queued_release(&n->queue[n->first]);
        n->first = (n->first + 1) % n->options.queue_max;
        n->count--;
        metric_add(n->dropped, 1);
    }
    n->queue[(n->first + n->count++) % n->options.queue_max] = (struct queued){
        .labels = labels_dup(a->labels),
        .annotations = labels_dup(a->annotations),
        .starts_ms = a->starts_ms,
        .ends_ms = a->ends_ms,
        .generator_url = mem_copy_str(a->generator_url),
    };
    metric_set(n->length, (double)n->count);
}

static void push_all(struct notifier *n, const struct alert *alerts, size_t count)
{
    pthread_mutex_lock(&n->mutex);
    if (n->targets && n->targets->config->alertmanager_count) {
        for (size_t i = 0; i < count; i++)
            if (alerts[i].stage == ALERT_STAGE_TOLD)
                push(n, &alerts[i]);
        pthread_cond_signal(&n->work);
    }
    pthread_mutex_unlock(&n->mutex);
}

// The external labels that it lacks, and the relabelling: false when it is dropped.
static bool prepare(const struct prometheus_config *config, struct alert *a, struct arena *arena)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, a->labels);
    for (size_t i = 0; i < config->external_labels.count; i++) {
        const struct label *l = &config->external_labels.items[i];
        if (!labels_builder_get(&b, l->name).len)
            labels_builder_set(&b, l->name, l->value);
    }
    if (!relabel_apply(&config->alert_relabel, &b))
        return false;
    a->labels = labels_builder_finish(&b);
    return true;
}

static struct notifier_targets *current(struct notifier *n)
{
    pthread_mutex_lock(&n->mutex);
    struct notifier_targets *t = n->targets ? notifier_targets_ref(n->targets) : NULL;
    pthread_mutex_unlock(&n->mutex);
    return t;
}

void notifier_send(struct notifier *n, const struct alert *alerts, size_t count, int64_t now_ms)
{
    struct notifier_targets *t = current(n);
    struct arena arena;
    size_t kept = 0;
    arena_init(&arena, 0);
    struct alert *copies = arena_array(&arena, count, sizeof(*copies));
    for (size_t i = 0; i < count; i++) {
        copies[kept] = alerts[i];
        kept += !t || prepare(t->config, &copies[kept], &arena);
    }
    if (kept && n->options.forward)
        n->options.forward(n->options.forward_context, copies, kept, now_ms);
    push_all(n, copies, kept);
    notifier_targets_unref(t);
    arena_release(&arena);
}

static void write_time(struct json_writer *w, const char *key, int64_t ms)
{
    struct buf text = BUF_INIT;
    timestamp_format(&text, ms);
    json_key(w, key);
    json_str(w, buf_view(&text));
    buf_release(&text);
}

static void write_alert(struct json_writer *w, const struct queued *q, struct labels labels)
{
    json_object_begin(w);
    json_key(w, "annotations");
    labels_json(w, q->annotations);
    write_time(w, "endsAt", q->ends_ms);
    write_time(w, "startsAt", q->starts_ms);
    json_key(w, "generatorURL");
    json_cstr(w, q->generator_url);
    json_key(w, "labels");
    labels_json(w, labels);
    json_object_end(w);
}

// What a set gets of a batch, after its own relabelling; returns how many alerts that is.
static size_t write_batch(const struct alertmanager_target_config *set, const struct queued *batch,
                          size_t count, struct buf *out)
{
    struct json_writer w;
    struct arena arena;
    size_t written = 0;
    arena_init(&arena, 0);
    json_writer_init(&w, out);
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++) {
        struct labels_builder b;
        labels_builder_init(&b, &arena, batch[i].labels);
        if (relabel_apply(&set->alert_relabel, &b)) {
            write_alert(&w, &batch[i], labels_builder_finish(&b));
            written++;
        }
        arena_reset(&arena);
    }
    json_array_end(&w);
    arena_release(&arena);
    return written;
}

struct request {
    const struct notifier_target *target;
    struct transfer *transfer;
    size_t alert_count;
    size_t *pending;
    bool done;
};

static void note_failure(const struct request *r, const char *text)
{
    metric_add(r->target->errors, r->alert_count);
    log_warn("sending alerts to an Alertmanager failed", LOG_STR("alertmanager", r->target->url),
             LOG_INT("count", (int64_t)r->alert_count), LOG_CSTR("error", text));
}

static void on_done(void *context, const struct transfer_result *result)
{
    struct request *r = context;
    char text[BODY_QUOTED_MAX + 64];
    r->done = true;
    (*r->pending)--;
    metric_observe(r->target->latency, (double)result->duration_us / 1e6);
    metric_add(r->target->sent, r->alert_count);
    if (result->code) {
        note_failure(r, result->text);
    } else if (result->status / 100 != 2) {
        int quoted = result->body.len < BODY_QUOTED_MAX ? (int)result->body.len : BODY_QUOTED_MAX;
        snprintf(text, sizeof(text), "bad response status %ld: %.*s", result->status, quoted,
                 result->body.ptr ? result->body.ptr : "");
        note_failure(r, text);
    }
}

static void start(struct notifier *n, struct request *r, struct str body)
{
    static const struct transfer_header header = {STR_INIT("Content-Type"),
                                                  STR_INIT("application/json")};
    const struct transfer_request request = {
        .method = STR("POST"),
        .url = r->target->url,
        .headers = &header,
        .header_count = 1,
        .body = body,
        .timeout_ms = r->target->set->timeout_ms,
        .response_max = RESPONSE_MAX,
        .http = &r->target->set->http,
    };
    struct error err;
    if (transfer_start(n->client, &request, on_done, r, &r->transfer, &err)) {
        r->done = true;
        metric_add(r->target->sent, r->alert_count);
        note_failure(r, err.text);
    } else {
        (*r->pending)++;
    }
}

static bool is_stopping(struct notifier *n)
{
    pthread_mutex_lock(&n->mutex);
    bool stopping = n->stopping;
    pthread_mutex_unlock(&n->mutex);
    return stopping;
}

static int64_t mono_ms(const struct notifier *n)
{
    return clock_mono_ns(n->options.clock) / 1000000;
}

// Until all answered; after the shutdown began, for DRAIN_MS more.
static void await(struct notifier *n, struct request *requests, size_t count, const size_t *pending)
{
    int64_t until_ms = 0;
    while (*pending) {
        transfer_run(n->client, RUN_SLICE_MS);
        if (!until_ms && is_stopping(n))
            until_ms = mono_ms(n) + DRAIN_MS;
        if (until_ms && mono_ms(n) > until_ms)
            break;
    }
    for (size_t i = 0; i < count && *pending; i++) {
        if (requests[i].done)
            continue;
        transfer_cancel(n->client, requests[i].transfer);
        note_failure(&requests[i], "cancelled by the shutdown");
    }
}

static void post_batch(struct notifier *n, const struct notifier_targets *t,
                       const struct queued *batch, size_t count)
{
    struct request *requests = mem_calloc(t->count + 1, sizeof(*requests));
    struct buf body = BUF_INIT;
    size_t pending = 0, started = 0, alert_count = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (i == 0 || t->items[i].set != t->items[i - 1].set) {
            buf_reset(&body);
            alert_count = write_batch(t->items[i].set, batch, count, &body);
        }
        struct request *r = &requests[started];
        *r = (struct request){
            .target = &t->items[i], .alert_count = alert_count, .pending = &pending};
        if (alert_count) {
            start(n, r, buf_view(&body));
            started++;
        }
    }
    if (t->count == 0)
        metric_add(n->dropped, count);
    await(n, requests, started, &pending);
    buf_release(&body);
    mem_free(requests);
}

// Under the lock.
static size_t take_batch(struct notifier *n, struct queued *batch)
{
    size_t count = n->count < n->options.batch_max ? n->count : n->options.batch_max;
    for (size_t i = 0; i < count; i++)
        batch[i] = n->queue[(n->first + i) % n->options.queue_max];
    n->first = (n->first + count) % n->options.queue_max;
    n->count -= count;
    metric_set(n->length, (double)n->count);
    return count;
}

static void install(struct notifier *n, struct notifier_targets *t)
{
    pthread_mutex_lock(&n->mutex);
    struct notifier_targets *old = n->targets;
    n->targets = t;
    pthread_mutex_unlock(&n->mutex);
    metric_set(n->discovered, (double)t->count);
    notifier_targets_unref(old);
}

// Reads the files of targets again when they changed. A configuration that came meanwhile wins.
static void refresh(struct notifier *n)
{
    struct notifier_targets *t = current(n);
    if (t && t->fingerprint != notifier_files_fingerprint(t->config)) {
        struct notifier_targets *fresh =
            notifier_targets_new(t->config, n->files, n->options.metrics);
        pthread_mutex_lock(&n->mutex);
        bool same = n->targets == t;
        if (same)
            n->targets = fresh;
        pthread_mutex_unlock(&n->mutex);
        metric_set(n->discovered, (double)fresh->count);
        notifier_targets_unref(same ? t : fresh);
    }
    notifier_targets_unref(t);
}

// Under the lock: until there is work, or the files should be looked at again.
static void wait_for_work(struct notifier *n)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += FILES_CHECK_MS / 1000;
    while (!n->count && !n->stopping) {
        if (pthread_cond_timedwait(&n->work, &n->mutex, &until) == ETIMEDOUT)
            return;
    }
}

static void *run(void *argument)
{
    struct notifier *n = argument;
    struct queued *batch = mem_calloc(n->options.batch_max, sizeof(*batch));
    (void)pthread_setname_np(pthread_self(), "notifier");
    for (;;) {
        pthread_mutex_lock(&n->mutex);
        wait_for_work(n);
        bool ends = n->stopping && !n->count;
        pthread_mutex_unlock(&n->mutex);
        if (ends)
            break;
        refresh(n);
        pthread_mutex_lock(&n->mutex);
        size_t count = take_batch(n, batch);
        pthread_mutex_unlock(&n->mutex);
        struct notifier_targets *t = count ? current(n) : NULL;
        if (t)
            post_batch(n, t, batch, count);
        notifier_targets_unref(t);
        for (size_t i = 0; i < count; i++)
            queued_release(&batch[i]);
    }
    mem_free(batch);
    return NULL;
}

static void register_metrics(struct notifier *n)
{
    struct metrics *m = n->options.metrics;
    n->dropped = metrics_counter(m, "lapwing_notifications_dropped_total",
                                 "Alerts that found the queue full or no Alertmanager.", "");
    n->length = metrics_gauge(m, "lapwing_notifications_queue_length",
                              "Alerts that wait to be sent to Alertmanagers.", "");
    metric_set(metrics_gauge(m, "lapwing_notifications_queue_capacity",
                             "Alerts that may wait to be sent to Alertmanagers.", ""),
               (double)n->options.queue_max);
    n->discovered = metrics_gauge(m, "lapwing_notifications_alertmanagers_discovered",
                                  "Alertmanagers that alerts are sent to.", "");
}

struct notifier *notifier_new(const struct notifier_options *options)
{
    struct notifier *n = mem_calloc(1, sizeof(*n));
    pthread_condattr_t attributes;
    n->options = *options;
    if (!n->options.queue_max)
        n->options.queue_max = NOTIFIER_QUEUE_MAX_DEFAULT;
    if (!n->options.batch_max)
        n->options.batch_max = NOTIFIER_BATCH_MAX_DEFAULT;
    n->queue = mem_calloc(n->options.queue_max, sizeof(*n->queue));
    n->client = transfer_client_new(options->user_agent);
    n->files = target_files_new();
    register_metrics(n);
    pthread_mutex_init(&n->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&n->work, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&n->thread, NULL, run, n))
        abort();
    return n;
}

void notifier_free(struct notifier *n)
{
    if (!n)
        return;
    pthread_mutex_lock(&n->mutex);
    n->stopping = true;
    pthread_cond_signal(&n->work);
    pthread_mutex_unlock(&n->mutex);
    pthread_join(n->thread, NULL);
    notifier_targets_unref(n->targets);
    target_files_free(n->files);
    transfer_client_free(n->client);
    pthread_cond_destroy(&n->work);
    pthread_mutex_destroy(&n->mutex);
    mem_free(n->queue);
    mem_free(n);
}

int notifier_check(const struct prometheus_config *config, struct error *err)
{
    for (size_t i = 0; i < config->alertmanager_count; i++) {
        const struct alertmanager_target_config *set = &config->alertmanagers[i];
        if (set->other_sd_count)
            return error_set_at(err, ERR_UNSUPPORTED, set->other_sds[0].line, 1,
                                "line %d: alerting.alertmanagers: %s is not supported yet: use "
                                "static_configs or file_sd_configs",
                                set->other_sds[0].line, set->other_sds[0].kind);
    }
    return OK;
}

void notifier_apply(struct notifier *n, struct prometheus_config *config)
{
    struct target_files *files = target_files_new();
    install(n, notifier_targets_new(config, files, n->options.metrics));
    target_files_free(files);
}

void notifier_status(struct notifier *n, struct arena *arena, struct notifier_status *out)
{
    struct notifier_targets *t = current(n);
    *out = (struct notifier_status){0};
    if (!t)
        return;
    out->active = arena_calloc(arena, t->count + 1, sizeof(*out->active));
    out->dropped = arena_calloc(arena, t->dropped_count + 1, sizeof(*out->dropped));
    for (size_t i = 0; i < t->count; i++)
        out->active[out->active_count++] = arena_copy(arena, t->items[i].url);
    for (size_t i = 0; i < t->dropped_count; i++)
        out->dropped[out->dropped_count++] = arena_copy(arena, t->dropped[i]);
    notifier_targets_unref(t);
}
