// Windows: immutable LMDB files that each hold one span of time, written once, read without locks.
//
// A file is named <kind>-<min>-<max>-<sequence>.lmdb: "window" when the head was sealed into it,
// "day" when it was merged of others. Spans may overlap; the sequence is the store's count of files
// and never comes twice. Where two files hold a sample of one series at one time, the one that
// stands later in the order of (min, sequence) wins.
#ifndef STORAGE_WINDOW_H
#define STORAGE_WINDOW_H

#include "match.h"
#include "storage/querier.h"

struct index_names;

struct window; // counted

struct window_span {
    int64_t min_ms, max_ms; // [min, max)
    uint64_t sequence;
    bool merged;          // a day
    uint32_t slice_count; // equal parts of the span that are read apart; 0: one
};

// How many slices suit a span in which a series has about so many samples.
uint32_t window_slice_count(uint64_t samples_per_series);

// Writing: series in the order of their labels, each once. The file appears whole, at
// window_writer_finish(), or not at all.
struct window_writer;

// `sources`: sequences of the files that this one replaces; once it is there they are dead.
int window_writer_new(struct window_writer **out, const char *folder, struct window_span span,
                      const uint64_t *sources, size_t source_count, struct error *err);
// At least one sample, times strictly increasing within the span.
int window_writer_add(struct window_writer *w, struct labels labels, const struct columns *samples,
                      struct error *err);
// The same for who knows the series' label pairs by their numbers in this file, and labels_hash().
uint32_t window_writer_pair(struct window_writer *w, struct label label);
int window_writer_add_known(struct window_writer *w, uint64_t hash, const uint32_t *pairs,
                            size_t pair_count, const struct columns *samples, struct error *err);
// Syncs, renames, frees the writer, on error too.
int window_writer_finish(struct window_writer *w, struct error *err);
// Leaves nothing behind. NULL is allowed.
void window_writer_abort(struct window_writer *w);

// The file's name without its folder.
void window_name(struct window_span span, struct buf *out);
// False when the name is no window's.
bool window_parse_name(const char *name, struct window_span *out);

// Opens a file of the folder by name and checks its header. ERR_CORRUPT names what is wrong.
int window_open(struct window **out, const char *folder, const char *name, struct error *err);
struct window *window_ref(struct window *w);
void window_unref(struct window *w);
// Unlinks the file; it stays readable for those who hold a reference.
int window_remove(struct window *w, struct error *err);
// Gives the pages that reading brought into memory back to the kernel's cache; blocks read from here on
// are checked again.
void window_forget_pages(struct window *w);
// Reads and checks every byte; ERR_CORRUPT says what is wrong.
int window_verify(struct window *w, struct error *err);

// After a page that could not be read: a window whose index is no longer what it was is lost.
void window_recheck(struct window *w);

// For a file that has lain on the disk since another process wrote it: window_scrub() checks the sums
// of its blocks, some at each call, and lowers *left_bytes by what it read. True when it is through.
// One thread at a time. Damage marks the window.
void window_want_scrub(struct window *w);
bool window_scrub(struct window *w, uint64_t *left_bytes);

// Notes that reading met damage: maintenance will set the file aside (rename it to *.corrupt), and
// unless it is marked as lost before, what can still be read of it is written again.
void window_mark_corrupt(struct window *w);
void window_mark_lost(struct window *w);
bool window_is_corrupt(const struct window *w);
bool window_is_lost(const struct window *w);
int window_set_aside(struct window *w, struct error *err);

const char *window_path(const struct window *w);
struct window_span window_span(const struct window *w);
int64_t window_min_ms(const struct window *w);
int64_t window_max_ms(const struct window *w); // exclusive
uint64_t window_sequence(const struct window *w);
bool window_is_merged(const struct window *w);
uint64_t window_bytes(const struct window *w); // on disk
uint32_t window_series_count(const struct window *w);
uint64_t window_sample_count(const struct window *w);
const uint64_t *window_sources(const struct window *w, size_t *count);

// Makes the index readable; the functions below need it. Cheap after the first call. ERR_CORRUPT.
int window_load(struct window *w);
// For match.h; series are numbered in the order of their labels.
struct series_index window_index(struct window *w);
// labels_hash() of a series.
uint64_t window_series_hash(const struct window *w, uint32_t id);
// Labels of a series, their texts views of the file: borrowed while the window is referenced.
int window_labels(const struct window *w, uint32_t id, struct arena *arena, struct labels *out);
// Whether series of two windows have the same labels; false when a window is damaged there. Many
// are compared faster with a map; NULL when `series_count` are not so many.
struct window_map;
struct window_map *window_map_new(const struct window *from, const struct window *to,
                                  size_t series_count);
void window_map_free(struct window_map *map);
bool window_map_is_between(const struct window_map *map, const struct window *from,
                           const struct window *to);
bool window_map_same_labels(struct window_map *map, uint32_t from_id, uint32_t to_id);
bool window_same_labels(const struct window *from, uint32_t from_id, const struct window *to,
                        uint32_t to_id);
bool window_has_labels(const struct window *w, uint32_t id, struct labels labels);
// For labels of a few names only, as in window_index.h.
struct index_names window_find_names(const struct window *w, const struct str *names, size_t count);
int window_some_labels(const struct window *w, uint32_t id, const struct index_names *names,
                       struct label *items, size_t *count);
// Times of its first and last sample.
int window_series_times(const struct window *w, uint32_t id, int64_t *first_ms, int64_t *last_ms);
// Appends the samples with min_ms <= t <= max_ms. ERR_CORRUPT: some of them could not be read, the
// others are there.
int window_read(struct window *w, uint32_t id, int64_t min_ms, int64_t max_ms, struct columns *out);

#endif
