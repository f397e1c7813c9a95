// generate and load: data prepared, and sent.
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cache.h"
#include "commands.h"
#include "interrupt.h"

#define ROUNDS_DEFAULT 4
#define TIMEOUT_MS     30000
#define RETRIES_MAX    8

static struct pack_options pack_options_from(struct args *a)
{
    struct pack_options options = {.rounds = (unsigned)args_integer(a, "rounds", ROUNDS_DEFAULT),
                                   .quiet = args_flag(a, "quiet")};
    if (options.rounds < 1 && !a->err.code)
        error_set(&a->err, ERR_INVALID, "--rounds: expected at least 1");
    return options;
}

static int open_pack(struct pack **out, const char *path, struct error *err)
{
    int fd = io_open(path, O_RDONLY, 0);
    if (fd < 0)
        return error_set(err, fd, "%s: %s", path, strerror(errno));
    int result = pack_open(out, fd, err);
    close(fd);
    return result ? error_prefix(err, "%s: ", path) : OK;
}

static void print_pack(const char *path, const struct pack *p, double seconds)
{
    const struct pack_totals *t = pack_totals(p);
    fprintf(stderr, "%llu samples in %llu requests, %.1f MB, %.1f s: %.*s\n",
            (unsigned long long)t->samples, (unsigned long long)t->frames, (double)t->bytes / 1e6,
            seconds, STR_ARG(pack_header(p)));
    printf("%s\n", path);
}

int command_generate(struct args *a)
{
    struct workload w;
    struct error err;
    if (workload_from_args(&w, a, &err))
        return command_usage(&err);
    struct pack_options options = pack_options_from(a);
    const char *folder = args_text(a, "dir", NULL), *output = args_text(a, "output", NULL);
    if (args_finish(a, &err))
        return command_usage(&err);
    int64_t start_ns = clock_mono_ns(&clock_system);
    char *path = output ? mem_copy_str(str_from(output)) : NULL;
    struct pack *p = NULL;
    int result = output ? cache_write(output, &w, &options, &err)
                        : cache_pack(&path, folder, &w, &options, &err);
    if (!result)
        result = open_pack(&p, path, &err);
    if (!result)
        print_pack(path, p, (double)(clock_mono_ns(&clock_system) - start_ns) / 1e9);
    pack_close(p);
    mem_free(path);
    return result ? command_failed(&err) : 0;
}

static int write_json(const char *path, const char *url, const struct pack *p,
                      const struct load_result *r, struct error *err)
{
    struct buf text = BUF_INIT;
    struct json_writer w;
    json_writer_init(&w, &text);
    json_object_begin(&w);
    json_key(&w, "url");
    json_cstr(&w, url);
    json_key(&w, "workload");
    json_raw(&w, pack_header(p));
    load_result_json(&w, r);
    json_object_end(&w);
    buf_char(&text, '\n');
    int result = file_write_atomic(path, buf_view(&text), err);
    buf_release(&text);
    return result;
}

static int load_one(const char *target, const struct pack *p, struct load_options options,
                    const char *json, struct error *err)
{
    char *url = load_url(target);
    struct load_result r;
    struct error json_err;
    options.url = url;
    int result = load_run(&r, p, &options, err);
    printf("%s\n", url);
    load_result_print(&r);
    if (json && write_json(json, url, p, &r, &json_err) && !result) {
        result = json_err.code;
        *err = json_err;
    }
    load_result_release(&r);
    mem_free(url);
    return result;
}

int command_load(struct args *a)
{
    struct workload w;
    struct error err;
    if (workload_from_args(&w, a, &err))
        return command_usage(&err);
    struct pack_options pack_options = pack_options_from(a);
    struct load_options options = {.connections = (unsigned)args_integer(a, "connections", 1),
                                   .rate = args_number(a, "rate", 0),
                                   .timeout_ms = args_duration(a, "timeout", TIMEOUT_MS),
                                   .retries_max = RETRIES_MAX,
                                   .quiet = pack_options.quiet};
    const char *folder = args_text(a, "dir", NULL), *file = args_text(a, "pack", NULL);
    const char *json = args_text(a, "json", NULL), *target = args_next(a);
    if (args_finish(a, &err))
        return command_usage(&err);
    if (!target || options.connections < 1 || options.connections > 1000) {
        error_set(&err, ERR_INVALID,
                  target ? "--connections: expected 1 to 1000" : "load: expected a URL");
        return command_usage(&err);
    }
    struct pack *p = NULL;
    char *path = file ? mem_copy_str(str_from(file)) : NULL;
    int result = file ? OK : cache_pack(&path, folder, &w, &pack_options, &err);
    if (!result)
        result = open_pack(&p, path, &err);
    if (!result)
        result = load_one(target, p, options, json, &err);
    pack_close(p);
    mem_free(path);
    return result ? command_failed(&err) : 0;
}
