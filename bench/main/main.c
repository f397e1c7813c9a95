// lapwing-bench: generates workloads, loads them into stores, and measures how those answer.
#include <stdio.h>
#include <stdlib.h>

#include "base/version.h"
#include "commands.h"
#include "interrupt.h"
#include "workload.h"

static const char USAGE[] =
    "lapwing-bench COMMAND [--NAME=VALUE]... compares stores that speak Prometheus' protocols.\n"
    "\n"
    "lapwing-bench generate [WORKLOAD]   prepares a workload as remote-write requests; prints the\n"
    "                                    file's path\n"
    "  --dir=DIR           keep it there ($XDG_CACHE_HOME/lapwing-bench); it is made once\n"
    "  --output=FILE       write it there instead\n"
    "  --rounds=N          scrapes of a host in one request (4)\n"
    "lapwing-bench load URL [WORKLOAD]   sends it by remote write 1.0; prepares it first if need "
    "be\n"
    "                                    (a URL without a path gets /api/v1/write)\n"
    "  --pack=FILE         send this file of `generate`\n"
    "  --connections=N     requests at once; a host stays on one connection (1)\n"
    "  --rate=N            samples a second (as fast as they are taken)\n"
    "  --timeout=30s       of a request\n"
    "  --json=FILE         results for programs\n"
    "  --dir, --rounds     as above\n"
    "lapwing-bench serve [WORKLOAD]      shows it as scrape targets, one for each host and job, "
    "at\n"
    "                                    127.0.1.1:PORT/metrics, 127.0.1.2:PORT/metrics and so on\n"
    "  --port=9900 --seconds=N   (until Ctrl-C)\n"
    "  --config=FILE       write a matching prometheus.yml there (stdout)\n"
    "lapwing-bench query FILE... TARGET...   asks all targets the same, in turn\n"
    "  TARGET is [NAME=]URL[,data=FOLDER][,pid=N]; FILE has a query a line (see bench/queries):\n"
    "    NAME instant EXPRESSION, or NAME range SPAN/STEP EXPRESSION\n"
    "  --end=now|TIME      when queries end (now); rolling: at the time of each repetition\n"
    "  --roll=DURATION     the end moves on by this with each repetition (0)\n"
    "  --repetitions=N --warmup=N --concurrency=N   (20, 3, 1)\n"
    "  --modes=nocache,cache   without caches of results, and with them\n"
    "  --reference=NAME    whose answers the others are compared with (the first)\n"
    "  --tolerance=1e-6    by how much values may differ, relative, where a query says nothing\n"
    "  --no-compare        do not compare answers\n"
    "  --timeout=1m        of a query\n"
    "  --title=TEXT --json=FILE --csv=FILE --html=FILE\n"
    "lapwing-bench report RESULTS.json [--csv=FILE] [--html=FILE]   shows results again\n"
    "lapwing-bench compare OLD.json NEW.json   what has become slower; exits with 1 if anything\n"
    "  --change=0.05       least change of a median that counts\n"
    "  --p=0.01            most p value of the Mann-Whitney test\n"
    "\n"
    "WORKLOAD:\n";

struct command {
    const char *name;
    int (*run)(struct args *a);
};

static const struct command COMMANDS[] = {
    {"generate", command_generate}, {"load", command_load},     {"query", command_query},
    {"serve", command_serve},       {"report", command_report}, {"compare", command_compare},
};

int command_usage(const struct error *err)
{
    fprintf(stderr, "lapwing-bench: %s (see lapwing-bench --help)\n", err->text);
    return 2;
}

int command_failed(const struct error *err)
{
    fprintf(stderr, "lapwing-bench: %s\n", err->text);
    return 1;
}

static bool asks_for(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2 || asks_for(argc, argv, "--help") || strcmp(argv[1], "help") == 0) {
        printf("%s%s", USAGE, workload_help);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("lapwing-bench, version %s (revision: %s)\n", LAPWING_VERSION, lapwing_revision);
        return 0;
    }
    interrupt_watch();
    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        if (strcmp(argv[1], COMMANDS[i].name) != 0)
            continue;
        struct args a;
        args_init(&a, argc - 2, argv + 2);
        return COMMANDS[i].run(&a);
    }
    struct error err;
    error_set(&err, ERR_INVALID, "no such command: \"%s\"", argv[1]);
    return command_usage(&err);
}
