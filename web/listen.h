// Listening sockets from HOST:PORT text.
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include "base/error.h"
#include "base/str.h"

// Splits "host:port", "[v6]:port" or ":port" (empty host: every address, IPv4 and IPv6). The port
// is a number. False on anything else.
bool listen_address_split(struct str address, struct str *host, struct str *port);
// Binds and listens. The caller closes *fd.
int listen_open(const char *address, int *fd, struct error *err);
// The local port of a bound socket.
uint16_t listen_port(int fd);

#endif
