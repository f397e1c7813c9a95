// A server that is measured, as the command line names it: [NAME=]URL[,data=FOLDER][,pid=N].
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include "http.h"
#include "results.h"

// Texts live in the arena. Without a name it gets its kind's, or its host's, later.
int target_parse(struct target *t, const char *text, struct arena *arena, struct error *err);
// Asks it who it is: fills kind, name (when there is none) and, of a local one, pid.
// ERR_UNAVAILABLE or ERR_TIMEOUT when nobody answers.
int target_probe(struct target *t, struct http *http, int64_t timeout_ms, struct arena *arena,
                 struct error *err);
// What its process has used so far; nothing unless local.
void target_measure(struct target *t, struct process_usage *out);

#endif
