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
    mem_free(w->known);
    rounds_release(&w->rounds);
    arena_release(&w->arena);
}

void batch_writer_restart(struct batch_writer *w)
{
    w->declared = 0;
    if (w->known_words)
        memset(w->known, 0, w->known_words * sizeof(*w->known));
}

static bool is_known(const struct batch_writer *w, uint32_t id)
{
    return id / 64 < w->known_words && w->known[id / 64] >> id % 64 & 1;
}

static void set_known(struct batch_writer *w, uint32_t id)
{
    if (id / 64 >= w->known_words) {
        size_t words = w->known_words;
        w->known_words = id / 64 + 1 + words / 2;
        w->known = mem_realloc(w->known, w->known_words, sizeof(*w->known));
        memset(w->known + words, 0, (w->known_words - words) * sizeof(*w->known));
    }
    w->known[id / 64] |= UINT64_C(1) << id % 64;
}

// Declares each series that the segment hasn't seen. Returns the kinds of entries there are, as
// bits.
static unsigned put_new_series(struct batch_writer *w, struct buf *out, const struct head *head,
                               const struct entry *entries, size_t count)
{
    unsigned kinds = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = &entries[i];
        kinds |= 1U << e->kind;
        if (e->kind == ENTRY_DROPPED || is_known(w, e->id))
            continue;
        struct series *s = head_get(head, e->id);
        arena_reset(&w->arena);
        record_put_series(out, head_labels(head, s, &w->arena), double_bits(s->open.last));
        set_known(w, e->id);
        s->journal_id = w->declared++;
    }
    return kinds;
}

void batch_forget(struct batch_writer *w, const struct head *head, const struct entry *entries,
                  size_t count, uint32_t declared)
{
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = &entries[i];
        if (e->kind != ENTRY_DROPPED && is_known(w, e->id) &&
            head_get(head, e->id)->journal_id >= declared)
            w->known[e->id / 64] &= ~(UINT64_C(1) << e->id % 64);
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
    const uint32_t *order = rounds_order(&w->rounds, entries, count);
    if (kinds & 1U << ENTRY_IN_ORDER)
        put_samples(head, out, entries, order, count, ENTRY_IN_ORDER, max_ms);
    if (kinds & 1U << ENTRY_LATE)
        put_samples(head, out, entries, order, count, ENTRY_LATE, max_ms);
}
