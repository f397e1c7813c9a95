#include "parallel.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "base/pool.h"

// Most series that a thread takes at a time: neighbours share blocks of the store.
#define CHUNK_SERIES_MAX 32
// Rows computed before they are taken, and the points they may have.
#define BATCH_SERIES_MAX 4096
#define BATCH_POINTS_MAX ((size_t)1 << 18)
// Below this much work, in points and samples, waking threads costs more than it brings.
#define WORK_MIN    INT64_C(40000)
#define WORKERS_MAX 16

struct own_worker {
    struct row_worker worker;
    struct eval ev;
    struct error err;
    atomic_bool busy;
};

struct slot {
    struct row row;
    int rc;
};

struct batch {
    const struct row_job *job;
    struct own_worker workers[WORKERS_MAX];
    size_t worker_count;
    struct slot *slots;
    size_t first, count; // series
    size_t chunk;        // that a thread takes at a time
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

static struct own_worker *take_worker(struct batch *b)
{
    for (size_t i = 0;; i = (i + 1) % b->worker_count) {
        if (!atomic_exchange(&b->workers[i].busy, true))
            return &b->workers[i];
    }
}

static void compute_chunk(void *argument, size_t chunk)
{
    struct batch *b = argument;
    struct own_worker *w = take_worker(b);
    size_t end = (chunk + 1) * b->chunk < b->count ? (chunk + 1) * b->chunk : b->count;
    int rc = 0;
    for (size_t i = chunk * b->chunk; i < end; i++) {
        // The first error of a chunk is the one that is looked at.
        if (rc >= 0)
            rc = eval_check(&w->ev);
        if (rc >= 0)
            rc = b->job->compute(b->job->context, &w->worker, b->first + i, &b->slots[i].row);
        b->slots[i].rc = rc;
    }
    atomic_store(&w->busy, false);
}

static void batch_init(struct batch *b, const struct row_job *job)
{
    size_t threads = pool_thread_count(job->ev->pool) + 1;
    b->job = job;
    b->worker_count = threads < WORKERS_MAX ? threads : WORKERS_MAX;
    for (size_t i = 0; i < b->worker_count; i++) {
        struct own_worker *w = &b->workers[i];
        w->ev = *job->ev;
        w->ev.err = &w->err;
        w->ev.pool = NULL;
        columns_init(&w->ev.columns);
        columns_init(&w->ev.piece);
        w->worker.ev = &w->ev;
    }
}

static void batch_release(struct batch *b)
{
    for (size_t i = 0; i < b->worker_count; i++) {
        columns_release(&b->workers[i].ev.columns);
        columns_release(&b->workers[i].ev.piece);
        row_worker_release(&b->workers[i].worker);
    }
    mem_free(b->slots);
}

// Samples read are counted where they were read.
static void add_counts(struct batch *b, uint64_t before)
{
    struct eval *ev = b->job->ev;
    for (size_t i = 0; i < b->worker_count; i++)
        ev->samples_read += b->workers[i].ev.samples_read - before;
    for (size_t i = 0; i < b->worker_count; i++) {
        b->workers[i].ev.samples_read = ev->samples_read;
        b->workers[i].ev.samples_held = ev->samples_held;
    }
}

// Whichever thread met it, the error is put where the query looks.
static int fail(struct batch *b, int rc)
{
    for (size_t i = 0; i < b->worker_count; i++) {
        if (b->workers[i].err.code == rc) {
            *b->job->ev->err = b->workers[i].err;
            return rc;
        }
    }
    return rc;
}

static int take_rows(struct batch *b)
{
    int rc = 0;
    for (size_t i = 0; i < b->count && rc == 0; i++) {
        if (b->slots[i].rc < 0)
            return fail(b, b->slots[i].rc);
        struct row row = b->slots[i].row;
        if (b->slots[i].rc > 0)
            rc = b->job->take(b->job->context, b->first + i, &row);
    }
    return rc;
}

static int batch_run(struct batch *b, size_t size)
{
    const struct row_job *job = b->job;
    int rc = 0;
    for (b->first = 0; b->first < job->series_count && rc == 0; b->first += b->count) {
        uint64_t before = job->ev->samples_read;
        size_t left = job->series_count - b->first;
        b->count = left < size ? left : size;
        pool_each(job->ev->pool, (b->count + b->chunk - 1) / b->chunk, compute_chunk, b);
        add_counts(b, before);
        rc = take_rows(b);
    }
    return rc;
}

static int run_in_batches(const struct row_job *job)
{
    struct batch b = {.worker_count = 0};
    size_t size = BATCH_POINTS_MAX / job->step_count;
    size = size < CHUNK_SERIES_MAX * 2 ? CHUNK_SERIES_MAX * 2 : size;
    size = size > BATCH_SERIES_MAX ? BATCH_SERIES_MAX : size;
    size = size > job->series_count ? job->series_count : size;
    int rc = 0;
    batch_init(&b, job);
    b.chunk = size / (b.worker_count * 2);
    b.chunk = b.chunk < 1 ? 1 : b.chunk > CHUNK_SERIES_MAX ? CHUNK_SERIES_MAX : b.chunk;
    b.slots = mem_calloc(size, sizeof(*b.slots));
    for (size_t i = 0; i < size && rc == 0; i++)
        rc = row_init(job->ev, &b.slots[i].row, (struct labels){0}, job->step_count);
    if (rc == 0)
        rc = batch_run(&b, size);
    batch_release(&b);
    return rc;
}

int row_job_run(const struct row_job *job)
{
    int64_t each = SERIES_WORK + (int64_t)job->step_count + job->span_ms / SCRAPE_DISTANCE_MS;
    int64_t work = (int64_t)job->series_count * each;
    // What is read counts when it has been read: here it is only whether it may begin at all.
    if (job->ev->brief && work > job->ev->work_left)
        return ERR_DEFERRED;
    int rc = eval_work(job->ev, (int64_t)job->series_count * (SERIES_WORK + job->window_work));
    if (rc)
        return rc;
    bool pays = job->ev->pool && job->series_count > 1 && work > WORK_MIN;
    return pays ? run_in_batches(job) : run_one_by_one(job);
}
