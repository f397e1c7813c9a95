// SHA-256 (FIPS 180-4), for keys that other services are given in place of long names.
#ifndef ALERTING_SHA256_H
#define ALERTING_SHA256_H

#include "base/str.h"

#define SHA256_HEX_SIZE 65

// 64 hexadecimal digits and a NUL.
void sha256_hex(struct str bytes, char out[SHA256_HEX_SIZE]);

#endif
