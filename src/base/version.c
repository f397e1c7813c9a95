#include "base/version.h"

#ifndef LAPWING_REVISION
#define LAPWING_REVISION "unknown"
#endif

const char *const lapwing_revision = LAPWING_REVISION;
