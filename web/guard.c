// What is in force is an immutable, counted state; a reload puts a new one in its place. `mutex`
// guards only the pointer. Everything below "polling thread" in struct guard is touched by that
// thread alone.
#include "guard.h"

#include <pthread.h>
#include <sys/stat.h>

#include "auth.h"
#include "base/log.h"
#include "base/mem.h"
#include "web/server.h"

// The file itself, certificate, key, client CA.
#define WATCHED_MAX 4
// Between attempts to load a file that could not be used.
#define RETRY_NS INT64_C(1000000000)

struct state {
    atomic_int references;
    struct web_config *config;
    struct tls_identity *identity; // NULL without TLS
};

// Changes whenever a file is written or replaced; all zero while it is missing.
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct guard {
    char *path;
    const struct clock *clock;
    struct auth *auth;
    struct metric *reload_success;
    pthread_mutex_t mutex;
    struct state *state;
    // Polling thread:
    struct stamp stamps[WATCHED_MAX];
    bool failing;
    int64_t tried_ns;
    char *last_error;
    double tokens;
    int64_t tokens_ns; // when they were counted
};

static void state_unref(struct state *s)
{
    if (!s || atomic_fetch_sub(&s->references, 1) > 1)
        return;
    tls_identity_unref(s->identity);
    web_config_free(s->config);
    mem_free(s);
}

static struct state *state_get(struct guard *g)
{
    pthread_mutex_lock(&g->mutex);
    struct state *s = g->state;
    atomic_fetch_add(&s->references, 1);
    pthread_mutex_unlock(&g->mutex);
    return s;
}

static int state_load(struct state **out, const char *path, struct buf *warnings, struct error *err)
{
    struct state *s = mem_calloc(1, sizeof(*s));
    atomic_init(&s->references, 1);
    int rc = web_config_load(&s->config, path, warnings, err);
    if (rc == OK && s->config->has_tls) {
        rc = tls_identity_new(&s->identity, &s->config->tls, err);
        if (rc)
            error_prefix(err, "%s: tls_server_config: ", path);
    }
    if (rc) {
        state_unref(s);
        return rc;
    }
    *out = s;
    return OK;
}

static struct stamp stamp_of(const char *path)
{
    struct stat st;
    struct stamp stamp;
    memset(&stamp, 0, sizeof(stamp)); // padding too: they are compared as bytes
    if (stat(path, &st) == 0) {
        stamp.device = st.st_dev;
        stamp.inode = st.st_ino;
        stamp.size = st.st_size;
        stamp.changed = st.st_mtim;
    }
    return stamp;
}

// Looks at the files of the state in force; says whether any has changed since the last look.
static bool files_changed(struct guard *g)
{
    const struct web_tls_config *tls = &g->state->config->tls;
    struct str files[WATCHED_MAX] = {str_from(g->path), tls->cert.file, tls->key.file,
                                     tls->client_ca.file};
    bool changed = false;
    for (size_t i = 0; i < WATCHED_MAX; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%.*s", STR_ARG(files[i]));
        struct stamp now = stamp_of(path);
        changed = changed || memcmp(&now, &g->stamps[i], sizeof(now)) != 0;
        g->stamps[i] = now;
    }
    return changed;
}

static void note_failure(struct guard *g, const struct error *err)
{
    g->failing = true;
    metric_set(g->reload_success, 0);
    if (g->last_error && strcmp(g->last_error, err->text) == 0)
        return;
    mem_free(g->last_error);
    g->last_error = mem_copy_str(str_from(err->text));
    log_error("the web configuration was not loaded; what was in force stays so", LOG_ERR(err));
}

static void put_in_force(struct guard *g, struct state *fresh)
{
    pthread_mutex_lock(&g->mutex);
    struct state *old = g->state;
    g->state = fresh;
    pthread_mutex_unlock(&g->mutex);
    state_unref(old);
    files_changed(g); // the new one may name other files
    g->failing = false;
    mem_free(g->last_error);
    g->last_error = NULL;
    metric_set(g->reload_success, 1);
    log_info("web configuration loaded", LOG_CSTR("file", g->path));
}

void guard_refresh(struct guard *g)
{
    int64_t now_ns = clock_mono_ns(g->clock);
    struct state *fresh;
    struct error err;
    if (!files_changed(g) && !(g->failing && now_ns - g->tried_ns >= RETRY_NS))
        return;
    g->tried_ns = now_ns;
    int rc = state_load(&fresh, g->path, NULL, &err);
    if (rc == OK && fresh->config->has_tls != g->state->config->has_tls) {
        state_unref(fresh);
        rc = error_set(&err, ERR_INVALID, "%s: TLS cannot be switched on or off without a restart",
                       g->path);
    }
    if (rc == OK)
        put_in_force(g, fresh);
    else
        note_failure(g, &err);
}

int guard_new(struct guard **out, const char *path, const struct clock *clock,
              struct metrics *metrics, struct error *err)
{
    struct buf warnings = BUF_INIT;
    struct state *state;
    int rc = state_load(&state, path, &warnings, err);
    struct str rest = buf_view(&warnings), line;
    while (str_next(&rest, '\n', &line))
        log_warn("web configuration", LOG_STR("warning", line));
    buf_release(&warnings);
    if (rc)
        return rc;
    struct guard *g = mem_calloc(1, sizeof(*g));
    *g = (struct guard){.path = mem_copy_str(str_from(path)),
                        .clock = clock,
                        .auth = auth_new(),
                        .state = state,
                        .tokens = (double)state->config->rate_burst,
                        .tokens_ns = clock_mono_ns(clock)};
    pthread_mutex_init(&g->mutex, NULL);
    g->reload_success =
        metrics_gauge(metrics, "lapwing_web_config_last_reload_successful",
                      "Whether the last loading of the web configuration went well.", "");
    metric_set(g->reload_success, 1);
    files_changed(g);
    *out = g;
    return OK;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    state_unref(g->state);
    auth_free(g->auth);
    pthread_mutex_destroy(&g->mutex);
    mem_free(g->last_error);
    mem_free(g->path);
    mem_free(g);
}

struct tls_identity *guard_identity(struct guard *g)
{
    return g->state->identity ? tls_identity_ref(g->state->identity) : NULL;
}

// A token a request; one comes back each interval, up to the burst.
static bool take_token(struct guard *g)
{
    const struct web_config *c = g->state->config;
    int64_t now_ns = clock_mono_ns(g->clock);
    if (c->rate_interval_ms == 0)
        return true;
    g->tokens += (double)(now_ns - g->tokens_ns) / ((double)c->rate_interval_ms * 1e6);
    g->tokens_ns = now_ns;
    if (g->tokens > (double)c->rate_burst)
        g->tokens = (double)c->rate_burst;
    if (g->tokens < 1)
        return false;
    g->tokens -= 1;
    return true;
}

static enum guard_verdict verdict_of(enum auth_verdict v)
{
    return v == AUTH_ACCEPTED ? GUARD_ADMITTED : v == AUTH_REFUSED ? GUARD_REFUSED : GUARD_UNKNOWN;
}

enum guard_verdict guard_admit(struct guard *g, const struct request *r)
{
    const struct web_config *c = g->state->config;
    if (!take_token(g))
        return GUARD_LIMITED;
    return verdict_of(auth_recall(g->auth, c->users, c->user_count, r->authorization));
}

enum guard_verdict guard_check(struct guard *g, const struct request *r)
{
    struct state *s = state_get(g);
    const struct web_config *c = s->config;
    enum auth_verdict v = auth_check(g->auth, c->users, c->user_count, r->authorization);
    state_unref(s);
    return verdict_of(v);
}

void guard_refuse(enum guard_verdict verdict, struct response *res)
{
    if (verdict == GUARD_LIMITED) {
        response_text(res, 429, STR("Too Many Requests"));
        return;
    }
    response_text(res, 401, STR("Unauthorized"));
    response_header(res, "WWW-Authenticate", STR("Basic"));
}

static void remove_header(struct response *res, struct str name)
{
    size_t kept = 0;
    for (size_t i = 0; i < res->header_count; i++) {
        if (!str_eq_nocase(str_from(res->headers[i].name), name))
            res->headers[kept++] = res->headers[i];
    }
    res->header_count = kept;
}

void guard_headers(struct guard *g, struct request *r, struct response *res)
{
    struct state *s = state_get(g);
    for (size_t i = 0; i < s->config->header_count; i++) {
        struct web_header h = s->config->headers[i];
        remove_header(res, h.name);
        response_header(res, arena_copy(&r->arena, h.name).ptr, arena_copy(&r->arena, h.value));
    }
    state_unref(s);
}

int web_config_check(const char *path, struct buf *warnings, struct error *err)
{
    struct state *state;
    int rc = state_load(&state, path, warnings, err);
    if (rc == OK)
        state_unref(state);
    return rc;
}
