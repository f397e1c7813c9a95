// A sum over the pages of a finished LMDB file that LMDB itself walks: its meta pages and trees.
//
// LMDB trusts its pages: a wrong offset in one sends it outside the file. The values are checked by
// who reads them; this makes sure of the way there before LMDB takes it. A trailer behind the last
// page, which LMDB never looks at, holds the sum (FORMAT.md, "Trailer").
#ifndef STORAGE_LMDB_SUM_H
#define STORAGE_LMDB_SUM_H

#include "base/error.h"

// Appends the trailer to a file that no environment has open, and syncs the file.
int lmdb_sum_append(const char *path, struct error *err);
// ERR_CORRUPT when a page or the trailer is damaged or missing; ERR_IO.
int lmdb_sum_check(const char *path, struct error *err);

#endif
