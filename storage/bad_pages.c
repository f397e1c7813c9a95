// Windows are read through maps, where a bad sector, or a file that somebody has cut, is a SIGBUS
// and not an error. The handler puts a page of zeros in the place of the one that couldn't be read and
// lets the reader go on: the block's sum is wrong then, and the window is treated as damaged. Only
// parts of maps that were named are treated so; elsewhere, as in code or in tables without sums, what
// cannot be read stays fatal.
//
// mmap() is not on POSIX' list of what a handler may call; on Linux it is a bare system call. The
// handler takes no lock: the parts stand in an array of atomic numbers.
#include "bad_pages.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define PARTS_MAX 1024

static struct part {
    atomic_uintptr_t start, end; // 0: free
} parts[PARTS_MAX];

static pthread_mutex_t parts_mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_uintptr_t page_size;
static atomic_uint met_count;

static bool is_survived(uintptr_t at)
{
    for (size_t i = 0; i < PARTS_MAX; i++) {
        if (at >= atomic_load(&parts[i].start) && at < atomic_load(&parts[i].end))
            return true;
    }
    return false;
}

static void put_zeros(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    size_t size = atomic_load(&page_size);
    char *page = (char *)((uintptr_t)info->si_addr & ~(size - 1));
    if (info->si_code != BUS_ADRERR || !is_survived((uintptr_t)info->si_addr) ||
        mmap(page, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        signal(signal_number, SIG_DFL);
    else
        atomic_fetch_add(&met_count, 1);
    errno = saved;
}

unsigned bad_pages_count(void)
{
    return atomic_load_explicit(&met_count, memory_order_relaxed);
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = put_zeros, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    atomic_store(&page_size, (uintptr_t)sysconf(_SC_PAGESIZE));
    sigaction(SIGBUS, &action, NULL);
}

// Sets the first part that begins at `old`.
static void replace(uintptr_t old, uintptr_t start, uintptr_t end)
{
    pthread_mutex_lock(&parts_mutex);
    for (size_t i = 0; i < PARTS_MAX; i++) {
        if (atomic_load(&parts[i].start) != old)
            continue;
        atomic_store(&parts[i].end, end);
        atomic_store(&parts[i].start, start);
        break;
    }
    pthread_mutex_unlock(&parts_mutex);
}

void bad_pages_survive(struct str bytes)
{
    install();
    replace(0, (uintptr_t)bytes.ptr, (uintptr_t)bytes.ptr + bytes.len);
}

void bad_pages_leave(struct str bytes)
{
    if (bytes.ptr)
        replace((uintptr_t)bytes.ptr, 0, 0);
}
