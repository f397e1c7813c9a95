// The commands of lapwing-bench. Each takes its arguments, prints its result on stdout and faults
// on stderr, and returns the exit status: 0, 1 for a failure, 2 for a wrong command line.
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

#include "args.h"

struct results;

int command_generate(struct args *a);
int command_load(struct args *a);
int command_query(struct args *a);
int command_serve(struct args *a);
int command_report(struct args *a);
int command_compare(struct args *a);

// Writes each file that is named (not NULL). The exit status.
int command_write_results(const struct results *r, const char *json, const char *csv,
                          const char *html);

// Prints the fault and returns the exit status that belongs to it.
int command_usage(const struct error *err);
int command_failed(const struct error *err);

#endif
