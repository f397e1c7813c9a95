// The head: every series with recent samples, in memory.
//
// Series are numbered from 0 in the order they were created and numbers are never used again, so
// that posting lists are sorted by construction and a reference to a forgotten series is known by
// its empty place in the table.
//
// Locks, taken from left to right:
//
//     storage.commit  ->  head.lock  ->  head_stripe(id)
//
// head.lock guards the table, the index, the postings and the symbols: held for reading while a
// series is used, for writing while one is created or forgotten. A stripe guards the samples of its
// series: neighbours share one, so that a scrape takes few of them. Marks need no lock.
#ifndef STORAGE_HEAD_H
#define STORAGE_HEAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "chunk_pool.h"
#include "late.h"
#include "match.h"
#include "postings.h"
#include "series_pool.h"
#include "storage/querier.h"
#include "symbols.h"

#define STRIPE_COUNT 64

// Times further from the epoch are refused, so that arithmetic on stored ones cannot overflow.
#define SAMPLE_TIME_MAX (INT64_C(1) << 61)

static inline bool sample_time_is_sane(int64_t t_ms)
{
    return t_ms >= -SAMPLE_TIME_MAX && t_ms <= SAMPLE_TIME_MAX;
}

// 56 bytes and four for each label: half of what a series takes beside its samples.
struct series {
    struct gorilla open; // the newest chunk, unless empty; its last time and value outlive it
    uint32_t id;
    uint32_t chunks;     // oldest chunk, 0: none
    uint32_t newest;     // chunk, open or closed
    uint32_t last_block; // of the newest chunk
    uint32_t journal_id; // for the journal
    uint16_t label_count;
    bool has_sample;  // ever
    bool in_batch;    // for the appender, under storage.commit
    uint32_t pairs[]; // of the postings, in the order of the label names
};

#define PAGE_SERIES 256

struct series_page {
    uint32_t live;
    struct series *items[PAGE_SERIES];
};

#define MARK_PAGE_SHIFT 16
#define MARK_PAGES      4096
#define SERIES_IDS_MAX  ((uint32_t)MARK_PAGES << MARK_PAGE_SHIFT)

struct head {
    pthread_rwlock_t lock;
    struct symbols symbols;
    struct postings postings;
    struct series_page **pages; // by number / PAGE_SERIES; NULL: all of them are forgotten
    size_t page_count;
    size_t page_capacity;
    uint32_t next_id;
    size_t label_count; // of all series
    struct hmap index;  // labels_hash -> number
    struct series_pool pool;
    struct chunk_pool chunks;
    struct late late;
    atomic_size_t series_count;
    pthread_mutex_t stripes[STRIPE_COUNT];
    atomic_int_least64_t min_ms; // oldest and newest sample ever appended and not sealed away
    atomic_int_least64_t max_ms;
    _Atomic uint64_t chunk_count; // closed ones
    // When a batch last referred to a series: the pass of head_truncate(), 1 .. 255, 0 once it is
    // forgotten. Pages appear with their first series and stay.
    _Atomic(atomic_uchar *) marks[MARK_PAGES];
    atomic_uchar pass;
};

void head_init(struct head *h);
void head_release(struct head *h);

// Neighbours share a stripe.
static inline pthread_mutex_t *head_stripe(struct head *h, uint32_t id)
{
    return &h->stripes[id / 64 % STRIPE_COUNT];
}

// The series of this label set, or NULL. Caller holds lock.
struct series *head_find(const struct head *h, struct labels labels, uint64_t hash);
// Creates it; NULL once SERIES_IDS_MAX were. Caller holds lock for writing and has looked that it
// isn't there.
struct series *head_create(struct head *h, struct labels labels, uint64_t hash);
// By number, NULL when forgotten. Caller holds lock.
static inline struct series *head_get(const struct head *h, uint64_t id)
{
    size_t at = id / PAGE_SERIES;
    const struct series_page *page = at < h->page_count ? h->pages[at] : NULL;
    return page ? page->items[id % PAGE_SERIES] : NULL;
}
// The labels in the arena; texts are views of symbols, which live as long as the series. Caller
// holds lock.
struct labels head_labels(const struct head *h, const struct series *s, struct arena *arena);

// The order of their label sets.
int series_cmp(const struct head *h, const struct series *a, const struct series *b);
// Brings the numbers of series into that order. Caller holds lock.
void head_sort(const struct head *h, uint32_t *ids, size_t count);

// Appends one sample, newer than the series' last. Caller holds storage.commit, lock for reading and
// the stripe.
void head_append(struct head *h, struct series *s, int64_t t_ms, double value);
// Notes the oldest and the newest time appended.
void head_widen(struct head *h, int64_t min_ms, int64_t max_ms);
// Adds one that came too late for the chunks; one that is newer than the series' last keeps older
// ones from being appended. Locks as above.
void head_append_late(struct head *h, struct series *s, int64_t t_ms, double value);

// What of the head somebody sees: the rest is in windows.
struct head_view {
    int64_t min_ms; // chunks from here on
    uint64_t late_generation;
};

// Whether the series may have samples in the range: gaps are not looked at. Caller holds lock.
bool head_reaches(struct head *h, const struct series *s, const struct head_view *view,
                  int64_t min_ms, int64_t max_ms);
// Appends the samples with min_ms <= t <= max_ms to the columns; a forgotten series has none. Takes
// the locks.
int head_read(struct head *h, uint32_t id, const struct head_view *view, int64_t min_ms,
              int64_t max_ms, struct columns *out);
// Decodes a chunk behind what the columns hold, keeping min_ms <= t <= max_ms. ERR_CORRUPT.
int columns_decode(struct columns *out, struct str chunk, int64_t min_ms, int64_t max_ms);
// Oldest sample still held; INT64_MAX when there is none. Caller holds the stripe.
int64_t series_min_ms(const struct head *h, const struct series *s);
// Frees the chunks that end before `before_ms`. Caller holds lock for writing.
void series_drop_chunks(struct head *h, struct series *s, int64_t before_ms);
// Bytes of samples.
static inline size_t head_sample_bytes(struct head *h)
{
    return atomic_load(&h->chunks.used) * sizeof(union block) +
           atomic_load(&h->late.sample_count) * sizeof(struct sample);
}

// What the head takes, counted rather than measured. Caller holds lock.
size_t head_memory_size(struct head *h);

// A batch refers to the series: it is kept for two more passes of head_truncate(). False when it is
// forgotten. Takes no lock.
bool head_mark(struct head *h, uint32_t id);

// Cuts what the chunks that reach over `before_ms` hold before it. Takes `commit` and the locks, a page
// of series at a time.
void head_trim(struct head *h, pthread_mutex_t *commit, int64_t before_ms);
// Frees the chunks that end before `before_ms`, and forgets series with no samples left whose
// newest was before it and that no batch touched lately. Returns how many series were forgotten.
// Takes the lock.
size_t head_truncate(struct head *h, int64_t before_ms);

// For match.h. Caller holds lock while it is used.
struct series_index head_index(struct head *h);

#endif
