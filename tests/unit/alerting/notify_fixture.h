// A notification engine on a virtual clock, with a wire that records what leaves and answers as
// told.
#ifndef NOTIFY_FIXTURE_H
#define NOTIFY_FIXTURE_H

#include "unit.h"

#include "base/log.h"
#include "base/mem.h"
#include "deliver.h"
#include "engine.h"

struct fixture {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct alertmanager_config *config;
    struct alertmanager *engine;
    const char *arrivals_path; // of the next engine
    // The wire:
    int status;             // what is answered; 0: connection refused
    int64_t retry_after_ms; // and when it asks to be tried again
    const char *answers[4]; // bodies of the next answers
    size_t attempts;
    size_t delivered;
    struct buf last_url, last_body, last_bearer;
    struct buf requests; // of all: "METHOD URL SCHEME BEARER BODY\n"
    void (*on_delivered)(struct fixture *f, struct str body);
    void (*on_sending)(struct fixture *f); // while it is on its way
    void *context;
};

static int fixture_answer(struct fixture *f, struct str body, struct wire_reply *reply,
                          struct error *err)
{
    f->attempts++;
    if (f->on_sending)
        f->on_sending(f);
    if (f->status == 0)
        return error_set(err, ERR_UNAVAILABLE, "connect: connection refused");
    reply->status = f->status;
    reply->retry_after_ms = f->retry_after_ms;
    buf_str(&reply->body, str_from(f->answers[0]));
    memmove(f->answers, f->answers + 1, sizeof(f->answers) - sizeof(f->answers[0]));
    f->answers[COUNT_OF(f->answers) - 1] = NULL;
    if (f->status / 100 == 2) {
        f->delivered++;
        if (f->on_delivered)
            f->on_delivered(f, body);
    }
    return 0;
}

static int fixture_post(void *context, const struct wire_post *post, struct wire_reply *reply,
                        struct error *err)
{
    struct fixture *f = context;
    buf_reset(&f->last_url);
    buf_str(&f->last_url, post->url);
    buf_reset(&f->last_body);
    buf_str(&f->last_body, post->body);
    buf_reset(&f->last_bearer);
    buf_str(&f->last_bearer, post->bearer);
    buf_printf(&f->requests, "%.*s %.*s %.*s %.*s %.*s\n",
               STR_ARG(post->method.len ? post->method : STR("POST")), STR_ARG(post->url),
               STR_ARG(post->auth_scheme), STR_ARG(post->bearer), STR_ARG(post->body));
    return fixture_answer(f, post->body, reply, err);
}

static int fixture_mail(void *context, const struct wire_mail *mail, struct wire_reply *reply,
                        struct error *err)
{
    struct fixture *f = context;
    buf_reset(&f->last_url);
    buf_str(&f->last_url, mail->from);
    for (size_t i = 0; i < mail->to_count; i++)
        buf_printf(&f->last_url, " %.*s", STR_ARG(mail->to[i]));
    buf_reset(&f->last_body);
    buf_str(&f->last_body, mail->message);
    return fixture_answer(f, mail->message, reply, err);
}

static void fixture_start_engine(struct fixture *f)
{
    struct error err = {0};
    const struct alertmanager_options options = {
        .storage = f->storage,
        .clock = &f->clock.clock,
        .metrics = f->metrics,
        .arrivals_path = f->arrivals_path,
        .external_url = STR("http://lapwing.example:9090"),
        .user_agent = "lapwing-test",
    };
    f->engine = alertmanager_new(&options);
    f->engine->wire = (struct wire){.post = fixture_post, .mail = fixture_mail, .context = f};
    if (alertmanager_apply(f->engine, f->config, &err))
        fail_msg("apply: %s", err.text);
}

static void fixture_init(struct fixture *f, struct str yaml)
{
    struct error err = {0};
    struct buf warnings = BUF_INIT;
    *f = (struct fixture){.status = 200};
    log_fd_set(-1);
    clock_virtual_init(&f->clock, 1700000000000);
    f->metrics = metrics_new();
    struct storage_options options;
    storage_options_init(&options);
    options.clock = &f->clock.clock;
    options.metrics = f->metrics;
    if (storage_open(&f->storage, &options, &err))
        fail_msg("storage: %s", err.text);
    if (alertmanager_config_parse(&f->config, yaml, "test.yml", ".", &warnings, &err))
        fail_msg("config:%d:%d: %s", err.line, err.column, err.text);
    buf_release(&warnings);
    fixture_start_engine(f);
}

static inline void fixture_restart(struct fixture *f)
{
    alertmanager_free(f->engine);
    metrics_free(f->metrics);
    f->metrics = metrics_new();
    fixture_start_engine(f);
}

// As after kill -9: what was not yet written is lost.
static inline void fixture_kill(struct fixture *f)
{
    unsaved_release(&f->engine->changes);
    unsaved_init(&f->engine->changes, f->storage);
    fixture_restart(f);
}

static void fixture_release(struct fixture *f)
{
    alertmanager_free(f->engine);
    alertmanager_config_unref(f->config);
    storage_close(f->storage);
    metrics_free(f->metrics);
    buf_release(&f->last_url);
    buf_release(&f->last_body);
    buf_release(&f->last_bearer);
    buf_release(&f->requests);
}

// Runs everything that is due on the way to `to_ms` (from the clock's start in the scenarios'
// sense: an absolute time).
static void fixture_run_until(struct fixture *f, int64_t to_ms)
{
    for (;;) {
        int64_t wait_ms = alertmanager_tick(f->engine, f->clock.now_ms);
        while (deliver_one(f->engine))
            ;
        int64_t next_ms = f->clock.now_ms + (wait_ms ? wait_ms : 1);
        int64_t retry_ms = outbox_next_ms(&f->engine->outbox);
        if (retry_ms < next_ms)
            next_ms = retry_ms > f->clock.now_ms ? retry_ms : f->clock.now_ms + 1;
        if (next_ms > to_ms)
            break;
        clock_virtual_advance(&f->clock, next_ms - f->clock.now_ms);
    }
    if (to_ms > f->clock.now_ms)
        clock_virtual_advance(&f->clock, to_ms - f->clock.now_ms);
}

static inline void fixture_run_for(struct fixture *f, int64_t ms)
{
    fixture_run_until(f, f->clock.now_ms + ms);
}

#endif
