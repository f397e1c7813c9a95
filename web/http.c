// The way of a request through libmicrohttpd.
//
// One polling thread of the library reads and writes every connection. For each request it calls
// us:
//
//     target_seen()  the request line is there         -> a new struct exchange (READING)
//     answer()       the headers are there             -> method, headers; refuse what is too large
//     answer()       a piece of the body               -> appended
//     answer()       the end of the body               -> inline, or brief: handle and reply
//                                                         else, or deferred: suspend, hand over
//                                                         to a pool (RUNNING)
//     [worker]       handle, then resume               -> DONE
//     answer()       after the resume                  -> reply
//     completed()    the answer is sent, or never will -> the exchange is freed
//
// Invariants
// 1. An exchange is touched by the polling thread alone, but while it is RUNNING by its worker
// alone.
//    MHD_suspend_connection() and MHD_resume_connection() are the hand-overs.
// 2. completed() is not called while the connection is suspended, so a worker's exchange stays.
// 3. Every suspended connection is resumed, also when the server stops: http_server_stop() waits
// for
//    that, with every cancel flag raised after a while.
//
// Locks: `mutex` guards only the two counts; nothing is called with it held.
#include "http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "hangup.h"
#include "tls.h"

// Request line and headers, and the largest piece in which a body is read.
#define CONNECTION_MEMORY (64 << 10)
// A body past its limit is read and dropped up to this many times the limit, so that the client
// gets to see the answer.
#define BODY_DROP_FACTOR 2
#define STOP_WAIT_MS     5000

struct http_server {
    struct http_options options;
    struct MHD_Daemon *daemon;
    struct hangup_watch *hangups;
    // Of the polling thread: who asked last, and until when several ask at once.
    const struct MHD_Connection *last_asker;
    int64_t last_asked_ns, crowded_until_ns;
    uint64_t id_seed;
    atomic_uint_fast64_t id_count;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t open_count;    // exchanges that exist
    size_t running_count; // of these, with a worker
};

enum exchange_state { EXCHANGE_NEW, EXCHANGE_READING, EXCHANGE_RUNNING, EXCHANGE_DONE };

struct exchange {
    struct http_server *server;
    struct MHD_Connection *connection;
    enum exchange_state state;
    struct request request;
    struct response response;
    struct buf body;
    size_t dropped_size; // bytes of body past the limit
    bool refused;        // the answer is there already
    uint32_t hangup;
};

static void count_change(struct http_server *s, size_t *count, int by)
{
    pthread_mutex_lock(&s->mutex);
    *count += (size_t)by;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static struct str header(struct exchange *x, const char *name)
{
    return str_from(MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name));
}

// The client's id when it is printable and short, else a new one.
static struct str request_id(struct exchange *x)
{
    struct str given = header(x, "X-Request-ID");
    bool usable = given.len > 0 && given.len <= 64;
    for (size_t i = 0; usable && i < given.len; i++)
        usable = given.ptr[i] > ' ' && given.ptr[i] < 0x7f;
    if (usable)
        return given;
    uint64_t number = atomic_fetch_add(&x->server->id_count, 1);
    return arena_printf(&x->request.arena, "%016llx",
                        (unsigned long long)hash64(&number, sizeof(number), x->server->id_seed));
}

static void read_headers(struct exchange *x, const char *method)
{
    struct request *r = &x->request;
    r->method = http_method_parse(str_from(method));
    r->start_ns = clock_mono_ns(x->server->options.clock);
    r->id = request_id(x);
    r->accept_encoding = header(x, "Accept-Encoding");
    r->content_type = header(x, "Content-Type");
    r->content_encoding = header(x, "Content-Encoding");
    r->if_none_match = header(x, "If-None-Match");
    r->origin = header(x, "Origin");
    r->authorization = header(x, "Authorization");
    r->accept = header(x, "Accept");
}

// Ends the target behind its '?' in the library's own buffer: it would copy each parameter into the
// connection's memory, which has no room for many, and nobody asks it for them.
static void hide_params(const char *target)
{
    char *mark = strchr((char *)(uintptr_t)target, '?');
    if (mark)
        mark[1] = 0;
}

static void *target_seen(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct http_server *s = cls;
    struct exchange *x = mem_calloc(1, sizeof(*x));
    x->server = s;
    x->connection = connection;
    x->hangup = HANGUP_NONE;
    request_init(&x->request);
    response_init(&x->response);
    buf_init(&x->body, s->options.body_max);
    request_set_target(&x->request, str_from(target));
    hide_params(target);
    count_change(s, &s->open_count, 1);
    return x;
}

static void completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                      enum MHD_RequestTerminationCode code)
{
    (void)cls, (void)connection, (void)code;
    struct exchange *x = *con_cls;
    if (!x)
        return;
    struct http_server *s = x->server;
    *con_cls = NULL;
    request_release(&x->request);
    response_release(&x->response);
    buf_release(&x->body);
    mem_free(x);
    count_change(s, &s->open_count, -1);
}

static struct MHD_Response *make_response(struct response *res)
{
    if (res->fixed_body.ptr)
        return MHD_create_response_from_buffer(res->fixed_body.len, (void *)res->fixed_body.ptr,
                                               MHD_RESPMEM_PERSISTENT);
    if (res->body.len == 0)
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    size_t len = res->body.len;
    return MHD_create_response_from_buffer_with_free_callback(len, buf_steal(&res->body), mem_free);
}

static void add_header(struct MHD_Response *out, const char *name, struct str value)
{
    char *text = mem_copy_str(value);
    MHD_add_response_header(out, name, text);
    mem_free(text);
}

static enum MHD_Result reply(struct exchange *x)
{
    struct response *res = &x->response;
    struct MHD_Response *out = make_response(res);
    if (!out)
        return MHD_NO;
    if (res->content_type)
        MHD_add_response_header(out, "Content-Type", res->content_type);
    for (size_t i = 0; i < res->header_count; i++)
        add_header(out, res->headers[i].name, res->headers[i].value);
    enum MHD_Result result = MHD_queue_response(x->connection, (unsigned)res->status, out);
    MHD_destroy_response(out);
    return result;
}

static void work(void *argument)
{
    struct exchange *x = argument;
    struct http_server *s = x->server;
    s->options.handle(s->options.context, &x->request, &x->response);
    hangup_watch_remove(s->hangups, x->hangup);
    x->state = EXCHANGE_DONE;
    MHD_resume_connection(x->connection);
    // The exchange may be gone from here on.
    count_change(s, &s->running_count, -1);
}

static enum MHD_Result run_on(struct exchange *x, struct pool *pool)
{
    struct http_server *s = x->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        x->hangup = hangup_watch_add(s->hangups, info->connect_fd, &x->request.cancel);
    x->state = EXCHANGE_RUNNING;
    count_change(s, &s->running_count, 1);
    MHD_suspend_connection(x->connection);
    if (pool_submit(pool, work, x) != OK) {
        hangup_watch_remove(s->hangups, x->hangup);
        response_text(&x->response, 503, STR("too many requests are waiting"));
        x->state = EXCHANGE_DONE;
        MHD_resume_connection(x->connection);
        count_change(s, &s->running_count, -1);
    }
    return MHD_YES;
}

// Requests of several connections within so much time come at once.
#define CROWD_NS INT64_C(5000000)

static void note_asker(struct exchange *x)
{
    struct http_server *s = x->server;
    int64_t now_ns = x->request.start_ns;
    if (s->last_asker != x->connection && now_ns - s->last_asked_ns < CROWD_NS)
        s->crowded_until_ns = now_ns + CROWD_NS;
    s->last_asker = x->connection;
    s->last_asked_ns = now_ns;
}

// Waking a worker, and being woken by it, takes longer than most queries of a dashboard. So while no
// worker is busy and nobody else asks, one is first tried here; it gives up before anybody would
// notice.
static bool try_here(struct exchange *x)
{
    struct http_server *s = x->server;
    if (x->request.start_ns < s->crowded_until_ns ||
        !s->options.may_be_brief(s->options.context, &x->request))
        return false;
    pthread_mutex_lock(&s->mutex);
    bool idle = s->running_count == 0;
    pthread_mutex_unlock(&s->mutex);
    if (!idle)
        return false;
    x->request.brief = true;
    s->options.handle(s->options.context, &x->request, &x->response);
    x->request.brief = false;
    if (!x->response.deferred)
        return true;
    response_release(&x->response);
    response_init(&x->response);
    return false;
}

static enum MHD_Result refuse_body(struct exchange *x)
{
    response_text(&x->response, 413, STR("request body too large"));
    return reply(x);
}

static enum MHD_Result run(struct exchange *x)
{
    struct http_server *s = x->server;
    if (x->refused)
        return reply(x);
    if (x->dropped_size)
        return refuse_body(x);
    x->request.body = buf_view(&x->body);
    note_asker(x);
    struct pool *pool = s->options.lane(s->options.context, &x->request);
    if (pool)
        return try_here(x) ? reply(x) : run_on(x, pool);
    s->options.handle(s->options.context, &x->request, &x->response);
    return reply(x);
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t *size)
{
    size_t limit = x->server->options.body_max;
    buf_append(&x->body, data, *size);
    if (x->body.failed)
        x->dropped_size += *size;
    *size = 0;
    return x->dropped_size > limit * BODY_DROP_FACTOR ? MHD_NO : MHD_YES;
}

static enum MHD_Result begin(struct exchange *x, const char *method)
{
    uint64_t length = 0;
    read_headers(x, method);
    x->state = EXCHANGE_READING;
    if (str_to_u64(header(x, "Content-Length"), &length) && length > x->server->options.body_max)
        return refuse_body(x);
    // An answer before the body is read costs the connection: only where there is a body.
    x->refused = !x->server->options.admit(x->server->options.context, &x->request, &x->response);
    bool has_body = length > 0 || header(x, "Transfer-Encoding").len > 0;
    return x->refused && has_body ? reply(x) : MHD_YES;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **con_cls)
{
    (void)cls, (void)connection, (void)url, (void)version;
    struct exchange *x = *con_cls;
    switch (x->state) {
    case EXCHANGE_NEW:
        return begin(x, method);
    case EXCHANGE_READING:
        return *size ? take_body(x, data, size) : run(x);
    case EXCHANGE_DONE:
        return reply(x);
    case EXCHANGE_RUNNING:
        break;
    }
    return MHD_NO;
}

// Parameters are decoded by request.c, which has limits and keeps what was sent.
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls, (void)connection;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void library_log(void *cls, const char *format,
                                                              va_list args)
{
    (void)cls;
    char text[512];
    vsnprintf(text, sizeof(text), format, args);
    log_debug("http library", LOG_STR("text", str_trim(str_from(text))));
}

// A TLS connection holds the identity it began with until it ends.
static void connection_changed(void *cls, struct MHD_Connection *connection, void **of_connection,
                               enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        tls_identity_unref(*of_connection);
        *of_connection = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!s->options.identity || !info || !info->tls_session)
        return;
    struct tls_identity *identity = s->options.identity(s->options.context);
    tls_identity_begin(identity, info->tls_session);
    *of_connection = identity;
}

static struct MHD_Daemon *daemon_start(struct http_server *s)
{
    const struct http_options *o = &s->options;
    unsigned timeout_s = (unsigned)((o->read_timeout_ms + 999) / 1000);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    struct tls_identity *identity = o->identity ? o->identity(o->context) : NULL;
    if (identity) {
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
                                         (void *)(uintptr_t)tls_identity_cert(identity)};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0,
                                         (void *)(uintptr_t)tls_identity_key(identity)};
    }
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, s, MHD_OPTION_EXTERNAL_LOGGER, library_log, NULL,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s,
        MHD_OPTION_LISTEN_SOCKET, o->listen_fd, MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, target_seen, s,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, completed, s,
        MHD_OPTION_END);
    tls_identity_unref(identity);
    return daemon;
}

static void server_free(struct http_server *s)
{
    hangup_watch_free(s->hangups);
    close(s->options.listen_fd);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    mem_free(s);
}

static struct http_server *server_alloc(const struct http_options *options)
{
    struct http_server *s = mem_calloc(1, sizeof(*s));
    s->options = *options;
    s->id_seed = (uint64_t)clock_wall_ms(options->clock) ^ (uint64_t)getpid() << 44;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return s;
}

int http_server_start(struct http_server **out, const struct http_options *options,
                      struct error *err)
{
    struct http_server *s = server_alloc(options);
    int rc = hangup_watch_new(&s->hangups, options->max_connections, err);
    if (rc == OK) {
        s->daemon = daemon_start(s);
        if (!s->daemon)
            rc = error_set(err, ERR_UNAVAILABLE, "the HTTP server did not start");
    }
    if (rc != OK) {
        server_free(s);
        return rc;
    }
    *out = s;
    return OK;
}

size_t http_server_connection_count(struct http_server *s)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}

// Waits until the count is 0; for ever, or at most STOP_WAIT_MS.
static void wait_for_zero(struct http_server *s, const size_t *count, bool for_ever)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += STOP_WAIT_MS / 1000;
    pthread_mutex_lock(&s->mutex);
    while (*count > 0) {
        if (for_ever)
            pthread_cond_wait(&s->changed, &s->mutex);
        else if (pthread_cond_timedwait(&s->changed, &s->mutex, &until))
            break;
    }
    pthread_mutex_unlock(&s->mutex);
}

void http_server_stop(struct http_server *s)
{
    MHD_quiesce_daemon(s->daemon);
    wait_for_zero(s, &s->open_count, false);
    hangup_watch_raise_all(s->hangups);
    wait_for_zero(s, &s->running_count, true);
    MHD_stop_daemon(s->daemon);
    server_free(s);
}
