#include "write_outcome.h"

#include "base/log.h"

void write_refuse(struct response *res, int status, const char *format, ...)
{
    struct buf line = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    response_text(res, status, buf_view(&line));
    log_debug("remote write refused", LOG_INT("status", status), LOG_STR("err", buf_view(&line)));
    buf_release(&line);
}

void write_outcome_note(struct write_outcome *o, size_t samples, int rc, const char *reason,
                        struct labels labels)
{
    if (o->refused == 0) {
        struct buf series = BUF_INIT;
        labels_format(&series, labels);
        error_set(&o->first, rc, "%s for series %.*s", reason, STR_ARG(buf_view(&series)));
        buf_release(&series);
    }
    o->refused += samples;
}

size_t write_outcome_note_refusals(struct write_outcome *o, struct appender *a)
{
    const struct append_refusals *r = appender_refusals(a);
    size_t count = r->out_of_order + r->duplicate + r->out_of_bounds + r->too_old;
    struct labels labels = {NULL, 0};
    struct arena arena;
    if (!count)
        return 0;
    arena_init(&arena, 0);
    appender_labels(a, r->first, &arena, &labels);
    write_outcome_note(o, count, r->first_rc, err_text(r->first_rc), labels);
    arena_release(&arena);
    return count;
}

void write_outcome_answer(const struct write_outcome *o, struct response *res)
{
    if (o->refused > 1)
        write_refuse(res, 400, "%s (and %zu more samples refused)", o->first.text, o->refused - 1);
    else if (o->refused == 1)
        write_refuse(res, 400, "%s", o->first.text);
    else if (o->histograms)
        write_refuse(res, 400, "native histograms are not supported yet: %zu refused",
                     o->histograms);
    else
        res->status = 204;
}
