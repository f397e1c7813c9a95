// A link is what is kept of one server between requests: its address, as libcurl found it, and a
// connection.
//
//     UNKNOWN --libcurl's answer was fine--> KNOWN --the connection breaks--> UNKNOWN
//        ^------------- UNFIT_NS later ------- UNFIT <--an odd answer----------'
//
// A name is looked up again whenever a connection breaks, or was idle for IDLE_NS.
#include "direct.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define SECOND_NS INT64_C(1000000000)
#define UNFIT_NS  (600 * SECOND_NS)
#define IDLE_NS   (120 * SECOND_NS)
#define SWEEP_NS  (30 * SECOND_NS)
#define ROOM_MIN  ((size_t)16 << 10)
#define ROOM_STEP ((size_t)64 << 10)

enum link_state { LINK_UNKNOWN, LINK_KNOWN, LINK_UNFIT };
enum link_phase { LINK_CONNECTING, LINK_SENDING, LINK_RECEIVING };

struct link {
    enum link_state state;
    enum link_phase phase;
    bool taken;
    int fd; // -1: not connected
    struct sockaddr_storage address;
    socklen_t address_len;
    struct buf request;
    size_t sent;
    size_t room;      // that the last answer took
    int64_t used_ns;  // last
    int64_t unfit_ns; // until then
};

void links_init(struct links *l)
{
    strmap_init(&l->by_authority);
    l->swept_ns = 0;
}

static void link_close(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

static void link_free(struct link *link)
{
    link_close(link);
    buf_release(&link->request);
    mem_free(link);
}

void links_release(struct links *l)
{
    for (size_t i = 0; i < l->by_authority.count; i++)
        link_free(l->by_authority.entries[i].value);
    strmap_release(&l->by_authority);
}

// Forgets servers that nobody asks any more.
static void sweep(struct links *l, int64_t now_ns)
{
    struct strmap *map = &l->by_authority;
    if (now_ns - l->swept_ns < SWEEP_NS)
        return;
    l->swept_ns = now_ns;
    for (size_t i = map->count; i-- > 0;) {
        struct link *link = map->entries[i].value;
        struct str authority = str_make(map->entries[i].key, map->entries[i].key_len);
        if (link->taken || now_ns - link->used_ns < IDLE_NS || now_ns < link->unfit_ns)
            continue;
        strmap_remove(map, authority);
        link_free(link);
    }
}

static bool is_secret(const struct config_secret *s)
{
    return s->value.len || s->file.len;
}

// Nothing that only libcurl can do is asked for.
static bool is_plain(const struct config_http *h)
{
    const struct config_tls *tls = &h->tls;
    return !h->has_basic_auth && !h->authorization_type.len && !h->proxy_url.len &&
           !h->proxy_from_environment && !h->header_count && !h->oauth2 && !is_secret(&tls->ca) &&
           !is_secret(&tls->cert) && !is_secret(&tls->key) && !tls->server_name.len &&
           !tls->min_version.len && !tls->max_version.len && !tls->insecure_skip_verify;
}

// Splits what libcurl would send as it stands: false for anything it may change.
static bool split_url(struct str url, struct str *authority, struct str *path)
{
    struct str scheme = STR("http://");
    if (!str_has_prefix(url, scheme))
        return false;
    struct str rest = str_skip(url, scheme.len);
    size_t slash = str_find(rest, '/');
    *authority = str_first(rest, slash);
    *path = str_skip(rest, slash);
    for (size_t i = 0; i < rest.len; i++) {
        unsigned char c = (unsigned char)rest.ptr[i];
        if (c <= ' ' || c > '~' || c == '#' || c == '\\' ||
            (i < slash && (c == '@' || c == '?' || c == '%')))
            return false;
    }
    return slash && path->len && str_search(*path, STR("/.")) == path->len;
}

static struct link *find(struct links *l, struct str authority)
{
    struct link *link = strmap_get(&l->by_authority, authority);
    if (link)
        return link;
    link = mem_calloc(1, sizeof(*link));
    link->fd = -1;
    strmap_put(&l->by_authority, authority, link);
    return link;
}

struct link *link_take(struct links *l, const struct transfer_request *r, int64_t now_ns)
{
    struct str authority, path;
    sweep(l, now_ns);
    if (!str_is(r->method, "GET") || r->encoding == TRANSFER_AS_IS ||
        (r->http && !is_plain(r->http)) || !split_url(r->url, &authority, &path))
        return NULL;
    struct link *link = find(l, authority);
    if (link->taken || (link->state == LINK_UNFIT && now_ns < link->unfit_ns))
        return NULL;
    if (link->state == LINK_UNFIT)
        link->state = LINK_UNKNOWN;
    link->taken = true;
    return link;
}

bool link_is_known(const struct link *link)
{
    return link->state == LINK_KNOWN;
}

void link_learn(struct link *link, const char *address, long port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&link->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&link->address;
    memset(&link->address, 0, sizeof(link->address));
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        link->address_len = sizeof(*v4);
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        link->address_len = sizeof(*v6);
    } else {
        return; // an address with a scope
    }
    link->state = LINK_KNOWN;
}

void link_forget(struct link *link)
{
    link_close(link);
    link->state = LINK_UNKNOWN;
}

void link_give_up(struct link *link, int64_t now_ns)
{
    link_close(link);
    link->state = LINK_UNFIT;
    link->unfit_ns = now_ns + UNFIT_NS;
}

void link_done(struct link *link, bool keep, int64_t now_ns)
{
    if (!keep)
        link_close(link);
    link->taken = false;
    link->used_ns = now_ns;
}

// The server has closed an idle connection, or says what nobody asked.
static bool is_broken(const struct link *link)
{
    char byte;
    ssize_t got = recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

static bool link_connect(struct link *link)
{
    int yes = 1;
    link->fd = socket(link->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return false;
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    link->phase = LINK_CONNECTING;
    return !connect(link->fd, (struct sockaddr *)&link->address, link->address_len) ||
           errno == EINPROGRESS;
}

static void put_field(struct buf *out, struct str name, struct str value)
{
    buf_str(out, name);
    buf_cstr(out, ": ");
    buf_str(out, value);
    buf_cstr(out, "\r\n");
}

static void put_request(struct link *link, const struct transfer_request *r, const char *user_agent,
                        const char *accept_encoding)
{
    struct str authority, path;
    struct buf *out = &link->request;
    buf_reset(out);
    link->sent = 0;
    split_url(r->url, &authority, &path);
    buf_cstr(out, "GET ");
    buf_str(out, path);
    buf_cstr(out, " HTTP/1.1\r\n");
    put_field(out, STR("Host"), authority);
    put_field(out, STR("User-Agent"), str_from(user_agent));
    put_field(out, STR("Accept-Encoding"), str_from(accept_encoding));
    for (size_t i = 0; i < r->header_count; i++)
        put_field(out, r->headers[i].name, r->headers[i].value);
    buf_cstr(out, "\r\n");
}

static enum direct_progress send_request(struct link *link)
{
    struct str rest = str_skip(buf_view(&link->request), link->sent);
    ssize_t sent = send(link->fd, rest.ptr, rest.len, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? DIRECT_WAITS : DIRECT_BROKEN;
    link->sent += (size_t)sent;
    if (link->sent == link->request.len)
        link->phase = LINK_RECEIVING;
    return DIRECT_WAITS;
}

enum direct_progress link_begin(struct link *link, const struct transfer_request *r,
                                const char *user_agent, const char *accept_encoding,
                                struct http_answer *answer)
{
    if (link->fd >= 0 && is_broken(link))
        link_close(link);
    put_request(link, r, user_agent, accept_encoding);
    buf_reserve(&answer->bytes, link->room > ROOM_MIN ? link->room : ROOM_MIN);
    if (link->fd < 0)
        return link_connect(link) ? DIRECT_WAITS : DIRECT_BROKEN;
    link->phase = LINK_SENDING;
    return send_request(link);
}

static enum direct_progress finish_connect(struct link *link)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
        return DIRECT_BROKEN;
    link->phase = LINK_SENDING;
    return send_request(link);
}

// The next answer is about as long as this one.
static enum direct_progress end_answer(struct link *link, const struct http_answer *answer)
{
    if (http_answer_has_surplus(answer))
        return DIRECT_ODD;
    link->room = answer->bytes.len + answer->bytes.len / 16 + 256;
    return DIRECT_DONE;
}

// Compressed bytes are no more than the body, but for a little.
static bool is_too_large(const struct http_answer *answer, size_t size_max)
{
    uint64_t size =
        answer->part == HTTP_SIZED_BODY ? answer->body_size + answer->left : answer->body_size;
    return size > size_max + (answer->gzip ? ROOM_STEP : 0);
}

static enum direct_progress receive(struct link *link, struct http_answer *answer, size_t size_max)
{
    struct buf *bytes = &answer->bytes;
    size_t room = bytes->cap - bytes->len;
    if (room < 256) {
        room = ROOM_STEP;
        buf_reserve(bytes, room);
    }
    ssize_t got = recv(link->fd, bytes->ptr + bytes->len, room, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? DIRECT_WAITS : DIRECT_BROKEN;
    if (got == 0)
        return DIRECT_BROKEN;
    buf_advance(bytes, (size_t)got);
    enum http_progress progress = http_answer_feed(answer);
    if (progress == HTTP_ODD)
        return DIRECT_ODD;
    if (is_too_large(answer, size_max))
        return DIRECT_TOO_LARGE;
    return progress == HTTP_DONE ? end_answer(link, answer) : DIRECT_WAITS;
}

enum direct_progress link_step(struct link *link, struct http_answer *answer, size_t size_max)
{
    switch (link->phase) {
    case LINK_CONNECTING:
        return finish_connect(link);
    case LINK_SENDING:
        return send_request(link);
    case LINK_RECEIVING:
        break;
    }
    return receive(link, answer, size_max);
}

int link_wait(const struct link *link, bool *to_write)
{
    *to_write = link->phase != LINK_RECEIVING;
    return link->fd;
}
