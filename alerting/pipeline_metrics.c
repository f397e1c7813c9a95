#include "pipeline_metrics.h"

#include "base/mem.h"

void pipeline_metrics_init(struct pipeline_metrics *m, struct metrics *registry)
{
    *m = (struct pipeline_metrics){.registry = registry};
    strmap_init(&m->by_integration);
#define X(field, name, help) m->field = metrics_counter(registry, name, help, "");
    PIPELINE_COUNTERS(X)
#undef X
#define X(field, name, help) m->field = metrics_gauge(registry, name, help, "");
    PIPELINE_GAUGES(X)
#undef X
#define X(field, reason)                                                                           \
    m->field = metrics_counter(registry, "lapwing_notifications_suppressed_total",                 \
                               "Alerts kept out of a flush, by reason.", "reason=\"" reason "\"");
    PIPELINE_SUPPRESSED(X)
#undef X
#define X(state)                                                                                   \
    m->silences_##state =                                                                          \
        metrics_gauge(registry, "lapwing_silences", "Silences by state.", "state=\"" #state "\"");
    PIPELINE_SILENCES(X)
#undef X
}

void pipeline_metrics_release(struct pipeline_metrics *m)
{
    for (size_t i = 0; i < m->by_integration.count; i++)
        mem_free(m->by_integration.entries[i].value);
    strmap_release(&m->by_integration);
}

static struct integration_metrics *register_integration(struct metrics *r, const char *labels)
{
    struct integration_metrics *im = mem_calloc(1, sizeof(*im));
    im->notifications = metrics_counter(r, "lapwing_notifications_total",
                                        "Notifications made for a receiver.", labels);
    im->failed = metrics_counter(r, "lapwing_notifications_failed_total",
                                 "Notifications that a receiver refused, or given up.", labels);
    im->requests = metrics_counter(r, "lapwing_notification_requests_total",
                                   "Attempts to deliver a notification.", labels);
    im->requests_failed = metrics_counter(r, "lapwing_notification_requests_failed_total",
                                          "Attempts to deliver that failed.", labels);
    im->latency = metrics_histogram(r, "lapwing_notification_latency_seconds",
                                    "Duration of attempts to deliver.", labels,
                                    METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT);
    im->undeliverable =
        metrics_counter(r, "lapwing_notifications_undeliverable_total",
                        "Notifications for kinds of receivers that are not supported.", labels);
    return im;
}

struct integration_metrics *pipeline_metrics_for(struct pipeline_metrics *m, const char *name)
{
    struct integration_metrics *im = strmap_get(&m->by_integration, str_from(name));
    if (im)
        return im;
    struct buf labels = BUF_INIT;
    buf_printf(&labels, "integration=\"%s\"", name);
    im = register_integration(m->registry, buf_text(&labels));
    buf_release(&labels);
    strmap_put(&m->by_integration, str_from(name), im);
    return im;
}
