// The frame of the hot-path benchmarks: a program is a table of cases.
//
//     PROGRAM               the time of each case: nanoseconds for one unit of work
//     PROGRAM --list        name and units of work in a round, a case a line
//     PROGRAM CASE ROUNDS   nothing but that: what bench/instructions.py counts the instructions of
#ifndef BENCH_MICRO_HOT_H
#define BENCH_MICRO_HOT_H

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"

#define HOT_TIME_NS INT64_C(200000000)

struct hot_case {
    const char *name;
    const char *unit;
    size_t units; // of a round
    void (*round)(void);
};

// Results that nobody looks at would be computed by nobody.
static volatile double hot_sink;

static inline void hot_time(const struct hot_case *c)
{
    int64_t start_ns = clock_mono_ns(&clock_system), spent_ns;
    size_t rounds = 0;
    do {
        c->round();
        rounds++;
        spent_ns = clock_mono_ns(&clock_system) - start_ns;
    } while (spent_ns < HOT_TIME_NS);
    printf("%-24s %10.2f ns a %s\n", c->name, (double)spent_ns / (double)(rounds * c->units),
           c->unit);
}

// `prepare` makes what the cases work on.
static inline int hot_main(int argc, char **argv, const struct hot_case *cases, size_t count,
                           void (*prepare)(void))
{
    uint64_t rounds = 0;
    if (argc == 3 && !str_to_u64(str_from(argv[2]), &rounds))
        return 2;
    if (argc != 2)
        prepare();
    for (size_t i = 0; i < count; i++) {
        if (argc == 1)
            hot_time(&cases[i]);
        else if (argc == 2)
            printf("%s %zu\n", cases[i].name, cases[i].units);
        else if (strcmp(argv[1], cases[i].name) == 0)
            for (uint64_t n = 0; n < rounds; n++)
                cases[i].round();
    }
    return 0;
}

#endif
