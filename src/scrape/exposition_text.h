// The pieces of a line that samples, comments and label sets share.
#ifndef SCRAPE_EXPOSITION_TEXT_H
#define SCRAPE_EXPOSITION_TEXT_H

#include "base/error.h"
#include "model/labels.h"

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static inline struct str skip_blank(struct str s)
{
    while (s.len && is_blank(s.ptr[0]))
        s = str_skip(s, 1);
    return s;
}

// Index behind the closing quote of a string that begins at s.ptr[at], or s.len + 1.
size_t string_end(struct str s, size_t at);
// Index behind the brace that closes the one at s.ptr[at], or 0.
size_t braces_end(struct str s, size_t at);
// \n and \\, and \" where `quotes` says so; other backslashes stand for themselves.
struct str unescape(struct arena *arena, struct str s, bool quotes);
// Go's ParseFloat without its hexadecimal floats.
bool parse_number(struct str text, double *value);
// a="b",c="d" into the builder; a quoted name alone is the metric's.
int label_pairs_parse(struct str text, struct labels_builder *out, struct error *err);

#endif
