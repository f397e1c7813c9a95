// A transfer and its client, for the two files that know of libcurl.
#ifndef SCRAPE_TRANSFER_INTERNAL_H
#define SCRAPE_TRANSFER_INTERNAL_H

#include <curl/curl.h>

#include "base/buf.h"
#include "scrape/transfer.h"

#define PEM_COUNT    3
#define IDLE_HANDLES 8
#define SPARE_COUNT  8

enum overflow { OVERFLOW_NONE, OVERFLOW_BODY, OVERFLOW_MEMORY };

struct transfer {
    CURL *easy;
    struct transfer_client *client;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    char *body; // owned copy of what is sent
    struct buf response;
    struct buf content_type;
    struct buf retry_after;
    struct buf reason;
    struct buf failure;
    int pem_fds[PEM_COUNT]; // inline certificates; -1: none
    enum overflow overflow;
    size_t response_max;
    transfer_done_fn *done;
    void *context;
    struct transfer *next, *previous;
    char error_text[CURL_ERROR_SIZE];
};

struct transfer_client {
    CURLM *multi;
    const char *user_agent;
    struct transfer *first;
    size_t memory; // bytes of the bodies of running transfers
    CURL *idle[IDLE_HANDLES];
    size_t idle_count;
    struct buf spares[SPARE_COUNT]; // bodies' memory, for the next ones
    size_t spare_count;
};

// Puts what a request asks for into the handle. Errors as transfer_start().
int transfer_set_options(struct transfer *t, const struct transfer_request *request,
                         struct error *err);

#endif
