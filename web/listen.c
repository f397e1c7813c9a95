#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_SIZE_MAX 256
#define BACKLOG       512

bool listen_address_split(struct str address, struct str *host, struct str *port)
{
    size_t colon = str_find_last(address, ':');
    if (colon == address.len)
        return false;
    *host = str_first(address, colon);
    *port = str_skip(address, colon + 1);
    uint64_t number;
    if (!str_to_u64(*port, &number) || number > UINT16_MAX)
        return false;
    if (host->len >= 2 && host->ptr[0] == '[' && host->ptr[host->len - 1] == ']') {
        *host = str_make(host->ptr + 1, host->len - 2);
        return host->len > 0;
    }
    return str_find(*host, ':') == host->len && str_find(*host, '[') == host->len;
}

// Opens one candidate: the descriptor, or -1 with errno set.
static int open_one(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const int yes = 1, no = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int kept = errno;
    close(fd);
    errno = kept;
    return -1;
}

// IPv6 first when every address is meant: one such socket takes IPv4 too.
static int open_first(const struct addrinfo *list, bool every_address)
{
    for (int pass = every_address ? 0 : 1; pass < 2; pass++) {
        for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
            int fd = pass == 0 && ai->ai_family != AF_INET6 ? -1 : open_one(ai);
            if (fd >= 0)
                return fd;
        }
    }
    return -1;
}

int listen_open(const char *address, int *fd, struct error *err)
{
    struct str host, port;
    if (!listen_address_split(str_from(address), &host, &port) || host.len >= HOST_SIZE_MAX)
        return error_set(err, ERR_INVALID,
                         "listen address \"%s\": expected HOST:PORT, [HOST]:PORT or :PORT",
                         address);
    char host_text[HOST_SIZE_MAX], port_text[8];
    snprintf(host_text, sizeof(host_text), "%.*s", STR_ARG(host));
    snprintf(port_text, sizeof(port_text), "%.*s", STR_ARG(port));
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    int failed = getaddrinfo(host.len ? host_text : NULL, port_text, &hints, &list);
    if (failed)
        return error_set(err, ERR_INVALID, "listen address \"%s\": %s", address,
                         gai_strerror(failed));
    *fd = open_first(list, host.len == 0);
    int code = errno;
    freeaddrinfo(list);
    if (*fd < 0)
        return error_set(err, err_from_errno(code), "listen address \"%s\": %s", address,
                         strerror(code));
    return OK;
}

uint16_t listen_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}
