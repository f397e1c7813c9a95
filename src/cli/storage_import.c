// `lapwing storage import`: history of a Prometheus data folder, or in OpenMetrics text.
//
// Either all of it is in the store at the end or nothing; what could not be taken over is counted and
// told. A text is one line after the other, so that it may be larger than memory: what comes by a
// pipe goes through an unlinked file.
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "cli/openmetrics.h"
#include "cli/storage.h"
#include "model/duration.h"
#include "model/sample.h"
#include "scrape/exposition.h"
#include "storage/bulk.h"
#include "storage/import.h"
#include "storage/storage.h"

static int fail(const struct error *err)
{
    fflush(stdout);
    fprintf(stderr, "lapwing: %s\n", err->text);
    return 1;
}

static void print_count(uint64_t count, const char *what)
{
    if (count)
        printf("  %" PRIu64 " %s\n", count, what);
}

static void print_stored(uint64_t samples, uint64_t series, uint64_t windows, int64_t min_ms,
                         int64_t max_ms)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    if (samples == 0) {
        printf("Stored nothing: there were no samples.\n");
        return;
    }
    timestamp_format(&from, min_ms);
    timestamp_format(&to, max_ms);
    printf("Stored %" PRIu64 " samples of %" PRIu64 " series in %" PRIu64
           " files, from %s to %s.\n",
           samples, series, windows, buf_text(&from), buf_text(&to));
    if (max_ms - min_ms > STORAGE_RETENTION_DEFAULT_MS)
        printf("The server keeps 15 days unless --storage.retention.time says more: set it before "
               "you start it, or what is older is removed.\n");
    buf_release(&from);
    buf_release(&to);
}

static void say(void *context, bool problem, const char *text)
{
    (void)context;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", problem ? "problem" : "note", text);
}

static void print_left_out(const struct prom_import_counts *c)
{
    uint64_t all = c->deleted + c->histogram_samples + c->histogram_records + c->in_blocks +
                   c->unnamed + c->repeated + c->conflicts + c->out_of_bounds +
                   c->exemplar_records + c->metadata_records + c->bad_records + c->unknown_records;
    if (all == 0)
        return;
    printf("Not taken over:\n");
    print_count(c->deleted, "samples that were deleted");
    print_count(c->in_blocks, "samples of the log that blocks hold as well");
    print_count(c->repeated, "samples that stood there twice");
    print_count(c->conflicts, "samples at a time that has another value");
    print_count(c->out_of_bounds, "samples whose time is out of bounds or in the future");
    print_count(c->unnamed, "samples of series that the log doesn't name");
    print_count(c->histogram_samples, "samples of native histograms in blocks");
    print_count(c->histogram_records, "records of native histograms in the log");
    print_count(c->exemplar_records, "records of exemplars");
    print_count(c->metadata_records, "records of metadata: targets tell it again");
    print_count(c->bad_records, "damaged records");
    print_count(c->unknown_records, "records of an unknown type");
}

static int import_prometheus(const char *source, const char *path)
{
    struct prom_import_options options = {source, path, BULK_MEMORY_DEFAULT, say, NULL};
    struct prom_import_counts c;
    struct error err;
    if (prom_import(&options, &c, &err))
        return fail(&err);
    printf("Read %" PRIu64 " blocks and %" PRIu64 " segments of the log of %s", c.blocks,
           c.segments, source);
    if (c.blocks_bad)
        printf("; %" PRIu64 " blocks are damaged and were skipped", c.blocks_bad);
    printf(".\n");
    print_stored(c.samples, c.series, c.windows, c.min_ms, c.max_ms);
    print_left_out(&c);
    return c.problems ? 1 : 0;
}

// One text on its way in.
struct text_import {
    struct bulk *bulk;
    struct strmap numbers; // series as written -> its number + 1
    struct arena arena;
    double nan; // what the next NaN is
    struct error *err;
};

static int number_of(struct text_import *t, const struct exposition_entry *e, uint32_t *out)
{
    uintptr_t known = (uintptr_t)strmap_get(&t->numbers, e->series);
    if (known == 0) {
        struct labels_builder b;
        labels_builder_init(&b, &t->arena, (struct labels){NULL, 0});
        int rc = exposition_labels(e->series, &b, t->err);
        if (rc)
            return rc;
        exposition_drop_empty(&b);
        known = (uintptr_t)bulk_series(t->bulk, labels_builder_finish(&b)) + 1;
        strmap_put(&t->numbers, e->series, (void *)known);
    }
    *out = (uint32_t)(known - 1);
    return OK;
}

static int take_sample(struct text_import *t, const struct exposition_entry *e)
{
    uint32_t series;
    if (!e->has_time)
        return error_set(t->err, ERR_INVALID, "expected a timestamp behind the value of %.*s",
                         STR_ARG(e->series));
    int rc = number_of(t, e, &series);
    if (rc)
        return rc;
    double value = isnan(e->value) ? t->nan : e->value;
    t->nan = double_from_bits(SAMPLE_NAN_BITS);
    return bulk_add(t->bulk, series, e->t_ms, value, t->err);
}

static int take_entry(struct text_import *t, const struct exposition_entry *e)
{
    if (e->kind == EXPOSITION_SAMPLE)
        return take_sample(t, e);
    if (e->kind == EXPOSITION_HELP && str_is(e->name, OPENMETRICS_NAN) &&
        !openmetrics_nan(e->text, &t->nan))
        return error_set(t->err, ERR_INVALID, "expected the 16 digits of a NaN, got \"%.*s\"",
                         STR_ARG(e->text));
    return OK;
}

static int take_text(struct text_import *t, struct str body, const char *name)
{
    struct exposition x;
    struct exposition_entry e;
    int rc;
    exposition_init(&x, body, EXPOSITION_OPENMETRICS, &t->arena);
    while ((rc = exposition_next(&x, &e, t->err)) == OK) {
        if ((rc = take_entry(t, &e))) {
            if (rc == ERR_INVALID || rc == ERR_OUT_OF_BOUNDS || rc == ERR_TOO_FAR_AHEAD)
                error_prefix(t->err, "line %d: ", x.line);
            break;
        }
        if (t->arena.used > (1 << 20))
            arena_reset(&t->arena);
    }
    if (rc == ERR_END)
        return OK;
    error_prefix(t->err, "%s: ", name);
    return rc;
}

static int import_text(struct str body, const char *name, const char *path)
{
    struct bulk_counts counts;
    struct error err;
    struct text_import t = {.nan = double_from_bits(SAMPLE_NAN_BITS), .err = &err};
    if (bulk_open(&t.bulk, path, BULK_MEMORY_DEFAULT, &err))
        return fail(&err);
    strmap_init(&t.numbers);
    arena_init(&t.arena, 0);
    int rc = take_text(&t, body, name);
    if (rc == OK)
        rc = bulk_commit(t.bulk, &counts, &err);
    arena_release(&t.arena);
    strmap_release(&t.numbers);
    bulk_free(t.bulk);
    if (rc)
        return fail(&err);
    print_stored(counts.samples, counts.series, counts.windows, counts.min_ms, counts.max_ms);
    print_count(counts.repeated, "samples stood there twice");
    print_count(counts.conflicts, "samples were not taken over: their time has another value");
    return 0;
}

// Standard input in an unlinked file.
static int spool(struct error *err)
{
    char bytes[65536], name[] = "/var/tmp/lapwing-import-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0)
        return error_set(err, ERR_IO, "create %s: %m", name);
    unlink(name);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
        if (got == 0)
            return fd;
        if (got < 0 || write(fd, bytes, (size_t)got) != got) {
            error_set(err, ERR_IO, "copy standard input to /var/tmp: %m");
            close(fd);
            return ERR_IO;
        }
    }
}

static int import_file(const char *file, const char *path)
{
    struct error err;
    struct stat st;
    bool standard = strcmp(file, "-") == 0;
    int fd = standard ? spool(&err) : open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && standard)
        return fail(&err);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        error_set(&err, ERR_IO, fd < 0 ? "open %s: %m" : "%s: expected a file", file);
        if (fd >= 0)
            close(fd);
        return fail(&err);
    }
    size_t size = (size_t)st.st_size;
    void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    close(fd);
    if (bytes == MAP_FAILED) {
        error_set(&err, ERR_IO, "map %s: %m", file);
        return fail(&err);
    }
    int status = import_text(str_make(bytes, size), standard ? "standard input" : file, path);
    if (size)
        munmap(bytes, size);
    return status;
}

int cli_storage_import(const struct storage_arguments *a)
{
    if (str_is(a->positional[0], "prometheus"))
        return import_prometheus(a->positional[1].ptr, a->path);
    if (str_is(a->positional[0], "openmetrics"))
        return import_file(a->positional[1].ptr, a->path);
    fprintf(stderr, "lapwing: storage import: expected prometheus or openmetrics, got \"%s\"\n",
            a->positional[0].ptr);
    return 2;
}
