// Prometheus' remote read messages.
//
//     ReadRequest  { 1: repeated Query; 2: repeated accepted response type (0 SAMPLES, 1 XOR chunks) }
//     Query        { 1: int64 start_ms; 2: int64 end_ms; 3: repeated Matcher; 4: hints (not used) }
//     Matcher      { 1: type (0 =, 1 !=, 2 =~, 3 !~); 2: string name; 3: string value }
//     ReadResponse { 1: repeated QueryResult { 1: repeated TimeSeries } }
#ifndef WEB_REMOTE_READ_H
#define WEB_REMOTE_READ_H

#include "base/arena.h"
#include "base/error.h"
#include "model/matcher.h"

// More would only be an attempt to use up memory.
#define REMOTE_READ_QUERIES_MAX  1000
#define REMOTE_READ_MATCHERS_MAX 1000

struct read_query {
    int64_t start_ms; // both inclusive
    int64_t end_ms;
    struct matcher *matchers; // owned: their regexes
    size_t matcher_count;
};

enum read_response { READ_SAMPLES, READ_CHUNKS, READ_UNKNOWN };

struct read_request {
    struct read_query *queries; // in the arena
    size_t query_count;
    enum read_response response; // the first known one that the client takes
};

// ERR_INVALID. Release in both cases.
int read_request_decode(struct read_request *out, struct str message, struct arena *arena,
                        struct error *err);
void read_request_release(struct read_request *r);

#endif
