// What the server shows of itself over TLS, and what it asks of clients: GnuTLS' side of
// tls_server_config.
//
// An identity is immutable and counted; each connection holds one for as long as it lives, so that
// a renewed certificate takes effect with the next connection.
#ifndef WEB_TLS_H
#define WEB_TLS_H

#include "base/error.h"
#include "config/web.h"

struct tls_identity;

// Reads certificate, key and CA. The caller owns one reference. The configuration is not kept.
int tls_identity_new(struct tls_identity **out, const struct web_tls_config *config,
                     struct error *err);
struct tls_identity *tls_identity_ref(struct tls_identity *t);
void tls_identity_unref(struct tls_identity *t); // NULL is allowed
// Sets up a session (gnutls_session_t) before its handshake. `t` must outlive it.
void tls_identity_begin(struct tls_identity *t, void *session);
// The PEM texts that libmicrohttpd insists on being given.
const char *tls_identity_cert(const struct tls_identity *t);
const char *tls_identity_key(const struct tls_identity *t);

#endif
