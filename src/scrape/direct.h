// Plain requests to a server that is known, without libcurl.
//
// Most scrapes are a GET over a connection that stays open. For those, what libcurl does for each
// request (options, URL, connection cache with its checks, timers, another copy of the body) costs
// as much as storing the samples. So a link to the server is kept here, and whatever is not plain
// and simple (names to look up, TLS, proxies, credentials, redirects, statuses other than 200, a
// connection that breaks) is handed back and goes through libcurl.
//
// Guarded by the client's thread.
#ifndef SCRAPE_DIRECT_H
#define SCRAPE_DIRECT_H

#include "base/strmap.h"
#include "http_answer.h"
#include "scrape/transfer.h"

struct link;

struct links {
    struct strmap by_authority; // "10.0.0.1:9100" -> struct link
    int64_t swept_ns;
};

void links_init(struct links *l);
void links_release(struct links *l);

// The link for a request, which is then its own until link_done(); NULL: not for here, or in use.
struct link *link_take(struct links *l, const struct transfer_request *r, int64_t now_ns);
// The server's address is known: requests may go there directly.
bool link_is_known(const struct link *link);
// What libcurl found out: numeric address and port of a server that answered well.
void link_learn(struct link *link, const char *address, long port);
// The connection broke: it is closed, and libcurl is to find the address again.
void link_forget(struct link *link);
// The server's answers are not understood here: libcurl serves it for some time.
void link_give_up(struct link *link, int64_t now_ns);
// Ends the use. Unless the connection is to be kept it is closed.
void link_done(struct link *link, bool keep, int64_t now_ns);

enum direct_progress {
    DIRECT_WAITS,  // for link_wait()
    DIRECT_DONE,   // the answer is whole
    DIRECT_BROKEN, // the connection
    DIRECT_ODD,    // the answer is not understood here
    DIRECT_TOO_LARGE,
};

// Sends the request, over a new connection unless there is one.
enum direct_progress link_begin(struct link *link, const struct transfer_request *r,
                                const char *user_agent, const char *accept_encoding,
                                struct http_answer *answer);
// Goes on; `size_max` is that of the body.
enum direct_progress link_step(struct link *link, struct http_answer *answer, size_t size_max);
// The descriptor to wait for, and whether until it can be written to.
int link_wait(const struct link *link, bool *to_write);

#endif
