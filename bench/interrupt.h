// Ctrl-C asks for the end: long work looks at it between steps and reports what it has.
#ifndef BENCH_INTERRUPT_H
#define BENCH_INTERRUPT_H

#include <stdbool.h>

// SIGINT and SIGTERM set it; a second one ends the process at once.
void interrupt_watch(void);
bool interrupted(void);

#endif
