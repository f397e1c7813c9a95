// The parts of a running Lapwing, wired together.
#ifndef APP_H
#define APP_H

#include "flags.h"

struct app;

// Opens the store, reads the configuration, starts every part and serves. The caller owns *out.
int app_start(struct app **out, const struct flags *flags, struct error *err);
// Reads the configuration again and applies it whole, or keeps the running one.
int app_reload(struct app *a, struct error *err);
// The URL under which users reach it. Borrowed.
const char *app_external_url(const struct app *a);
// True once somebody asked over HTTP to stop.
bool app_quits(const struct app *a);
void app_stop(struct app *a);

#endif
