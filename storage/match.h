// Which series of an index satisfy a list of matchers: the same logic for the head and for windows.
//
// An index answers two questions: all its series, and, for one label name, each value with its
// series. A matcher that wants a value narrows the candidates to the union of the matching values'
// series. One that is satisfied by a missing label instead removes the series whose value doesn't
// match.
#ifndef STORAGE_MATCH_H
#define STORAGE_MATCH_H

#include "ids.h"
#include "model/matcher.h"

typedef void index_value_fn(void *context, struct str value, const uint32_t *items, size_t count);

// value() and values() return 0, ERR_CORRUPT or ERR_IO.
struct series_index {
    void *context;
    // Adds every series, ascending.
    void (*all)(void *context, struct ids *out);
    // Calls each() with the series of one value (the common case), when there are any.
    int (*value)(void *context, struct str name, struct str value, index_value_fn *each,
                 void *each_context);
    // Calls each() for every value of a name, in no order.
    int (*values)(void *context, struct str name, index_value_fn *each, void *each_context);
};

// Adds the matching series to *out (empty on entry), ascending. An error of the index is returned;
// *out is then to be released all the same. *effort (NULL: no limit) goes down by the series looked
// at; ERR_DEFERRED when it is used up.
int index_match(const struct series_index *index, const struct matcher *matchers, size_t count,
                size_t *effort, struct ids *out);

#endif
