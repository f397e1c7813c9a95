// Tokens of OAuth 2 that a client keeps, by all that a server may see of who asks: the same client id
// with another certificate, or through another proxy, may be given another token. One thread's.
#ifndef SCRAPE_OAUTH2_TOKEN_H
#define SCRAPE_OAUTH2_TOKEN_H

#include "base/strmap.h"
#include "config/common.h"

#define OAUTH2_KEPT_UNUSED_NS (INT64_C(24) * 3600 * 1000000000)

struct oauth2_token {
    struct buf header; // "Bearer ..."
    int64_t until_ns;  // monotonic, a little before it expires; INT64_MAX: for ever
    int64_t used_ns;   // monotonic
    bool in_form;      // where the credentials were taken
};

// What a server answered; NULL when it holds no token. The caller's.
struct oauth2_token *oauth2_token_read(struct str answer, int64_t now_ns);
void oauth2_token_free(struct oauth2_token *token); // or NULL

// Appends the key of who asks so; `secret` is the client's, read.
void oauth2_token_key(struct buf *key, const struct config_oauth2 *config, struct str secret);

// The map's values are tokens, and its own.

// Counts as a use. Borrowed until the next change, perhaps expired; NULL: there is none.
struct oauth2_token *oauth2_token_find(struct strmap *tokens, struct str key, int64_t now_ns);
// Takes `token`, and drops those that nobody has used for a day: of credentials or jobs that are no
// more. One that merely expired stays: it says where its server takes the credentials.
void oauth2_token_keep(struct strmap *tokens, struct str key, struct oauth2_token *token,
                       int64_t now_ns);
// Its server does not take it any more.
void oauth2_token_expire(struct strmap *tokens, struct str key);
void oauth2_tokens_release(struct strmap *tokens);

#endif
