// A segment declares each series before its first sample, with its value; what follows is coded against
// that. Now and then it says the values anew, so that who can't read a part of it may go on behind.
//
// Both bitmaps follow what the buffer and the file hold: a batch that was refused takes its bits back,
// of series that were known before it, too, which costs a value each.
#include "journal_batch.h"

#include "base/mem.h"
#include "journal_record.h"

void batch_writer_init(struct batch_writer *w)
{
    *w = (struct batch_writer){.declared = 0};
    arena_init(&w->arena, 0);
}

void batch_writer_release(struct batch_writer *w)
{
    mem_free(w->declared_bits.words);
    mem_free(w->known.words);
    ids_release(&w->repeated);
    rounds_release(&w->rounds);
    arena_release(&w->arena);
}

static bool bits_have(const struct series_bits *b, uint32_t id)
{
    return id / 64 < b->word_count && b->words[id / 64] >> id % 64 & 1;
}

static void bits_add(struct series_bits *b, uint32_t id)
{
    if (id / 64 >= b->word_count) {
        size_t count = b->word_count;
        b->word_count = id / 64 + 1 + count / 2;
        b->words = mem_realloc(b->words, b->word_count, sizeof(*b->words));
        memset(b->words + count, 0, (b->word_count - count) * sizeof(*b->words));
    }
    b->words[id / 64] |= UINT64_C(1) << id % 64;
}

static void bits_remove(struct series_bits *b, uint32_t id)
{
    if (bits_have(b, id))
        b->words[id / 64] &= ~(UINT64_C(1) << id % 64);
}

static void bits_clear(struct series_bits *b)
{
    if (b->word_count)
        memset(b->words, 0, b->word_count * sizeof(*b->words));
}

void batch_writer_restart(struct batch_writer *w)
{
    w->declared = 0;
    bits_clear(&w->declared_bits);
    bits_clear(&w->known);
}

void batch_writer_repeat(struct batch_writer *w)
{
    bits_clear(&w->known);
}

static void declare(struct batch_writer *w, struct buf *out, const struct head *head, uint32_t id)
{
    struct series *s = head_get(head, id);
    arena_reset(&w->arena);
    record_put_series(out, head_labels(head, s, &w->arena), double_bits(s->open.last));
    bits_add(&w->declared_bits, id);
    s->journal_id = w->declared++;
}

// Declares each series that the segment hasn't seen, and notes those whose value it hasn't seen
// lately. Returns the kinds of entries there are, as bits.
static unsigned put_new_series(struct batch_writer *w, struct buf *out, const struct head *head,
                               const struct entry *entries, size_t count)
{
    unsigned kinds = 0;
    w->repeated.count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = &entries[i];
        kinds |= 1U << e->kind;
        if (e->kind == ENTRY_DROPPED || bits_have(&w->known, e->id))
            continue;
        if (bits_have(&w->declared_bits, e->id))
            ids_add(&w->repeated, e->id);
        else
            declare(w, out, head, e->id);
        bits_add(&w->known, e->id);
    }
    return kinds;
}

static void put_values(const struct batch_writer *w, struct buf *out, const struct head *head)
{
    struct sample_coder coder = {0};
    if (!w->repeated.count)
        return;
    size_t start = record_begin(out, RECORD_VALUES);
    for (size_t i = 0; i < w->repeated.count; i++) {
        const struct series *s = head_get(head, w->repeated.items[i]);
        coder_put(out, &coder, s->journal_id, 0, 0, double_bits(s->open.last));
    }
    record_end(out, start);
}

void batch_forget(struct batch_writer *w, const struct head *head, const struct entry *entries,
                  size_t count, uint32_t declared)
{
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = &entries[i];
        bits_remove(&w->known, e->id);
        if (bits_have(&w->declared_bits, e->id) && head_get(head, e->id)->journal_id >= declared)
            bits_remove(&w->declared_bits, e->id);
    }
    w->declared = declared;
}

// The newest in-order sample of the series before this one: of the batch, or stored.
static uint64_t bits_before(const struct series *s, const struct entry *entries, size_t at)
{
    for (size_t i = at; i > 0 && entries[i - 1].id == entries[at].id; i--) {
        if (entries[i - 1].kind == ENTRY_IN_ORDER)
            return double_bits(entries[i - 1].value);
    }
    return double_bits(s->open.last);
}

// The entries of one kind as one record.
static void put_samples(const struct head *head, struct buf *out, const struct entry *entries,
                        const uint32_t *order, size_t count, enum entry_kind kind, int64_t *max_ms)
{
    struct sample_coder coder = {0};
    size_t start = record_begin(out, kind == ENTRY_LATE ? RECORD_LATE : RECORD_SAMPLES);
    for (size_t i = 0; i < count; i++) {
        size_t at = order ? order[i] : i;
        const struct entry *e = &entries[at];
        if (e->kind != kind)
            continue;
        const struct series *s = head_get(head, e->id);
        coder_put(out, &coder, s->journal_id, e->t_ms,
                  kind == ENTRY_LATE ? 0 : bits_before(s, entries, at), double_bits(e->value));
        if (e->t_ms > *max_ms)
            *max_ms = e->t_ms;
    }
    record_end(out, start);
}

void batch_write(struct batch_writer *w, struct buf *out, const struct head *head,
                 const struct entry *entries, size_t count, int64_t *max_ms)
{
    unsigned kinds = put_new_series(w, out, head, entries, count);
    put_values(w, out, head);
    const uint32_t *order = rounds_order(&w->rounds, entries, count);
    if (kinds & 1U << ENTRY_IN_ORDER)
        put_samples(head, out, entries, order, count, ENTRY_IN_ORDER, max_ms);
    if (kinds & 1U << ENTRY_LATE)
        put_samples(head, out, entries, order, count, ENTRY_LATE, max_ms);
}
