// A few threads share the outbox: each takes the oldest entry that is due and whose integration is
// not busy, so that a slow receiver holds up none but itself, and an integration's notifications
// leave in order. Whoever takes the last thread that was free, be it for a notification or for a
// heartbeat's ping, adds another one, up to DELIVER_THREADS_MAX: what comes next is not held up.
//
// The entry is on disk before it is sent, and the log's entry and the outbox's removal are written
// as one commit after it arrived. Commits wait for each other and for the disk: so the arrival is
// noted first (arrivals.h), and a process that is killed before its commit finds the note. A
// notification is sent once, unless power fails in between, or the process is killed in the moment
// from the receiver's answer to the note, a fraction of a millisecond.
#include "deliver.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define THREAD_COUNT 4
#define WAIT_MAX_MS  INT64_C(60000)
#define DELIVER_NICE (-10)

struct deliverer {
    struct alertmanager *engine; // its lock guards the others
    pthread_cond_t due;
    bool stopping;
    size_t busy_count; // threads that send
    size_t thread_count;
    pthread_t threads[DELIVER_THREADS_MAX];
};

// One attempt, away from the lock.
struct attempt {
    struct alertmanager *engine;
    struct outbox_entry *entry; // in flight: nobody else removes it
    struct routing *routing;    // a reference
    const struct integration *integration;
    struct buf payload;
    unsigned number;
    struct arrival arrival;
    bool noted;
    struct send_result result;
};

static void note(struct alertmanager *a, const struct outbox_entry *entry,
                 enum history_event_type type, const struct told *told, unsigned attempt,
                 const char *error, int64_t now_ms)
{
    const struct ledger_notification n = {
        .type = type,
        .group_key = entry->group_key,
        .receiver = entry->target->receiver,
        .integration = entry->target->kind,
        .index = entry->target->index,
        .attempt = attempt,
        .error = error,
        .told = told,
    };
    ledger_note_notification(&a->ledger, &n, now_ms);
}

// Of what fails over and over only the attempts 1, 2, 4, 8, ... are recorded.
static void note_attempt(struct alertmanager *a, const struct attempt *attempt, bool given_up,
                         int64_t now_ms)
{
    static const enum history_event_type types[] = {
        [OUTBOX_DELIVERED] = HISTORY_DELIVERED,
        [OUTBOX_RETRY] = HISTORY_FAILED,
        [OUTBOX_UNREACHABLE] = HISTORY_FAILED,
        [OUTBOX_REFUSED] = HISTORY_REFUSED,
    };
    const struct send_result *result = &attempt->result;
    enum history_event_type type = given_up ? HISTORY_GIVEN_UP : types[result->outcome];
    if (type == HISTORY_FAILED && (attempt->number & (attempt->number - 1)))
        return;
    note(a, attempt->entry, type, attempt->entry->in_flight, attempt->number,
         type == HISTORY_DELIVERED ? NULL : result->err.text, now_ms);
}

static void drop_orphan(struct alertmanager *a, struct outbox_entry *entry, int64_t now_ms)
{
    note(a, entry, HISTORY_UNSENDABLE, &entry->told, 0, "its receiver is no longer configured",
         now_ms);
    log_warn("notification dropped: its receiver is no longer configured",
             LOG_STR("receiver", entry->target->receiver),
             LOG_STR("integration", entry->target->kind),
             LOG_INT("index", (int64_t)entry->target->index), LOG_STR("group", entry->group_key));
    metric_add(a->metrics.outbox_dropped, 1);
    outbox_remove(&a->outbox, entry);
}

// Under the lock. False when there is nothing to send; entries that cannot be sent are dropped.
static bool begin(struct alertmanager *a, struct attempt *attempt, int64_t now_ms)
{
    struct outbox_entry *entry;
    while (a->routing && (entry = outbox_due(&a->outbox, now_ms))) {
        const struct outbox_target *target = entry->target;
        attempt->integration =
            routing_find(a->routing, target->receiver, target->kind, target->index);
        if (!attempt->integration) {
            drop_orphan(a, entry, now_ms);
            continue;
        }
        attempt->number = entry->attempts + 1;
        if (outbox_take(&a->outbox, entry, &attempt->payload)) {
            log_error("a queued notification was lost on disk");
            continue;
        }
        attempt->engine = a;
        attempt->entry = entry;
        attempt->arrival = (struct arrival){.key = entry->key,
                                            .id = entry->in_flight_id,
                                            .repeat_interval_ms = entry->repeat_interval_ms,
                                            .told = *entry->in_flight};
        attempt->routing = routing_ref(a->routing);
        buf_str(&attempt->result.memo, nflog_memo(&a->nflog, &entry->key));
        return true;
    }
    return false;
}

static void log_attempt(const struct attempt *attempt, bool given_up)
{
    const struct outbox_entry *entry = attempt->entry;
    const struct send_result *result = &attempt->result;
    const struct log_field fields[] = {
        LOG_STR("receiver", entry->target->receiver),
        LOG_STR("integration", entry->target->kind),
        LOG_INT("index", (int64_t)entry->target->index),
        LOG_STR("group", entry->group_key),
        LOG_INT("attempt", attempt->number),
        LOG_INT("status", result->status),
        LOG_ERR(&result->err),
    };
    size_t count = sizeof(fields) / sizeof(fields[0]);
    enum log_level level = given_up ? LOG_ERROR : LOG_WARN;
    const char *message = "notification failed, will be tried again";
    if (result->outcome == OUTBOX_DELIVERED) {
        level = LOG_INFO;
        message = "notification delivered";
        count--;
    } else if (result->outcome == OUTBOX_REFUSED) {
        level = LOG_ERROR;
        message = "notification refused";
    }
    if (log_enabled(level))
        log_write(level, __FILE__, __LINE__, message, fields, count);
}

static void log_given_up(const struct outbox_entry *entry)
{
    log_error("notification given up: it could not be delivered for five days",
              LOG_STR("receiver", entry->target->receiver),
              LOG_STR("integration", entry->target->kind), LOG_STR("group", entry->group_key));
}

static void count_attempt(const struct attempt *attempt, double seconds)
{
    const struct integration_metrics *m = attempt->integration->metrics;
    metric_add(m->requests, 1);
    metric_observe(m->latency, seconds);
    if (attempt->result.outcome != OUTBOX_DELIVERED)
        metric_add(m->requests_failed, 1);
    if (attempt->result.outcome == OUTBOX_REFUSED)
        metric_add(m->failed, 1);
}

// What was delivered, or given up, is what the receiver counts as told.
static void note_told(struct alertmanager *a, const struct attempt *attempt, int64_t now_ms)
{
    const struct outbox_entry *entry = attempt->entry;
    nflog_put(&a->nflog, &entry->key, entry->in_flight, buf_view(&attempt->result.memo), now_ms,
              entry->repeat_interval_ms);
}

// Away from the lock.
static void note_arrival(void *context)
{
    struct attempt *attempt = context;
    struct arrival *arrival = &attempt->arrival;
    if (attempt->noted)
        return;
    arrival->at_ms = clock_wall_ms(attempt->engine->options.clock);
    arrival->memo = buf_view(&attempt->result.memo);
    attempt->noted = arrivals_note(&attempt->engine->arrivals, arrival);
}

static void send_it(struct attempt *attempt, const struct alertmanager *a)
{
    const struct clock *clock = a->options.clock;
    int64_t start_ns = clock_mono_ns(clock);
    attempt->result.id = attempt->arrival.id;
    attempt->result.on_arrival = note_arrival;
    attempt->result.context = attempt;
    attempt->integration->kind->send(attempt->integration, buf_view(&attempt->payload), &a->wire,
                                     &attempt->result);
    if (attempt->result.outcome == OUTBOX_DELIVERED)
        note_arrival(attempt);
    count_attempt(attempt, (double)(clock_mono_ns(clock) - start_ns) / 1e9);
}

static void finish(struct alertmanager *a, struct attempt *attempt, int64_t now_ms)
{
    struct outbox_entry *entry = attempt->entry;
    const struct send_result *result = &attempt->result;
    struct buf group_id = BUF_INIT;
    if (attempt->noted)
        arrivals_settle(&a->arrivals);
    buf_str(&group_id, entry->group_id);
    bool too_late = outbox_gives_up(entry, result->outcome, now_ms);
    log_attempt(attempt, too_late);
    if (too_late) {
        log_given_up(entry);
        metric_add(attempt->integration->metrics->failed, 1);
    }
    note_attempt(a, attempt, too_late, now_ms);
    if (too_late || result->outcome == OUTBOX_DELIVERED)
        note_told(a, attempt, now_ms);
    // What replaced it counted on its arrival: the ends in it may now be of what nobody heard of.
    bool misled = result->outcome != OUTBOX_DELIVERED && entry->state == OUTBOX_QUEUED;
    outbox_settle(&a->outbox, entry, result->outcome, result->retry_after_ms, now_ms);
    struct group *group = groups_find(&a->groups, buf_view(&group_id));
    if (group && misled)
        pipeline_flush(a, group, now_ms);
    else if (group && pipeline_is_told(a, group))
        group_drop_resolved(&a->groups, group, now_ms);
    buf_release(&group_id);
}

bool deliver_one(struct alertmanager *a)
{
    const struct clock *clock = a->options.clock;
    struct attempt attempt = {0};
    pthread_mutex_lock(&a->lock);
    bool begun = begin(a, &attempt, clock_wall_ms(clock));
    if (begun)
        deliverer_busy(a->deliverer);
    pthread_mutex_unlock(&a->lock);
    if (begun) {
        send_it(&attempt, a);
        int64_t now_ms = attempt.noted ? attempt.arrival.at_ms : clock_wall_ms(clock);
        pthread_mutex_lock(&a->lock);
        finish(a, &attempt, now_ms);
        engine_commit(a, now_ms);
        deliverer_idle(a->deliverer);
        deliverer_wake(a->deliverer);
        pthread_mutex_unlock(&a->lock);
        routing_unref(attempt.routing);
    }
    buf_release(&attempt.payload);
    buf_release(&attempt.result.memo);
    return begun;
}

bool deliver_pretended(struct alertmanager *a)
{
    int64_t now_ms = clock_wall_ms(a->options.clock);
    struct attempt attempt = {.result = {.outcome = OUTBOX_DELIVERED}};
    pthread_mutex_lock(&a->lock);
    bool begun = begin(a, &attempt, now_ms);
    if (begun) {
        finish(a, &attempt, now_ms);
        engine_commit(a, now_ms);
    }
    pthread_mutex_unlock(&a->lock);
    if (begun)
        routing_unref(attempt.routing);
    buf_release(&attempt.payload);
    buf_release(&attempt.result.memo);
    return begun;
}

// What the log says of this or a later notification is as good. Of one that was withdrawn or replaced
// while it was under way the outbox has another entry, or none: the log learns of it all the same.
static void take_back(void *context, const struct arrival *arrival)
{
    struct alertmanager *a = context;
    struct outbox_entry *entry = outbox_find(&a->outbox, &arrival->key);
    const struct nflog_entry *logged = nflog_find(&a->nflog, &arrival->key);
    bool is_queued = entry && entry->id == arrival->id;
    if (!is_queued && logged && logged->timestamp_ms >= arrival->at_ms)
        return;
    nflog_put(&a->nflog, &arrival->key, &arrival->told, arrival->memo, arrival->at_ms,
              arrival->repeat_interval_ms);
    if (!is_queued)
        return;
    note(a, entry, HISTORY_DELIVERED, &arrival->told, 1, NULL, arrival->at_ms);
    log_info("notification was delivered before the process ended",
             LOG_STR("receiver", entry->target->receiver),
             LOG_STR("integration", entry->target->kind), LOG_STR("group", entry->group_key));
    outbox_remove(&a->outbox, entry);
}

void deliver_recover(struct alertmanager *a, int64_t now_ms)
{
    arrivals_each(&a->arrivals, take_back, a);
    engine_commit(a, now_ms);
}

static void wait_until_due(struct deliverer *d)
{
    struct alertmanager *a = d->engine;
    int64_t next_ms = outbox_next_ms(&a->outbox);
    if (pings_next_ms(a) < next_ms)
        next_ms = pings_next_ms(a);
    int64_t now_ms = clock_wall_ms(a->options.clock);
    int64_t wait_ms = next_ms == INT64_MAX ? WAIT_MAX_MS : next_ms - now_ms;
    if (wait_ms <= 0)
        return;
    if (wait_ms > WAIT_MAX_MS)
        wait_ms = WAIT_MAX_MS;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&d->due, &a->lock, &until);
}

static void *deliver_thread(void *argument);

// False when the system has none.
static bool add_thread(struct deliverer *d)
{
    if (pthread_create(&d->threads[d->thread_count], NULL, deliver_thread, d))
        return false;
    d->thread_count++;
    return true;
}

void deliverer_busy(struct deliverer *d)
{
    if (!d)
        return;
    d->busy_count++;
    bool is_last = d->busy_count == d->thread_count && d->thread_count < DELIVER_THREADS_MAX;
    if (is_last && !d->stopping && !add_thread(d))
        log_warn("no further thread for notifications; slow receivers hold up others");
}

void deliverer_idle(struct deliverer *d)
{
    if (d)
        d->busy_count--;
}

static void *deliver_thread(void *argument)
{
    struct deliverer *d = argument;
    struct alertmanager *a = d->engine;
    (void)pthread_setname_np(pthread_self(), "deliver");
    // Of little work, which is not to wait on a machine that is overloaded, of all times. Needs
    // CAP_SYS_NICE; without it goes on as it is.
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), DELIVER_NICE);
    pthread_mutex_lock(&a->lock);
    while (!d->stopping) {
        pthread_mutex_unlock(&a->lock);
        bool busy = deliver_one(a) || pings_send(a);
        pthread_mutex_lock(&a->lock);
        if (!busy && !d->stopping)
            wait_until_due(d);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct deliverer *deliverer_start(struct alertmanager *a)
{
    struct deliverer *d = mem_calloc(1, sizeof(*d));
    pthread_condattr_t attributes;
    d->engine = a;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&d->due, &attributes);
    pthread_condattr_destroy(&attributes);
    while (d->thread_count < THREAD_COUNT)
        if (!add_thread(d))
            abort();
    return d;
}

void deliverer_wake(struct deliverer *d)
{
    if (d)
        pthread_cond_broadcast(&d->due);
}

void deliverer_stop(struct deliverer *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->engine->lock);
    d->stopping = true;
    pthread_cond_broadcast(&d->due);
    pthread_mutex_unlock(&d->engine->lock);
    for (size_t i = 0; i < d->thread_count; i++)
        pthread_join(d->threads[i], NULL);
    pthread_cond_destroy(&d->due);
    mem_free(d);
}
