// The web UI's files and what stands in for them in a build without.
#include "routes.h"
#include "ui_assets.h"

// Scripts and styles only from here; uPlot and CodeMirror set styles on elements.
#define CONTENT_POLICY                                                                             \
    "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'; base-uri "      \
    "'self'"

static const char no_ui[] =
    "Lapwing, built without the web UI. The API:\n"
    "\n"
    "  /api/v1/query?query=up                          evaluate at one time\n"
    "  /api/v1/query_range?query=up&start=&end=&step=  evaluate over a range\n"
    "  /api/v1/series?match[]=up  /api/v1/labels  /api/v1/label/job/values\n"
    "  /api/v1/targets  /api/v1/rules  /api/v1/alerts  /api/v1/metadata\n"
    "  /api/v1/status/{buildinfo,config,flags,runtimeinfo,tsdb}\n"
    "  /metrics  /federate  /-/healthy  /-/ready\n"
    "\n"
    "Grafana: add a data source of the type Prometheus with this address.\n";

static void serve(struct request *req, struct response *res, const struct ui_asset *asset,
                  const char *caching)
{
    response_header(res, "ETag", str_from(asset->etag));
    response_header(res, "Cache-Control", str_from(caching));
    response_header(res, "X-Content-Type-Options", STR("nosniff"));
    if (str_is(req->if_none_match, asset->etag)) {
        res->status = 304;
        return;
    }
    response_header(res, "Content-Security-Policy", STR(CONTENT_POLICY));
    response_header(res, "Content-Encoding", STR("gzip"));
    res->content_type = asset->content_type;
    res->fixed_body = str_make((const char *)asset->begin, (size_t)(asset->end - asset->begin));
}

static const struct ui_asset *find(struct str name)
{
    for (size_t i = 0; i < ui_asset_count; i++) {
        if (str_is(name, ui_assets[i].name))
            return &ui_assets[i];
    }
    return NULL;
}

static void redirect(struct web_server *web, struct request *req, struct response *res,
                     const char *page)
{
    res->status = 302;
    response_header(res, "Location",
                    arena_printf(&req->arena, "%.*s%s", STR_ARG(web->external_path), page));
}

void ui_root(struct web_server *web, struct request *req, struct response *res)
{
    if (ui_asset_count) {
        redirect(web, req, res, "/query");
        return;
    }
    res->content_type = "text/plain; charset=utf-8";
    res->fixed_body = str_from(no_ui);
}

// Every page is the same document, which looks at its own address.
void ui_page(struct web_server *web, struct request *req, struct response *res)
{
    const struct ui_asset *index = find(STR("index.html"));
    (void)web;
    if (index)
        serve(req, res, index, "no-cache");
    else
        response_text(res, 404, STR("404 page not found"));
}

// The pages of Prometheus that are others here.
static const char *page_of(const char *path)
{
    static const struct {
        const char *path, *page;
    } moved[] = {
        {"/config", "/status#config"},
        {"/flags", "/status#flags"},
        {"/tsdb-status", "/status#storage"},
        {"/service-discovery", "/targets"},
    };
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        if (strcmp(path, moved[i].path) == 0)
            return moved[i].page;
    }
    return "/query";
}

void ui_redirect(struct web_server *web, struct request *req, struct response *res)
{
    const char *page = page_of(req->route->path);
    if (!ui_asset_count) {
        response_text(res, 404, STR("404 page not found"));
        return;
    }
    if (req->query.len && !strchr(page, '#'))
        page = arena_printf(&req->arena, "%s?%.*s", page, STR_ARG(req->query)).ptr;
    redirect(web, req, res, page);
}

void ui_asset(struct web_server *web, struct request *req, struct response *res)
{
    const struct ui_asset *asset = find(req->path_param);
    bool hashed = str_has_prefix(req->path_param, STR("app.")); // by its content
    (void)web;
    if (asset)
        serve(req, res, asset, hashed ? "max-age=31536000, immutable" : "max-age=3600");
    else
        response_text(res, 404, STR("404 page not found"));
}
