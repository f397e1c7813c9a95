#include "scrape/target_files.h"

#include <glob.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define FILE_SIZE_MAX ((size_t)64 << 20)

struct target_file {
    char *path;     // owned
    uint64_t stamp; // of what `groups` was made of, or of the bad file that was logged
    struct arena arena;
    struct config_target_group *groups; // in the arena
    size_t group_count;
    bool used; // since the last sweep
};

struct target_files {
    struct target_file **files;
    size_t count;
    size_t capacity;
};

struct target_files *target_files_new(void)
{
    return mem_calloc(1, sizeof(struct target_files));
}

static void file_free(struct target_file *file)
{
    arena_release(&file->arena);
    mem_free(file->path);
    mem_free(file);
}

void target_files_free(struct target_files *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        file_free(f->files[i]);
    mem_free(f->files);
    mem_free(f);
}

static void each_path(const struct config_file_sd *sd,
                      void (*each)(void *context, const char *path), void *context)
{
    for (size_t i = 0; i < sd->file_count; i++) {
        struct buf pattern = BUF_INIT;
        glob_t found;
        buf_str(&pattern, sd->files[i]);
        if (glob(buf_text(&pattern), 0, NULL, &found) == 0) {
            for (size_t f = 0; f < found.gl_pathc; f++)
                each(context, found.gl_pathv[f]);
            globfree(&found);
        }
        buf_release(&pattern);
    }
}

static uint64_t stamp_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return 0;
    int64_t parts[4] = {st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size, (int64_t)st.st_ino};
    return hash64(parts, sizeof(parts), 1);
}

static void hash_path(void *context, const char *path)
{
    uint64_t *hash = context;
    uint64_t stamp = stamp_of(path);
    *hash = hash64(path, strlen(path), *hash);
    *hash = hash64(&stamp, sizeof(stamp), *hash);
}

uint64_t target_files_fingerprint(const struct config_file_sd *sd)
{
    uint64_t hash = 0;
    each_path(sd, hash_path, &hash);
    return hash;
}

// Replaces what the file said, unless it is bad.
static int parse_file(struct target_file *file, struct error *err)
{
    struct buf text = BUF_INIT;
    struct arena arena;
    struct config_target_group *groups;
    size_t count;
    arena_init(&arena, 0);
    int rc = file_read(file->path, FILE_SIZE_MAX, &text, err);
    if (rc == OK)
        rc = target_groups_parse(buf_view(&text), file->path, &arena, &groups, &count, err);
    for (size_t i = 0; rc == OK && i < count; i++) {
        struct labels_builder set;
        labels_builder_init(&set, &arena, groups[i].labels);
        labels_builder_set(&set, STR("__meta_filepath"), arena_copy(&arena, str_from(file->path)));
        groups[i].labels = labels_builder_finish(&set);
    }
    buf_release(&text);
    if (rc) {
        arena_release(&arena);
        return rc;
    }
    arena_release(&file->arena);
    file->arena = arena;
    file->groups = groups;
    file->group_count = count;
    return OK;
}

static void refresh(struct target_file *file)
{
    struct error err;
    uint64_t stamp = stamp_of(file->path);
    if (stamp == file->stamp)
        return;
    file->stamp = stamp;
    if (parse_file(file, &err))
        log_error("a target file cannot be used, its last good content stays in force",
                  LOG_CSTR("file", file->path), LOG_ERR(&err));
}

static struct target_file *find(struct target_files *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->files[i]->path, path) == 0)
            return f->files[i];
    }
    struct target_file *file = mem_calloc(1, sizeof(*file));
    file->path = mem_copy_str(str_from(path));
    arena_init(&file->arena, 0);
    MEM_GROW(f->files, f->count, f->capacity);
    f->files[f->count++] = file;
    return file;
}

struct visit {
    struct target_files *files;
    void (*each)(void *context, const struct config_target_group *group);
    void *context;
};

static void visit_path(void *context, const char *path)
{
    const struct visit *v = context;
    struct target_file *file = find(v->files, path);
    file->used = true;
    refresh(file);
    for (size_t i = 0; i < file->group_count; i++)
        v->each(v->context, &file->groups[i]);
}

void target_files_each(struct target_files *f, const struct config_file_sd *sd,
                       void (*each)(void *context, const struct config_target_group *group),
                       void *context)
{
    struct visit v = {f, each, context};
    each_path(sd, visit_path, &v);
}

void target_files_sweep(struct target_files *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct target_file *file = f->files[i];
        if (!file->used) {
            file_free(file);
            continue;
        }
        file->used = false;
        f->files[kept++] = file;
    }
    f->count = kept;
}
