// The order of questions is what makes a comparison fair. A machine drifts: other work comes and
// goes, clocks change, pages are written back. So the innermost loop goes over the targets, the
// next over the queries and the outermost over the repetitions, and who comes first changes with
// every round: whatever happens meanwhile hits all alike.
//
// Before anything is measured every query is asked once of everybody, which gives the time of a
// first answer and the answers that are compared; then the warm-up rounds, which are thrown away.
//
// Concurrency is workers that go through the same schedule in step: each step is one query at one
// target, asked by all of them at once, so that a target never shares the machine with another.
// Worker 0 is the caller; it alone touches the results, between the two barriers of a step.
#include "runner.h"

#include <pthread.h>

#include "answer.h"
#include "base/clock.h"
#include "base/mem.h"
#include "interrupt.h"
#include "progress.h"
#include "target.h"

struct worker {
    struct runner *runner;
    struct http *http;
    pthread_t thread;
    struct buf url;
    int64_t duration_ns; // of its part of the step
    long status;         // 0: no answer
    struct error err;
};

struct step {
    size_t query, target;
    enum run_mode mode;
    int64_t end_ms;
};

struct runner {
    struct results *results;
    const struct runner_options *options;
    struct worker *workers;
    unsigned worker_count;
    pthread_barrier_t barrier;
    struct step step;          // written by worker 0 before the barrier
    bool over;                 // the same: the workers go home
    bool *reachable;           // per target
    struct answer *references; // per query; valid where has_reference
    bool *has_reference;
    size_t reference;
    struct progress progress;
    size_t steps_done, steps_all;
};

static void make_url(const struct runner *r, const struct step *s, struct buf *url)
{
    const struct query *q = &r->results->queries[s->query];
    int64_t end_ms = s->end_ms - q->offset_ms;
    buf_reset(url);
    buf_printf(url, "%.*s/api/v1/%s?query=", STR_ARG(r->results->targets[s->target].url),
               q->range ? "query_range" : "query");
    http_escape(url, q->expr);
    if (q->range) {
        end_ms -= end_ms % q->step_ms;
        buf_printf(url, "&start=%.3f&end=%.3f&step=%.3f", (double)(end_ms - q->span_ms) / 1000,
                   (double)end_ms / 1000, (double)q->step_ms / 1000);
    } else {
        buf_printf(url, "&time=%.3f", (double)end_ms / 1000);
    }
    if (s->mode == MODE_NOCACHE)
        buf_cstr(url, "&nocache=1");
}

static void ask(struct worker *w, struct http_answer *answer)
{
    struct runner *r = w->runner;
    make_url(r, &r->step, &w->url);
    struct http_request request = {.url = buf_text(&w->url), .timeout_ms = r->options->timeout_ms};
    w->err = (struct error){0};
    w->status = http_send(w->http, &request, answer, &w->err) ? 0 : answer->status;
    w->duration_ns = answer->duration_ns;
}

static void fail(struct runner *r, enum run_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct runner *r, enum run_status status, const char *format, ...)
{
    struct run *run = results_run(r->results, r->step.query, r->step.target, r->step.mode);
    struct buf text = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    run->status = status;
    run->note = arena_copy(&r->results->arena, buf_view(&text));
    buf_release(&text);
}

static void *work(void *context)
{
    struct worker *w = context;
    struct http_answer answer;
    for (;;) {
        pthread_barrier_wait(&w->runner->barrier);
        if (w->runner->over)
            return NULL;
        ask(w, &answer);
        pthread_barrier_wait(&w->runner->barrier);
    }
}

// Takes the workers' times into the run; what failed ends it.
static void take(struct runner *r, double seconds)
{
    struct run *run = results_run(r->results, r->step.query, r->step.target, r->step.mode);
    for (unsigned i = 0; i < r->worker_count; i++) {
        struct worker *w = &r->workers[i];
        if (w->status == 200)
            measurements_add(&run->latencies_ms, (double)w->duration_ns / 1e6);
        else if (w->status == 0)
            fail(r, RUN_UNREACHABLE, "%s", w->err.text);
        else
            fail(r, RUN_REFUSED, "answered %ld under load", w->status);
    }
    run->seconds += seconds;
}

// One step by all workers.
static void step_together(struct runner *r, bool measured)
{
    struct http_answer answer;
    if (r->worker_count > 1)
        pthread_barrier_wait(&r->barrier);
    int64_t start_ns = clock_mono_ns(&clock_system);
    ask(&r->workers[0], &answer);
    if (r->worker_count > 1)
        pthread_barrier_wait(&r->barrier);
    if (measured)
        take(r, (double)(clock_mono_ns(&clock_system) - start_ns) / 1e9);
}

static void compare(struct runner *r, struct run *run, struct answer *answer)
{
    size_t q = r->step.query;
    const struct target *target = &r->results->targets[r->step.target];
    if (!r->has_reference[q] || !r->options->compare)
        return;
    double tolerance = r->results->queries[q].tolerances[target->kind];
    struct answer_difference d;
    answer_compare(&d, &r->references[q], answer, tolerance < 0 ? TOLERANCE_DEFAULT : tolerance);
    run->agreement = AGREEMENT_SAME;
    if (answer_agrees(&d))
        return;
    struct buf text = BUF_INIT;
    answer_difference_text(&text, &d);
    run->agreement = tolerance < 0 ? AGREEMENT_KNOWN : AGREEMENT_DIFFERS;
    run->note = arena_copy(&r->results->arena, buf_view(&text));
    buf_release(&text);
}

// The reference target, or whoever answers first where that one does not.
static bool may_be_reference(const struct runner *r)
{
    const struct step *s = &r->step;
    return r->options->compare && !r->has_reference[s->query] &&
           (s->target == r->reference ||
            results_run(r->results, s->query, r->reference, s->mode)->status != RUN_OK);
}

// The answer becomes the reference or is compared with it.
static void judge(struct runner *r, struct run *run, const struct http_answer *http)
{
    struct answer answer;
    struct error err;
    size_t q = r->step.query;
    int result = answer_parse(&answer, http->body, &err);
    if (result || http->status != 200) {
        fail(r, RUN_REFUSED, "answered %ld: %s", http->status, result ? err.text : "no error");
        if (!result)
            answer_release(&answer);
        return;
    }
    run->status = RUN_OK;
    run->series_count = answer.count;
    run->sample_count = answer.sample_count;
    run->body_size = http->body.len;
    if (may_be_reference(r)) {
        r->references[q] = answer;
        r->has_reference[q] = true;
        run->agreement = AGREEMENT_REFERENCE;
        return;
    }
    compare(r, run, &answer);
    answer_release(&answer);
}

static void ask_first(struct runner *r)
{
    struct run *run = results_run(r->results, r->step.query, r->step.target, r->step.mode);
    struct worker *w = &r->workers[0];
    struct http_answer answer;
    ask(w, &answer);
    if (w->status == 0) {
        fail(r, RUN_UNREACHABLE, "%s", w->err.text);
        return;
    }
    run->first_ms = (double)w->duration_ns / 1e6;
    judge(r, run, &answer);
}

static bool is_asked(const struct runner *r, const struct step *s)
{
    return r->results->modes[s->mode] && r->reachable[s->target] &&
           results_run(r->results, s->query, s->target, s->mode)->status == RUN_OK;
}

// One round: each query at each target in each mode. `turn` says who comes first.
static bool round_of_all(struct runner *r, unsigned turn, int64_t end_ms, bool measured)
{
    size_t targets = r->results->target_count;
    for (size_t q = 0; q < r->results->query_count; q++) {
        for (size_t i = 0; i < targets * MODE_COUNT; i++) {
            struct step s = {q, (i / MODE_COUNT + turn + q) % targets, i % MODE_COUNT, end_ms};
            if (interrupted())
                return false;
            if (!is_asked(r, &s))
                continue;
            r->step = s;
            step_together(r, measured);
            r->steps_done++;
            progress_show(&r->progress, (double)r->steps_done / (double)r->steps_all);
        }
    }
    return true;
}

// The reference goes first in each query, so that there is something to compare with.
static bool first_round(struct runner *r, int64_t end_ms)
{
    size_t targets = r->results->target_count;
    for (size_t q = 0; q < r->results->query_count; q++) {
        for (size_t i = 0; i < targets * MODE_COUNT; i++) {
            size_t target = (i / MODE_COUNT + r->reference) % targets;
            r->step = (struct step){q, target, i % MODE_COUNT, end_ms};
            if (interrupted())
                return false;
            if (r->reachable[target] && r->results->modes[r->step.mode])
                ask_first(r);
        }
    }
    return true;
}

// Results are told apart by their target's name.
static void name_target(struct results *r, size_t index)
{
    struct target *target = &r->targets[index];
    if (!target->name.len)
        target->name = target->url;
    for (size_t t = 0; t < index; t++)
        if (str_eq(r->targets[t].name, target->name))
            target->name = arena_printf(&r->arena, "%.*s-%zu", STR_ARG(target->name), index + 1);
}

static void probe_targets(struct runner *r, size_t reference)
{
    r->reference = SIZE_MAX;
    for (size_t t = 0; t < r->results->target_count; t++) {
        struct error err;
        struct target *target = &r->results->targets[t];
        int result = target_probe(target, r->workers[0].http, r->options->timeout_ms,
                                  &r->results->arena, &err);
        r->reachable[t] = result == OK;
        name_target(r->results, t);
        if (!result) {
            target_measure(target, &target->before);
            r->reference = r->reference == SIZE_MAX || t == reference ? t : r->reference;
            continue;
        }
        for (size_t i = 0; i < r->results->query_count * MODE_COUNT; i++) {
            r->step = (struct step){i / MODE_COUNT, t, i % MODE_COUNT, 0};
            fail(r, RUN_UNREACHABLE, "%s", err.text);
        }
    }
}

static void runner_init(struct runner *r, struct results *results,
                        const struct runner_options *options)
{
    unsigned count = results->concurrency;
    *r = (struct runner){.results = results, .options = options, .worker_count = count};
    r->workers = mem_calloc(count, sizeof(*r->workers));
    r->reachable = mem_calloc(results->target_count, sizeof(*r->reachable));
    r->references = mem_calloc(results->query_count, sizeof(*r->references));
    r->has_reference = mem_calloc(results->query_count, sizeof(*r->has_reference));
    pthread_barrier_init(&r->barrier, NULL, count);
    for (unsigned i = 0; i < count; i++)
        r->workers[i] = (struct worker){.runner = r, .http = http_new()};
    for (unsigned i = 1; i < count; i++)
        pthread_create(&r->workers[i].thread, NULL, work, &r->workers[i]);
    progress_init(&r->progress, "asking", options->quiet);
    r->steps_all = (size_t)(results->warmup + results->repetitions) * results->query_count *
                   results->target_count * ((size_t)results->modes[0] + results->modes[1]);
}

static void runner_release(struct runner *r)
{
    r->over = true;
    if (r->worker_count > 1)
        pthread_barrier_wait(&r->barrier);
    for (unsigned i = 0; i < r->worker_count; i++) {
        if (i)
            pthread_join(r->workers[i].thread, NULL);
        http_free(r->workers[i].http);
        buf_release(&r->workers[i].url);
    }
    for (size_t q = 0; q < r->results->query_count; q++)
        if (r->has_reference[q])
            answer_release(&r->references[q]);
    pthread_barrier_destroy(&r->barrier);
    progress_done(&r->progress);
    mem_free(r->workers);
    mem_free(r->reachable);
    mem_free(r->references);
    mem_free(r->has_reference);
}

void runner_run(struct results *results, size_t reference, const struct runner_options *options)
{
    struct runner r;
    unsigned rounds = results->warmup + results->repetitions;
    runner_init(&r, results, options);
    probe_targets(&r, reference);
    int64_t end_ms = results->end_ms - rounds * options->roll_ms;
    bool whole = r.reference != SIZE_MAX && first_round(&r, end_ms);
    for (unsigned i = 0; whole && i < rounds; i++) {
        end_ms = options->live ? clock_wall_ms(&clock_system) : end_ms + options->roll_ms;
        whole = round_of_all(&r, i, end_ms, i >= results->warmup);
    }
    for (size_t t = 0; t < results->target_count; t++)
        if (r.reachable[t])
            target_measure(&results->targets[t], &results->targets[t].after);
    results->complete = whole && results_count_status(results, RUN_PENDING) == 0 &&
                        results_count_status(results, RUN_REFUSED) == 0 &&
                        results_count_status(results, RUN_UNREACHABLE) == 0;
    runner_release(&r);
}
