// The head: every series with recent samples, in memory.
//
// Series are numbered from 0 in the order they were created and numbers are never used again, so
// that posting lists are sorted by construction and a reference to a forgotten series is known by
// its empty place in the table.
//
// Locks, taken from left to right:
//
//     storage.commit  ->  head.lock  ->  head.stripes[id % STRIPE_COUNT]
//
// head.lock guards the table, the index, the postings and the symbols: held for reading while a
// series is used, for writing while one is created or forgotten. A stripe guards the samples of its
// series.
#ifndef STORAGE_HEAD_H
#define STORAGE_HEAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "match.h"
#include "postings.h"
#include "storage/gorilla.h"
#include "storage/querier.h"
#include "symbols.h"

#define STRIPE_COUNT 64

// Times further from the epoch are refused, so that arithmetic on stored ones cannot overflow.
#define SAMPLE_TIME_MAX (INT64_C(1) << 61)

static inline bool sample_time_is_sane(int64_t t_ms)
{
    return t_ms >= -SAMPLE_TIME_MAX && t_ms <= SAMPLE_TIME_MAX;
}

struct chunk {
    int64_t min_ms, max_ms;
    uint32_t size;
    unsigned char *bytes; // owned
};

struct series {
    uint64_t hash;
    uint32_t id;
    uint16_t label_count;
    bool has_sample;
    // The head's pass when a batch last referred to it; written under the lock held for reading.
    atomic_uint_least32_t touched;
    struct chunk *chunks; // closed ones, in order of time
    uint32_t chunk_count;
    uint32_t chunk_capacity;
    struct gorilla open;
    int64_t last_ms; // newest sample, when has_sample
    double last_value;
    uint64_t journal_epoch; // for the journal: since when journal_id and journal_bits hold
    uint64_t journal_bits;
    uint32_t journal_id;
    uint32_t pairs[]; // of the postings, in the order of the label names
};

struct head {
    pthread_rwlock_t lock;
    struct symbols symbols;
    struct postings postings;
    struct series **table; // by number; NULL for a forgotten series
    size_t table_count;
    size_t table_capacity;
    struct hmap index; // labels_hash -> number
    atomic_size_t series_count;
    pthread_mutex_t stripes[STRIPE_COUNT];
    int64_t window_ms;           // chunks end at multiples of it
    atomic_int_least64_t min_ms; // oldest and newest sample ever appended and not sealed away
    atomic_int_least64_t max_ms;
    _Atomic uint64_t chunk_count;
    uint32_t pass; // of head_truncate(); changed under the lock held for writing
};

void head_init(struct head *h, int64_t window_ms);
void head_release(struct head *h);

static inline pthread_mutex_t *head_stripe(struct head *h, uint32_t id)
{
    return &h->stripes[id % STRIPE_COUNT];
}

// The series of this label set, or NULL. Caller holds lock.
struct series *head_find(const struct head *h, struct labels labels, uint64_t hash);
// Creates it. Caller holds lock for writing and has looked that it isn't there.
struct series *head_create(struct head *h, struct labels labels, uint64_t hash);
// By number, NULL when forgotten. Caller holds lock.
static inline struct series *head_get(const struct head *h, uint64_t id)
{
    return id < h->table_count ? h->table[id] : NULL;
}
// The labels in the arena; texts are views of symbols, which live as long as the series. Caller
// holds lock.
struct labels head_labels(const struct head *h, const struct series *s, struct arena *arena);

// Appends one sample, newer than the series' last. Caller holds the stripe.
void head_append(struct head *h, struct series *s, int64_t t_ms, double value);
// Appends the samples with min_ms <= t <= max_ms to the columns. Caller holds the stripe.
int series_read(const struct series *s, int64_t min_ms, int64_t max_ms, struct columns *out);
// Decodes a chunk behind what the columns hold, keeping min_ms <= t <= max_ms. ERR_CORRUPT.
int columns_decode(struct columns *out, struct str chunk, int64_t min_ms, int64_t max_ms);
// Oldest sample still held; INT64_MAX when there is none. Caller holds the stripe.
int64_t series_min_ms(const struct series *s);

// A batch refers to the series: it is kept for two more passes of head_truncate(). Caller holds
// lock.
static inline void head_touch(struct head *h, struct series *s)
{
    if (atomic_load_explicit(&s->touched, memory_order_relaxed) != h->pass)
        atomic_store_explicit(&s->touched, h->pass, memory_order_relaxed);
}

// Frees the chunks that end before `before_ms`, and forgets series with no samples left whose
// newest was before it and that no batch touched lately. Returns how many series were forgotten.
// Takes the locks.
size_t head_truncate(struct head *h, int64_t before_ms);

// For match.h. Caller holds lock while it is used.
struct series_index head_index(struct head *h);

#endif
