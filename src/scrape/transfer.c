// The only file that knows of libcurl. A transfer is an easy handle with its buffers; the multi
// handle owns the connections.
#include "scrape/transfer.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define SECRET_MAX ((size_t)1 << 20)

struct transfer {
    CURL *easy;
    struct curl_slist *headers;
    char *body; // owned copy of what is sent
    struct buf response;
    struct buf content_type;
    struct buf retry_after;
    bool too_large;
    size_t response_max;
    transfer_done_fn *done;
    void *context;
    struct transfer *next, *previous;
};

struct transfer_client {
    CURLM *multi;
    const char *user_agent;
    struct transfer *first;
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
    c->user_agent = user_agent;
    return c;
}

static void unlink_transfer(struct transfer_client *c, struct transfer *t)
{
    if (t->previous)
        t->previous->next = t->next;
    else
        c->first = t->next;
    if (t->next)
        t->next->previous = t->previous;
}

static void transfer_free(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_release(&t->response);
    buf_release(&t->content_type);
    buf_release(&t->retry_after);
    mem_free(t->body);
    mem_free(t);
}

void transfer_cancel(struct transfer_client *c, struct transfer *t)
{
    curl_multi_remove_handle(c->multi, t->easy);
    unlink_transfer(c, t);
    transfer_free(t);
}

void transfer_client_free(struct transfer_client *c)
{
    if (!c)
        return;
    while (c->first)
        transfer_cancel(c, c->first);
    curl_multi_cleanup(c->multi);
    mem_free(c);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    size_t len = size * count;
    if (len > t->response_max - t->response.len) {
        t->too_large = true;
        return 0; // curl gives up
    }
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

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *t = context;
    struct str line = str_make(bytes, size * count);
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
    buf_printf(&line, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    t->headers = curl_slist_append(t->headers, buf_text(&line));
    buf_release(&line);
}

static int set_auth(struct transfer *t, const struct config_http *http, struct error *err)
{
    struct buf secret = BUF_INIT, user = BUF_INIT, value = BUF_INIT;
    int rc = OK;
    if (http->has_basic_auth) {
        struct config_secret name = {.value = http->basic_username,
                                     .file = http->basic_username_file.file};
        rc = read_secret(&name, &user, err);
        if (rc == OK)
            rc = read_secret(&http->basic_password, &secret, err);
        curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(t->easy, CURLOPT_USERNAME, buf_text(&user));
        curl_easy_setopt(t->easy, CURLOPT_PASSWORD, buf_text(&secret));
    } else if (http->authorization_type.len) {
        rc = read_secret(&http->authorization, &secret, err);
        buf_printf(&value, "%.*s %s", STR_ARG(http->authorization_type), buf_text(&secret));
        add_header(t, STR("Authorization"), buf_view(&value));
    }
    buf_release(&secret);
    buf_release(&user);
    buf_release(&value);
    return rc;
}

static int set_pem(struct transfer *t, const struct config_secret *pem, CURLoption file_option,
                   CURLoption blob_option, struct error *err)
{
    struct buf text = BUF_INIT;
    int rc = OK;
    if (pem->file.len) {
        buf_str(&text, pem->file);
        if (!file_exists(buf_text(&text)))
            rc = error_set(err, ERR_NOT_FOUND, "unable to load specified file %s: no such file",
                           buf_text(&text));
        else
            curl_easy_setopt(t->easy, file_option, buf_text(&text));
    } else if (pem->value.len) {
        struct curl_blob blob = {(void *)(uintptr_t)pem->value.ptr, pem->value.len, CURL_BLOB_COPY};
        if (curl_easy_setopt(t->easy, blob_option, &blob) != CURLE_OK)
            rc = error_set(err, ERR_UNSUPPORTED,
                           "inline PEM in tls_config is not supported by this libcurl: use a file");
    }
    buf_release(&text);
    return rc;
}

static int set_tls(struct transfer *t, const struct config_tls *tls, struct error *err)
{
    int rc = set_pem(t, &tls->ca, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB, err);
    if (rc == OK)
        rc = set_pem(t, &tls->cert, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB, err);
    if (rc == OK)
        rc = set_pem(t, &tls->key, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB, err);
    if (rc == OK && tls->server_name.len)
        rc = error_set(err, ERR_UNSUPPORTED, "tls_config server_name is not supported yet");
    if (tls->insecure_skip_verify) {
        curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    static const struct {
        const char *name;
        long value;
    } versions[] = {{"TLS10", CURL_SSLVERSION_TLSv1_0},
                    {"TLS11", CURL_SSLVERSION_TLSv1_1},
                    {"TLS12", CURL_SSLVERSION_TLSv1_2},
                    {"TLS13", CURL_SSLVERSION_TLSv1_3}};
    long version = CURL_SSLVERSION_TLSv1_2;
    for (size_t i = 0; i < 4; i++) {
        if (str_is(tls->min_version, versions[i].name))
            version = versions[i].value;
    }
    curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, version);
    return rc;
}

static void set_proxy(struct transfer *t, const struct config_http *http)
{
    struct buf text = BUF_INIT;
    if (http && http->proxy_from_environment)
        return;
    // An empty proxy switches the environment's off.
    if (http)
        buf_str(&text, http->proxy_url);
    curl_easy_setopt(t->easy, CURLOPT_PROXY, buf_text(&text));
    if (http && http->no_proxy.len) {
        buf_reset(&text);
        buf_str(&text, http->no_proxy);
        curl_easy_setopt(t->easy, CURLOPT_NOPROXY, buf_text(&text));
    }
    buf_release(&text);
}

static int set_http(struct transfer *t, const struct config_http *http, struct error *err)
{
    set_proxy(t, http);
    if (!http)
        return OK;
    if (http->has_oauth2)
        return error_set(err, ERR_UNSUPPORTED, "oauth2 is not supported yet");
    for (size_t i = 0; i < http->header_count; i++) {
        for (size_t v = 0; v < http->headers[i].value_count; v++)
            add_header(t, http->headers[i].name, http->headers[i].values[v]);
    }
    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, http->follow_redirects ? 1L : 0L);
    int rc = set_auth(t, http, err);
    return rc ? rc : set_tls(t, &http->tls, err);
}

static void set_request(struct transfer *t, const struct transfer_client *c,
                        const struct transfer_request *r)
{
    struct buf text = BUF_INIT;
    buf_str(&text, r->url);
    curl_easy_setopt(t->easy, CURLOPT_URL, buf_text(&text));
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, c->user_agent);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (r->accept_compressed)
        curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    if (!str_is(r->method, "GET")) {
        t->body = mem_copy_str(r->body);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body);
        buf_reset(&text);
        buf_str(&text, r->method);
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, buf_text(&text));
    }
    for (size_t i = 0; i < r->header_count; i++)
        add_header(t, r->headers[i].name, r->headers[i].value);
    buf_release(&text);
}

int transfer_start(struct transfer_client *c, const struct transfer_request *request,
                   transfer_done_fn *done, void *context, struct transfer **out, struct error *err)
{
    struct transfer *t = mem_calloc(1, sizeof(*t));
    t->easy = curl_easy_init();
    assert(t->easy);
    t->response_max = request->response_max;
    t->done = done;
    t->context = context;
    set_request(t, c, request);
    int rc = set_http(t, request->http, err);
    if (rc) {
        transfer_free(t);
        return rc;
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    curl_multi_add_handle(c->multi, t->easy);
    t->next = c->first;
    if (c->first)
        c->first->previous = t;
    c->first = t;
    if (out)
        *out = t;
    return OK;
}

static const char *failure_text(const struct transfer *t, CURLcode code)
{
    if (t->too_large)
        return "body size limit exceeded";
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return "context deadline exceeded";
    case CURLE_COULDNT_CONNECT:
        return "connect: connection refused";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "lookup: no such host";
    case CURLE_GOT_NOTHING:
        return "EOF";
    default:
        return curl_easy_strerror(code);
    }
}

static void complete(struct transfer_client *c, struct transfer *t, CURLcode code)
{
    curl_off_t total_us = 0;
    struct transfer_result result = {.content_type = buf_view(&t->content_type),
                                     .retry_after = buf_view(&t->retry_after),
                                     .body = buf_view(&t->response)};
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &result.status);
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    result.duration_ms = total_us / 1000;
    if (code != CURLE_OK) {
        result.code = t->too_large                       ? ERR_LIMIT
                      : code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT
                                                         : ERR_UNAVAILABLE;
        result.text = failure_text(t, code);
    }
    curl_multi_remove_handle(c->multi, t->easy);
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
