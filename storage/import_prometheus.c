// First the blocks, oldest first, each becoming windows as it is read; then the log, whose samples
// gather in a bulk load. All of it appears in the store at the end, at once.
#include "import_prometheus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "import_block.h"

void prom_import_say(struct prom_import *im, bool problem, const char *format, ...)
{
    struct buf text = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    im->counts->problems += problem;
    im->options->say(im->options->context, problem, buf_text(&text));
    buf_release(&text);
}

static bool same_hash(const void *context, uint32_t value, const void *key)
{
    return ((const struct prom_import *)context)->hashes[value] == *(const uint64_t *)key;
}

void prom_import_count_series(struct prom_import *im, struct labels labels)
{
    uint64_t hash = labels_hash(labels);
    if (hmap_find(&im->hash_index, hash, same_hash, im, &hash) != HMAP_NONE)
        return;
    MEM_GROW(im->hashes, im->hash_count, im->hash_capacity);
    im->hashes[im->hash_count] = hash;
    hmap_insert(&im->hash_index, hash, (uint32_t)im->hash_count++);
}

void prom_import_uncount_series(struct prom_import *im, size_t hash_count)
{
    while (im->hash_count > hash_count) {
        im->hash_count--;
        hmap_remove(&im->hash_index, im->hashes[im->hash_count], (uint32_t)im->hash_count);
    }
}

void prom_import_count_times(struct prom_import *im, int64_t min_ms, int64_t max_ms)
{
    if (min_ms < im->counts->min_ms)
        im->counts->min_ms = min_ms;
    if (max_ms > im->counts->max_ms)
        im->counts->max_ms = max_ms;
}

#define NAMES_MAX 5

static bool is_listed(struct str list, struct str name)
{
    struct str piece;
    while (str_next(&list, ',', &piece)) {
        if (str_eq(str_trim(piece), name))
            return true;
    }
    return false;
}

void prom_import_note_histogram(struct prom_import *im, struct labels labels)
{
    struct str name = labels_get(labels, STR(LABEL_METRIC_NAME));
    if (im->histogram_name_count > NAMES_MAX || is_listed(buf_view(&im->histograms), name))
        return;
    if (im->histogram_name_count)
        buf_cstr(&im->histograms, ", ");
    if (im->histogram_name_count++ < NAMES_MAX)
        buf_str(&im->histograms, name);
    else
        buf_cstr(&im->histograms, "...");
}

const char *prom_import_histograms(struct prom_import *im)
{
    return buf_text(&im->histograms);
}

static int see_entry(void *context, const char *name)
{
    bool *found = context;
    *found |= prom_block_name(str_from(name)) || str_is(str_from(name), "wal");
    return OK;
}

// Prometheus holds flock(2) on its lock file; -1 when there is none.
static int lock_source(const char *source, int *fd, struct error *err)
{
    struct buf path = BUF_INIT;
    bool found = false;
    int rc = dir_each(source, see_entry, &found, err);
    if (rc == OK && !found)
        rc = error_set(err, ERR_INVALID,
                       "%s: no data of Prometheus: there are no blocks and no wal", source);
    if (rc)
        return rc;
    buf_printf(&path, "%s/lock", source);
    *fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC);
    if (*fd >= 0 && flock(*fd, LOCK_SH | LOCK_NB)) {
        rc = error_set(err, ERR_EXISTS, "%s is in use by a running Prometheus: stop it first",
                       source);
        close(*fd);
    }
    buf_release(&path);
    return rc;
}

static int import(struct prom_import *im, struct error *err)
{
    int rc = stage_open(&im->stage, im->options->path, err);
    if (rc)
        return rc;
    rc = prom_import_blocks(im, err);
    if (rc == OK)
        return prom_import_head(im, err);
    stage_free(im->stage);
    return rc;
}

int prom_import(const struct prom_import_options *options, struct prom_import_counts *counts,
                struct error *err)
{
    int lock_fd;
    *counts = (struct prom_import_counts){.min_ms = INT64_MAX, .max_ms = INT64_MIN};
    struct prom_import im = {.options = options, .counts = counts, .log_min_ms = INT64_MIN};
    int rc = lock_source(options->source, &lock_fd, err);
    if (rc)
        return rc;
    hmap_init(&im.hash_index);
    rc = import(&im, err);
    counts->series = im.hash_count;
    hmap_release(&im.hash_index);
    mem_free(im.hashes);
    buf_release(&im.histograms);
    if (lock_fd >= 0)
        close(lock_fd);
    return rc;
}
