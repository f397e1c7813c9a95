// The series selectors of HTTP parameters (match[]) and of other modules.
#ifndef PROMQL_SELECTOR_H
#define PROMQL_SELECTOR_H

#include "base/error.h"
#include "model/matcher.h"

// Parses `up{job="a"}` into matchers on the heap; the caller releases each with matcher_release()
// and frees the array with mem_free().
int promql_parse_selector(struct str text, struct matcher **out, size_t *count, struct error *err);

#endif
