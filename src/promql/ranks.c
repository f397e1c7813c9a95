// Sorting is by digits, least significant first (H. Hollerith's way with punched cards), over the bits
// in which the values differ at all. Of these only the upper ones are taken: what then stands in
// wrong order is mostly nothing, and put right by insertion. When that takes too long after all, the
// lower digits have their turn first.
#include "ranks.h"

#include <math.h>

#include "base/mem.h"
#include "model/sample.h"

#define DIGIT_BITS 11
#define DIGITS     (1 << DIGIT_BITS)
// Digits that are sorted by at first.
#define DIGITS_FIRST 3

// Ascending as the values are; -0 before 0, NaNs first.
static inline uint64_t key_of(double value)
{
    uint64_t bits = double_bits(value);
    if (isnan(value))
        return 0;
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static size_t block_count(size_t count)
{
    return count / 64 / RANKS_BLOCK_WORDS + 1;
}

static void reserve(struct ranks *r, size_t count)
{
    if (count <= r->capacity)
        return;
    ranks_release(r);
    r->capacity = count + count / 2;
    size_t blocks = block_count(r->capacity);
    r->rank_of = mem_calloc(r->capacity, sizeof(*r->rank_of));
    r->sample_of = mem_calloc(r->capacity, sizeof(*r->sample_of));
    r->spare = mem_calloc(r->capacity, sizeof(*r->spare));
    r->keys = mem_calloc(r->capacity, sizeof(*r->keys));
    r->present = mem_calloc(blocks * RANKS_BLOCK_WORDS, sizeof(*r->present));
    r->block_counts = mem_calloc(blocks, sizeof(*r->block_counts));
}

// Stable, by the bits from `shift` on.
static void sort_by_digit(struct ranks *r, unsigned shift)
{
    uint32_t starts[DIGITS] = {0}, at = 0;
    for (size_t i = 0; i < r->count; i++)
        starts[r->keys[i] >> shift & (DIGITS - 1)]++;
    for (size_t d = 0; d < DIGITS; d++) {
        uint32_t size = starts[d];
        starts[d] = at;
        at += size;
    }
    for (size_t i = 0; i < r->count; i++) {
        uint32_t sample = r->sample_of[i];
        r->spare[starts[r->keys[sample] >> shift & (DIGITS - 1)]++] = sample;
    }
    uint32_t *sorted = r->spare;
    r->spare = r->sample_of;
    r->sample_of = sorted;
}

// By digits of the bits [low, high).
static void sort_by_digits(struct ranks *r, unsigned low, unsigned high)
{
    for (unsigned shift = low; shift < high; shift += DIGIT_BITS)
        sort_by_digit(r, shift);
}

// False when it gave up.
static bool sort_by_insertion(struct ranks *r)
{
    size_t moves = 0;
    for (size_t i = 1; i < r->count && moves <= 4 * r->count; i++) {
        uint32_t sample = r->sample_of[i];
        size_t at = i;
        for (; at > 0 && r->keys[r->sample_of[at - 1]] > r->keys[sample]; at--)
            r->sample_of[at] = r->sample_of[at - 1];
        r->sample_of[at] = sample;
        moves += i - at;
    }
    return moves <= 4 * r->count;
}

void ranks_init(struct ranks *r, const double *values, size_t count)
{
    uint64_t varying = 0;
    reserve(r, count);
    r->count = count;
    r->first = r->end = 0;
    for (size_t i = 0; i < count; i++) {
        r->keys[i] = key_of(values[i]);
        r->sample_of[i] = (uint32_t)i;
        varying |= r->keys[i] ^ r->keys[0];
    }
    unsigned high = varying ? 64 - (unsigned)__builtin_clzll(varying) : 0;
    unsigned low = varying ? (unsigned)__builtin_ctzll(varying) : 0;
    unsigned upper =
        high - low > DIGITS_FIRST * DIGIT_BITS ? high - DIGITS_FIRST * DIGIT_BITS : low;
    sort_by_digits(r, upper, high);
    if (!sort_by_insertion(r))
        sort_by_digits(r, low, high);
    for (size_t i = 0; i < count; i++)
        r->rank_of[r->sample_of[i]] = (uint32_t)i;
    size_t blocks = block_count(count);
    memset(r->present, 0, blocks * RANKS_BLOCK_WORDS * sizeof(*r->present));
    memset(r->block_counts, 0, blocks * sizeof(*r->block_counts));
}

void ranks_release(struct ranks *r)
{
    mem_free(r->rank_of);
    mem_free(r->sample_of);
    mem_free(r->spare);
    mem_free(r->keys);
    mem_free(r->present);
    mem_free(r->block_counts);
    *r = (struct ranks){0};
}

void ranks_move(struct ranks *r, size_t first, size_t end)
{
    for (; r->end < end; r->end++) {
        uint32_t rank = r->rank_of[r->end];
        r->present[rank / 64] |= UINT64_C(1) << rank % 64;
        r->block_counts[rank / 64 / RANKS_BLOCK_WORDS]++;
    }
    for (; r->first < first; r->first++) {
        uint32_t rank = r->rank_of[r->first];
        r->present[rank / 64] &= ~(UINT64_C(1) << rank % 64);
        r->block_counts[rank / 64 / RANKS_BLOCK_WORDS]--;
    }
}

static size_t next_present(const struct ranks *r, size_t rank)
{
    size_t word = (rank + 1) / 64, words = (r->count + 63) / 64;
    if (word >= words)
        return rank;
    uint64_t bits = r->present[word] & (UINT64_MAX << (rank + 1) % 64);
    while (!bits && ++word < words)
        bits = r->present[word];
    return bits ? word * 64 + (size_t)__builtin_ctzll(bits) : rank;
}

size_t ranks_find(const struct ranks *r, size_t rank, size_t *next)
{
    size_t block = 0;
    while (rank >= r->block_counts[block])
        rank -= r->block_counts[block++];
    size_t word = block * RANKS_BLOCK_WORDS, ones;
    while (rank >= (ones = (size_t)__builtin_popcountll(r->present[word]))) {
        rank -= ones;
        word++;
    }
    uint64_t bits = r->present[word];
    for (; rank; rank--)
        bits &= bits - 1;
    size_t found = word * 64 + (size_t)__builtin_ctzll(bits);
    *next = r->sample_of[next_present(r, found)];
    return r->sample_of[found];
}
