// Windows: immutable LMDB files that each hold one span of time, written once, read without locks.
#ifndef STORAGE_WINDOW_H
#define STORAGE_WINDOW_H

#include "head.h"

struct window; // counted

// One series on its way into a window: labels and encoded chunks, oldest first.
struct window_series {
    struct labels labels;
    struct chunk *chunks;
    size_t chunk_count;
};

// Writes PATH/window-<min>-<max>.lmdb with [min_ms, max_ms) and these series, sorted by labels. The
// file appears whole or not at all.
int window_write(const char *folder, int64_t min_ms, int64_t max_ms,
                 const struct window_series *series, size_t count, struct error *err);
// Opens a file of the folder by name and checks its sums. ERR_CORRUPT names what is wrong.
int window_open(struct window **out, const char *folder, const char *name, struct error *err);
// True when the name is a window's; *min_ms and *max_ms are its span.
bool window_parse_name(const char *name, int64_t *min_ms, int64_t *max_ms);

struct window *window_ref(struct window *w);
void window_unref(struct window *w);
// Unlinks the file; it stays readable for those who hold a reference.
int window_remove(struct window *w, struct error *err);

// Notes that reading met damage: maintenance will set the file aside (rename it to *.corrupt).
void window_mark_corrupt(struct window *w);
bool window_is_corrupt(const struct window *w);
int window_set_aside(struct window *w, struct error *err);
const char *window_path(const struct window *w);

int64_t window_min_ms(const struct window *w);
int64_t window_max_ms(const struct window *w); // exclusive
uint64_t window_bytes(const struct window *w);

// For match.h; series are numbered in the order of their labels.
struct series_index window_index(struct window *w);
// Labels of a series, views of the file: borrowed while the window is referenced.
int window_labels(const struct window *w, uint32_t id, struct arena *arena, struct labels *out);
// Appends the samples with min_ms <= t <= max_ms.
int window_read(const struct window *w, uint32_t id, int64_t min_ms, int64_t max_ms,
                struct columns *out);

#endif
