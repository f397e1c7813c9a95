// /api/v1/write: Prometheus remote write, 1.0 here and 2.0 in api_write2.c.
//
// The message is decompressed into one buffer, then walked once: series are looked up and samples
// appended as they are decoded, without an intermediate form. Labels that came before are known by
// their bytes. One commit at the end makes the batch durable; only then the answer is 204.
//
// A sample that cannot be stored (out of order, another value for a time, too old, too far ahead)
// does not hold up the others: they are stored, and the answer is 400 with the first reason, which
// tells the client not to send the batch again. What another attempt can mend (disk full) is a 503.
#include "base/compress.h"
#include "base/mem.h"
#include "model/labels.h"
#include "remote_write.h"
#include "routes.h"
#include "storage/appender.h"
#include "write_outcome.h"

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
        write_outcome_note(walk->outcome, samples, ERR_INVALID, bad.text, labels);
        return false;
    }
    if (!w->sample_count)
        return false;
    int rc = appender_series(walk->appender, labels, &walk->series);
    if (rc) {
        write_outcome_note(walk->outcome, samples, rc,
                           rc == ERR_LIMIT ? "series limit reached: sample refused" : err_text(rc),
                           labels);
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
            write_outcome_note(walk->outcome, 1, rc, err_text(rc), labels);
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

static void store(struct web_server *web, struct response *res, struct str message)
{
    struct write_outcome outcome = {0};
    struct error err;
    struct appender *a = appender_new(web->options.storage);
    if (add_message(web, a, message, &outcome, &err) != ERR_END) {
        appender_rollback(a);
        write_refuse(res, 400, "%s", err.text);
    } else if (appender_commit(a, true, &err)) {
        write_refuse(res, 503, "%s", err.text);
    } else {
        write_outcome_note_refusals(&outcome, a);
        write_outcome_answer(&outcome, res);
    }
    appender_free(a);
}

enum message { MESSAGE_V1, MESSAGE_V2, MESSAGE_UNKNOWN };

// By the `proto` parameter of the Content-Type; without one it is the first.
static enum message message_of(const struct request *req)
{
    struct str rest = req->content_type, piece, name, value;
    while (str_next(&rest, ';', &piece)) {
        if (!str_cut(str_trim(piece), '=', &name, &value) || !str_eq_nocase(name, STR("proto")))
            continue;
        return str_is(value, "prometheus.WriteRequest")          ? MESSAGE_V1
               : str_is(value, "io.prometheus.write.v2.Request") ? MESSAGE_V2
                                                                 : MESSAGE_UNKNOWN;
    }
    return MESSAGE_V1;
}

// 415 makes clients fall back to what is spoken here.
static bool acceptable(struct request *req, struct response *res)
{
    struct str type = media_type(req->content_type);
    if (type.len && !str_eq_nocase(type, STR("application/x-protobuf"))) {
        write_refuse(res, 415,
                     "\"%.*s\" is not accepted: expected Content-Type application/x-protobuf",
                     STR_ARG(type));
        return false;
    }
    if (message_of(req) == MESSAGE_UNKNOWN) {
        write_refuse(res, 415,
                     "\"%.*s\" names a message that is not accepted by this server; it accepts "
                     "prometheus.WriteRequest and io.prometheus.write.v2.Request",
                     STR_ARG(req->content_type));
        return false;
    }
    if (req->content_encoding.len && !str_eq_nocase(req->content_encoding, STR("snappy"))) {
        write_refuse(
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
        write_refuse(res, 413, "remote write request is larger than %zu bytes when decoded",
                     web->options.remote_write_max);
    else if (rc)
        write_refuse(res, 400, "snappy: corrupt input");
    else if (message_of(req) == MESSAGE_V2)
        write_store_v2(web, req, res, buf_view(&message));
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
