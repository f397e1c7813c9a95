#include "routing.h"

#include <glob.h>

#include "base/file.h"
#include "base/mem.h"
#include "pipeline_metrics.h"

#define TEMPLATE_FILE_MAX ((size_t)4 << 20)

static int add_template_file(struct template_set *set, const char *path, struct error *err)
{
    struct buf text = BUF_INIT;
    int rc = file_read(path, TEMPLATE_FILE_MAX, &text, err);
    const char *slash = strrchr(path, '/');
    if (rc == 0)
        rc = template_set_add(set, buf_view(&text), slash ? slash + 1 : path, err);
    if (rc)
        (void)error_prefix(err, "template file %s: ", path);
    buf_release(&text);
    return rc;
}

static int add_templates(struct template_set *set, struct str pattern, struct error *err)
{
    struct buf text = BUF_INIT;
    glob_t found;
    buf_str(&text, pattern);
    int rc = 0;
    if (glob(buf_text(&text), 0, NULL, &found) == 0) {
        for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
            rc = add_template_file(set, found.gl_pathv[i], err);
        globfree(&found);
    }
    buf_release(&text);
    return rc;
}

int routing_templates(struct template_set **out, const struct alertmanager_config *config,
                      struct error *err)
{
    struct template_set *set = template_set_new(TEMPLATE_NOTIFICATION);
    int rc = OK;
    for (size_t i = 0; i < config->template_count && rc == OK; i++)
        rc = add_templates(set, config->templates[i], err);
    if (rc)
        template_set_free(set);
    else
        *out = set;
    return rc;
}

static int load_intervals(struct routing *r, struct error *err)
{
    size_t count = r->config->time_interval_count;
    r->intervals = arena_calloc(&r->arena, count + 1, sizeof(*r->intervals));
    for (; r->interval_count < count; r->interval_count++) {
        int rc = time_interval_init(&r->intervals[r->interval_count],
                                    &r->config->time_intervals[r->interval_count], err);
        if (rc)
            return rc;
    }
    return 0;
}

static void integration_add(struct receiver *receiver, const struct integration_kind *kind,
                            size_t index, bool send_resolved, const void *config,
                            struct pipeline_metrics *metrics)
{
    receiver->integrations[receiver->count++] = (struct integration){
        .kind = kind,
        .name = kind->name,
        .index = index,
        .send_resolved = send_resolved,
        .config = config,
        .receiver = receiver,
        .metrics = pipeline_metrics_for(metrics, kind->name),
    };
}

// Go's regexp.QuoteMeta: Alertmanager's links filter its alerts by an expression.
static struct str quote_meta(struct arena *arena, struct str name)
{
    char *out = arena_alloc(arena, 2 * name.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] && strchr("\\.+*?()|[]{}^$", name.ptr[i]))
            out[len++] = '\\';
        out[len++] = name.ptr[i];
    }
    return str_make(out, len);
}

static void add_services(struct receiver *receiver, const struct receiver_config *config,
                         struct pipeline_metrics *metrics)
{
    for (size_t i = 0; i < config->pagerduty_count; i++)
        integration_add(receiver, &integration_pagerduty, i, config->pagerduties[i].send_resolved,
                        &config->pagerduties[i], metrics);
    for (size_t i = 0; i < config->opsgenie_count; i++)
        integration_add(receiver, &integration_opsgenie, i, config->opsgenies[i].send_resolved,
                        &config->opsgenies[i], metrics);
    for (size_t i = 0; i < config->telegram_count; i++)
        integration_add(receiver, &integration_telegram, i, config->telegrams[i].send_resolved,
                        &config->telegrams[i], metrics);
    for (size_t i = 0; i < config->discord_count; i++)
        integration_add(receiver, &integration_discord, i, config->discords[i].send_resolved,
                        &config->discords[i], metrics);
    for (size_t i = 0; i < config->msteams_count; i++)
        integration_add(receiver, &integration_msteamsv2, i, config->msteams[i].send_resolved,
                        &config->msteams[i], metrics);
}

static void receiver_init(struct routing *r, struct receiver *receiver,
                          const struct receiver_config *config, struct pipeline_metrics *metrics)
{
    size_t count = config->webhook_count + config->slack_count + config->email_count +
                   config->pagerduty_count + config->opsgenie_count + config->telegram_count +
                   config->discord_count + config->msteams_count;
    receiver->config = config;
    receiver->quoted_name = quote_meta(&r->arena, config->name);
    receiver->integrations = arena_calloc(&r->arena, count + 1, sizeof(*receiver->integrations));
    for (size_t i = 0; i < config->webhook_count; i++)
        integration_add(receiver, &integration_webhook, i, config->webhooks[i].send_resolved,
                        &config->webhooks[i], metrics);
    for (size_t i = 0; i < config->email_count; i++)
        integration_add(receiver, &integration_email, i, config->emails[i].send_resolved,
                        &config->emails[i], metrics);
    for (size_t i = 0; i < config->slack_count; i++)
        integration_add(receiver, &integration_slack, i, config->slacks[i].send_resolved,
                        &config->slacks[i], metrics);
    add_services(receiver, config, metrics);
}

static struct receiver *find_receiver(const struct routing *r, struct str name)
{
    for (size_t i = 0; i < r->receiver_count; i++)
        if (str_eq(r->receivers[i].config->name, name))
            return &r->receivers[i];
    return NULL;
}

static struct time_interval *find_interval(const struct routing *r, struct str name)
{
    for (size_t i = 0; i < r->interval_count; i++)
        if (str_eq(r->intervals[i].config->name, name))
            return &r->intervals[i];
    return NULL;
}

// Every name was checked when the configuration was read.
static struct time_interval **resolve_intervals(struct routing *r, const struct str *names,
                                                size_t count)
{
    struct time_interval **out = arena_calloc(&r->arena, count + 1, sizeof(struct time_interval *));
    for (size_t i = 0; i < count; i++)
        out[i] = find_interval(r, names[i]);
    return out;
}

static int resolve_route(void *context, struct route *route)
{
    struct routing *r = context;
    const struct route_config *config = route->config;
    route->receiver = find_receiver(r, config->receiver);
    route->mute =
        resolve_intervals(r, config->mute_time_intervals, config->mute_time_interval_count);
    route->active =
        resolve_intervals(r, config->active_time_intervals, config->active_time_interval_count);
    return route->receiver ? 0 : ERR_NOT_FOUND;
}

int routing_new(struct routing **out, struct alertmanager_config *config,
                struct pipeline_metrics *metrics, struct error *err)
{
    struct routing *r = mem_calloc(1, sizeof(*r));
    atomic_init(&r->references, 1);
    arena_init(&r->arena, 0);
    r->config = alertmanager_config_ref(config);
    int rc = routing_templates(&r->templates, config, err);
    if (rc == 0)
        rc = load_intervals(r, err);
    if (rc) {
        routing_unref(r);
        return rc;
    }
    r->receivers = arena_calloc(&r->arena, config->receiver_count + 1, sizeof(*r->receivers));
    for (; r->receiver_count < config->receiver_count; r->receiver_count++)
        receiver_init(r, &r->receivers[r->receiver_count], &config->receivers[r->receiver_count],
                      metrics);
    r->root = route_new(&r->arena, config->route);
    if (route_each(r->root, resolve_route, r)) {
        routing_unref(r);
        return error_set(err, ERR_INVALID, "a route names a receiver that is not defined");
    }
    *out = r;
    return 0;
}

struct routing *routing_ref(struct routing *r)
{
    atomic_fetch_add(&r->references, 1);
    return r;
}

void routing_unref(struct routing *r)
{
    if (!r || atomic_fetch_sub(&r->references, 1) > 1)
        return;
    for (size_t i = 0; i < r->interval_count; i++)
        time_interval_release(&r->intervals[i]);
    template_set_free(r->templates);
    alertmanager_config_unref(r->config);
    arena_release(&r->arena);
    mem_free(r);
}

const struct integration *routing_find(const struct routing *r, struct str receiver,
                                       struct str kind, size_t index)
{
    const struct receiver *found = find_receiver(r, receiver);
    for (size_t i = 0; found && i < found->count; i++) {
        const struct integration *in = &found->integrations[i];
        if (in->index == index && str_is(kind, in->name))
            return in;
    }
    return NULL;
}
