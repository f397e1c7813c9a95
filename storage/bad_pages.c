// Windows are read through maps, where a bad sector, or a file that somebody has cut, is a SIGBUS
// and not an error. The handler puts a page of zeros in the place of the one that couldn't be read and
// lets the reader go on: the block's sum is wrong then, and the window is treated as damaged. A page
// of code that can't be read stays fatal: zeros there may not be executed.
//
// mmap() is not on POSIX' list of what a handler may call; on Linux it is a bare system call.
#include "bad_pages.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_uintptr_t page_size;
static atomic_bool met;

static void put_zeros(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    int saved = errno;
    atomic_store(&met, true);
    size_t size = atomic_load(&page_size);
    char *page = (char *)((uintptr_t)info->si_addr & ~(size - 1));
    if (info->si_code != BUS_ADRERR ||
        mmap(page, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        signal(signal_number, SIG_DFL);
    errno = saved;
}

bool bad_pages_were_met(void)
{
    return atomic_load_explicit(&met, memory_order_relaxed);
}

void bad_pages_survive(void)
{
    struct sigaction action = {.sa_sigaction = put_zeros, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    atomic_store(&page_size, (uintptr_t)sysconf(_SC_PAGESIZE));
    sigaction(SIGBUS, &action, NULL);
}
