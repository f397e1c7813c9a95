// Label matchers as Alertmanager writes them: in its configuration, in API filters, in silences.
//
//     {alertname="Watchdog", severity=~"warning|critical"}     several; braces are optional
//     severity = warning                                       one; so are quotes
//
// Two syntaxes are read, as Alertmanager does it: the UTF-8 one (any name in quotes, values quoted
// as Go strings), and where that fails, or both are valid and differ, the classic one (legacy
// names, values with or without quotes).
#ifndef CONFIG_MATCHER_TEXT_H
#define CONFIG_MATCHER_TEXT_H

#include "model/matcher.h"

struct matcher_list {
    struct matcher *items; // owned
    size_t count;
    size_t capacity;
};

// *out is set to the matchers of `text`, none for "" and "{}"; release with matcher_list_release().
// ERR_INVALID in Alertmanager's words: `bad matcher format: bad{`.
int matcher_list_parse(struct matcher_list *out, struct str text, struct error *err);
// Exactly one matcher, without braces.
int matcher_parse_one(struct matcher *out, struct str text, struct error *err);
// Takes the matcher over.
void matcher_list_add(struct matcher_list *list, const struct matcher *m);
void matcher_list_release(struct matcher_list *list);
// By name, value, type: the order in which Alertmanager keeps them.
void matchers_sort(struct matcher *matchers, size_t count);

#endif
