// lapwing: flags, the parts, signals, and the parts' end.
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "cli/alerts.h"
#include "cli/check.h"
#include "cli/dry_run.h"
#include "cli/storage.h"
#include "cli/test.h"

static void print_version(void)
{
    printf("lapwing, version %s (revision %s)\n", LAPWING_VERSION, lapwing_revision);
}

static void print_help(void)
{
    struct buf text = BUF_INIT;
    buf_cstr(&text, "Lapwing: a time-series store and alert engine in one small binary.\n\n"
                    "lapwing [FLAG...]\n"
                    "lapwing check config|rules|alertmanager|web-config FILE...\n"
                    "lapwing test promql|rules FILE...\n"
                    "lapwing rules dry-run [--over=15d] FILE...\n"
                    "lapwing alerts explain|history|routes test|send-test ...\n"
                    "lapwing storage import|export|dump|inspect|verify ...\n\nFlags:\n"
                    "  --help\n        Print this.\n  --version\n        Print the version.\n");
    flags_help(&text);
    fputs(buf_text(&text), stdout);
    buf_release(&text);
}

static int print_reference(void)
{
    struct buf text = BUF_INIT;
    flags_reference(&text);
    fputs(buf_text(&text), stdout);
    buf_release(&text);
    return 0;
}

static int configure_log(const struct flags *f, struct error *err)
{
    enum log_level level;
    enum log_format format;
    if (!log_level_parse(str_from(f->log_level.text), &level))
        return error_set(err, ERR_INVALID,
                         "--log.level: expected debug, info, warn or error, got \"%s\"",
                         f->log_level.text);
    if (!log_format_parse(str_from(f->log_format.text), &format))
        return error_set(err, ERR_INVALID, "--log.format: expected logfmt or json, got \"%s\"",
                         f->log_format.text);
    log_configure(format, level);
    return OK;
}

// Signals are blocked in every thread and taken here, one by one.
static void serve(struct app *app, const sigset_t *signals)
{
    struct timespec second = {.tv_sec = 1};
    struct error err;
    while (!app_quits(app)) {
        int number = sigtimedwait(signals, NULL, &second);
        if (number == SIGHUP)
            app_reload(app, &err);
        else if (number == SIGTERM || number == SIGINT)
            return;
    }
}

// Who starts us may have closed standard input, output or error: the next file would take its number,
// and the log would be written into the store.
static void fill_standard_files(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

// Each connection, target and file of the store takes a descriptor: as many as are allowed, as in
// Prometheus, whose runtime does the same.
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        log_warn("the limit of open files stays", LOG_CSTR("err", strerror(errno)));
}

static void log_flag_warnings(void)
{
    struct buf warnings = BUF_INIT;
    flags_warnings(&warnings);
    struct str rest = buf_view(&warnings), line;
    while (str_next(&rest, '\n', &line))
        if (line.len)
            log_warn("flag without effect", LOG_STR("warning", line));
    buf_release(&warnings);
}

static int run(const struct flags *flags)
{
    struct app *app;
    struct error err;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    log_flag_warnings();
    if (app_start(&app, flags, &err)) {
        log_error("lapwing cannot start", LOG_ERR(&err));
        return 1;
    }
    log_info("lapwing is ready", LOG_CSTR("version", LAPWING_VERSION),
             LOG_CSTR("address", flags->listen_address.text),
             LOG_CSTR("url", app_external_url(app)), LOG_CSTR("storage", flags->storage_path.text));
    serve(app, &signals);
    log_info("lapwing stops");
    app_stop(app);
    return 0;
}

int main(int argc, char **argv)
{
    struct flags flags = {0};
    struct error err;
    fill_standard_files();
    // Large buffers (scraped bodies, requests, columns) go back to the system when they are freed, and
    // grow without being copied.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    // What queries and requests take again and again stays.
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return cli_check(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "test") == 0)
        return cli_test(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "rules") == 0)
        return cli_rules(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "alerts") == 0)
        return cli_alerts(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "storage") == 0)
        return cli_storage(argc - 2, argv + 2);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0)
            return print_version(), 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return print_help(), 0;
        if (strcmp(argv[i], "--help-markdown") == 0)
            return print_reference();
    }
    if (flags_parse(&flags, argc, argv, &err) || configure_log(&flags, &err)) {
        fprintf(stderr, "lapwing: %s\n", err.text);
        flags_release(&flags);
        return 2;
    }
    int status = run(&flags);
    flags_release(&flags);
    return status;
}
