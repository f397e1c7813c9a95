// The subcommand `test rules`: options and files as promtool takes them, and its exit status.
#include "cli/rule_test.h"

#include <glob.h>
#include <stdio.h>

#include "alerting/rule_manager.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/regex.h"
#include "cli/options.h"

#define PATTERNS_MAX 64

struct session {
    struct rule_test_options options;
    struct str run[PATTERNS_MAX]; // patterns of --run
    size_t run_count;
    const char *junit_path;
    struct regex *wanted; // NULL: every test
    struct junit *junit;
};

void cli_test_rules_usage(FILE *out)
{
    fputs("usage: lapwing test rules [OPTION...] FILE...\n"
          "  --run=REGEX                tests whose name it matches; may be repeated\n"
          "  --diff                     alerts line by line, expected against got\n"
          "  --debug                    what is stored at the end\n"
          "  --junit=FILE               results as JUnit XML\n"
          "  --enable-feature=NAME,...  as the server's flag\n",
          out);
}

static int refuse(const char *what)
{
    fprintf(stderr, "lapwing: %s\n", what);
    cli_test_rules_usage(stderr);
    return 1;
}

// ---- options

static bool take_switch(void *context, struct str name)
{
    struct session *s = context;
    if (str_is(name, "--diff"))
        s->options.diff = true;
    else if (str_is(name, "--debug"))
        s->options.debug = true;
    else
        return false;
    return true;
}

static bool take_option(void *context, struct str name, const char *value)
{
    struct session *s = context;
    if (str_is(name, "--run") && s->run_count < PATTERNS_MAX)
        s->run[s->run_count++] = str_from(value);
    else if (str_is(name, "--junit"))
        s->junit_path = value;
    else if (str_is(name, "--enable-feature"))
        return cli_take_features(str_from(value), &s->options.features);
    else
        return false;
    return true;
}

// Any of the patterns, anywhere in the name.
static int compile_run(struct session *s, struct error *err)
{
    struct buf pattern = BUF_INIT;
    if (!s->run_count)
        return OK;
    buf_cstr(&pattern, "(?s:.*)(?:");
    for (size_t i = 0; i < s->run_count; i++)
        buf_printf(&pattern, "%s%.*s", i ? "|" : "", STR_ARG(s->run[i]));
    buf_cstr(&pattern, ")(?s:.*)");
    int rc = regex_new(&s->wanted, buf_view(&pattern), err);
    buf_release(&pattern);
    return rc;
}

// ---- files

static void warn_of_empty_patterns(const struct rule_tests_config *c)
{
    for (size_t i = 0; i < c->rule_file_count; i++) {
        glob_t found = {0};
        char *pattern = mem_copy_str(c->rule_files[i]);
        if (glob(pattern, 0, NULL, &found) == GLOB_NOMATCH)
            fprintf(stderr, "  WARNING: no file match pattern %s\n", pattern);
        mem_free(pattern);
        globfree(&found);
    }
}

static void run_tests(struct session *s, const char *path, const struct rule_tests_config *c,
                      const struct rules_config *rules, struct failures *failures)
{
    for (size_t i = 0; i < c->test_count; i++) {
        const struct rule_test *t = &c->tests[i];
        char unnamed[32];
        size_t first = failures->count;
        if (s->wanted && !regex_match(s->wanted, t->name))
            continue;
        snprintf(unnamed, sizeof(unnamed), "unnamed#%zu", i);
        struct str name = t->name.len ? t->name : str_from(unnamed);
        if (s->options.debug)
            printf("DEBUG: Starting test %.*s\n", STR_ARG(name));
        rule_test_run(c, path, t, rules, &s->options, failures);
        if (s->options.debug)
            printf("DEBUG: Test %.*s finished\n", STR_ARG(name));
        junit_case(s->junit, name, failures, first);
    }
}

static int load(struct session *s, const char *path, struct rule_tests_config *c,
                struct rules_config *rules, struct error *err)
{
    int rc = rule_tests_load(c, path, err);
    if (rc)
        return rc;
    warn_of_empty_patterns(c);
    rc = rules_config_load_all(rules, c->rule_files, c->rule_file_count, err);
    return rc ? rc : rules_check(rules, s->options.features, err);
}

static bool test_file(struct session *s, const char *path)
{
    struct rule_tests_config c;
    struct rules_config rules;
    struct failures failures = {0};
    struct error err;
    printf("Unit Testing:  %s\n", path);
    fflush(stdout);
    rules_config_init(&rules);
    int rc = load(s, path, &c, &rules, &err);
    junit_suite(s->junit, path, rc ? err.text : NULL);
    if (rc == OK)
        run_tests(s, path, &c, &rules, &failures);
    bool good = rc == OK && !failures.count;
    printf("%s", good ? "  SUCCESS\n" : "");
    fflush(stdout);
    if (!good)
        fprintf(stderr, "  FAILED:\n");
    if (rc)
        fprintf(stderr, "    %s\n", err.text);
    for (size_t i = 0; i < failures.count; i++)
        fprintf(stderr, "%s\n\n", failures.items[i]);
    failures_release(&failures);
    rules_config_release(&rules);
    rule_tests_release(&c);
    return good;
}

int cli_test_rules(int argc, char **argv)
{
    struct session s = {.junit_path = NULL};
    struct error err;
    bool good = true;
    const struct cli_options options = {&s, take_switch, take_option};
    int count = cli_take_options(&options, argc, argv);
    if (count < 0)
        return refuse("unknown or incomplete option");
    if (!count)
        return refuse("required argument 'FILE' not provided");
    if (compile_run(&s, &err)) {
        fprintf(stderr, "lapwing: --run: %s\n", err.text);
        return 1;
    }
    // What rules log is part of the results.
    log_fd_set(-1);
    s.junit = junit_new();
    for (int i = 0; i < count; i++) {
        good &= test_file(&s, argv[i]);
        printf("\n");
    }
    if (s.junit_path && junit_write(s.junit, s.junit_path, &err)) {
        fprintf(stderr, "lapwing: --junit: %s\n", err.text);
        good = false;
    }
    junit_free(s.junit);
    regex_free(s.wanted);
    return good ? 0 : 1;
}
