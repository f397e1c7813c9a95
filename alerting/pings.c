// A ping says that alerts would be told: rules are evaluated in time, and no notification that could
// be sent has waited for longer than BACKLOG_MS. When either is not so the ping is left out, and
// whoever watches for it raises the alarm. A notification that waits for a receiver which cannot be
// reached counts: somebody is not being told.
#include "pings.h"

#include "base/log.h"
#include "base/mem.h"
#include "deliver.h"

#define BACKLOG_MS     INT64_C(300000)
#define RULES_GRACE_MS INT64_C(60000)

void pings_release(struct pings *p)
{
    mem_free(p->items);
    *p = (struct pings){.rules_deadline_ms = p->rules_deadline_ms};
}

static const struct heartbeat_config *config_at(const struct routing *r, size_t index)
{
    for (size_t i = 0; i < r->receiver_count; i++) {
        const struct receiver_config *receiver = r->receivers[i].config;
        if (index < receiver->heartbeat_count)
            return &receiver->heartbeats[index];
        index -= receiver->heartbeat_count;
    }
    return NULL;
}

void pings_reset(struct alertmanager *a, int64_t now_ms)
{
    struct pings *p = &a->pings;
    pings_release(p);
    while (config_at(a->routing, p->count))
        p->count++;
    p->items = mem_calloc(p->count + 1, sizeof(*p->items));
    for (size_t i = 0; i < p->count; i++)
        p->items[i].next_ms = now_ms;
}

void alertmanager_rules_ran(struct alertmanager *a, int64_t wait_ms, int64_t now_ms)
{
    pthread_mutex_lock(&a->lock);
    a->pings.rules_deadline_ms = now_ms + wait_ms + RULES_GRACE_MS;
    pthread_mutex_unlock(&a->lock);
}

int64_t pings_next_ms(const struct alertmanager *a)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < a->pings.count; i++)
        if (!a->pings.items[i].busy && a->pings.items[i].next_ms < next_ms)
            next_ms = a->pings.items[i].next_ms;
    return next_ms;
}

// NULL when all is well.
static const char *trouble(const struct alertmanager *a, int64_t now_ms)
{
    if (a->pings.rules_deadline_ms && now_ms > a->pings.rules_deadline_ms)
        return "rules are not evaluated";
    if (a->commit_failing)
        return "notification state cannot be written";
    if (outbox_age_ms(&a->outbox, now_ms) > BACKLOG_MS)
        return "notifications are not delivered";
    return NULL;
}

static void log_change(struct ping *ping, bool failing, const char *why)
{
    if (failing && !ping->failing)
        log_warn("heartbeat not sent", LOG_CSTR("why", why));
    else if (!failing && ping->failing)
        log_info("heartbeat is sent again");
    ping->failing = failing;
}

// The ping that is to be sent, if any; those that are due while something is wrong are left out.
static struct ping *take(struct alertmanager *a, int64_t now_ms,
                         const struct heartbeat_config **config)
{
    for (size_t i = 0; i < a->pings.count; i++) {
        struct ping *ping = &a->pings.items[i];
        if (ping->busy || ping->next_ms > now_ms)
            continue;
        const char *why = trouble(a, now_ms);
        *config = config_at(a->routing, i);
        ping->next_ms = now_ms + (*config)->interval_ms;
        if (!why)
            return ping;
        log_change(ping, true, why);
    }
    return NULL;
}

static bool send(const struct alertmanager *a, const struct heartbeat_config *config,
                 struct error *err)
{
    struct buf url = BUF_INIT;
    struct wire_reply reply = {.status = 0};
    int rc = secret_read(&config->url, &url, err);
    const struct wire_post post = {.url = str_trim(buf_view(&url)),
                                   .body = STR("{\"status\":\"alive\"}"),
                                   .http = &config->http,
                                   .timeout_ms = config->timeout_ms};
    if (rc == OK)
        rc = a->wire.post(a->wire.context, &post, &reply, err);
    if (rc == OK && reply.status / 100 != 2)
        rc = error_set(err, ERR_UNAVAILABLE, "unexpected status code %d", reply.status);
    buf_release(&reply.body);
    buf_release(&url);
    return rc == OK;
}

bool pings_send(struct alertmanager *a)
{
    const struct heartbeat_config *config;
    struct error err = {0};
    pthread_mutex_lock(&a->lock);
    struct ping *ping = take(a, clock_wall_ms(a->options.clock), &config);
    struct routing *routing = ping ? routing_ref(a->routing) : NULL;
    size_t index = ping ? (size_t)(ping - a->pings.items) : 0;
    if (ping) {
        ping->busy = true;
        deliverer_busy(a->deliverer);
    }
    pthread_mutex_unlock(&a->lock);
    if (!ping)
        return false;
    bool sent = send(a, config, &err);
    pthread_mutex_lock(&a->lock);
    deliverer_idle(a->deliverer);
    if (a->routing == routing) { // otherwise the pings are others by now
        a->pings.items[index].busy = false;
        log_change(&a->pings.items[index], !sent, err.text);
    }
    pthread_mutex_unlock(&a->lock);
    routing_unref(routing);
    return true;
}
