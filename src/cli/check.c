// The subcommand `check`: loads each file as the server would and says what is wrong with it.
//
// What is fine goes to stdout, laid out as promtool and amtool do; failures and warnings go to
// stderr as FILE:LINE:COLUMN: text, where editors find them.
#include "cli/check.h"

#include <stdio.h>

#include "alerting/alertmanager.h"
#include "alerting/notifier.h"
#include "alerting/rule_manager.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/options.h"
#include "config/alertmanager.h"
#include "config/prometheus.h"
#include "config/rules.h"
#include "promql/promql.h"
#include "web/server.h"

static unsigned features; // PromQL's, of --enable-feature

// One by one, indented; a warning is a line.
static void print_warnings(const struct buf *warnings)
{
    struct str rest = buf_view(warnings);
    struct str line;
    while (str_next(&rest, '\n', &line))
        fprintf(stderr, "  WARNING: %.*s\n", STR_ARG(line));
}

static bool print_failure(const struct error *err)
{
    fflush(stdout);
    fprintf(stderr, "  FAILED: %s\n", err->text);
    return false;
}

static size_t count_rules(const struct rules_config *rules)
{
    size_t count = 0;
    for (size_t i = 0; i < rules->group_count; i++)
        count += rules->groups[i].rule_count;
    return count;
}

static bool check_rules_file(const char *path)
{
    struct rules_config rules;
    struct error err;
    printf("Checking %s\n", path);
    rules_config_init(&rules);
    bool valid =
        rules_config_load(&rules, path, &err) == OK && rules_check(&rules, features, &err) == OK;
    if (valid)
        printf("  SUCCESS: %zu rules found\n", count_rules(&rules));
    else
        print_failure(&err);
    rules_config_release(&rules);
    return valid;
}

// A pattern may match nothing; a file that is named must be there.
static bool check_rule_files_exist(const struct prometheus_config *config)
{
    bool valid = true;
    for (size_t i = 0; i < config->rule_file_count; i++) {
        struct str pattern = config->rule_files[i];
        char *path = mem_copy_str(pattern);
        if (strcspn(path, "*?[") == pattern.len && !file_exists(path)) {
            fflush(stdout);
            fprintf(stderr, "  FAILED: rule_files: \"%s\" does not point to an existing file\n",
                    path);
            valid = false;
        }
        mem_free(path);
    }
    return valid;
}

static bool check_rules_of(const struct prometheus_config *config)
{
    struct rules_config rules;
    struct error err;
    if (!check_rule_files_exist(config))
        return false;
    rules_config_init(&rules);
    bool valid =
        rules_config_load_all(&rules, config->rule_files, config->rule_file_count, &err) == OK &&
        rules_check(&rules, features, &err) == OK;
    if (!valid)
        print_failure(&err);
    else if (config->rule_file_count)
        printf("  SUCCESS: %zu rules found in rule_files\n", count_rules(&rules));
    rules_config_release(&rules);
    return valid;
}

static bool check_config_file(const char *path)
{
    struct prometheus_config *config;
    struct buf warnings = BUF_INIT;
    struct error err;
    printf("Checking %s\n", path);
    bool valid = prometheus_config_load(&config, path, &warnings, &err) == OK;
    fflush(stdout);
    print_warnings(&warnings);
    buf_release(&warnings);
    if (!valid)
        return print_failure(&err);
    valid = check_rules_of(config);
    if (notifier_check(config, &err))
        valid = print_failure(&err);
    if (valid)
        printf(" SUCCESS: %s is valid prometheus config file syntax\n", path);
    prometheus_config_unref(config);
    return valid;
}

static bool check_alertmanager_file(const char *path)
{
    struct alertmanager_config *config;
    struct buf warnings = BUF_INIT;
    struct error err;
    printf("Checking %s\n", path);
    bool loaded = alertmanager_config_load(&config, path, &warnings, &err) == OK;
    bool valid = loaded && alertmanager_check(config, &warnings, &err) == OK;
    fflush(stdout);
    print_warnings(&warnings);
    buf_release(&warnings);
    if (!valid) {
        if (loaded)
            alertmanager_config_unref(config);
        return print_failure(&err);
    }
    printf(" SUCCESS: %s is valid alertmanager config file syntax\n", path);
    printf("Found:\n - global config\n - route\n - %zu inhibit rules\n - %zu receivers\n"
           " - %zu templates\n",
           config->inhibit_rule_count, config->receiver_count, config->template_count);
    alertmanager_config_unref(config);
    return true;
}

static bool check_web_config_file(const char *path)
{
    struct buf warnings = BUF_INIT;
    struct error err;
    int rc = web_config_check(path, &warnings, &err);
    print_warnings(&warnings);
    buf_release(&warnings);
    if (rc) {
        fprintf(stderr, "%s FAILED: %s\n", path, err.text);
        return false;
    }
    printf("%s SUCCESS\n", path);
    return true;
}

static const struct {
    const char *name;
    bool (*check)(const char *path);
} kinds[] = {
    {"config", check_config_file},
    {"rules", check_rules_file},
    {"alertmanager", check_alertmanager_file},
    {"web-config", check_web_config_file},
};

static int usage(FILE *out)
{
    fputs("usage: lapwing check config|rules|alertmanager|web-config [--enable-feature=NAME,...] "
          "FILE...\n",
          out);
    return 2;
}

int cli_check(int argc, char **argv)
{
    static const struct str option = STR_INIT("--enable-feature=");
    bool (*check)(const char *path) = NULL;
    if (cli_help_wanted(argc, argv))
        return usage(stdout), 0;
    for (size_t i = 0; argc > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(argv[0], kinds[i].name) == 0)
            check = kinds[i].check;
    }
    int first = 1;
    for (; check && first < argc && argv[first][0] == '-'; first++) {
        if (!str_has_prefix(str_from(argv[first]), option) ||
            !cli_take_features(str_from(argv[first] + option.len), &features))
            return usage(stderr);
    }
    if (!check || first == argc)
        return usage(stderr);
    bool valid = true;
    for (int i = first; i < argc; i++) {
        if (i > first)
            printf("\n");
        valid &= check(argv[i]);
        fflush(stdout);
    }
    return valid ? 0 : 1;
}
