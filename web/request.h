// An HTTP request as handlers see it: method, path, parameters, body, a few headers.
//
// It is made and freed by http.c and used by one thread at a time. Everything it points to lives in
// its arena or in the connection, and is gone once the response has been sent.
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include "base/arena.h"
#include "base/cancel.h"
#include "base/error.h"

enum http_method {
    HTTP_GET = 1 << 0,
    HTTP_HEAD = 1 << 1,
    HTTP_POST = 1 << 2,
    HTTP_PUT = 1 << 3,
    HTTP_DELETE = 1 << 4,
    HTTP_OPTIONS = 1 << 5,
    HTTP_OTHER = 1 << 6,
};

enum http_method http_method_parse(struct str name);

struct param {
    struct str name;
    struct str value;
};

// Parameters of one request, body and URL together.
#define PARAM_COUNT_MAX 10000
// What one request may allocate for itself (a query has its own budget in the engine).
#define REQUEST_MEMORY_MAX ((size_t)512 << 20)

struct route;

struct request {
    struct arena arena; // owned
    enum http_method method;
    struct str path;  // as sent, still percent-encoded
    struct str query; // what follows '?', as sent
    struct str body;
    struct str path_param; // decoded value of the route's :name
    struct param *params;
    size_t param_count;
    size_t param_capacity;
    struct str id; // X-Request-ID, given or made
    struct str accept_encoding;
    struct str content_type;
    struct str content_encoding;
    struct str if_none_match;
    struct str origin;
    struct str authorization;
    struct str accept;
    int64_t start_ns;          // monotonic
    struct cancel cancel;      // raised when the client hangs up
    const struct route *route; // NULL: no such path
    bool unchecked;            // its password has yet to be checked
    bool brief;                // to be handled at once, or else deferred
};

void request_init(struct request *r);
void request_release(struct request *r);
// Splits a request target ("/path?query", or a whole URL as proxies send) and copies it.
void request_set_target(struct request *r, struct str target);
// Decodes the body's form (of a POST or PUT; form-encoded or multipart, as its Content-Type says) and then the URL's query into
// `params`: the first of a name is the body's, as in Prometheus. ERR_INVALID on a bad %-escape,
// ERR_LIMIT on too many.
int request_parse_params(struct request *r, struct error *err);

// The first value of a name, or the empty view.
struct str request_param(const struct request *r, const char *name);
// All values of a name in order, in the arena.
struct str *request_param_all(struct request *r, const char *name, size_t *count);

// Percent-decodes into the arena. False on a '%' without two hex digits; *bad is then the escape.
bool url_decode(struct arena *a, struct str in, bool plus_is_space, struct str *out,
                struct str *bad);
// Whether a comma-separated header lists `coding` (or '*') without q=0.
bool header_accepts(struct str header, const char *coding);
// A media type without its parameters: "text/plain; charset=utf-8" gives "text/plain".
struct str media_type(struct str header);

#endif
