// A prepared file is named by its workload and a hash of everything that decides its bytes, so that
// a file found under its name is the one wanted. It is written beside and renamed: a file that is
// there is whole.
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define GENERATOR_VERSION 4 // counts changes of what the same workload gives
#define UNUSED_DAYS       3

static void default_folder(struct buf *out)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache)
        buf_printf(out, "%s/lapwing-bench", cache);
    else
        buf_printf(out, "%s/.cache/lapwing-bench", home && *home ? home : "/tmp");
}

static uint64_t fingerprint(const struct workload *w, const struct pack_options *options)
{
    struct buf text = BUF_INIT;
    struct json_writer json;
    json_writer_init(&json, &text);
    json_object_begin(&json);
    workload_json(&json, w);
    json_object_end(&json);
    buf_printf(&text, "%u %d", options->rounds, GENERATOR_VERSION);
    uint64_t hash = hash_str(buf_view(&text));
    buf_release(&text);
    return hash;
}

int cache_write(const char *path, const struct workload *w, const struct pack_options *options,
                struct error *err)
{
    struct buf part = BUF_INIT;
    struct pack_totals totals;
    buf_printf(&part, "%s.part", path);
    int fd = io_open(buf_text(&part), O_RDWR | O_CREAT | O_TRUNC, 0644);
    int result = fd < 0 ? error_set(err, fd, "%s: %s", buf_text(&part), strerror(errno))
                        : pack_write(fd, w, options, &totals, err);
    if (fd >= 0)
        close(fd);
    if (!result && (result = io_rename(buf_text(&part), path)))
        error_set(err, result, "%s: %s", path, strerror(errno));
    if (result)
        io_unlink(buf_text(&part));
    buf_release(&part);
    return result;
}

struct sweep {
    const char *folder;
    time_t oldest;
};

static int sweep_file(void *context, const char *name)
{
    const struct sweep *s = context;
    struct str file = str_from(name);
    struct buf path = BUF_INIT;
    struct stat status;
    buf_cstr(&path, s->folder);
    buf_char(&path, '/');
    buf_cstr(&path, name);
    if ((str_has_suffix(file, STR(".pack")) || str_has_suffix(file, STR(".pack.part"))) &&
        stat(buf_text(&path), &status) == 0 && status.st_mtime < s->oldest)
        io_unlink(buf_text(&path));
    buf_release(&path);
    return OK;
}

int cache_pack(char **path, const char *folder, const struct workload *w,
               const struct pack_options *options, struct error *err)
{
    struct buf cache = BUF_INIT, file = BUF_INIT;
    bool is_cache = !folder;
    if (is_cache) {
        default_folder(&cache);
        folder = buf_text(&cache);
    }
    struct sweep sweep = {folder, time(NULL) - UNUSED_DAYS * 24 * 3600};
    buf_printf(&file, "%s/%s-%016llx.pack", folder, w->name,
               (unsigned long long)fingerprint(w, options));
    int result = dir_create(folder, err);
    if (!result && is_cache)
        result = dir_each(folder, sweep_file, &sweep, err);
    if (!result && !file_exists(buf_text(&file)))
        result = cache_write(buf_text(&file), w, options, err);
    if (!result) {
        utimensat(AT_FDCWD, buf_text(&file), NULL, 0); // used now
        *path = buf_steal(&file);
    }
    buf_release(&cache);
    buf_release(&file);
    return result;
}
