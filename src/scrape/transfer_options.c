// A request in libcurl's terms: headers, credentials, TLS, proxies.
#include <sys/mman.h>

#include "base/file.h"
#include "base/mem.h"
#include "transfer_internal.h"

#define SECRET_MAX    ((size_t)1 << 20)
#define RECEIVE_SIZE  65536L
#define REDIRECTS_MAX 10L

int transfer_read_secret(const struct config_secret *secret, struct buf *out, struct error *err)
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

static void add_line(struct curl_slist **list, struct str name, struct str value)
{
    struct buf line = BUF_INIT;
    // To curl "Name:" means to leave the header out.
    if (value.len)
        buf_printf(&line, "%.*s: %.*s", STR_ARG(name), STR_ARG(value));
    else
        buf_printf(&line, "%.*s;", STR_ARG(name));
    *list = curl_slist_append(*list, buf_text(&line));
    buf_release(&line);
}

void transfer_add_header(struct transfer *t, struct str name, struct str value)
{
    add_line(&t->headers, name, value);
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
    int rc = transfer_read_secret(&name, &user, err);
    if (rc == OK)
        rc = transfer_read_secret(&http->basic_password, &secret, err);
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
    int rc = transfer_read_secret(&http->authorization, &secret, err);
    buf_printf(&value, "%.*s %s", STR_ARG(http->authorization_type), buf_text(&secret));
    transfer_add_header(t, STR("Authorization"), buf_view(&value));
    buf_release(&secret);
    buf_release(&value);
    return rc;
}

static int set_header(struct transfer *t, const struct config_header *h, struct error *err)
{
    int rc = OK;
    for (size_t i = 0; i < h->value_count; i++)
        transfer_add_header(t, h->name, h->values[i]);
    for (size_t i = 0; i < h->secret_count && rc == OK; i++) {
        struct buf secret = BUF_INIT;
        rc = transfer_read_secret(&h->secrets[i], &secret, err);
        if (secret.len)
            transfer_add_header(t, h->name, buf_view(&secret));
        buf_release(&secret);
    }
    return rc;
}

static int set_headers(struct transfer *t, const struct config_http *http, struct error *err)
{
    int rc = OK;
    for (size_t i = 0; i < http->header_count && rc == OK; i++)
        rc = set_header(t, &http->headers[i], err);
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
        transfer_add_header(t, STR("Host"), buf_view(&text));
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

// They go with CONNECT alone: a proxy that is asked for a URL gets those of the request.
static void set_proxy_headers(struct transfer *t, struct str url, const struct config_http *http)
{
    if (!str_has_prefix(url, STR("https:")))
        return;
    for (size_t i = 0; i < http->proxy_header_count; i++) {
        const struct config_header *h = &http->proxy_headers[i];
        for (size_t v = 0; v < h->value_count; v++)
            add_line(&t->proxy_headers, h->name, h->values[v]);
    }
    curl_easy_setopt(t->easy, CURLOPT_PROXYHEADER, t->proxy_headers);
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
    curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, http->follow_redirects ? 1L : 0L);
    if (!http->enable_http2)
        curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    set_proxy_headers(t, url, http);
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

const char *transfer_accept_encoding(const struct transfer_request *r)
{
    switch (r->encoding) {
    case TRANSFER_AS_IS:
        break;
    case TRANSFER_PLAIN:
        return "identity";
    case TRANSFER_COMPRESSED:
        // On this machine compression costs both ends more than it saves: a last resort there.
        return is_loopback(r->url) ? "identity, gzip;q=0.5" : "gzip, deflate";
    }
    return NULL;
}

static void set_encoding(struct transfer *t, const struct transfer_request *r)
{
    const char *encoding = transfer_accept_encoding(r);
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
    // An alert that is redirected arrives as what it is, not as a request without a body.
    if (r->redirect == TRANSFER_WHOLE)
        curl_easy_setopt(t->easy, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
    // It would outlive a redirect; without it libcurl says POST by itself.
    if (!str_is(r->method, "POST"))
        set_text(t, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_request(struct transfer *t, const struct transfer_request *r)
{
    set_text(t, CURLOPT_URL, r->url);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, t->client->user_agent);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, RECEIVE_SIZE);
    // Names are looked up when a connection is made, no sooner: each transfer's end would walk a
    // cache of them all.
    curl_easy_setopt(t->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    set_encoding(t, r);
    set_method(t, r);
    for (size_t i = 0; i < r->header_count; i++)
        transfer_add_header(t, r->headers[i].name, r->headers[i].value);
}

int transfer_set_options(struct transfer *t, const struct transfer_request *request,
                         struct error *err)
{
    set_request(t, request);
    int rc = set_http(t, request->url, request->http, err);
    if (rc == OK && request->http && request->http->oauth2)
        rc = transfer_add_token(t, request, err);
    if (rc == OK)
        curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    return rc;
}
