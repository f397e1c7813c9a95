// libcurl's easy interface, one handle for each connection. Times are taken around the call, not
// from libcurl's own fields, which begin before the handle's set-up.
#include "http.h"

#include <curl/curl.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/version.h"

struct http {
    CURL *easy;
    struct buf body;
    char reason[CURL_ERROR_SIZE];
};

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct http *h = context;
    buf_append(&h->body, bytes, size * count);
    return size * count;
}

struct http *http_new(void)
{
    static bool ready;
    if (!ready)
        curl_global_init(CURL_GLOBAL_DEFAULT);
    ready = true;
    struct http *h = mem_calloc(1, sizeof(*h));
    h->easy = curl_easy_init();
    curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h->easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(h->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(h->easy, CURLOPT_USERAGENT, "lapwing-bench/" LAPWING_VERSION);
    curl_easy_setopt(h->easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, h->reason);
    curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, h);
    return h;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->easy);
    buf_release(&h->body);
    mem_free(h);
}

static struct curl_slist *header_list(const struct http_request *request)
{
    // Without "Expect:" libcurl asks for leave before each larger body and waits for it.
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (const char *const *h = request->headers; h && *h; h++)
        list = curl_slist_append(list, *h);
    if (request->content_type) {
        struct buf text = BUF_INIT;
        buf_printf(&text, "Content-Type: %s", request->content_type);
        list = curl_slist_append(list, buf_text(&text));
        buf_release(&text);
    }
    return list;
}

static void prepare(struct http *h, const struct http_request *request, struct curl_slist *headers)
{
    curl_easy_setopt(h->easy, CURLOPT_URL, request->url);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    if (request->content_type) {
        curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, request->body.len ? request->body.ptr : "");
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    } else {
        curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
    }
    buf_reset(&h->body);
    h->reason[0] = '\0';
}

int http_send(struct http *h, const struct http_request *request, struct http_answer *out,
              struct error *err)
{
    struct curl_slist *headers = header_list(request);
    prepare(h, request, headers);
    int64_t start_ns = clock_mono_ns(&clock_system);
    CURLcode code = curl_easy_perform(h->easy);
    out->duration_ns = clock_mono_ns(&clock_system) - start_ns;
    curl_slist_free_all(headers);
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &out->status);
    out->body = buf_view(&h->body);
    if (code == CURLE_OK)
        return OK;
    return error_set(err, code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                     "%s: %s", request->url, h->reason[0] ? h->reason : curl_easy_strerror(code));
}

void http_forget_connection(struct http *h)
{
    curl_easy_setopt(h->easy, CURLOPT_FRESH_CONNECT, 1L);
}

void http_escape(struct buf *out, struct str text)
{
    static const char DIGITS[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            c == '-' || c == '_' || c == '.') {
            buf_char(out, (char)c);
            continue;
        }
        buf_char(out, '%');
        buf_char(out, DIGITS[c >> 4]);
        buf_char(out, DIGITS[c & 15]);
    }
}

char *http_base_url(const char *text)
{
    struct str url = str_from(text);
    struct buf out = BUF_INIT;
    if (!strstr(text, "://"))
        buf_cstr(&out, "http://");
    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    buf_str(&out, url);
    return buf_steal(&out);
}
