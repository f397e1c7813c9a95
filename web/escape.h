// Names for those who do not know UTF-8 names: Prometheus' four ways of writing them.
#ifndef WEB_ESCAPE_H
#define WEB_ESCAPE_H

#include "base/arena.h"
#include "base/buf.h"

enum name_escaping {
    ESCAPE_UNDERSCORES, // what is not allowed becomes '_'
    ESCAPE_DOTS,        // '.' becomes _dot_, '_' and the rest __
    ESCAPE_VALUES,      // U__a_2e_b: can be read back
    ESCAPE_NONE,        // allow-utf-8
};

const char *name_escaping_text(enum name_escaping scheme); // as in a Content-Type
// The scheme that an Accept header's `escaping` parameters ask for, the last known one of the list
// up to the first entry for the text format; underscores without any.
enum name_escaping name_escaping_accepted(struct str accept);
// Appends the name of a metric or label. `name` is valid UTF-8.
void name_escape(struct buf *out, struct str name, enum name_escaping scheme);
// Undoes ESCAPE_VALUES; text that is not well-formed escaping is taken as it is.
struct str name_unescape(struct arena *a, struct str name);

#endif
