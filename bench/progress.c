#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

void progress_init(struct progress *p, const char *what, bool quiet)
{
    int64_t now = clock_mono_ns(&clock_system);
    *p = (struct progress){what, now, now, quiet, isatty(STDERR_FILENO) == 1};
}

void progress_show(struct progress *p, double share)
{
    int64_t now = clock_mono_ns(&clock_system);
    int64_t pause_ns = p->terminal ? INT64_C(250000000) : INT64_C(10000000000);
    if (p->quiet || now - p->shown_ns < pause_ns || share <= 0)
        return;
    p->shown_ns = now;
    double elapsed = (double)(now - p->start_ns) / 1e9;
    fprintf(stderr, "%s%s: %3.0f %%, %.0f s, %.0f s to go%s", p->terminal ? "\r\033[K" : "",
            p->what, share * 100, elapsed, elapsed / share - elapsed, p->terminal ? "" : "\n");
}

void progress_done(struct progress *p)
{
    if (!p->quiet && p->terminal)
        fputs("\r\033[K", stderr);
}
