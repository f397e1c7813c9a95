// Basic authentication with bcrypt hashes.
//
// bcrypt takes some 100 ms of a core by design, so what it said is remembered: as a keyed digest of
// user, hash and password, never the password. Checks run one at a time; a flood of wrong passwords
// cannot take more than one core.
#ifndef WEB_AUTH_H
#define WEB_AUTH_H

#include "config/web.h"

enum auth_verdict {
    AUTH_ACCEPTED,
    AUTH_REFUSED,
    AUTH_UNKNOWN, // only auth_check() can tell
};

struct auth;

struct auth *auth_new(void);
void auth_free(struct auth *a); // NULL is allowed
// Does not wait: what is remembered, and AUTH_REFUSED for a header that holds no credentials.
enum auth_verdict auth_recall(struct auth *a, const struct web_user *users, size_t user_count,
                              struct str authorization);
// Computes, and remembers; never AUTH_UNKNOWN. An unknown user takes as long as a known one.
enum auth_verdict auth_check(struct auth *a, const struct web_user *users, size_t user_count,
                             struct str authorization);

#endif
