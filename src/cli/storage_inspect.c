// `lapwing storage inspect` says what a store holds, `lapwing storage verify` whether it is sound.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "cli/storage.h"
#include "model/duration.h"
#include "storage/archive.h"

#define TOP_COUNT 10

struct tally {
    struct strmap names; // metric name -> index + 1
    struct metric_count {
        char *name; // owned
        uint64_t series, samples;
    } * items;
    size_t count;
    size_t capacity;
    uint64_t series, samples;
};

static int count_series(void *context, struct labels labels, const struct columns *c)
{
    struct tally *t = context;
    struct str name = labels_get(labels, STR(LABEL_METRIC_NAME));
    uintptr_t at = (uintptr_t)strmap_get(&t->names, name);
    if (at == 0) {
        MEM_GROW(t->items, t->count, t->capacity);
        t->items[t->count++] = (struct metric_count){mem_copy_str(name), 0, 0};
        at = t->count;
        strmap_put(&t->names, name, (void *)at);
    }
    t->items[at - 1].series++;
    t->items[at - 1].samples += c->count;
    t->series++;
    t->samples += c->count;
    return OK;
}

static int by_series(const void *a, const void *b)
{
    const struct metric_count *x = a, *y = b;
    if (x->series != y->series)
        return x->series < y->series ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void print_file(const struct archive_file *f)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    timestamp_format(&from, f->min_ms);
    timestamp_format(&to, f->max_ms);
    printf("%-48s %s %s %10" PRIu64 " %12" PRIu64 " %12" PRIu64 " %8.3f\n", f->name,
           buf_text(&from), buf_text(&to), f->series, f->samples, f->bytes,
           f->samples ? (double)f->bytes / (double)f->samples : 0);
    buf_release(&from);
    buf_release(&to);
}

static void print_files(const struct archive *a, uint64_t *bytes)
{
    struct archive_file f;
    printf("%-48s %-24s %-24s %10s %12s %12s %8s\n", "file", "from", "to", "series", "samples",
           "bytes", "B/sample");
    for (size_t i = 0; i < archive_file_count(a); i++) {
        archive_file(a, i, &f);
        print_file(&f);
        *bytes += f.bytes;
    }
}

static void print_summary(const struct archive *a)
{
    struct archive_summary s;
    archive_summary(a, &s);
    printf("journal: %" PRIu64 " segments, %" PRIu64 " bytes, %" PRIu64 " series, %" PRIu64
           " samples\n",
           s.journal_segments, s.journal_bytes, s.journal_series, s.journal_samples);
    printf("meta: %" PRIu64 " bytes\n", s.meta_bytes);
    printf("tombstones: %" PRIu64 "\n", s.tombstones);
    if (s.set_aside)
        printf("damaged files set aside: %" PRIu64 "\n", s.set_aside);
    printf("folder: %" PRIu64 " bytes\n", s.bytes);
    if (s.in_use)
        printf("A server has the folder open: what it wrote in the last second may be missing.\n");
}

static void print_tally(struct tally *t, uint64_t bytes)
{
    printf("total: %" PRIu64 " series, %" PRIu64 " samples, files of %.3f bytes a sample\n",
           t->series, t->samples, t->samples ? (double)bytes / (double)t->samples : 0);
    if (t->count)
        qsort(t->items, t->count, sizeof(*t->items), by_series);
    printf("\n%-48s %10s %12s\n", "metric", "series", "samples");
    for (size_t i = 0; i < t->count && i < TOP_COUNT; i++)
        printf("%-48s %10" PRIu64 " %12" PRIu64 "\n", t->items[i].name, t->items[i].series,
               t->items[i].samples);
}

bool cli_storage_tell_damage(const struct archive *a)
{
    struct str damage = archive_damage(a);
    fprintf(stderr, "%.*s", STR_ARG(damage));
    return damage.len > 0;
}

static int inspect(const char *path, struct tally *t, bool *damaged, struct error *err)
{
    struct archive *a;
    uint64_t bytes = 0;
    int rc = archive_open(&a, path, err);
    if (rc)
        return rc;
    print_files(a, &bytes);
    print_summary(a);
    rc = archive_each(a, NULL, count_series, t, INT64_MIN, INT64_MAX, err);
    if (rc == OK)
        print_tally(t, bytes);
    fflush(stdout);
    *damaged = cli_storage_tell_damage(a);
    archive_free(a);
    return rc;
}

int cli_storage_inspect(const struct storage_arguments *a)
{
    struct tally t = {.count = 0};
    struct error err;
    strmap_init(&t.names);
    bool damaged = false;
    int rc = inspect(a->path, &t, &damaged, &err);
    strmap_release(&t.names);
    for (size_t i = 0; i < t.count; i++)
        mem_free(t.items[i].name);
    mem_free(t.items);
    fflush(stdout);
    if (rc)
        fprintf(stderr, "lapwing: %s\n", err.text);
    return rc || damaged ? 1 : 0;
}

static void say(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "%s\n", text);
}

int cli_storage_verify(const struct storage_arguments *a)
{
    struct archive_verdict v = {.files = 0};
    struct error err;
    if (archive_verify(a->path, say, NULL, &v, &err)) {
        fprintf(stderr, "lapwing: %s\n", err.text);
        return 1;
    }
    printf("%s: %" PRIu64 " files with %" PRIu64 " samples and %" PRIu64
           " journal segments checked, %" PRIu64 " problems\n",
           a->path, v.files, v.samples, v.journal_segments, v.problems);
    if (v.meta_skipped)
        printf("A server has the folder open: the tables of alert state were not checked.\n");
    return v.problems ? 1 : 0;
}
