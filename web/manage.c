// /-/healthy, ready, reload, quit, and /metrics.
#include "base/log.h"
#include "routes.h"

void manage_healthy(struct web_server *web, struct request *req, struct response *res)
{
    (void)web, (void)req;
    response_text(res, 200, STR("Lapwing is healthy."));
}

static void not_ready(struct response *res)
{
    response_text(res, 503, STR("Service Unavailable"));
    response_header(res, "X-Prometheus-Stopping", STR("false"));
}

void manage_ready(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    if (atomic_load(&web->ready))
        response_text(res, 200, STR("Lapwing is ready."));
    else
        not_ready(res);
}

static bool lifecycle_enabled(struct web_server *web, struct response *res)
{
    if (!web->options.enable_lifecycle)
        response_text(res, 403, STR("Lifecycle API is not enabled."));
    return web->options.enable_lifecycle;
}

void manage_reload(struct web_server *web, struct request *req, struct response *res)
{
    struct error err;
    if (!lifecycle_enabled(web, res))
        return;
    if (web->options.reload(web->options.context, &err))
        response_text(res, 500, arena_printf(&req->arena, "failed to reload config: %s", err.text));
}

void manage_quit(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    if (!lifecycle_enabled(web, res))
        return;
    log_info("stopping: asked to by /-/quit");
    response_text(res, 200, STR("Requesting termination... Goodbye!"));
    web->options.quit(web->options.context);
}

void manage_metrics(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    res->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_render(web->options.metrics, &res->body);
}
