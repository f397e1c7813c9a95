// Unit tests for rules: `lapwing test rules`.
#ifndef CLI_RULE_TEST_H
#define CLI_RULE_TEST_H

#include <stdio.h>

#include "base/buf.h"
#include "config/rule_tests.h"
#include "config/rules.h"
#include "promql/promql.h"

// What is wrong, a text each; owned.
struct failures {
    char **items;
    size_t count;
    size_t capacity;
};

void failures_add(struct failures *f, const struct buf *text);
void failures_release(struct failures *f);

struct rule_test_options {
    unsigned features; // promql_feature bits
    bool diff;         // alerts are shown line by line, expected against got
    bool debug;        // what is stored at the end is printed
};

// Runs one test of a file over its rules; what differs is added to *failures.
void rule_test_run(const struct rule_tests_config *file, const char *path,
                   const struct rule_test *test, const struct rules_config *rules,
                   const struct rule_test_options *options, struct failures *failures);

// A firing alert, wanted or got.
struct fired {
    struct labels labels;
    struct labels annotations;
};
// Sorted lists, as promtool prints them.
void fired_print(struct buf *out, const struct fired *items, size_t count);
// Lines with a sign: - wanted and not there, + there and not wanted.
void fired_print_diff(struct buf *out, const struct fired *want, size_t want_count,
                      const struct fired *got, size_t got_count);
int fired_cmp(const void *a, const void *b);

// Results as JUnit XML, where CI systems find them.
struct junit;
struct junit *junit_new(void);
void junit_free(struct junit *j);
void junit_suite(struct junit *j, const char *name, const char *error); // error: NULL, none
void junit_case(struct junit *j, struct str name, const struct failures *failures, size_t first);
int junit_write(struct junit *j, const char *path, struct error *err);

// `lapwing test rules [OPTION...] FILE...`, without the first two words. 0: all tests passed; 1.
int cli_test_rules(int argc, char **argv);
void cli_test_rules_usage(FILE *out);

#endif
