// A blocking HTTP client for tests: one request, one connection, the whole answer as text.
#ifndef TESTS_UNIT_WEB_CLIENT_H
#define TESTS_UNIT_WEB_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

struct answer {
    struct buf text; // owned
    int status;
    struct str head; // status line and headers
    struct str body;
};

static inline int client_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline void client_send(int fd, struct str bytes)
{
    while (bytes.len) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return; // refused early: the answer says why
        bytes = str_skip(bytes, (size_t)sent);
    }
}

static inline void client_read(int fd, struct answer *a)
{
    ssize_t got;
    *a = (struct answer){0};
    do {
        got = recv(fd, buf_reserve(&a->text, 65536), 65536, 0);
        buf_advance(&a->text, got > 0 ? (size_t)got : 0);
    } while (got > 0);
    struct str all = buf_view(&a->text);
    size_t end = str_search(all, STR("\r\n\r\n"));
    a->head = str_first(all, end);
    a->body = end < all.len ? str_skip(all, end + 4) : str_make(NULL, 0);
    uint64_t status = 0;
    if (all.len > 12)
        str_to_u64(str_make(all.ptr + 9, 3), &status);
    a->status = (int)status;
}

// `headers`: lines that end in \r\n, or NULL.
static inline void client_call(uint16_t port, const char *method, const char *target,
                               const char *headers, struct str body, struct answer *a)
{
    struct buf request = BUF_INIT;
    int fd = client_connect(port);
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n%s", method, target,
               headers ? headers : "");
    if (body.len)
        buf_printf(&request, "Content-Length: %zu\r\n", body.len);
    buf_cstr(&request, "\r\n");
    buf_str(&request, body);
    client_send(fd, buf_view(&request));
    client_read(fd, a);
    close(fd);
    buf_release(&request);
}

static inline void answer_release(struct answer *a)
{
    buf_release(&a->text);
}

static inline bool contains(struct str text, const char *part)
{
    return !part[0] || str_search(text, str_from(part)) < text.len;
}

#endif
