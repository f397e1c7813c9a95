// A whole server on a free port over an empty store in memory, with every part real.
#ifndef TESTS_UNIT_WEB_FIXTURE_H
#define TESTS_UNIT_WEB_FIXTURE_H

#include "base/compress.h"
#include "base/log.h"
#include "web/client.h"
#include "web/proto.h"
#include "web/server.h"

#define NOW_MS INT64_C(1700000060000)

struct fixture {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct scrape_manager *scrape;
    struct rule_manager *rules;
    struct web_server *web;
    uint16_t port;
    int reload_count;
    int quit_count;
    bool reload_fails;
};

static const struct web_flag fixture_flags[] = {{"config.file", "prometheus.yml"},
                                                {"log.level", "info"}};

static inline void fixture_config(void *context, struct buf *out)
{
    (void)context;
    buf_cstr(out, "global:\n  scrape_interval: 15s\n");
}

static inline int fixture_reload(void *context, struct error *err)
{
    struct fixture *f = context;
    f->reload_count++;
    return f->reload_fails ? error_set(err, ERR_INVALID, "prometheus.yml:1:1: bad") : OK;
}

static inline void fixture_quit(void *context)
{
    ((struct fixture *)context)->quit_count++;
}

static inline void fixture_runtime(void *context, struct web_runtime *out)
{
    (void)context;
    *out = (struct web_runtime){.start_ms = NOW_MS - 60000,
                                .reload_ok = true,
                                .last_config_ms = NOW_MS - 60000,
                                .storage_retention = "15d"};
}

static inline void fixture_parts(struct fixture *f)
{
    struct error err;
    struct storage_options storage;
    storage_options_init(&storage);
    storage.path = NULL;
    storage.clock = &f->clock.clock;
    storage.metrics = f->metrics;
    assert_int_equal(storage_open(&f->storage, &storage, &err), OK);
    struct promql_options engine;
    promql_options_init(&engine);
    engine.storage = f->storage;
    engine.clock = &f->clock.clock;
    engine.metrics = f->metrics;
    f->engine = promql_engine_new(&engine);
    f->scrape = scrape_manager_new(&(struct scrape_manager_options){.storage = f->storage,
                                                                    .clock = &f->clock.clock,
                                                                    .metrics = f->metrics,
                                                                    .user_agent = "test"});
    f->rules = rule_manager_new(&(struct rule_manager_options){.storage = f->storage,
                                                               .engine = f->engine,
                                                               .clock = &f->clock.clock,
                                                               .metrics = f->metrics,
                                                               .external_url = STR("http://x")});
}

// `change` (may be NULL) adjusts the options.
static inline void fixture_init(struct fixture *f, void (*change)(struct web_options *o))
{
    *f = (struct fixture){.metrics = metrics_new()};
    log_fd_set(-1);
    clock_virtual_init(&f->clock, NOW_MS);
    fixture_parts(f);
    struct web_options o = {
        .listen_address = "127.0.0.1:0",
        .external_url = "http://edge.example:9090/",
        .route_prefix = "",
        .cors_origin = ".*",
        .page_title = "test",
        .max_connections = 64,
        .read_timeout_ms = 5000,
        .body_max = 1 << 20,
        .remote_write_max = 4 << 20,
        .enable_lifecycle = true,
        .enable_remote_write = true,
        .storage = f->storage,
        .engine = f->engine,
        .scrape = f->scrape,
        .rules = f->rules,
        .metrics = f->metrics,
        .clock = &f->clock.clock,
        .flags = fixture_flags,
        .flag_count = sizeof(fixture_flags) / sizeof(fixture_flags[0]),
        .config_text = fixture_config,
        .reload = fixture_reload,
        .quit = fixture_quit,
        .runtime = fixture_runtime,
        .context = f,
    };
    struct error err = {0};
    if (change)
        change(&o);
    if (web_server_start(&f->web, &o, &err))
        fail_msg("%s", err.text);
    web_server_set_ready(f->web, true);
    f->port = web_server_port(f->web);
}

static inline void fixture_release(struct fixture *f)
{
    web_server_stop(f->web);
    rule_manager_free(f->rules);
    scrape_manager_free(f->scrape);
    promql_engine_free(f->engine);
    storage_close(f->storage);
    metrics_free(f->metrics);
}

static inline void get(struct fixture *f, const char *target, struct answer *a)
{
    client_call(f->port, "GET", target, NULL, str_make(NULL, 0), a);
}

static inline void post_form(struct fixture *f, const char *target, const char *form,
                             struct answer *a)
{
    client_call(f->port, "POST", target, "Content-Type: application/x-www-form-urlencoded\r\n",
                str_from(form), a);
}

// Sends a message of remote write 1.0, as is.
static inline void post_write(struct fixture *f, struct str message, struct answer *a)
{
    struct buf packed = BUF_INIT;
    snappy_encode(message, &packed);
    client_call(f->port, "POST", "/api/v1/write",
                "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
                "X-Prometheus-Remote-Write-Version: 0.1.0\r\n",
                buf_view(&packed), a);
    buf_release(&packed);
}

// One series named `name` with job="a" and the given instance.
static inline void add_series(struct buf *message, const char *name, const char *instance,
                              const struct sample *samples, size_t count)
{
    struct buf series = BUF_INIT;
    proto_label(&series, "__name__", name);
    proto_label(&series, "instance", instance);
    proto_label(&series, "job", "a");
    for (size_t i = 0; i < count; i++)
        proto_sample(&series, samples[i].t_ms, samples[i].value);
    proto_series(message, &series);
    buf_release(&series);
}

#endif
