// Structured logging to stderr: one line an event, logfmt or JSON, as Prometheus' own logs read.
//
//     log_warn("scrape failed", LOG_STR("job", job), LOG_INT("status", code));
//     time=2026-01-02T03:04:05.678Z level=warn source=loop.c:88 msg="scrape failed" job=a status=500
//
// Safe from every thread; a line is one write(2). A thread that works for an HTTP request sets the
// request's id with log_request_id_set(), and each of its lines carries request_id=.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };
enum log_field_kind { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_DOUBLE };

struct log_field {
    const char *key;
    enum log_field_kind kind;
    struct str text;
    int64_t integer;
    double number;
};

#define LOG_STR(k, v)    ((struct log_field){.key = (k), .kind = LOG_FIELD_STR, .text = (v)})
#define LOG_CSTR(k, v)   LOG_STR(k, str_from(v))
#define LOG_INT(k, v)    ((struct log_field){.key = (k), .kind = LOG_FIELD_INT, .integer = (v)})
#define LOG_DOUBLE(k, v) ((struct log_field){.key = (k), .kind = LOG_FIELD_DOUBLE, .number = (v)})
#define LOG_ERR(e)       LOG_STR("err", str_from((e)->text))

void log_configure(enum log_format format, enum log_level level);
bool log_level_parse(struct str name, enum log_level *out);   // debug info warn error
bool log_format_parse(struct str name, enum log_format *out); // logfmt json
bool log_enabled(enum log_level level);
// Up to 64 bytes are kept, for this thread; the empty view removes it.
void log_request_id_set(struct str id);
struct str log_request_id(void);
// Where lines go; -1 silences (tests). Default 2.
void log_fd_set(int fd);

void log_write(enum log_level level, const char *file, int line, const char *message,
               const struct log_field *fields, size_t count);

#define LOG_AT_(level, message, ...)                                                               \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const struct log_field fields_[] = {{.key = NULL}, ##__VA_ARGS__};                     \
            log_write((level), __FILE__, __LINE__, (message), fields_ + 1,                         \
                      sizeof(fields_) / sizeof(fields_[0]) - 1);                                   \
        }                                                                                          \
    } while (0)
#define log_debug(message, ...) LOG_AT_(LOG_DEBUG, message, ##__VA_ARGS__)
#define log_info(message, ...)  LOG_AT_(LOG_INFO, message, ##__VA_ARGS__)
#define log_warn(message, ...)  LOG_AT_(LOG_WARN, message, ##__VA_ARGS__)
#define log_error(message, ...) LOG_AT_(LOG_ERROR, message, ##__VA_ARGS__)

#endif
