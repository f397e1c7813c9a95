// A listening socket's inode stands in /proc/net/tcp, and in the descriptors of its process.
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"

#define LISTEN   0x0a
#define FILE_MAX (16u << 20)

static unsigned long inode_in(const char *path, unsigned port)
{
    unsigned long found = 0;
    char line[512];
    FILE *f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof(line), f)) {
        unsigned local, state;
        unsigned long inode;
        if (sscanf(line,
                   " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu",
                   &local, &state, &inode) == 3 &&
            local == port && state == LISTEN)
            found = inode;
    }
    if (f)
        fclose(f);
    return found;
}

static bool has_socket(const char *pid, unsigned long inode)
{
    char path[300], link[64], wanted[64];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        ssize_t len = readlinkat(dirfd(dir), e->d_name, link, sizeof(link));
        found = len > 0 && str_is(str_make(link, (size_t)len), wanted);
    }
    if (dir)
        closedir(dir);
    return found;
}

pid_t process_of_port(unsigned port)
{
    unsigned long inode = inode_in("/proc/net/tcp", port);
    if (!inode)
        inode = inode_in("/proc/net/tcp6", port);
    DIR *dir = inode ? opendir("/proc") : NULL;
    uint64_t pid = 0;
    for (struct dirent *e; dir && !pid && (e = readdir(dir));) {
        uint64_t number;
        if (str_to_u64(str_from(e->d_name), &number) && has_socket(e->d_name, inode))
            pid = number;
    }
    if (dir)
        closedir(dir);
    return (pid_t)pid;
}

static bool read_proc(pid_t pid, const char *name, struct buf *out)
{
    char path[64];
    buf_reset(out);
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return file_read(path, FILE_MAX, out, NULL) == OK;
}

// The number behind "key:" in lines of text.
static uint64_t number_of(struct buf *text, const char *key)
{
    const char *at = strstr(buf_text(text), key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

bool process_usage(pid_t pid, struct process_usage *out)
{
    struct buf text = BUF_INIT;
    *out = (struct process_usage){0};
    bool found = read_proc(pid, "status", &text);
    if (found) {
        out->rss_anon = number_of(&text, "RssAnon:") * 1024;
        out->rss_file = number_of(&text, "RssFile:") * 1024;
        out->rss_peak = number_of(&text, "VmHWM:") * 1024;
    }
    if (read_proc(pid, "io", &text))
        out->bytes_written = number_of(&text, "\nwrite_bytes:");
    unsigned long user, system;
    const char *fields = read_proc(pid, "stat", &text) ? strrchr(buf_text(&text), ')') : NULL;
    if (fields && sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                         &system) == 2)
        out->cpu_seconds = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    buf_release(&text);
    return found;
}
