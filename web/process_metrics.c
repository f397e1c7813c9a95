#include "process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"
#include "base/version.h"

// One set for the process: it is the process that is measured.
static struct {
    struct metric *cpu, *resident, *virtual, *open_fds, *max_fds;
} self;

static size_t read_proc(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, out, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    out[len > 0 ? len : 0] = 0;
    return len > 0 ? (size_t)len : 0;
}

static void collect_memory(void)
{
    char text[256];
    struct str rest = str_make(text, read_proc("/proc/self/statm", text, sizeof(text))), field;
    uint64_t pages, page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    if (str_next(&rest, ' ', &field) && str_to_u64(field, &pages))
        metric_set(self.virtual, (double)(pages * page_size));
    if (str_next(&rest, ' ', &field) && str_to_u64(field, &pages))
        metric_set(self.resident, (double)(pages * page_size));
}

static void collect_cpu(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage))
        return;
    metric_set(self.cpu, (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                             (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static void collect_fds(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_set(self.max_fds, (double)limit.rlim_cur);
    DIR *folder = opendir("/proc/self/fd");
    if (!folder)
        return;
    size_t count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    metric_set(self.open_fds, count > 3 ? (double)(count - 3) : 0); // ".", "..", the folder itself
}

static void collect(void *context)
{
    (void)context;
    collect_cpu();
    collect_memory();
    collect_fds();
}

// Field 22 of stat, in ticks since the boot, and the boot's time.
static double start_time(void)
{
    char text[4096];
    size_t len = read_proc("/proc/self/stat", text, sizeof(text));
    struct str rest = str_make(text, len), field = {0};
    size_t name_end = str_find_last(rest, ')');
    rest = name_end + 2 < rest.len ? str_skip(rest, name_end + 2) : str_make(NULL, 0);
    uint64_t ticks = 0;
    for (int i = 3; i <= 22; i++) {
        if (!str_next(&rest, ' ', &field))
            return 0;
    }
    if (!str_to_u64(field, &ticks))
        return 0;
    struct timespec wall, boot;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    double booted =
        (double)(wall.tv_sec - boot.tv_sec) + (double)(wall.tv_nsec - boot.tv_nsec) / 1e9;
    return booted + (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

void process_metrics_register(struct metrics *m)
{
    char labels[128];
    self.cpu = metrics_counter(m, "process_cpu_seconds_total",
                               "Total user and system CPU time spent in seconds.", "");
    self.resident =
        metrics_gauge(m, "process_resident_memory_bytes", "Resident memory size in bytes.", "");
    self.virtual = metrics_gauge(m, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
                                 "");
    self.open_fds = metrics_gauge(m, "process_open_fds", "Number of open file descriptors.", "");
    self.max_fds =
        metrics_gauge(m, "process_max_fds", "Maximum number of open file descriptors.", "");
    metric_set(metrics_gauge(m, "process_start_time_seconds",
                             "Start time of the process since unix epoch in seconds.", ""),
               start_time());
    snprintf(labels, sizeof(labels), "version=\"%s\",revision=\"%s\",compatible_with=\"%s\"",
             LAPWING_VERSION, lapwing_revision, PROMETHEUS_VERSION);
    metric_set(
        metrics_gauge(m, "lapwing_build_info",
                      "Always 1; the labels say what was built and which Prometheus release's "
                      "API it speaks.",
                      labels),
        1);
    metrics_on_collect(m, collect, NULL);
}
