// Regular expressions: RE2 syntax, matched in linear time, always over whole values.
//
// Anchored at both ends and with `.` matching newline, as Prometheus 3 compiles them:
// ^(?s:PATTERN)$. A compiled regex is immutable and safe for concurrent use.
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include "base/buf.h"
#include "base/error.h"

struct regex;

// Bytes of compiled program allowed per pattern.
#define REGEX_MEMORY_MAX ((size_t)4 << 20)

// The caller owns *out. ERR_INVALID with RE2's reason in *err; ERR_LIMIT for too large a pattern.
int regex_new(struct regex **out, struct str pattern, struct error *err);
// As regex_new() but unanchored, for replace-all (template function reReplaceAll).
int regex_new_unanchored(struct regex **out, struct str pattern, struct error *err);
void regex_free(struct regex *re); // NULL is allowed
bool regex_match(const struct regex *re, struct str text);
// Appends `replacement` to *out with $1, ${1}, $name, ${name} and $$ expanded from a whole match
// (Go's Regexp.Expand: an unknown group is empty, $1x is the group named "1x"). False, with nothing
// appended, when `text` does not match.
bool regex_expand(const struct regex *re, struct str text, struct str replacement, struct buf *out);
// Appends `text` with every match replaced, as Go's ReplaceAllString.
void regex_replace_all(const struct regex *re, struct str text, struct str replacement,
                       struct buf *out);
// When the pattern is only an alternation of literals (a|b\.c, or in one group around all of it), calls
// each(context, literal) for every one and returns true: such a matcher is a set look-up. The view
// is gone after the call.
bool regex_literals(struct str pattern, void (*each)(void *context, struct str literal),
                    void *context);

#endif
