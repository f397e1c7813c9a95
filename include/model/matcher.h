// Label matchers: name = value, !=, =~, !~. A label that a set lacks has the value "".
#ifndef MODEL_MATCHER_H
#define MODEL_MATCHER_H

#include "base/regex.h"
#include "model/labels.h"

enum matcher_type { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX };

struct matcher {
    enum matcher_type type;
    struct str name;     // owned copy
    struct str value;    // owned copy; the pattern of a regex
    struct regex *regex; // owned; NULL for the equality types
};

// ERR_INVALID with a bad pattern. Release with matcher_release().
int matcher_init(struct matcher *m, enum matcher_type type, struct str name, struct str value,
                 struct error *err);
void matcher_release(struct matcher *m);
bool matcher_match(const struct matcher *m, struct str value);
// A label without value satisfies it: such a matcher selects series that lack the label.
bool matcher_match_empty(const struct matcher *m);
bool matchers_match(const struct matcher *matchers, size_t count, struct labels set);
const char *matcher_operator(enum matcher_type type); // "=", "!=", "=~", "!~"
// name="value" as Go's %q quotes; a name that isn't legacy-valid is quoted too.
void matcher_format(struct buf *out, const struct matcher *m);

#endif
