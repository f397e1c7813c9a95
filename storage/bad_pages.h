// Reading a map must not kill the process when the disk fails.
#ifndef STORAGE_BAD_PAGES_H
#define STORAGE_BAD_PAGES_H

#include <stdbool.h>

// From here on a page of a map that can't be read has zeros in it, which is for checksums to find.
// Of the process; may be called again.
void bad_pages_survive(void);
// Whether one was: what was checked before may have turned to zeros.
bool bad_pages_were_met(void);

#endif
