// Errors: 0 or a negative code to branch on, and a text for whoever reads it.
//
// Functions that can fail return 0 or a negative `enum err`; those that can fail for reasons a
// person must mend also take a `struct error` and fill it. Iterators return ERR_END (> 0) at the
// end. After a failure outputs are untouched unless the header says otherwise.
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

// X(name, text): each becomes ERR_<name>, numbered -1, -2, ... in this order.
#define ERR_TABLE(X)                                                                               \
    X(INVALID, "invalid input")                                                                    \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "already exists")                                                                    \
    X(IO, "input/output error")                                                                    \
    X(NO_SPACE, "no space left on device")                                                         \
    X(CORRUPT, "corrupt data")                                                                     \
    X(LIMIT, "limit exceeded")                                                                     \
    X(TIMEOUT, "timed out")                                                                        \
    X(CANCELED, "canceled")                                                                        \
    X(UNAVAILABLE, "unavailable")                                                                  \
    X(UNSUPPORTED, "not supported")                                                                \
    X(EXECUTION, "execution failed")                                                               \
    X(OUT_OF_ORDER, "out of order sample")                                                         \
    X(DUPLICATE, "duplicate sample for timestamp")                                                 \
    X(OUT_OF_BOUNDS, "out of bounds")                                                              \
    X(TOO_FAR_AHEAD, "too far in the future")                                                      \
    X(TOO_OLD, "too old sample")                                                                   \
    X(DEFERRED, "takes longer than it may now")

enum err_index {
#define X(name, text) ERR_INDEX_##name,
    ERR_TABLE(X)
#undef X
        ERR_INDEX_COUNT
};

enum err {
    ERR_END = 1,
    OK = 0,
#define X(name, text) ERR_##name = -1 - ERR_INDEX_##name,
    ERR_TABLE(X)
#undef X
};

#define ERROR_TEXT_SIZE 1024

struct error {
    int code;   // 0 or a negative enum err
    int line;   // 1-based, of the input at fault; 0 when unknown
    int column; // 1-based, in bytes; 0 when unknown
    char text[ERROR_TEXT_SIZE];
};

// The table's text for a code; never NULL.
const char *err_text(int code);

// Fills *e (when not NULL; position cleared) and returns `code`, so that a function can end in
// `return error_set(err, ERR_INVALID, "...")`. Longer text is cut.
int error_set(struct error *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int error_set_at(struct error *e, int code, int line, int column, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
int error_vset(struct error *e, int code, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
// Puts context before the text: "reading x.yml: " + text. Returns e->code, or 0 with e NULL.
int error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The code for an errno, ERR_NO_SPACE for ENOSPC and EDQUOT, ERR_NOT_FOUND for ENOENT.
int err_from_errno(int errno_value);

#endif
