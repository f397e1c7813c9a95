// What every handler gets: the server's options and parts.
#ifndef WEB_CONTEXT_H
#define WEB_CONTEXT_H

#include <pthread.h>

#include "base/pool.h"
#include "base/regex.h"
#include "guard.h"
#include "http.h"
#include "series_keys.h"
#include "web/server.h"

struct route_stats; // metrics of one route, made when it is first used

struct web_server {
    struct web_options options; // with copies of the texts below
    struct str external_host;   // of the external URL, without port
    struct str external_path;   // "/prefix" or ""
    struct str prefix;          // route prefix, "" or "/prefix"
    struct arena arena;         // owns the copies
    struct regex *cors;         // owned
    bool cors_any;              // the pattern is .*
    uint16_t port;
    atomic_bool ready;
    struct http_server *http;
    struct guard *guard;     // NULL without a web.config.file
    struct pool *auth_pool;  // requests whose password is checked first; NULL without a guard
    struct pool *query_pool; // queries: as many as there is use in
    struct pool *work_pool;  // everything else that may wait
    struct series_keys series_keys; // of remote writes
    pthread_mutex_t stats_mutex;
    struct route_stats *stats; // one for each route and one for unknown paths
};

#endif
