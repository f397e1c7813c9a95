// Sizes in bytes as Prometheus' flags and files write them.
#ifndef MODEL_SIZE_H
#define MODEL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

// Amounts with a unit, which add up: 512MB, 1.5GiB, 1GB512MB, and a bare 0. Units are B to EB, with
// or without an i, and always powers of 1024. False on anything else or from 9.2e18 on.
bool size_parse(struct str s, uint64_t *bytes);

#endif
