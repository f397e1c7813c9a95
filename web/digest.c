#include "digest.h"

#include <assert.h>
#include <gnutls/crypto.h>
#include <sys/random.h>

void digest_random(void *out, size_t size)
{
    ssize_t got = getrandom(out, size, 0);
    assert(got == (ssize_t)size); // always, up to 256 bytes
}

void digest_keyed(const unsigned char key[DIGEST_SIZE], struct str text,
                  unsigned char out[DIGEST_SIZE])
{
    int rc = gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, DIGEST_SIZE, text.ptr, text.len, out);
    assert(rc == 0);
}

bool digest_equal(const void *a, const void *b, size_t size)
{
    const unsigned char *left = a, *right = b;
    unsigned char different = 0;
    for (size_t i = 0; i < size; i++)
        different |= (unsigned char)(left[i] ^ right[i]);
    return different == 0;
}
