// Outgoing HTTP requests, many at once, on the thread that drives the client.
//
// The owner's thread calls transfer_run(); completions are called from there. Only transfer_wake()
// may be called from other threads. Connections are kept and reused. Only http and https are
// spoken.
#ifndef SCRAPE_TRANSFER_H
#define SCRAPE_TRANSFER_H

#include "base/error.h"
#include "base/str.h"
#include "config/common.h"

struct transfer_client;
struct transfer;

struct transfer_header {
    struct str name, value;
};

// What is said of compression. Answers to the last two are decoded on the way, whatever they say.
enum transfer_encoding {
    TRANSFER_AS_IS,      // nothing: the body is handed on as it comes
    TRANSFER_PLAIN,      // none wanted
    TRANSFER_COMPRESSED, // gzip or deflate welcome
};

// What goes where a redirect leads, when the request has a body. By HTTP's rules 301, 302 and 303
// make it a GET without one, which keeps secrets of a form at home; 307 and 308 do not.
enum transfer_redirect { TRANSFER_WHOLE, TRANSFER_BY_STATUS };

// Everything is copied by transfer_start().
struct transfer_request {
    struct str method; // "GET", "POST"
    struct str url;
    const struct transfer_header *headers;
    size_t header_count;
    struct str body;
    int64_t timeout_ms;
    size_t response_max; // bytes of the decoded response body; more fails the transfer
    enum transfer_encoding encoding;
    enum transfer_redirect redirect;
    const struct config_http *http; // may be NULL; secret files are read now
};

struct transfer_result {
    // 0: an answer came, whatever its status; ERR_LIMIT: the body is too large, or all bodies
    // together are; ERR_TIMEOUT; ERR_UNAVAILABLE
    int code;
    const char *text; // of the failure, in words like Go's: "context deadline exceeded"
    long status;
    struct str reason; // "Not Found"
    struct str content_type;
    struct str retry_after;
    struct str body; // borrowed during the completion
    int64_t duration_us;
};

typedef void transfer_done_fn(void *context, const struct transfer_result *result);

// `user_agent` is borrowed.
struct transfer_client *transfer_client_new(const char *user_agent);
// Cancels what runs, without completions.
void transfer_client_free(struct transfer_client *c);
// The completion is called exactly once, from transfer_run(), unless this fails (a secret file that
// cannot be read, something not supported) or the transfer is cancelled.
int transfer_start(struct transfer_client *c, const struct transfer_request *request,
                   transfer_done_fn *done, void *context, struct transfer **out, struct error *err);
void transfer_cancel(struct transfer_client *c, struct transfer *t);
// Moves transfers on, and waits for work at most so long.
void transfer_run(struct transfer_client *c, int64_t wait_ms);
// Ends the waiting of transfer_run(), from any thread.
void transfer_wake(struct transfer_client *c);

#endif
