// A transfer and its client, for the files that know of libcurl.
#ifndef SCRAPE_TRANSFER_INTERNAL_H
#define SCRAPE_TRANSFER_INTERNAL_H

#include <curl/curl.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "direct.h"

#define PEM_COUNT    3
#define IDLE_HANDLES 8
#define SPARE_COUNT  8

struct oauth2;

enum overflow { OVERFLOW_NONE, OVERFLOW_BODY, OVERFLOW_MEMORY };

// A transfer goes over a link first, when there is one, and then perhaps through libcurl.
struct transfer {
    CURL *easy; // NULL: it is libcurl's business not yet, or never
    struct transfer_client *client;
    struct link *link; // borrowed; NULL: none
    bool ready;        // the link has something to say
    int64_t start_ns;
    struct transfer_request request; // in `arena`, while there is a link
    struct config_http http;
    struct arena arena;
    struct http_answer answer; // the link's
    size_t counted;            // bytes that stand in client->memory
    struct curl_slist *headers;
    struct curl_slist *proxy_headers;
    struct curl_slist *connect_to;
    char *body;          // owned copy of what is sent
    struct buf response; // decoded
    struct buf content_type;
    struct buf retry_after;
    struct buf reason;
    struct buf failure;
    int pem_fds[PEM_COUNT];  // inline certificates; -1: none
    struct str token_key;    // into the client's tokens, in `arena`; empty: no token is needed
    struct oauth2 *oauth2;   // in `arena`; NULL: no token is asked for
    bool waits;              // for a token: libcurl does not have `easy` yet
    struct transfer *token;  // asks for the token that this one waits for
    struct transfer *waiter; // this one asks for the token of that one
    enum overflow overflow;
    size_t response_max;
    transfer_done_fn *done;
    void *context;
    struct transfer *next, *previous;
    char error_text[CURL_ERROR_SIZE];
};

struct transfer_client {
    CURLM *multi;
    size_t easy_count; // transfers in it
    struct links links;
    size_t direct_count; // transfers on their links
    const char *user_agent;
    struct transfer *first;
    size_t memory; // bytes of the bodies of running transfers
    CURL *idle[IDLE_HANDLES];
    size_t idle_count;
    struct strmap tokens;           // of OAuth 2: see oauth2_token.h
    struct buf token_key;           // room to make a key in
    struct buf spares[SPARE_COUNT]; // bodies' memory, for the next ones
    size_t spare_count;
};

// Room for a body, perhaps from an earlier one.
struct buf transfer_take_spare(struct transfer_client *c);
// So many bytes are held for the transfer. False: it may have no more.
bool transfer_count(struct transfer *t, size_t size);
// Hands the transfer to libcurl.
int transfer_go_easy(struct transfer *t, const struct transfer_request *request, struct error *err);
// It has failed or is over.
void transfer_finish(struct transfer *t, struct transfer_result *result);

// Starts it on its link, when it has one that is fit: false otherwise.
bool transfer_go_direct(struct transfer *t, const struct transfer_request *request);
// Fills in what to wait for, one for each of direct_count; returns for how long at most.
int64_t transfer_direct_wait(struct transfer_client *c, struct curl_waitfd *fds, int64_t wait_ms);
// What came of the waiting. Nothing may come in between.
void transfer_direct_mark(struct transfer_client *c, const struct curl_waitfd *fds);
// Moves on what is marked or late.
void transfer_direct_run(struct transfer_client *c);

// Puts what a request asks for into the handle. Errors as transfer_start().
int transfer_set_options(struct transfer *t, const struct transfer_request *request,
                         struct error *err);
// A value given, or the content of the file named, without white space around.
int transfer_read_secret(const struct config_secret *secret, struct buf *out, struct error *err);
void transfer_add_header(struct transfer *t, struct str name, struct str value);

// Adds the header with the token that is known, or has t->waits set.
int transfer_add_token(struct transfer *t, const struct transfer_request *request,
                       struct error *err);
// Asks for the token that it waits for.
int transfer_ask_token(struct transfer *t, struct error *err);
// The token was not taken: the next transfer asks for a new one.
void transfer_forget_token(struct transfer *t);
void transfer_release_tokens(struct transfer_client *c);
// Hands t->easy to libcurl.
void transfer_go(struct transfer *t);

// What to say of compression; NULL: nothing.
const char *transfer_accept_encoding(const struct transfer_request *request);

#endif
