// /api/v1/write with the message of remote write 2.0: decoded, appended and committed as the first
// one is (api_write.c); the answer's headers say how much of each kind was written.
#include "remote_write.h"
#include "remote_write2.h"
#include "routes.h"
#include "write_outcome.h"

static void add_series(struct appender *a, const struct remote_write2 *w, struct write_outcome *o)
{
    struct labels labels = {w->labels, w->label_count};
    size_t samples = w->sample_count ? w->sample_count : 1;
    struct error bad;
    series_ref series;
    o->histograms += w->histogram_count;
    if (remote_write_check(labels, &bad)) {
        write_outcome_note(o, samples, ERR_INVALID, bad.text, labels);
        return;
    }
    if (!w->sample_count)
        return;
    int rc = appender_series(a, labels, &series);
    if (rc) {
        write_outcome_note(o, samples, rc,
                           rc == ERR_LIMIT ? "series limit reached: sample refused" : err_text(rc),
                           labels);
        return;
    }
    for (size_t i = 0; i < w->sample_count; i++) {
        rc = appender_add(a, series, w->samples[i].t_ms, w->samples[i].value);
        if (rc)
            write_outcome_note(o, 1, rc, err_text(rc), labels);
    }
}

static int add_message(struct appender *a, struct str message, struct write_outcome *o,
                       struct error *err)
{
    struct remote_write2 w;
    int rc = remote_write2_init(&w, message, err);
    while (rc == OK) {
        rc = remote_write2_next(&w, err);
        if (rc == OK)
            add_series(a, &w, o);
    }
    remote_write2_release(&w);
    return rc;
}

static void add_headers(struct request *req, struct response *res, size_t samples)
{
    response_header(res, "X-Prometheus-Remote-Write-Samples-Written",
                    arena_printf(&req->arena, "%zu", samples));
    response_header(res, "X-Prometheus-Remote-Write-Histograms-Written", STR("0"));
    response_header(res, "X-Prometheus-Remote-Write-Exemplars-Written", STR("0"));
}

void write_store_v2(struct web_server *web, struct request *req, struct response *res,
                    struct str message)
{
    struct write_outcome outcome = {0};
    struct error err;
    size_t written = 0;
    struct appender *a = appender_new(web->options.storage);
    if (add_message(a, message, &outcome, &err) != ERR_END) {
        appender_rollback(a);
        write_refuse(res, 400, "%s", err.text);
    } else {
        written = appender_sample_count(a);
        if (appender_commit(a, true, &err)) {
            written = 0;
            write_refuse(res, 503, "%s", err.text);
        } else {
            written -= write_outcome_note_refusals(&outcome, a);
            write_outcome_answer(&outcome, res);
        }
    }
    add_headers(req, res, written);
    appender_free(a);
}
