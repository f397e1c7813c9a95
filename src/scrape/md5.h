// MD5 (RFC 1321), for hashmod alone: targets must be spread as Prometheus spreads them.
#ifndef SCRAPE_MD5_H
#define SCRAPE_MD5_H

#include "base/str.h"

void md5(struct str bytes, unsigned char out[16]);

#endif
