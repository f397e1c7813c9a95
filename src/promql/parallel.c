// A row job on several threads: chunks of neighbouring series are handed out in order, computed into
// the rows of a free tray each, and taken by the query's own thread in order again.
//
//     series   | taken      | done, waiting | being computed | to be handed out ... |
//                           ^ taken         ^                ^ handed
//     trays                 [ .......... as many as there are ......... ]
//
// The query's thread takes what is next as soon as it is done, and computes chunks itself while it
// isn't; helpers only compute. Nobody waits but for lack of trays, or at the end.
//
// Helpers come when they can: one may begin after all is done, or never. So what they share is
// counted, on the heap; once the job is closed they touch nothing of the query.
//
// Locks: `mutex` guards what is said below. Rows and workers belong to whoever has the chunk.
#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/pool.h"

// Series that are computed at a time, as long as there are many: neighbours share blocks of the store.
#define CHUNK_SERIES_MAX 256
#define CHUNK_SERIES_MIN 4
// Points of the rows of all trays.
#define POINTS_MAX ((size_t)1 << 16)
// Below this much work, in points and samples, waking threads costs more than it brings.
#define WORK_MIN    INT64_C(40000)
#define WORKERS_MAX 16

struct own_worker {
    struct row_worker worker;
    struct eval ev;
    struct error err;
};

struct tray {
    size_t first, count; // series
    struct own_worker *worker;
    struct row *rows;
    int *rcs; // of compute(), one a row
    bool done;
};

struct pipe {
    const struct row_job *job;
    size_t tray_count, chunk_max;
    struct tray *trays; // chunk c is in trays[c % tray_count]
    atomic_size_t users;
    pthread_mutex_t mutex; // guards everything below, and the trays' `done`
    pthread_cond_t changed;
    size_t handed, taken; // chunks
    size_t next_series;   // to be handed out
    size_t computing;     // helpers that have a chunk
    uint64_t samples_held;
    bool closed;
    size_t worker_count;
    struct own_worker *workers[WORKERS_MAX];
};

void row_worker_release(struct row_worker *w)
{
    mem_free(w->window.marks);
    mem_free(w->window.numbers);
    mem_free(w->starts_ms);
    ranks_release(&w->window.ranks);
    window_memo_release(&w->memo);
}

static int run_one_by_one(const struct row_job *job)
{
    struct row_worker worker = {.ev = job->ev};
    struct row row;
    int rc = row_init(job->ev, &row, (struct labels){0}, job->step_count);
    for (size_t i = 0; i < job->series_count && rc == 0; i++) {
        rc = eval_check(job->ev);
        if (rc == 0)
            rc = job->compute(job->context, &worker, i, &row);
        if (rc > 0) {
            struct row taken = row;
            rc = job->take(job->context, i, &taken);
        }
    }
    row_worker_release(&worker);
    return rc;
}

// ---- workers

static struct own_worker *worker_new(const struct row_job *job)
{
    struct own_worker *w = mem_calloc(1, sizeof(*w));
    w->ev = *job->ev;
    w->ev.err = &w->err;
    w->ev.pool = NULL;
    w->ev.samples_read = 0;
    columns_init(&w->ev.columns);
    columns_init(&w->ev.piece);
    w->worker.ev = &w->ev;
    return w;
}

static void worker_free(struct own_worker *w)
{
    columns_release(&w->ev.columns);
    columns_release(&w->ev.piece);
    row_worker_release(&w->worker);
    mem_free(w);
}

// Caller holds the mutex.
static struct own_worker *add_worker(struct pipe *p)
{
    struct own_worker *w = worker_new(p->job);
    p->workers[p->worker_count++] = w;
    return w;
}

// ---- chunks

static bool all_handed(const struct pipe *p)
{
    return p->next_series == p->job->series_count;
}

// The next chunk's tray, or NULL when there is no chunk or no tray. Caller holds the mutex.
static struct tray *hand_out(struct pipe *p, struct own_worker *w)
{
    if (p->closed || all_handed(p) || p->handed == p->taken + p->tray_count)
        return NULL;
    struct tray *t = &p->trays[p->handed++ % p->tray_count];
    // Towards the end less, so that all end together.
    size_t left = p->job->series_count - p->next_series, count = left / p->tray_count;
    count = count < CHUNK_SERIES_MIN ? CHUNK_SERIES_MIN : count;
    count = count < p->chunk_max ? count : p->chunk_max;
    t->first = p->next_series;
    t->count = count < left ? count : left;
    t->worker = w;
    p->next_series += t->count;
    w->ev.samples_held = p->samples_held;
    return t;
}

static void compute(const struct row_job *job, struct tray *t)
{
    struct own_worker *w = t->worker;
    int rc = 0;
    for (size_t i = 0; i < t->count; i++) {
        // The first error of a chunk is the one that is looked at.
        if (rc >= 0)
            rc = eval_check(&w->ev);
        if (rc >= 0)
            rc = job->compute(job->context, &w->worker, t->first + i, &t->rows[i]);
        t->rcs[i] = rc;
    }
}

static int take(const struct row_job *job, const struct tray *t)
{
    int rc = 0;
    for (size_t i = 0; i < t->count && rc == 0; i++) {
        if (t->rcs[i] < 0) {
            // Whichever thread met it, the error is put where the query looks.
            *job->ev->err = t->worker->err;
            return t->rcs[i];
        }
        struct row row = t->rows[i];
        if (t->rcs[i] > 0)
            rc = job->take(job->context, t->first + i, &row);
    }
    return rc;
}

// ---- threads

static void pipe_unref(struct pipe *p)
{
    if (atomic_fetch_sub(&p->users, 1) != 1)
        return;
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->mutex);
    mem_free(p);
}

static void help(void *argument)
{
    struct pipe *p = argument;
    struct own_worker *w = NULL;
    pthread_mutex_lock(&p->mutex);
    while (!p->closed && !all_handed(p)) {
        w = w ? w : add_worker(p);
        struct tray *t = hand_out(p, w);
        if (!t) {
            pthread_cond_wait(&p->changed, &p->mutex);
            continue;
        }
        p->computing++;
        pthread_mutex_unlock(&p->mutex);
        compute(p->job, t);
        pthread_mutex_lock(&p->mutex);
        p->computing--;
        t->done = true;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->mutex);
    pipe_unref(p);
}

// One step of the query's thread, which holds the mutex: > 0 when there is nothing left to do.
static int lead_step(struct pipe *p, struct own_worker *w)
{
    struct tray *next = &p->trays[p->taken % p->tray_count], *t;
    int rc = 0;
    if (p->taken < p->handed && next->done) {
        pthread_mutex_unlock(&p->mutex);
        rc = take(p->job, next);
        pthread_mutex_lock(&p->mutex);
        next->done = false;
        p->taken++;
        p->samples_held = p->job->ev->samples_held;
        pthread_cond_broadcast(&p->changed);
    } else if ((t = hand_out(p, w))) {
        pthread_mutex_unlock(&p->mutex);
        compute(p->job, t);
        pthread_mutex_lock(&p->mutex);
        t->done = true;
    } else if (p->taken < p->handed) {
        pthread_cond_wait(&p->changed, &p->mutex);
    } else {
        rc = 1;
    }
    return rc;
}

static int lead(struct pipe *p)
{
    int rc = 0;
    pthread_mutex_lock(&p->mutex);
    struct own_worker *w = add_worker(p);
    while (rc == 0)
        rc = lead_step(p, w);
    p->closed = true;
    pthread_cond_broadcast(&p->changed);
    while (p->computing)
        pthread_cond_wait(&p->changed, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
    return rc < 0 ? rc : 0;
}

static int trays_init(struct pipe *p)
{
    const struct row_job *job = p->job;
    int rc = 0;
    p->trays = mem_calloc(p->tray_count, sizeof(*p->trays));
    for (size_t t = 0; t < p->tray_count; t++) {
        p->trays[t].rows = mem_calloc(p->chunk_max, sizeof(struct row));
        p->trays[t].rcs = mem_calloc(p->chunk_max, sizeof(int));
        for (size_t i = 0; i < p->chunk_max && rc == 0; i++)
            rc = row_init(job->ev, &p->trays[t].rows[i], (struct labels){0}, job->step_count);
    }
    return rc;
}

static void trays_release(struct pipe *p)
{
    for (size_t t = 0; t < p->tray_count; t++) {
        mem_free(p->trays[t].rows);
        mem_free(p->trays[t].rcs);
    }
    mem_free(p->trays);
}

static struct pipe *pipe_new(const struct row_job *job, size_t helpers)
{
    struct pipe *p = mem_calloc(1, sizeof(*p));
    p->job = job;
    p->tray_count = 2 * (helpers + 1);
    p->chunk_max = POINTS_MAX / job->step_count / p->tray_count;
    p->chunk_max = p->chunk_max < CHUNK_SERIES_MIN ? CHUNK_SERIES_MIN : p->chunk_max;
    p->chunk_max = p->chunk_max < CHUNK_SERIES_MAX ? p->chunk_max : CHUNK_SERIES_MAX;
    size_t share = job->series_count / p->tray_count + 1;
    p->chunk_max = p->chunk_max < share ? p->chunk_max : share;
    p->samples_held = job->ev->samples_held;
    atomic_init(&p->users, 1);
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->changed, NULL);
    return p;
}

static int run_in_chunks(const struct row_job *job)
{
    size_t helpers = pool_thread_count(job->ev->pool);
    helpers = helpers < WORKERS_MAX ? helpers : WORKERS_MAX - 1;
    struct pipe *p = pipe_new(job, helpers);
    int rc = trays_init(p);
    for (size_t i = 0; i < helpers && rc == 0; i++) {
        atomic_fetch_add(&p->users, 1);
        if (pool_submit(job->ev->pool, help, p) != OK)
            pipe_unref(p);
    }
    if (rc == 0)
        rc = lead(p);
    // Nobody computes any more, and who comes now finds it closed.
    for (size_t i = 0; i < p->worker_count; i++) {
        job->ev->samples_read += p->workers[i]->ev.samples_read;
        worker_free(p->workers[i]);
    }
    trays_release(p);
    pipe_unref(p);
    return rc;
}

int row_job_run(const struct row_job *job)
{
    int64_t each = SERIES_WORK + (int64_t)job->step_count + job->span_ms / SCRAPE_DISTANCE_MS;
    each += job->ev->work_each;
    int64_t work = (int64_t)job->series_count * each;
    // What is read counts when it has been read: here it is only whether it may begin at all.
    if (job->ev->brief && work > job->ev->work_left)
        return ERR_DEFERRED;
    int rc = eval_work(job->ev, (int64_t)job->series_count * (SERIES_WORK + job->window_work));
    if (rc)
        return rc;
    bool pays = job->ev->pool && job->series_count > 1 && work > WORK_MIN;
    return pays ? run_in_chunks(job) : run_one_by_one(job);
}
