// Who may come in: what web.config.file says, kept up to date while the server runs.
//
// The file and the certificates it names are looked at with each request and each new connection,
// and read again when one of them has changed. A version that cannot be used is logged and counted,
// and the one before stays in force.
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include "base/clock.h"
#include "base/metrics.h"
#include "request.h"
#include "response.h"
#include "tls.h"

struct guard;

int guard_new(struct guard **out, const char *path, const struct clock *clock,
              struct metrics *metrics, struct error *err);
void guard_free(struct guard *g); // NULL is allowed

// For one thread only, the polling one:
void guard_refresh(struct guard *g);
// A reference to what new connections show, or NULL without TLS. It never changes between the two.
struct tls_identity *guard_identity(struct guard *g);

enum guard_verdict {
    GUARD_ADMITTED,
    GUARD_REFUSED, // 401
    GUARD_LIMITED, // 429
    GUARD_UNKNOWN, // the password takes time to check: guard_check()
};
enum guard_verdict guard_admit(struct guard *g, const struct request *r);

// From any thread:
enum guard_verdict guard_check(struct guard *g, const struct request *r);
// Puts the answer of a refusal in place.
void guard_refuse(enum guard_verdict verdict, struct response *res);
// Adds the configured headers, which win over those that are there.
void guard_headers(struct guard *g, struct request *r, struct response *res);

#endif
