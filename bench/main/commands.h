// The commands of lapwing-bench. Each takes its arguments, prints its result on stdout and faults
// on stderr, and returns the exit status: 0, 1 for a failure, 2 for a wrong command line.
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

#include "args.h"

int command_generate(struct args *a);
int command_load(struct args *a);

// Prints the fault and returns the exit status that belongs to it.
int command_usage(const struct error *err);
int command_failed(const struct error *err);

#endif
