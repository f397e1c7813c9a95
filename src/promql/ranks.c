// Sorting is by digits, least significant first (H. Hollerith's way with punched cards). First by the
// upper 32 of the bits in which the values differ at all, each beside its sample's number in one word.
// What then stands in wrong order is mostly nothing, and put right by insertion. When that takes too
// long after all, all bits have their turn.
#include "ranks.h"

#include <math.h>

#include "base/mem.h"
#include "model/sample.h"

#define DIGIT_BITS 11
#define DIGITS     (1 << DIGIT_BITS)

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
    r->words = mem_calloc(r->capacity * 2, sizeof(*r->words));
    r->keys = mem_calloc(r->capacity, sizeof(*r->keys));
    r->present = mem_calloc(blocks * RANKS_BLOCK_WORDS, sizeof(*r->present));
    r->block_counts = mem_calloc(blocks, sizeof(*r->block_counts));
}

// Makes of the counts of each digit where the first with it goes.
static void count_to_starts(uint32_t *counts)
{
    uint32_t at = 0;
    for (size_t d = 0; d < DIGITS; d++) {
        uint32_t size = counts[d];
        counts[d] = at;
        at += size;
    }
}

// Stable, by the keys' bits from `shift` on.
static void sort_by_digit(struct ranks *r, unsigned shift)
{
    uint32_t starts[DIGITS] = {0};
    for (size_t i = 0; i < r->count; i++)
        starts[r->keys[i] >> shift & (DIGITS - 1)]++;
    count_to_starts(starts);
    uint32_t *sorted = (uint32_t *)r->words;
    for (size_t i = 0; i < r->count; i++) {
        uint32_t sample = r->sample_of[i];
        sorted[starts[r->keys[sample] >> shift & (DIGITS - 1)]++] = sample;
    }
    memcpy(r->sample_of, sorted, r->count * sizeof(*sorted));
}

// By all bits: right, and slow.
static void sort_by_keys(struct ranks *r)
{
    for (size_t i = 0; i < r->count; i++)
        r->sample_of[i] = (uint32_t)i;
    for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS)
        sort_by_digit(r, shift);
}

// The same of words.
static void sort_words_by_digit(const uint64_t *words, size_t count, unsigned shift, uint64_t *out)
{
    uint32_t starts[DIGITS] = {0};
    for (size_t i = 0; i < count; i++)
        starts[words[i] >> shift & (DIGITS - 1)]++;
    count_to_starts(starts);
    for (size_t i = 0; i < count; i++)
        out[starts[words[i] >> shift & (DIGITS - 1)]++] = words[i];
}

// By the 32 upper ones of the keys' bits below `high`; of those, `varying` are not all the same.
static void sort_by_upper_bits(struct ranks *r, unsigned high, uint64_t varying)
{
    unsigned down = high > 32 ? high - 32 : 0;
    uint64_t *words = r->words, *spare = r->words + r->count;
    varying = varying >> down << 32;
    for (size_t i = 0; i < r->count; i++)
        words[i] = r->keys[i] >> down << 32 | i;
    for (unsigned shift = 32; shift < 64; shift += DIGIT_BITS) {
        if (!(varying >> shift & (DIGITS - 1)))
            continue;
        sort_words_by_digit(words, r->count, shift, spare);
        uint64_t *sorted = spare;
        spare = words;
        words = sorted;
    }
    for (size_t i = 0; i < r->count; i++)
        r->sample_of[i] = (uint32_t)words[i];
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
        varying |= r->keys[i] ^ r->keys[0];
    }
    sort_by_upper_bits(r, varying ? 64 - (unsigned)__builtin_clzll(varying) : 0, varying);
    if (!sort_by_insertion(r))
        sort_by_keys(r);
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
    mem_free(r->words);
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
