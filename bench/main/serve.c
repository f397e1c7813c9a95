// serve: a workload as scrape targets.
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "commands.h"
#include "interrupt.h"
#include "targets_server.h"
#include "workload.h"

#define REPORT_MS 10000

static int write_config(const struct targets_server *s, const char *path, struct error *err)
{
    struct buf text = BUF_INIT;
    targets_server_config(s, &text);
    int result = OK;
    if (path)
        result = file_write_atomic(path, buf_view(&text), err);
    else
        fwrite(text.ptr, 1, text.len, stdout);
    fflush(stdout);
    buf_release(&text);
    return result;
}

static void serve(struct targets_server *s, int64_t seconds, bool quiet)
{
    int64_t end_ns = clock_mono_ns(&clock_system) + seconds * 1000000000;
    while (!interrupted() && (!seconds || clock_mono_ns(&clock_system) < end_ns)) {
        int64_t left_ms = seconds ? (end_ns - clock_mono_ns(&clock_system)) / 1000000 : REPORT_MS;
        targets_server_run(s, left_ms < REPORT_MS ? left_ms + 1 : REPORT_MS);
        if (!quiet)
            fprintf(stderr, "%llu scrapes\n", (unsigned long long)targets_server_scrapes(s));
    }
}

int command_serve(struct args *a)
{
    struct workload w;
    struct error err;
    struct targets_server *s;
    if (workload_from_args(&w, a, &err))
        return command_usage(&err);
    int64_t port = args_integer(a, "port", 9900), seconds = args_integer(a, "seconds", 0);
    const char *config = args_text(a, "config", NULL);
    bool quiet = args_flag(a, "quiet");
    if (!a->err.code && (port < 0 || port > UINT16_MAX))
        error_set(&a->err, ERR_INVALID, "--port: expected 0 to 65535");
    if (args_finish(a, &err))
        return command_usage(&err);
    if (targets_server_new(&s, &w, (unsigned)port, &err))
        return command_failed(&err);
    int result = write_config(s, config, &err);
    if (!result)
        serve(s, seconds, quiet);
    targets_server_free(s);
    return result ? command_failed(&err) : 0;
}
