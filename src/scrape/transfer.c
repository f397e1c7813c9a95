// The only file that knows of libcurl but for SMTP. A transfer is an easy handle with its buffers;
// the multi handle owns the connections, which stay open between requests to the same target.
//
// Bounds: each transfer's time and decoded body by its request; the bodies in memory at once by
// MEMORY_MAX, since many targets may go mad together.
#include "scrape/transfer.h"

#include <assert.h>
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define SECRET_MAX ((size_t)1 << 20)
#define MEMORY_MAX ((size_t)128 << 20)
// Idle connections and what is kept for the next transfer.
#define CONNECTIONS_MAX 10000L
#define IDLE_HANDLES    8
#define SPARE_MAX       ((size_t)1 << 20)
#define RECEIVE_SIZE    32768L
#define REDIRECTS_MAX   10L
#define PEM_COUNT       3

enum overflow { OVERFLOW_NONE, OVERFLOW_BODY, OVERFLOW_MEMORY };

struct transfer {
    CURL *easy;
    struct transfer_client *client;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    char *body; // owned copy of what is sent
    struct buf response;
    struct buf content_type;
    struct buf retry_after;
    struct buf reason;
    struct buf failure;
    int pem_fds[PEM_COUNT]; // inline certificates; -1: none
    enum overflow overflow;
    size_t response_max;
    transfer_done_fn *done;
    void *context;
    struct transfer *next, *previous;
    char error_text[CURL_ERROR_SIZE];
};

struct transfer_client {
    CURLM *multi;
    const char *user_agent;
    struct transfer *first;
    size_t memory; // bytes of the bodies of running transfers
    CURL *idle[IDLE_HANDLES];
    size_t idle_count;
    struct buf spare; // a body's memory, for the next one
};

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
    return c;
}

static struct transfer *transfer_new(struct transfer_client *c)
{
    struct transfer *t = mem_calloc(1, sizeof(*t));
    t->client = c;
    t->easy = c->idle_count ? c->idle[--c->idle_count] : curl_easy_init();
    assert(t->easy);
    t->response = c->spare;
    buf_init(&c->spare, 0);
    for (int i = 0; i < PEM_COUNT; i++)
        t->pem_fds[i] = -1;
    return t;
}

static void keep_spare(struct transfer_client *c, struct buf *body)
{
    if (c->spare.cap || body->cap > SPARE_MAX) {
        buf_release(body);
        return;
    }
    buf_reset(body);
    c->spare = *body;
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
    c->memory -= t->response.len;
    keep_handle(c, t->easy);
    keep_spare(c, &t->response);
    curl_slist_free_all(t->headers);
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
    curl_multi_add_handle(c->multi, t->easy);
    t->next = c->first;
    if (c->first)
        c->first->previous = t;
    c->first = t;
}

static void unlink_transfer(struct transfer_client *c, struct transfer *t)
{
    curl_multi_remove_handle(c->multi, t->easy);
    if (t->previous)
        t->previous->next = t->next;
    else
        c->first = t->next;
    if (t->next)
        t->next->previous = t->previous;
}

void transfer_cancel(struct transfer_client *c, struct transfer *t)
{
    unlink_transfer(c, t);
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
    buf_release(&c->spare);
    mem_free(c);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    size_t len = size * count;
    if (len > t->response_max - t->response.len)
        t->overflow = OVERFLOW_BODY;
    else if (len > MEMORY_MAX - t->client->memory)
        t->overflow = OVERFLOW_MEMORY;
    if (t->overflow)
        return 0; // curl gives up
    buf_append(&t->response, bytes, len);
    t->client->memory += len;
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

// A value given, or the content of the file named, without white space around.
static int read_secret(const struct config_secret *secret, struct buf *out, struct error *err)
{
    buf_reset(out);
    if (!secret->file.len) {
        buf_str(out, secret->value);
        return OK;
    }
    struct buf path = BUF_INIT;
    buf_str(&path, secret->file);
    int rc = file_read(buf_text(&path), SECRET_MAX, out, err);
    struct str trimmed = str_trim(buf_view(out));
    if (trimmed.len && trimmed.ptr != out->ptr)
        memmove(out->ptr, trimmed.ptr, trimmed.len);
    buf_truncate(out, trimmed.len);
    buf_release(&path);
    return rc;
}

static void add_header(struct transfer *t, struct str name, struct str value)
{
    struct buf line = BUF_INIT;
    // To curl "Name:" means to leave the header out.
    if (value.len)
        buf_printf(&line, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    else
        buf_printf(&line, "%.*s;", STR_ARG(name));
    t->headers = curl_slist_append(t->headers, buf_text(&line));
    buf_release(&line);
}

static void set_text(struct transfer *t, CURLoption option, struct str text)
{
    struct buf copy = BUF_INIT;
    buf_str(&copy, text);
    curl_easy_setopt(t->easy, option, buf_text(&copy));
    buf_release(&copy);
}

static int set_basic_auth(struct transfer *t, const struct config_http *http, struct error *err)
{
    struct buf secret = BUF_INIT, user = BUF_INIT;
    struct config_secret name = {.value = http->basic_username,
                                 .file = http->basic_username_file.file};
    int rc = read_secret(&name, &user, err);
    if (rc == OK)
        rc = read_secret(&http->basic_password, &secret, err);
    curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    set_text(t, CURLOPT_USERNAME, buf_view(&user));
    set_text(t, CURLOPT_PASSWORD, buf_view(&secret));
    buf_release(&secret);
    buf_release(&user);
    return rc;
}

static int set_auth(struct transfer *t, const struct config_http *http, struct error *err)
{
    if (http->has_basic_auth)
        return set_basic_auth(t, http, err);
    if (!http->authorization_type.len)
        return OK;
    struct buf secret = BUF_INIT, value = BUF_INIT;
    int rc = read_secret(&http->authorization, &secret, err);
    buf_printf(&value, "%.*s %s", STR_ARG(http->authorization_type), buf_text(&secret));
    add_header(t, STR("Authorization"), buf_view(&value));
    buf_release(&secret);
    buf_release(&value);
    return rc;
}

static int set_headers(struct transfer *t, const struct config_http *http, struct error *err)
{
    int rc = OK;
    for (size_t i = 0; i < http->header_count && rc == OK; i++) {
        const struct config_header *h = &http->headers[i];
        struct buf secret = BUF_INIT;
        for (size_t v = 0; v < h->value_count; v++)
            add_header(t, h->name, h->values[v]);
        rc = read_secret(&h->secret, &secret, err);
        if (secret.len)
            add_header(t, h->name, buf_view(&secret));
        buf_release(&secret);
    }
    return rc;
}

// libcurl takes certificates from files alone where it is built with GnuTLS: inline ones become a
// file in memory.
static int set_inline_pem(struct transfer *t, int index, struct str pem, CURLoption option,
                          struct error *err)
{
    struct buf path = BUF_INIT;
    int fd = memfd_create("pem", MFD_CLOEXEC);
    if (fd < 0)
        return error_set(err, ERR_IO, "an inline certificate cannot be handed on: %m");
    t->pem_fds[index] = fd;
    int rc = io_write_at(fd, pem.ptr, pem.len, 0);
    buf_printf(&path, "/proc/self/fd/%d", fd);
    curl_easy_setopt(t->easy, option, buf_text(&path));
    // Connections are told apart by path, and descriptors come again.
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
    buf_release(&path);
    return rc ? error_set(err, rc, "an inline certificate cannot be handed on") : OK;
}

static int set_pem(struct transfer *t, int index, const struct config_secret *pem,
                   CURLoption option, struct error *err)
{
    struct buf path = BUF_INIT;
    int rc = OK;
    if (!pem->file.len)
        return pem->value.len ? set_inline_pem(t, index, pem->value, option, err) : OK;
    buf_str(&path, pem->file);
    if (file_exists(buf_text(&path)))
        curl_easy_setopt(t->easy, option, buf_text(&path));
    else
        rc = error_set(err, ERR_NOT_FOUND, "unable to load specified file %s: no such file",
                       buf_text(&path));
    buf_release(&path);
    return rc;
}

static void set_tls_versions(struct transfer *t, const struct config_tls *tls)
{
    static const struct {
        const char *name;
        long min, max;
    } versions[] = {{"TLS10", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0},
                    {"TLS11", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1},
                    {"TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2},
                    {"TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3}};
    long min = CURL_SSLVERSION_TLSv1_2, max = CURL_SSLVERSION_MAX_DEFAULT;
    for (size_t i = 0; i < 4; i++) {
        if (str_is(tls->min_version, versions[i].name))
            min = versions[i].min;
        if (str_is(tls->max_version, versions[i].name))
            max = versions[i].max;
    }
    curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, min | max);
}

static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

// TLS names the server by the URL's host. For another name the URL gets that one, while the
// connection goes to, and the Host header names, what the URL had.
static int set_server_name(struct transfer *t, struct str url_text, struct str server_name,
                           struct error *err)
{
    struct buf text = BUF_INIT, name = BUF_INIT;
    CURLU *url = curl_url();
    buf_str(&text, url_text);
    buf_str(&name, server_name);
    int rc = curl_url_set(url, CURLUPART_URL, buf_text(&text), 0);
    char *host = url_part(url, CURLUPART_HOST, 0);
    char *port = url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    char *given_port = url_part(url, CURLUPART_PORT, 0);
    rc = rc || !host || !port || curl_url_set(url, CURLUPART_HOST, buf_text(&name), 0);
    char *renamed = rc ? NULL : url_part(url, CURLUPART_URL, 0);
    if (renamed) {
        curl_easy_setopt(t->easy, CURLOPT_URL, renamed);
        buf_reset(&text);
        buf_printf(&text, "%s:%s:%s:%s", buf_text(&name), port, host, port);
        t->connect_to = curl_slist_append(NULL, buf_text(&text));
        curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to);
        buf_reset(&text);
        buf_printf(&text, "%s%s%s", host, given_port ? ":" : "", given_port ? given_port : "");
        add_header(t, STR("Host"), buf_view(&text));
    }
    curl_free(host);
    curl_free(port);
    curl_free(given_port);
    curl_free(renamed);
    curl_url_cleanup(url);
    buf_release(&text);
    buf_release(&name);
    return renamed ? OK
                   : error_set(err, ERR_INVALID, "tls_config server_name \"%.*s\" is no host name",
                               STR_ARG(server_name));
}

static int set_tls(struct transfer *t, struct str url, const struct config_tls *tls,
                   struct error *err)
{
    int rc = set_pem(t, 0, &tls->ca, CURLOPT_CAINFO, err);
    if (rc == OK)
        rc = set_pem(t, 1, &tls->cert, CURLOPT_SSLCERT, err);
    if (rc == OK)
        rc = set_pem(t, 2, &tls->key, CURLOPT_SSLKEY, err);
    if (rc == OK && tls->server_name.len && str_has_prefix(url, STR("https:")))
        rc = set_server_name(t, url, tls->server_name, err);
    if (tls->insecure_skip_verify) {
        curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    set_tls_versions(t, tls);
    return rc;
}

static void set_proxy(struct transfer *t, const struct config_http *http)
{
    if (http && http->proxy_from_environment)
        return;
    // An empty proxy switches the environment's off.
    set_text(t, CURLOPT_PROXY, http ? http->proxy_url : STR(""));
    if (http && http->no_proxy.len)
        set_text(t, CURLOPT_NOPROXY, http->no_proxy);
}

static int set_http(struct transfer *t, struct str url, const struct config_http *http,
                    struct error *err)
{
    set_proxy(t, http);
    if (!http)
        return OK;
    if (http->has_oauth2)
        return error_set(err, ERR_UNSUPPORTED, "oauth2 is not supported yet");
    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, http->follow_redirects ? 1L : 0L);
    if (!http->enable_http2)
        curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    int rc = set_headers(t, http, err);
    if (rc == OK)
        rc = set_auth(t, http, err);
    return rc ? rc : set_tls(t, url, &http->tls, err);
}

static bool is_loopback(struct str url)
{
    static const char *const hosts[] = {"localhost", "127.", "[::1]"};
    struct str host = str_skip(url, str_search(url, STR("://")));
    host = host.len ? str_skip(host, 3) : host;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (str_has_prefix(host, str_from(hosts[i])))
            return true;
    }
    return false;
}

static void set_encoding(struct transfer *t, const struct transfer_request *r)
{
    const char *encoding = NULL;
    if (r->encoding == TRANSFER_PLAIN)
        encoding = "identity";
    else if (r->encoding == TRANSFER_COMPRESSED)
        // On this machine compression costs both ends more than it saves: a last resort there.
        encoding = is_loopback(r->url) ? "identity, gzip;q=0.5" : "gzip, deflate";
    if (encoding)
        curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, encoding);
}

static void set_method(struct transfer *t, const struct transfer_request *r)
{
    if (str_is(r->method, "GET"))
        return;
    t->body = mem_copy_str(r->body);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body);
    set_text(t, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_request(struct transfer *t, const struct transfer_client *c,
                        const struct transfer_request *r)
{
    set_text(t, CURLOPT_URL, r->url);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, c->user_agent);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, RECEIVE_SIZE);
    // Names are looked up when a connection is made, no sooner: each transfer's end would walk a
    // cache of them all.
    curl_easy_setopt(t->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error_text);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    set_encoding(t, r);
    set_method(t, r);
    for (size_t i = 0; i < r->header_count; i++)
        add_header(t, r->headers[i].name, r->headers[i].value);
}

int transfer_start(struct transfer_client *c, const struct transfer_request *request,
                   transfer_done_fn *done, void *context, struct transfer **out, struct error *err)
{
    struct transfer *t = transfer_new(c);
    t->response_max = request->response_max;
    t->done = done;
    t->context = context;
    set_request(t, c, request);
    int rc = set_http(t, request->url, request->http, err);
    if (rc) {
        transfer_free(t);
        return rc;
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
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

static void complete(struct transfer_client *c, struct transfer *t, CURLcode code)
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
    unlink_transfer(c, t);
    t->done(t->context, &result);
    transfer_free(t);
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
        complete(c, t, code);
    }
}

void transfer_run(struct transfer_client *c, int64_t wait_ms)
{
    int running;
    curl_multi_perform(c->multi, &running);
    complete_all(c);
    curl_multi_poll(c->multi, NULL, 0, (int)(wait_ms < 60000 ? wait_ms : 60000), NULL);
    curl_multi_perform(c->multi, &running);
    complete_all(c);
}

void transfer_wake(struct transfer_client *c)
{
    curl_multi_wakeup(c->multi);
}
