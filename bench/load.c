// A thread for each connection walks the mapped file and sends the frames of its own hosts, one
// request at a time, as a scraper's queue does. A thread owns its counters until it is joined; what
// is shared is the flag that stops all, and the count of samples sent, for the progress line.
//
// With a rate each thread keeps to the time when its next frame is due; a receiver that falls
// behind is never sent more than one request at a time on a connection, and the samples a second
// that are reported are those that were taken.
#include "load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http.h"
#include "interrupt.h"
#include "progress.h"

struct load {
    const struct pack *pack;
    const struct load_options *options;
    int64_t start_ns;
    atomic_bool stop;
    atomic_ullong samples_sent;
};

struct connection {
    struct load *load;
    pthread_t thread;
    unsigned number;
    uint64_t samples, requests, bytes, retries;
    uint64_t samples_due; // by this connection's share of the rate
    struct measurements latencies_ms;
    struct error err;
};

static void sleep_ns(int64_t ns)
{
    struct timespec pause = {ns / 1000000000, ns % 1000000000};
    if (ns > 0)
        nanosleep(&pause, NULL);
}

// Waits until the samples before this frame have had their time.
static void pace(struct connection *c)
{
    const struct load_options *o = c->load->options;
    if (o->rate <= 0)
        return;
    double due_s = (double)c->samples_due / (o->rate / o->connections);
    int64_t elapsed_ns = clock_mono_ns(&clock_system) - c->load->start_ns;
    sleep_ns((int64_t)(due_s * 1e9) - elapsed_ns);
}

static int send_frame(struct connection *c, struct http *http, const struct pack_frame *frame)
{
    static const char *const HEADERS[] = {"Content-Encoding: snappy",
                                          "X-Prometheus-Remote-Write-Version: 0.1.0", NULL};
    const struct load_options *o = c->load->options;
    struct http_request request = {.url = o->url,
                                   .body = frame->body,
                                   .content_type = "application/x-protobuf",
                                   .headers = HEADERS,
                                   .timeout_ms = o->timeout_ms};
    struct http_answer answer;
    for (unsigned attempt = 0;; attempt++) {
        int result = http_send(http, &request, &answer, &c->err);
        if (result)
            return result;
        if (answer.status / 100 == 2)
            break;
        bool again = answer.status == 429 || answer.status / 100 == 5;
        if (!again || attempt >= o->retries_max || atomic_load(&c->load->stop))
            return error_set(&c->err, ERR_EXECUTION, "%s: answered %ld: %.*s", o->url,
                             answer.status, (int)(answer.body.len < 300 ? answer.body.len : 300),
                             answer.body.ptr ? answer.body.ptr : "");
        c->retries++;
        sleep_ns(INT64_C(50000000) << (attempt < 6 ? attempt : 6));
    }
    measurements_add(&c->latencies_ms, (double)answer.duration_ns / 1e6);
    c->samples += frame->sample_count;
    c->bytes += frame->body.len;
    c->requests++;
    atomic_fetch_add(&c->load->samples_sent, frame->sample_count);
    return OK;
}

static void *run_connection(void *context)
{
    struct connection *c = context;
    struct http *http = http_new();
    struct pack_frame frame;
    size_t position = 0;
    while (!atomic_load(&c->load->stop) && pack_next(c->load->pack, &position, &frame)) {
        if (frame.host % c->load->options->connections != c->number)
            continue;
        pace(c);
        c->samples_due += frame.sample_count;
        if (send_frame(c, http, &frame))
            atomic_store(&c->load->stop, true);
    }
    http_free(http);
    return NULL;
}

// Shows how far it is until all is sent or somebody stops it.
static void watch(struct load *load, uint64_t samples_all)
{
    struct progress progress;
    progress_init(&progress, "loading", load->options->quiet);
    while (!atomic_load(&load->stop)) {
        uint64_t sent = atomic_load(&load->samples_sent);
        if (sent >= samples_all)
            break;
        if (interrupted())
            atomic_store(&load->stop, true);
        progress_show(&progress, (double)sent / (double)samples_all);
        sleep_ns(5000000);
    }
    progress_done(&progress);
}

static void collect(struct load_result *out, struct connection *c, struct error *err)
{
    pthread_join(c->thread, NULL);
    out->samples += c->samples;
    out->requests += c->requests;
    out->bytes += c->bytes;
    out->retries += c->retries;
    for (size_t i = 0; i < c->latencies_ms.count; i++)
        measurements_add(&out->latencies_ms, c->latencies_ms.values[i]);
    measurements_release(&c->latencies_ms);
    if (c->err.code && !err->code)
        *err = c->err;
}

int load_run(struct load_result *out, const struct pack *pack, const struct load_options *options,
             struct error *err)
{
    struct load load = {.pack = pack, .options = options};
    struct connection *connections = mem_calloc(options->connections, sizeof(*connections));
    *out = (struct load_result){.samples_all = pack_totals(pack)->samples};
    *err = (struct error){0};
    http_free(http_new()); // sets libcurl up before there are threads
    load.start_ns = clock_mono_ns(&clock_system);
    for (unsigned i = 0; i < options->connections; i++) {
        connections[i].load = &load;
        connections[i].number = i;
        pthread_create(&connections[i].thread, NULL, run_connection, &connections[i]);
    }
    watch(&load, out->samples_all);
    for (unsigned i = 0; i < options->connections; i++)
        collect(out, &connections[i], err);
    out->seconds = (double)(clock_mono_ns(&clock_system) - load.start_ns) / 1e9;
    mem_free(connections);
    if (!err->code && out->samples < out->samples_all)
        error_set(err, ERR_CANCELED, "interrupted: %llu of %llu samples were sent",
                  (unsigned long long)out->samples, (unsigned long long)out->samples_all);
    return err->code;
}

void load_result_release(struct load_result *r)
{
    measurements_release(&r->latencies_ms);
}

static void member(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_double(w, value);
}

void load_result_json(struct json_writer *w, const struct load_result *r)
{
    struct summary s = measurements_summary(&r->latencies_ms);
    json_key(w, "complete");
    json_bool(w, r->samples == r->samples_all);
    member(w, "samples", (double)r->samples);
    member(w, "seconds", r->seconds);
    member(w, "samples_per_second", r->seconds > 0 ? (double)r->samples / r->seconds : 0);
    member(w, "requests", (double)r->requests);
    member(w, "retries", (double)r->retries);
    member(w, "bytes", (double)r->bytes);
    json_key(w, "latency_ms");
    json_object_begin(w);
    member(w, "min", s.min);
    member(w, "p50", s.p50);
    member(w, "p90", s.p90);
    member(w, "p99", s.p99);
    member(w, "max", s.max);
    json_object_end(w);
}

void load_result_print(const struct load_result *r)
{
    struct summary s = measurements_summary(&r->latencies_ms);
    double seconds = r->seconds > 0 ? r->seconds : 1e-9;
    printf("%llu samples in %.2f s: %.0f samples/s, %.1f MB/s compressed\n"
           "%llu requests, %llu retries, latency ms: min %.2f, p50 %.2f, p90 %.2f, p99 %.2f, "
           "max %.2f\n",
           (unsigned long long)r->samples, r->seconds, (double)r->samples / seconds,
           (double)r->bytes / 1e6 / seconds, (unsigned long long)r->requests,
           (unsigned long long)r->retries, s.min, s.p50, s.p90, s.p99, s.max);
}

char *load_url(const char *text)
{
    char *base = http_base_url(text);
    struct buf out = BUF_INIT;
    buf_cstr(&out, base);
    if (!strchr(strstr(base, "://") + 3, '/'))
        buf_cstr(&out, "/api/v1/write");
    mem_free(base);
    return buf_steal(&out);
}
