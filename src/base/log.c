// A line is built in a buffer of the calling thread and leaves with one write(2), so that lines of
// several threads never mix. Level, format and descriptor are atomics: a reload may change them.
#include "base/log.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/utf8.h"

#define REQUEST_ID_MAX 64
#define LINE_MAX_BYTES ((size_t)16 << 10)

static atomic_int log_threshold = LOG_INFO;
static atomic_int log_layout = LOG_LOGFMT;
static atomic_int log_descriptor = 2;

static _Thread_local char request_id[REQUEST_ID_MAX];
static _Thread_local size_t request_id_len;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_configure(enum log_format format, enum log_level level)
{
    atomic_store(&log_layout, (int)format);
    atomic_store(&log_threshold, (int)level);
}

bool log_level_parse(struct str name, enum log_level *out)
{
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (str_is(name, level_names[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_format_parse(struct str name, enum log_format *out)
{
    bool json = str_is(name, "json");
    if (!json && !str_is(name, "logfmt"))
        return false;
    *out = json ? LOG_JSON : LOG_LOGFMT;
    return true;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log_threshold, memory_order_relaxed) &&
           atomic_load_explicit(&log_descriptor, memory_order_relaxed) >= 0;
}

void log_request_id_set(struct str id)
{
    request_id_len = id.len < REQUEST_ID_MAX ? id.len : REQUEST_ID_MAX;
    if (request_id_len)
        memcpy(request_id, id.ptr, request_id_len);
}

struct str log_request_id(void)
{
    return str_make(request_id, request_id_len);
}

void log_fd_set(int fd)
{
    atomic_store(&log_descriptor, fd);
}

static void append_time(struct buf *out)
{
    int64_t ms = clock_wall_ms(&clock_system);
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == '=' || c == '"' || c == '\\' || c >= 0x7f)
            return true;
    }
    return s.len == 0;
}

static void logfmt_pair(struct buf *out, const char *key, struct str value)
{
    buf_char(out, ' ');
    buf_cstr(out, key);
    buf_char(out, '=');
    if (needs_quotes(value))
        json_escape(out, value);
    else
        buf_str(out, value);
}

static struct str field_text(const struct log_field *field, struct buf *scratch)
{
    if (field->kind == LOG_FIELD_STR)
        return field->text;
    buf_reset(scratch);
    if (field->kind == LOG_FIELD_INT)
        buf_i64(scratch, field->integer);
    else
        buf_float(scratch, field->number, FLOAT_G);
    return buf_view(scratch);
}

struct line {
    enum log_level level;
    const char *file;
    int number;
    struct str message;
    const struct log_field *fields;
    size_t count;
};

static void write_logfmt(struct buf *out, const struct line *line)
{
    struct buf scratch = BUF_INIT;
    buf_cstr(out, "time=");
    append_time(out);
    buf_printf(out, " level=%s source=%s:%d", level_names[line->level], line->file, line->number);
    logfmt_pair(out, "msg", line->message);
    for (size_t i = 0; i < line->count; i++)
        logfmt_pair(out, line->fields[i].key, field_text(&line->fields[i], &scratch));
    if (request_id_len)
        logfmt_pair(out, "request_id", log_request_id());
    buf_release(&scratch);
}

static void json_field(struct json_writer *w, const struct log_field *field)
{
    json_key(w, field->key);
    if (field->kind == LOG_FIELD_STR)
        json_str(w, field->text);
    else if (field->kind == LOG_FIELD_INT)
        json_i64(w, field->integer);
    else
        json_double(w, field->number);
}

static void write_json(struct buf *out, const struct line *line)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_key(&w, "time");
    struct buf time = BUF_INIT;
    append_time(&time);
    json_str(&w, buf_view(&time));
    buf_release(&time);
    json_key(&w, "level");
    json_cstr(&w, level_names[line->level]);
    json_key(&w, "source");
    buf_printf(out, "\"%s:%d\"", line->file, line->number);
    w.after_key = false;
    json_key(&w, "msg");
    json_str(&w, line->message);
    for (size_t i = 0; i < line->count; i++)
        json_field(&w, &line->fields[i]);
    if (request_id_len) {
        json_key(&w, "request_id");
        json_str(&w, log_request_id());
    }
    json_object_end(&w);
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void log_write(enum log_level level, const char *file, int line, const char *message,
               const struct log_field *fields, size_t count)
{
    struct line parts = {level, file_name(file), line, str_from(message), fields, count};
    struct buf out = BUF_INIT;
    if (atomic_load_explicit(&log_layout, memory_order_relaxed) == LOG_JSON)
        write_json(&out, &parts);
    else
        write_logfmt(&out, &parts);
    buf_char(&out, '\n');
    size_t len = out.len < LINE_MAX_BYTES ? out.len : LINE_MAX_BYTES;
    out.ptr[len - 1] = '\n';
    // A log that cannot be written has nowhere to say so.
    ssize_t ignored = write(atomic_load(&log_descriptor), out.ptr, len);
    (void)ignored;
    buf_release(&out);
}
