// Labels are copied to the caller's arena, which may live longer than the querier; a text that many
// series share is copied once. Where the caller looks at few labels the others aren't even unpacked.
#include "base/mem.h"
#include "select_internal.h"

#define TEXT_SLOTS_MIN 64
#define TEXT_SLOTS_MAX 2048

// A copy in the arena; the same source text gives the same copy as long as its slot isn't taken.
static struct str copy_text(struct selection *s, struct str text)
{
    struct text_slot *slot =
        &s->texts[((uintptr_t)text.ptr * UINT64_C(0x9e3779b97f4a7c15)) >> s->text_shift];
    if (slot->from != text.ptr || slot->copy.len != text.len) {
        slot->from = text.ptr;
        slot->copy = arena_copy(s->arena, text);
    }
    return slot->copy;
}

void select_texts_init(struct selection *s)
{
    size_t series_count = 0, slots = TEXT_SLOTS_MIN;
    for (size_t i = 0; i < s->source_count; i++)
        series_count += s->sources[i].ids.count;
    while (slots < TEXT_SLOTS_MAX && slots < series_count)
        slots *= 2;
    s->texts = mem_calloc(slots, sizeof(*s->texts));
    s->text_shift = 64 - (unsigned)__builtin_ctzll(slots);
}

static bool matters(const struct selection *s, struct str name)
{
    for (size_t i = 0; i < s->name_count; i++) {
        if (str_eq(s->names[i], name))
            return true;
    }
    return !s->names;
}

// The labels that matter, views of the source, in scratch memory.
static int few_labels(struct selection *s, struct place place, struct arena *scratch,
                      struct labels *out)
{
    const struct window *w = s->querier->view->windows[place.source];
    struct label *items = arena_array(scratch, INDEX_NAMES_MAX, sizeof(*items));
    *out = (struct labels){items, 0};
    if (s->named_source != place.source) {
        s->named_source = place.source;
        s->named = window_find_names(w, s->names, s->name_count);
    }
    return window_some_labels(w, place.id, &s->named, items, &out->count);
}

static int source_labels(struct selection *s, struct place place, struct arena *scratch,
                         struct labels *out)
{
    const struct head *h = &s->querier->storage->head;
    if (selection_is_head(s, place.source)) {
        *out = head_labels(h, head_get(h, place.id), scratch);
        return OK;
    }
    if (s->names && s->name_count <= INDEX_NAMES_MAX)
        return few_labels(s, place, scratch, out);
    return window_labels(s->querier->view->windows[place.source], place.id, scratch, out);
}

int select_unpack(struct selection *s, struct place place, struct arena *scratch,
                  struct labels *out)
{
    struct labels labels;
    size_t count = 0;
    *out = (struct labels){0};
    if (s->names && s->name_count == 0)
        return OK;
    arena_reset(scratch);
    int rc = source_labels(s, place, scratch, &labels);
    if (rc)
        return rc;
    struct label *items = arena_array(s->arena, labels.count, sizeof(*items));
    for (size_t i = 0; i < labels.count; i++) {
        struct label label = labels.items[i];
        if (matters(s, label.name))
            items[count++] = (struct label){copy_text(s, label.name), copy_text(s, label.value)};
    }
    *out = (struct labels){items, count};
    return s->arena->exceeded ? ERR_LIMIT : OK;
}
