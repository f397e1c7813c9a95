// /api/v1/write: Prometheus remote write 1.0.
//
// The message is decompressed into one buffer, then walked once: series are looked up and samples
// appended as they are decoded, without an intermediate form. Labels that came before are known by
// their bytes. One commit at the end makes the batch durable; only then the answer is 204.
//
// A sample that cannot be stored (out of order, another value for a time, too old, too far ahead)
// does not hold up the others: they are stored, and the answer is 400 with the first reason, which
// tells the client not to send the batch again. What another attempt can mend (disk full) is a 503.
#include "base/compress.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/labels.h"
#include "remote_write.h"
#include "routes.h"
#include "storage/appender.h"

struct write_outcome {
    size_t refused;
    size_t histograms;
    struct error first; // reason of the first refusal
};

static void refuse(struct response *res, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse(struct response *res, int status, const char *format, ...)
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

static void note(struct write_outcome *o, size_t samples, int rc, const char *reason,
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

// One message being walked.
struct write_walk {
    struct series_keys *keys;
    struct appender *appender;
    struct remote_write message;
    struct write_outcome *outcome;
    uint64_t hash;     // of the current series' label bytes
    series_ref series; // of it, 0: not known yet
    struct series_key *learned;
    size_t learned_count;
    size_t learned_capacity;
};

static bool knows_series(void *context, struct str label_bytes)
{
    struct write_walk *walk = context;
    walk->hash = series_keys_hash(walk->keys, label_bytes);
    walk->series = series_keys_find(walk->keys, walk->hash);
    return walk->series != 0;
}

// Looks the series up by its labels, having noted why it can't be written to. False then.
static bool find_series(struct write_walk *walk)
{
    struct remote_write *w = &walk->message;
    size_t samples = w->sample_count ? w->sample_count : 1;
    struct labels labels;
    struct error bad;
    walk->series = 0;
    if (remote_write_labels(w, &labels, &bad)) {
        note(walk->outcome, samples, ERR_INVALID, bad.text, labels);
        return false;
    }
    if (!w->sample_count)
        return false;
    int rc = appender_series(walk->appender, labels, &walk->series);
    if (rc) {
        note(walk->outcome, samples, rc,
             rc == ERR_LIMIT ? "series limit reached: sample refused" : err_text(rc), labels);
        return false;
    }
    if (w->label_bytes.len) {
        MEM_GROW(walk->learned, walk->learned_count, walk->learned_capacity);
        walk->learned[walk->learned_count++] = (struct series_key){walk->hash, walk->series};
    }
    return true;
}

static void add_samples(struct write_walk *walk)
{
    struct remote_write *w = &walk->message;
    bool known = w->skipped;
    if (!known && !find_series(walk))
        return;
    for (size_t i = 0; i < w->sample_count; i++) {
        const struct sample *s = &w->samples[i];
        int rc = appender_add(walk->appender, walk->series, s->t_ms, s->value);
        // A known series may have been forgotten by the store.
        if (rc == ERR_NOT_FOUND && known && find_series(walk)) {
            known = false;
            rc = appender_add(walk->appender, walk->series, s->t_ms, s->value);
        }
        struct labels labels = {NULL, 0};
        if (rc && remote_write_labels(w, &labels, NULL) == OK)
            note(walk->outcome, 1, rc, err_text(rc), labels);
    }
}

static void learn(struct write_walk *walk)
{
    if (walk->learned_count) {
        pthread_rwlock_wrlock(&walk->keys->lock);
        for (size_t i = 0; i < walk->learned_count; i++)
            series_keys_put(walk->keys, walk->learned[i].hash, walk->learned[i].series);
        pthread_rwlock_unlock(&walk->keys->lock);
    }
    mem_free(walk->learned);
}

// ERR_END when the whole message was walked.
static int add_message(struct web_server *web, struct appender *a, struct str message,
                       struct write_outcome *o, struct error *err)
{
    struct write_walk walk = {.keys = &web->series_keys, .appender = a, .outcome = o};
    int rc;
    remote_write_init(&walk.message, message);
    walk.message.skip_labels = knows_series;
    walk.message.context = &walk;
    pthread_rwlock_rdlock(&walk.keys->lock);
    while ((rc = remote_write_next(&walk.message, err)) == OK) {
        add_samples(&walk);
        o->histograms += walk.message.histogram_count;
    }
    pthread_rwlock_unlock(&walk.keys->lock);
    remote_write_release(&walk.message);
    learn(&walk);
    return rc;
}

// What the store refused at the commit.
static void note_refusals(struct appender *a, struct write_outcome *o)
{
    const struct append_refusals *r = appender_refusals(a);
    size_t count = r->out_of_order + r->duplicate + r->out_of_bounds + r->too_old;
    struct labels labels = {NULL, 0};
    struct arena arena;
    if (!count)
        return;
    arena_init(&arena, 0);
    appender_labels(a, r->first, &arena, &labels);
    note(o, count, r->first_rc, err_text(r->first_rc), labels);
    arena_release(&arena);
}

static void answer(struct response *res, const struct write_outcome *o)
{
    if (o->refused > 1)
        refuse(res, 400, "%s (and %zu more samples refused)", o->first.text, o->refused - 1);
    else if (o->refused == 1)
        refuse(res, 400, "%s", o->first.text);
    else if (o->histograms)
        refuse(res, 400, "native histograms are not supported yet: %zu refused", o->histograms);
    else
        res->status = 204;
}

static void store(struct web_server *web, struct response *res, struct str message)
{
    struct write_outcome outcome = {0};
    struct error err;
    struct appender *a = appender_new(web->options.storage);
    if (add_message(web, a, message, &outcome, &err) != ERR_END) {
        appender_rollback(a);
        refuse(res, 400, "%s", err.text);
    } else if (appender_commit(a, true, &err)) {
        refuse(res, 503, "%s", err.text);
    } else {
        note_refusals(a, &outcome);
        answer(res, &outcome);
    }
    appender_free(a);
}

// 415 makes clients fall back to what is spoken here.
static bool acceptable(struct request *req, struct response *res)
{
    struct str type = media_type(req->content_type);
    if (type.len && !str_eq_nocase(type, STR("application/x-protobuf"))) {
        refuse(res, 415, "\"%.*s\" is not accepted: expected Content-Type application/x-protobuf",
               STR_ARG(type));
        return false;
    }
    if (str_search(req->content_type, STR("io.prometheus.write.v2")) < req->content_type.len) {
        refuse(
            res, 415,
            "io.prometheus.write.v2.Request protobuf message is not accepted by this server; only "
            "accepts prometheus.WriteRequest");
        return false;
    }
    if (req->content_encoding.len && !str_eq_nocase(req->content_encoding, STR("snappy"))) {
        refuse(
            res, 415,
            "%.*s encoding (compression) is not accepted by this server; only snappy is acceptable",
            STR_ARG(req->content_encoding));
        return false;
    }
    return true;
}

void api_write(struct web_server *web, struct request *req, struct response *res)
{
    struct buf message = BUF_INIT;
    if (!web->options.enable_remote_write) {
        response_text(res, 404,
                      STR("remote write receiver needs to be enabled with "
                          "--web.enable-remote-write-receiver"));
        return;
    }
    if (!acceptable(req, res))
        return;
    int rc = snappy_decode(req->body, web->options.remote_write_max, &message);
    if (rc == ERR_LIMIT)
        refuse(res, 413, "remote write request is larger than %zu bytes when decoded",
               web->options.remote_write_max);
    else if (rc)
        refuse(res, 400, "snappy: corrupt input");
    else
        store(web, res, buf_view(&message));
    buf_release(&message);
}

void api_otlp(struct web_server *web, struct request *req, struct response *res)
{
    (void)web, (void)req;
    response_text(res, 404,
                  STR("OTLP is not supported yet: send metrics by remote write to /api/v1/write"));
}
