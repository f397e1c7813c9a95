// A file of another program as bytes in memory, read-only.
#ifndef STORAGE_IMPORT_MAP_H
#define STORAGE_IMPORT_MAP_H

#include "base/error.h"
#include "base/str.h"

// Nobody may shorten the file meanwhile: its program has stopped. An empty file is an empty view.
int file_map(const char *path, struct str *out, struct error *err);
void file_unmap(struct str bytes);

#endif
