// A file that holds one http_config: how a command-line tool reaches a server, as amtool's and
// promtool's --http.config.file.
#ifndef CONFIG_HTTP_FILE_H
#define CONFIG_HTTP_FILE_H

#include "base/arena.h"
#include "base/error.h"
#include "config/common.h"

struct http_file {
    struct arena arena; // of everything below
    struct config_http http;
};

// Paths in the file are relative to its folder. The caller owns *out and frees it with
// http_file_free(). Errors read "FILE:LINE:COLUMN: what, and what was expected".
int http_file_load(struct http_file **out, const char *path, struct error *err);
void http_file_free(struct http_file *f); // NULL is allowed

#endif
