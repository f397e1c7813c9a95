// A transfer goes over a link to a server that is known (transfer_direct.c), or is one of libcurl's
// easy handles with its buffers; the multi handle owns the connections, which stay open between
// requests to the same target.
//
// Bounds: each transfer's time and decoded body by its request; the bodies in memory at once by
// MEMORY_MAX, since many targets may go mad together.
#include "scrape/transfer.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "transfer_internal.h"

#define MEMORY_MAX ((size_t)96 << 20)
// Answers up to here pass all the same: those of sound targets shall not fail for a mad one's.
#define SMALL_MAX ((size_t)1 << 20)
// Idle connections, and memory kept for a next body.
#define CONNECTIONS_MAX 10000L
#define SPARE_MAX       ((size_t)128 << 10)

// libcurl sets SSH up whether it is wanted or not, and with it OpenSSL beside GnuTLS: 1.4 MB of
// memory. Nothing here speaks SFTP, so these take the place of libssh2's own when the program is
// loaded.
int libssh2_init(int flags);
void libssh2_exit(void);

int libssh2_init(int flags)
{
    (void)flags;
    return 0;
}

void libssh2_exit(void)
{
}

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(rc == CURLE_OK);
    (void)rc;
}

struct transfer_client *transfer_client_new(const char *user_agent)
{
    pthread_once(&global_once, global_init);
    struct transfer_client *c = mem_calloc(1, sizeof(*c));
    c->multi = curl_multi_init();
    assert(c->multi);
    // Otherwise four for each transfer that runs just now.
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    c->user_agent = user_agent;
    links_init(&c->links);
    strmap_init(&c->tokens);
    return c;
}

struct buf transfer_take_spare(struct transfer_client *c)
{
    struct buf empty = BUF_INIT;
    return c->spare_count ? c->spares[--c->spare_count] : empty;
}

static struct transfer *transfer_new(struct transfer_client *c)
{
    struct transfer *t = mem_calloc(1, sizeof(*t));
    t->client = c;
    t->start_ns = clock_mono_ns(&clock_system);
    arena_init(&t->arena, 0);
    for (int i = 0; i < PEM_COUNT; i++)
        t->pem_fds[i] = -1;
    return t;
}

static void keep_spare(struct transfer_client *c, struct buf *body)
{
    if (c->spare_count == SPARE_COUNT || body->cap == 0 || body->cap > SPARE_MAX) {
        buf_release(body);
        return;
    }
    buf_reset(body);
    c->spares[c->spare_count++] = *body;
}

static void keep_handle(struct transfer_client *c, CURL *easy)
{
    if (c->idle_count == IDLE_HANDLES) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_reset(easy);
    c->idle[c->idle_count++] = easy;
}

// It is in the multi handle and in the list no more.
static void transfer_free(struct transfer *t)
{
    struct transfer_client *c = t->client;
    c->memory -= t->counted;
    if (t->easy)
        keep_handle(c, t->easy);
    keep_spare(c, &t->response);
    keep_spare(c, &t->answer.bytes);
    arena_release(&t->arena);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->proxy_headers);
    curl_slist_free_all(t->connect_to);
    buf_release(&t->content_type);
    buf_release(&t->retry_after);
    buf_release(&t->reason);
    buf_release(&t->failure);
    for (int i = 0; i < PEM_COUNT; i++) {
        if (t->pem_fds[i] >= 0)
            close(t->pem_fds[i]);
    }
    mem_free(t->body);
    mem_free(t);
}

static void link_transfer(struct transfer_client *c, struct transfer *t)
{
    t->next = c->first;
    if (c->first)
        c->first->previous = t;
    c->first = t;
}

static void unlink_transfer(struct transfer_client *c, struct transfer *t)
{
    if (t->waits) {
        t->waits = false;
    } else if (t->easy) {
        curl_multi_remove_handle(c->multi, t->easy);
        c->easy_count--;
    } else {
        c->direct_count--;
    }
    if (t->previous)
        t->previous->next = t->next;
    else
        c->first = t->next;
    if (t->next)
        t->next->previous = t->previous;
}

void transfer_cancel(struct transfer_client *c, struct transfer *t)
{
    if (t->token)
        transfer_cancel(c, t->token);
    if (t->waiter)
        t->waiter->token = NULL;
    unlink_transfer(c, t);
    if (t->link)
        link_done(t->link, false, clock_mono_ns(&clock_system));
    transfer_free(t);
}

void transfer_client_free(struct transfer_client *c)
{
    if (!c)
        return;
    while (c->first)
        transfer_cancel(c, c->first);
    for (size_t i = 0; i < c->idle_count; i++)
        curl_easy_cleanup(c->idle[i]);
    curl_multi_cleanup(c->multi);
    links_release(&c->links);
    transfer_release_tokens(c);
    for (size_t i = 0; i < c->spare_count; i++)
        buf_release(&c->spares[i]);
    mem_free(c);
}

bool transfer_count(struct transfer *t, size_t size)
{
    struct transfer_client *c = t->client;
    if (size > t->counted && c->memory + size - t->counted > MEMORY_MAX && size > SMALL_MAX)
        return false;
    c->memory = c->memory + size - t->counted;
    t->counted = size;
    return true;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    size_t len = size * count;
    if (len > t->response_max - t->response.len)
        t->overflow = OVERFLOW_BODY;
    else if (!transfer_count(t, t->response.len + len))
        t->overflow = OVERFLOW_MEMORY;
    if (t->overflow)
        return 0; // curl gives up
    buf_append(&t->response, bytes, len);
    return len;
}

static void keep_header(struct str line, struct str name, struct buf *out)
{
    if (line.len > name.len && str_eq_nocase(str_first(line, name.len), name)) {
        buf_reset(out);
        buf_str(out, str_trim(str_skip(line, name.len)));
    }
}

// A status line begins the headers of another answer: behind a redirect, a proxy, a 100 Continue.
static void begin_headers(struct transfer *t, struct str line)
{
    struct str version, status, reason;
    buf_reset(&t->content_type);
    buf_reset(&t->retry_after);
    buf_reset(&t->reason);
    str_cut(line, ' ', &version, &status);
    str_cut(status, ' ', &status, &reason);
    buf_str(&t->reason, str_trim(reason));
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    struct str line = str_make(bytes, size * count);
    if (str_has_prefix(line, STR("HTTP/")))
        begin_headers(t, line);
    keep_header(line, STR("content-type:"), &t->content_type);
    keep_header(line, STR("retry-after:"), &t->retry_after);
    return line.len;
}

static void set_callbacks(struct transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error_text);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
}

void transfer_go(struct transfer *t)
{
    curl_multi_add_handle(t->client->multi, t->easy);
    t->client->easy_count++;
}

int transfer_go_easy(struct transfer *t, const struct transfer_request *request, struct error *err)
{
    struct transfer_client *c = t->client;
    t->easy = c->idle_count ? c->idle[--c->idle_count] : curl_easy_init();
    assert(t->easy);
    t->response = transfer_take_spare(c);
    set_callbacks(t);
    int rc = transfer_set_options(t, request, err);
    if (rc == OK && t->waits)
        rc = transfer_ask_token(t, err);
    if (rc) {
        keep_handle(c, t->easy);
        t->easy = NULL;
        return rc;
    }
    // Later requests have their own connection.
    if (t->link)
        curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    if (!t->waits)
        transfer_go(t);
    return OK;
}

int transfer_start(struct transfer_client *c, const struct transfer_request *request,
                   transfer_done_fn *done, void *context, struct transfer **out, struct error *err)
{
    struct transfer *t = transfer_new(c);
    t->response_max = request->response_max;
    t->done = done;
    t->context = context;
    t->link = link_take(&c->links, request, t->start_ns);
    if (!transfer_go_direct(t, request)) {
        int rc = transfer_go_easy(t, request, err);
        if (rc) {
            if (t->link)
                link_done(t->link, false, t->start_ns);
            transfer_free(t);
            return rc;
        }
    }
    link_transfer(c, t);
    if (out)
        *out = t;
    return OK;
}

static void describe_connect_failure(struct transfer *t)
{
    long number = 0;
    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
    const char *text = number ? strerrordesc_np((int)number) : NULL;
    if (!text || !*text)
        buf_printf(&t->failure, "connect: %s", t->error_text);
    else
        buf_printf(&t->failure, "connect: %c%s", tolower((unsigned char)*text), text + 1);
}

static const char *overflow_text(enum overflow overflow)
{
    return overflow == OVERFLOW_BODY ? "body size limit exceeded"
                                     : "the bodies of all running scrapes take too much memory";
}

// In the words of Go's HTTP client, where there are such.
static const char *describe_failure(struct transfer *t, CURLcode code)
{
    if (t->overflow)
        return overflow_text(t->overflow);
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return "context deadline exceeded";
    case CURLE_COULDNT_CONNECT:
        describe_connect_failure(t);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
        return "lookup: no such host";
    case CURLE_GOT_NOTHING:
        return "EOF";
    case CURLE_PARTIAL_FILE:
        return "unexpected EOF";
    case CURLE_TOO_MANY_REDIRECTS:
        return "stopped after 10 redirects";
    case CURLE_PEER_FAILED_VERIFICATION:
        buf_printf(&t->failure, "tls: failed to verify certificate: %s", t->error_text);
        break;
    default:
        buf_cstr(&t->failure, t->error_text[0] ? t->error_text : curl_easy_strerror(code));
    }
    return buf_text(&t->failure);
}

// HTTP/2 sends no reason phrases.
static struct str reason_of(long status)
{
    static const struct {
        long status;
        struct str text;
    } reasons[] = {{301, STR_INIT("Moved Permanently")},
                   {302, STR_INIT("Found")},
                   {400, STR_INIT("Bad Request")},
                   {401, STR_INIT("Unauthorized")},
                   {403, STR_INIT("Forbidden")},
                   {404, STR_INIT("Not Found")},
                   {405, STR_INIT("Method Not Allowed")},
                   {429, STR_INIT("Too Many Requests")},
                   {500, STR_INIT("Internal Server Error")},
                   {502, STR_INIT("Bad Gateway")},
                   {503, STR_INIT("Service Unavailable")},
                   {504, STR_INIT("Gateway Timeout")}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return str_make(NULL, 0);
}

static int failure_code(const struct transfer *t, CURLcode code)
{
    if (t->overflow)
        return ERR_LIMIT;
    return code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE;
}

void transfer_finish(struct transfer *t, struct transfer_result *result)
{
    struct transfer_client *c = t->client;
    if (t->overflow) {
        result->code = ERR_LIMIT;
        result->text = overflow_text(t->overflow);
    }
    unlink_transfer(c, t);
    t->done(t->context, result);
    transfer_free(t);
}

// The next request goes over the link, if this one went well.
static void teach_link(struct transfer *t, CURLcode code, long status)
{
    long version = 0, port = 0, redirects = 0;
    char *address = NULL;
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_PORT, &port);
    curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address);
    if (code == CURLE_OK && status == 200 && version == CURL_HTTP_VERSION_1_1 && !redirects &&
        address)
        link_learn(t->link, address, port);
    link_done(t->link, false, clock_mono_ns(&clock_system));
    t->link = NULL;
}

static void complete(struct transfer *t, CURLcode code)
{
    curl_off_t total_us = 0;
    struct transfer_result result = {.content_type = buf_view(&t->content_type),
                                     .retry_after = buf_view(&t->retry_after),
                                     .reason = buf_view(&t->reason),
                                     .body = buf_view(&t->response)};
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &result.status);
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    result.duration_us = total_us;
    if (!result.reason.len)
        result.reason = reason_of(result.status);
    if (code != CURLE_OK) {
        result.code = failure_code(t, code);
        result.text = describe_failure(t, code);
    }
    if (result.status == 401)
        transfer_forget_token(t);
    if (t->link)
        teach_link(t, code, result.status);
    transfer_finish(t, &result);
}

static void complete_all(struct transfer_client *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result; // gone once the handle is removed
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        complete(t, code);
    }
}

void transfer_run(struct transfer_client *c, int64_t wait_ms)
{
    int running;
    size_t count = c->direct_count;
    struct curl_waitfd *fds = count ? mem_calloc(count, sizeof(*fds)) : NULL;
    wait_ms = transfer_direct_wait(c, fds, wait_ms < 60000 ? wait_ms : 60000);
    // A transfer just started is due at once: the poll does not wait then.
    curl_multi_poll(c->multi, fds, (unsigned)count, (int)wait_ms, NULL);
    transfer_direct_mark(c, fds);
    mem_free(fds);
    if (c->easy_count) {
        curl_multi_perform(c->multi, &running);
        complete_all(c);
    }
    transfer_direct_run(c);
}

void transfer_wake(struct transfer_client *c)
{
    curl_multi_wakeup(c->multi);
}
