// A window's index, read in place: symbols, label pairs, series, columns of times, blocks.
//
// The bytes stay where they are (a file's map); nothing is unpacked. Numbers out of range and lists
// that run over their end are ERR_CORRUPT, so that bytes whose checksum is right but whose writer
// was wrong do no harm.
#ifndef STORAGE_WINDOW_INDEX_H
#define STORAGE_WINDOW_INDEX_H

#include "match.h"
#include "model/labels.h"
#include "window_format.h"

struct window_index {
    uint64_t sizes[INDEX_SIZE_COUNT];
    const unsigned char *symbol_offsets;
    const unsigned char *symbols;
    const unsigned char *names;
    const unsigned char *pairs;
    const unsigned char *lists;
    const unsigned char *hashes;
    const unsigned char *record_offsets;
    const unsigned char *records;
    const unsigned char *columns;
    const unsigned char *column_bytes;
    const unsigned char *blocks;
};

// A column of times: when, how many, and the bytes for cold_times_decode().
struct index_column {
    int64_t first_ms, last_ms;
    uint32_t count;
    struct str bytes;
};

// What a series' record says beside its labels.
struct index_series {
    uint32_t column;     // number
    struct str constant; // the stream of one that never changes; empty: blocks have its values
};

// A run of neighbouring series in one slice of time, compressed together.
struct index_block {
    uint32_t slice;
    uint32_t first_series;
    uint32_t extent;
    uint32_t offset;
    uint32_t stored_size;
    uint32_t head_size; // decompressed
    uint32_t bit_size;  // in bytes, behind the heads
    uint64_t sum;       // hash64() of the stored bytes
};

// `bytes` are borrowed. ERR_CORRUPT when the tables do not fill them exactly.
int window_index_parse(struct window_index *out, struct str bytes);

static inline uint32_t window_index_series_count(const struct window_index *x)
{
    return (uint32_t)x->sizes[INDEX_SERIES];
}

// labels_hash() of a series; id < series count.
static inline uint64_t window_index_hash(const struct window_index *x, uint32_t id)
{
    return be64_get(x->hashes + (size_t)id * 8);
}

// The pairs are the arena's, their texts views of the index.
int window_index_labels(const struct window_index *x, uint32_t id, struct arena *arena,
                        struct labels *out);
// Label names by their symbols.
#define INDEX_NAMES_MAX 8
struct index_names {
    uint32_t symbols[INDEX_NAMES_MAX];
    size_t count;
};
// Of at most INDEX_NAMES_MAX names; those that the index doesn't have are left out.
struct index_names window_index_find_names(const struct window_index *x, const struct str *names,
                                           size_t count);
// A series' labels of these names, in `items`, which has room for as many.
int window_index_some_labels(const struct window_index *x, uint32_t id,
                             const struct index_names *names, struct label *items, size_t *count);
// What two indexes have in common, found out as series are compared.
struct label_map {
    const struct window_index *from, *to;
    uint32_t
        *pairs; // owned; by pair of `from`: that of `to` with the same text, plus one; 0: not known
};
// Whether a series of `from` and one of `to` have the same labels; false when a record is damaged.
// Without `pairs` texts are compared each time.
bool window_index_same_labels(struct label_map *map, uint32_t from_id, uint32_t to_id);
bool window_index_has_labels(const struct window_index *x, uint32_t id, struct labels labels);
int window_index_series(const struct window_index *x, uint32_t id, struct index_series *out);
int window_index_column(const struct window_index *x, uint32_t number, struct index_column *out);
// The block that holds a series in a slice, by number.
int window_index_find_block(const struct window_index *x, uint32_t slice, uint32_t id,
                            uint32_t *out);
void window_index_block(const struct window_index *x, uint32_t number, struct index_block *out);

// The two questions of match.h.
int window_index_value(const struct window_index *x, struct str name, struct str value,
                       index_value_fn *each, void *context);
int window_index_values(const struct window_index *x, struct str name, index_value_fn *each,
                        void *context);

#endif
