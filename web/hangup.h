// Notices clients that hang up while their request is being worked on.
//
// libmicrohttpd does not look at a suspended connection, so one thread waits for the sockets of all
// running requests to be closed from the other side and raises the request's cancel flag.
#ifndef WEB_HANGUP_H
#define WEB_HANGUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"

struct hangup_watch;

int hangup_watch_new(struct hangup_watch **out, size_t request_max, struct error *err);
void hangup_watch_free(struct hangup_watch *w); // NULL is allowed
// Watches `fd` until hangup_watch_remove() with the returned number. `cancel` is borrowed until
// then. Past request_max the socket is not watched and the number is HANGUP_NONE.
#define HANGUP_NONE UINT32_MAX
uint32_t hangup_watch_add(struct hangup_watch *w, int fd, struct cancel *cancel);
void hangup_watch_remove(struct hangup_watch *w, uint32_t number);
// Cancels every watched request: the server stops.
void hangup_watch_raise_all(struct hangup_watch *w);

#endif
