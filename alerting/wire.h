// How notifications leave: one HTTP request or one mail at a time, blocking, from any thread.
// Passed in, so that timelines of failures can be played without a network.
#ifndef ALERTING_WIRE_H
#define ALERTING_WIRE_H

#include "base/buf.h"
#include "base/error.h"
#include "config/alertmanager.h"

struct wire_post {
    struct str method; // "": POST
    struct str url;
    struct str body;                // application/json
    struct str auth_scheme;         // of `bearer`; "": Bearer
    struct str bearer;              // "": none; beside what `http` says
    uint64_t id;                    // for who wants to know repeats; 0: none
    const struct config_http *http; // credentials, TLS, proxy
    int64_t timeout_ms;
};

struct wire_mail {
    const struct email_config *config; // server, credentials, TLS
    struct str from;
    const struct str *to;
    size_t to_count;
    struct str message;
    int64_t timeout_ms;
    void (*on_taken)(void *context); // the server has it; saying goodbye may take a while yet
    void *on_taken_context;
};

struct wire_reply {
    int status;             // of HTTP or SMTP; 0: there was no answer
    int64_t retry_after_ms; // 0: not given
    struct buf body;        // its beginning; the caller releases it
};

struct wire {
    // 0 once an answer came, whatever it says; else *err says what went wrong. `text` of an error
    // holds no secrets. ERR_INVALID and ERR_UNSUPPORTED: this cannot be sent as it is.
    int (*post)(void *context, const struct wire_post *post, struct wire_reply *reply,
                struct error *err);
    int (*mail)(void *context, const struct wire_mail *mail, struct wire_reply *reply,
                struct error *err);
    void *context;
};

#endif
