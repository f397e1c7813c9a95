// Reading a map must not kill the process when the disk fails.
#ifndef STORAGE_BAD_PAGES_H
#define STORAGE_BAD_PAGES_H

#include "base/str.h"

// From here on a page of this part of a map that can't be read has zeros in it, which is for checksums
// to find. Of more parts than 1,024 the further ones are not known.
void bad_pages_survive(struct str bytes);
// Before the map goes.
void bad_pages_leave(struct str bytes);
// How many were met so far: when there is one more, what was checked before may have turned to zeros.
unsigned bad_pages_count(void);

#endif
