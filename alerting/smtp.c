#include "smtp.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "integration.h"

#define CONNECT_TIMEOUT_MS 15000L

struct upload {
    struct str rest;
    const struct cancel *cancel;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void global_init(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
}

static size_t read_message(char *out, size_t size, size_t count, void *context)
{
    struct upload *upload = context;
    size_t len = size * count < upload->rest.len ? size * count : upload->rest.len;
    memcpy(out, upload->rest.ptr, len);
    upload->rest = str_skip(upload->rest, len);
    return len;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const struct upload *upload = context;
    return cancel_raised(upload->cancel);
}

static void set_text(CURL *easy, CURLoption option, struct str text)
{
    struct buf copy = BUF_INIT;
    if (text.len) {
        buf_str(&copy, text);
        curl_easy_setopt(easy, option, buf_text(&copy));
    }
    buf_release(&copy);
}

// Certificates and a key given inline, as files that only this process sees.
struct pem_files {
    int fds[3];
    size_t count;
};

static int set_inline(CURL *easy, CURLoption option, struct str pem, struct pem_files *files,
                      struct error *err)
{
    char path[32];
    int fd = memfd_create("pem", MFD_CLOEXEC);
    if (fd < 0 || write(fd, pem.ptr, pem.len) != (ssize_t)pem.len) {
        if (fd >= 0)
            close(fd);
        return error_set(err, ERR_IO, "inline PEM: %s", strerror(errno));
    }
    files->fds[files->count++] = fd;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    curl_easy_setopt(easy, option, path);
    return 0;
}

static int set_pem(CURL *easy, CURLoption option, const struct config_secret *pem,
                   struct pem_files *files, struct error *err)
{
    if (pem->value.len)
        return set_inline(easy, option, pem->value, files, err);
    set_text(easy, option, pem->file);
    return 0;
}

static void set_versions(CURL *easy, const struct config_tls *tls)
{
    static const struct {
        const char *name;
        long least, most;
    } versions[] = {{"TLS10", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0},
                    {"TLS11", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1},
                    {"TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2},
                    {"TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3}};
    long least = CURL_SSLVERSION_TLSv1_2, most = 0;
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (str_is(tls->min_version, versions[i].name))
            least = versions[i].least;
        if (str_is(tls->max_version, versions[i].name))
            most = versions[i].most;
    }
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, least | most);
}

static int set_tls(CURL *easy, const struct config_tls *tls, struct pem_files *files,
                   struct error *err)
{
    set_versions(easy, tls);
    if (tls->insecure_skip_verify) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    int rc = set_pem(easy, CURLOPT_CAINFO, &tls->ca, files, err);
    if (rc == 0)
        rc = set_pem(easy, CURLOPT_SSLCERT, &tls->cert, files, err);
    if (rc == 0)
        rc = set_pem(easy, CURLOPT_SSLKEY, &tls->key, files, err);
    return rc;
}

static bool is_given(const struct config_secret *secret)
{
    return secret->value.len || secret->file.len;
}

static int set_auth(CURL *easy, const struct email_config *config, struct error *err)
{
    if (config->auth_username.len == 0)
        return 0;
    bool by_password = is_given(&config->auth_password);
    struct buf secret = BUF_INIT;
    int rc = secret_read(by_password ? &config->auth_password : &config->auth_secret, &secret, err);
    if (rc == 0) {
        set_text(easy, CURLOPT_USERNAME, config->auth_username);
        set_text(easy, CURLOPT_PASSWORD, buf_view(&secret));
        if (by_password)
            set_text(easy, CURLOPT_SASL_AUTHZID, config->auth_identity);
        curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS,
                         by_password ? "AUTH=PLAIN;AUTH=LOGIN" : "AUTH=CRAM-MD5");
    }
    buf_release(&secret);
    return rc;
}

// The path of the URL is what EHLO says.
static void set_server(CURL *easy, const struct email_config *config)
{
    struct str port = config->smarthost_port.len ? config->smarthost_port : STR("25");
    struct str host = config->smarthost_host, name = config->tls.server_name;
    bool implicit_tls = config->implicit_tls < 0 ? str_is(port, "465") : config->implicit_tls == 1;
    bool is_v6 = str_find(host, ':') < host.len;
    struct buf url = BUF_INIT;
    buf_printf(&url, implicit_tls ? "smtps://" : "smtp://");
    if (name.len)
        buf_str(&url, name);
    else
        buf_printf(&url, is_v6 ? "[%.*s]" : "%.*s", STR_ARG(host));
    buf_printf(&url, ":%.*s/%.*s", STR_ARG(port),
               STR_ARG(config->hello.len ? config->hello : STR("localhost")));
    curl_easy_setopt(easy, CURLOPT_URL, buf_text(&url));
    if (!implicit_tls)
        curl_easy_setopt(easy, CURLOPT_USE_SSL,
                         config->require_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    buf_release(&url);
}

// A server that is verified by another name than its address is reached under that name.
static struct curl_slist *connect_to(const struct email_config *config)
{
    if (config->tls.server_name.len == 0)
        return NULL;
    struct buf line = BUF_INIT;
    bool is_v6 = str_find(config->smarthost_host, ':') < config->smarthost_host.len;
    buf_printf(&line, is_v6 ? "::[%.*s]:" : "::%.*s:", STR_ARG(config->smarthost_host));
    struct curl_slist *list = curl_slist_append(NULL, buf_text(&line));
    buf_release(&line);
    return list;
}

static struct curl_slist *recipients(const struct wire_mail *mail)
{
    struct curl_slist *list = NULL;
    struct buf address = BUF_INIT;
    for (size_t i = 0; i < mail->to_count; i++) {
        buf_reset(&address);
        buf_printf(&address, "<%.*s>", STR_ARG(mail->to[i]));
        list = curl_slist_append(list, buf_text(&address));
    }
    buf_release(&address);
    return list;
}

static int failure_code(CURLcode code)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return ERR_INVALID;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_ABORTED_BY_CALLBACK:
        return ERR_CANCELED;
    default:
        return ERR_UNAVAILABLE;
    }
}

// A reply is a refusal only when the server said so: what is left of an earlier reply, a 2xx or a
// 3xx, does not tell how this ended.
static int perform(CURL *easy, struct wire_reply *reply, struct error *err)
{
    char text[CURL_ERROR_SIZE] = "";
    long status = 0;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text);
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
    if (code == CURLE_OK) {
        reply->status = 250;
        return 0;
    }
    if (status >= 400)
        reply->status = (int)status;
    return error_set(err, failure_code(code), "%s", text[0] ? text : curl_easy_strerror(code));
}

static void set_envelope(CURL *easy, const struct wire_mail *mail, struct upload *upload,
                         struct curl_slist *to)
{
    struct buf from = BUF_INIT;
    buf_printf(&from, "<%.*s>", STR_ARG(mail->from));
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, buf_text(&from));
    buf_release(&from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_message);
    curl_easy_setopt(easy, CURLOPT_READDATA, upload);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, upload);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

int smtp_send(const struct wire_mail *mail, const struct cancel *cancel, struct wire_reply *reply,
              struct error *err)
{
    pthread_once(&global_once, global_init);
    CURL *easy = curl_easy_init();
    if (!easy)
        abort();
    struct upload upload = {.rest = mail->message, .cancel = cancel};
    struct pem_files files = {.count = 0};
    struct curl_slist *to = recipients(mail), *server = connect_to(mail->config);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)mail->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, server);
    set_server(easy, mail->config);
    set_envelope(easy, mail, &upload, to);
    int rc = set_auth(easy, mail->config, err);
    if (rc == 0)
        rc = set_tls(easy, &mail->config->tls, &files, err);
    if (rc == 0)
        rc = perform(easy, reply, err);
    if (rc == 0 && mail->on_taken)
        mail->on_taken(mail->on_taken_context);
    curl_easy_cleanup(easy);
    while (files.count)
        close(files.fds[--files.count]);
    curl_slist_free_all(to);
    curl_slist_free_all(server);
    return rc;
}
