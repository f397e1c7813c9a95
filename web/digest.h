// A keyed digest (HMAC-SHA256), for remembering what must not be kept in the clear.
#ifndef WEB_DIGEST_H
#define WEB_DIGEST_H

#include "base/str.h"

#define DIGEST_SIZE 32

// Fills in `size` random bytes that nobody can guess.
void digest_random(void *out, size_t size);
void digest_keyed(const unsigned char key[DIGEST_SIZE], struct str text,
                  unsigned char out[DIGEST_SIZE]);
// In a time that does not tell where they differ.
bool digest_equal(const void *a, const void *b, size_t size);

#endif
