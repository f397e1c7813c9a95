// Label sets: what names a series, an alert, a target.
//
// A set is an array of pairs sorted by name, names unique, no empty values (an empty value means
// that the label is absent). Sets are borrowed views: whoever made one says how long it lives.
#ifndef MODEL_LABELS_H
#define MODEL_LABELS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json_write.h"

#define LABEL_METRIC_NAME "__name__"

struct label {
    struct str name;
    struct str value;
};

struct labels {
    const struct label *items;
    size_t count;
};

// The value, or the empty view.
struct str labels_get(struct labels set, struct str name);
// Order by names and values pairwise, a prefix first: the order of query results.
int labels_cmp(struct labels a, struct labels b);
bool labels_eq(struct labels a, struct labels b);
// Stable across runs; reaches the disk.
uint64_t labels_hash(struct labels set);
// Alertmanager's fingerprint: FNV-1a over name 0xff value 0xff, in order.
uint64_t labels_fingerprint(struct labels set);
// A deep copy that lives in the arena.
struct labels labels_copy(struct arena *a, struct labels set);
// A copy on the heap in one block; free with mem_free((void *)set.items).
struct labels labels_dup(struct labels set);
// {a="b", c="d"} with the metric name before the braces, values quoted as Go's %q. Names that are
// not legacy-valid are quoted; an empty set is "{}".
void labels_format(struct buf *out, struct labels set);
// All of them in the braces, __name__ among them: group keys, errors of joins, promtool's dumps.
void labels_format_all(struct buf *out, struct labels set);
// A JSON object.
void labels_json(struct json_writer *w, struct labels set);

// Legacy rules: [a-zA-Z_:][a-zA-Z0-9_:]* for metrics, without ':' for labels.
bool metric_name_is_legacy(struct str name);
bool label_name_is_legacy(struct str name);
// UTF-8 rule: not empty and valid UTF-8.
bool label_name_is_valid(struct str name);
// Go's strconv.Quote.
void str_quote(struct buf *out, struct str s);

// Builds a set pair by pair in an arena: later settings of a name win, an empty value removes.
struct labels_builder {
    struct arena *arena; // borrowed
    struct label *items; // unsorted
    size_t count;
    size_t capacity;
};

// `base` may be empty; its strings are borrowed, not copied, and so are those set later.
void labels_builder_init(struct labels_builder *b, struct arena *a, struct labels base);
void labels_builder_set(struct labels_builder *b, struct str name, struct str value);
void labels_builder_del(struct labels_builder *b, struct str name);
struct str labels_builder_get(const struct labels_builder *b, struct str name);
// Sorts in place; the view is valid until the next change.
struct labels labels_builder_finish(struct labels_builder *b);

#endif
