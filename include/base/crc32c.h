// CRC-32C (Castagnoli), the checksum of other programs' files.
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include "base/str.h"

// Continues from `state`, which is 0 at first.
uint32_t crc32c(uint32_t state, struct str bytes);

#endif
