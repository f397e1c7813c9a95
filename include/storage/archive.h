// A store's folder, read as it lies there: for tools, not for a server.
//
// Nothing is written, and no lock is held: a server may have the folder open. Then what is read is
// what has reached the files, up to some moment shortly before archive_open() returned.
#ifndef STORAGE_ARCHIVE_H
#define STORAGE_ARCHIVE_H

#include "model/labels.h"
#include "storage/querier.h"

struct archive;

// Whether the folder looks like one.
bool archive_is_store(const char *path);

// Reads the journal and the files' headers. ERR_NOT_FOUND when there is no such store, ERR_CORRUPT,
// ERR_IO. Damaged windows are no error: what can be read of them is there, see archive_damage().
int archive_open(struct archive **out, const char *path, struct error *err);
void archive_free(struct archive *a); // NULL is allowed
// What could not be read so far, a line each, borrowed until the next call; empty when all was well.
struct str archive_damage(const struct archive *a);

// Calls each() for every series of which wanted() holds (NULL: all), in the order of their labels,
// with its samples in [min_ms, max_ms] without those deleted; series without such samples are left
// out. Stops at and returns the first non-zero result.
int archive_each(struct archive *a, bool (*wanted)(void *context, struct labels labels),
                 int (*each)(void *context, struct labels labels, const struct columns *samples),
                 void *context, int64_t min_ms, int64_t max_ms, struct error *err);

struct archive_file {
    const char *name;       // borrowed
    int64_t min_ms, max_ms; // [min, max)
    uint64_t series, samples, bytes;
};

size_t archive_file_count(const struct archive *a);
void archive_file(const struct archive *a, size_t index, struct archive_file *out);

struct archive_summary {
    bool in_use; // a server has it open
    uint64_t journal_segments, journal_bytes, journal_series, journal_samples;
    uint64_t meta_bytes;
    uint64_t tombstones;
    uint64_t set_aside; // damaged files, named *.corrupt
    uint64_t bytes;     // all of the folder, snapshots too
};

void archive_summary(const struct archive *a, struct archive_summary *out);

struct archive_verdict {
    uint64_t files, samples, journal_segments; // checked
    uint64_t problems;
    bool meta_skipped; // its tables change in place while a server has the folder open
};

// Checks every byte that has a checksum and what must hold between them, calling say() for each thing
// that is wrong. An error means that the folder could not be looked through.
int archive_verify(const char *path, void (*say)(void *context, const char *text), void *context,
                   struct archive_verdict *out, struct error *err);

#endif
