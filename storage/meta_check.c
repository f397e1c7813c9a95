// Whether the file of the tables, which nobody has open, can be read to the end. LMDB follows what a damaged
// page says wherever that leads, so a child does it: it may crash, or turn in a circle.
//
// The child only reads, and leaves by _exit(): whatever other threads held at the fork stays untouched.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "lmdb_env.h"
#include "meta_value.h"
#include "store.h"

// Of CPU: a circle uses it up, a slow disk does not.
#define CHECK_SECONDS_MAX 20
#define FREE_PAGES        0 // LMDB's own table
#define DAMAGED           1 // the child's exit status

struct reading {
    struct lmdb_txn *txn;
    bool values; // their checksums, too
    enum meta_table table;
};

static int add_entry(void *context, struct str key, struct str value)
{
    *(uint64_t *)context += key.len + value.len;
    return OK;
}

static int check_value(void *context, struct str key, struct str value)
{
    const struct reading *r = context;
    return meta_value_get(r->table, key, &value) ? OK : ERR_CORRUPT;
}

// The root table names the others.
static int read_table(void *context, struct str key, struct str value)
{
    struct reading *r = context;
    char *name = mem_copy_str(key);
    unsigned table;
    uint64_t bytes = 0;
    (void)value;
    int rc = lmdb_table(r->txn, name, &table, NULL);
    if (rc == OK)
        rc = lmdb_each(r->txn, table, str_make(NULL, 0), add_entry, &bytes);
    r->table = meta_table_of(key);
    if (rc == OK && r->values && r->table < META_TABLE_COUNT)
        rc = lmdb_each(r->txn, table, str_make(NULL, 0), check_value, r);
    mem_free(name);
    return rc;
}

// Nobody hears a child's errors: the code alone.
static int read_meta(const char *file, bool values)
{
    struct lmdb_env *env;
    struct lmdb_txn *t;
    unsigned root;
    uint64_t bytes = 0;
    int rc = lmdb_env_open(&env, file, LMDB_LOOK_AT, 0, 64, NULL);
    if (rc)
        return rc;
    rc = lmdb_begin(&t, env, false, NULL);
    if (rc == OK) {
        rc = lmdb_table(t, NULL, &root, NULL);
        if (rc == OK)
            rc = lmdb_each(t, FREE_PAGES, str_make(NULL, 0), add_entry, &bytes);
        struct reading r = {t, values, META_ALERTS};
        if (rc == OK)
            rc = lmdb_each(t, root, str_make(NULL, 0), read_table, &r);
        lmdb_abort(t);
    }
    lmdb_env_close(env);
    return rc;
}

// What damaged pages do to their reader. Others, as when memory is short, say nothing of the file.
static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGXCPU, SIGFPE, SIGILL};
#define CRASH_COUNT (sizeof(crashes) / sizeof(crashes[0]))

static void check_in_child(const char *file, bool values)
{
    const struct rlimit none = {0, 0}, cpu = {CHECK_SECONDS_MAX, CHECK_SECONDS_MAX};
    for (size_t i = 0; i < CRASH_COUNT; i++)
        signal(crashes[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_CPU, &cpu);
    // Whatever a crash or an assertion of LMDB's would say is said by the caller.
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    _exit(read_meta(file, values) == ERR_CORRUPT ? DAMAGED : 0);
}

static bool says_damaged(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == DAMAGED;
    for (size_t i = 0; i < CRASH_COUNT; i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == crashes[i])
            return true;
    return false;
}

// What LMDB would take for a new file, or stumble over.
static int check_kind(const char *path, mode_t kind, struct error *err)
{
    struct stat st;
    if (stat(path, &st))
        return OK;
    if ((st.st_mode & S_IFMT) != kind)
        return error_set(err, ERR_CORRUPT, "%s: it is no %s", path,
                         kind == S_IFDIR ? "folder" : "file");
    if (kind == S_IFREG && st.st_size == 0)
        return error_set(err, ERR_CORRUPT, "%s: the file is empty", path);
    return OK;
}

static int check_file(const char *file, bool values, struct error *err)
{
    int status = 0;
    pid_t child = fork();
    if (child < 0)
        return OK;
    if (child == 0)
        check_in_child(file, values);
    pid_t done;
    do {
        done = waitpid(child, &status, 0);
    } while (done < 0 && errno == EINTR);
    // Somebody else may have waited for it; then nothing is known. What keeps the file from being read
    // at all, such as its owner, is said by whoever opens it.
    if (done < 0 || !says_damaged(status))
        return OK;
    return error_set(err, ERR_CORRUPT, "%s: the tables are damaged", file);
}

int meta_check(const char *folder, bool values, struct error *err)
{
    struct buf file = BUF_INIT;
    buf_printf(&file, "%s/data.mdb", folder);
    int rc = check_kind(folder, S_IFDIR, err);
    if (rc == OK)
        rc = check_kind(buf_text(&file), S_IFREG, err);
    if (rc == OK && file_exists(buf_text(&file)))
        rc = check_file(buf_text(&file), values, err);
    buf_release(&file);
    return rc;
}
