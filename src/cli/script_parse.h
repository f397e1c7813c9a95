// The lines of a test script; see script.h.
#ifndef CLI_SCRIPT_PARSE_H
#define CLI_SCRIPT_PARSE_H

#include "cli/script.h"

// Cuts the first word and the space around it off.
struct str script_word(struct str *rest);
// Seconds, or a duration with a sign.
bool script_time(struct str text, int64_t *ms);
// `eval instant at TIME EXPR` and so on, into a zeroed case; texts borrow the line.
int script_read_eval(struct str line, struct eval_case *c, struct error *err);
// One line under it.
int script_read_case_line(struct arena *arena, struct str line, struct eval_case *c,
                          struct error *err);

#endif
