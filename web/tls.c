// libmicrohttpd makes a GnuTLS session for each connection, with one certificate for ever. What is
// set here between that and the handshake replaces its choice: credentials, priorities, and what is
// asked of the client. A client's certificate is judged by verify_client() during the handshake, so
// that no request of a client that fails is ever read.
#include "tls.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

#define PEM_SIZE_MAX ((size_t)4 << 20)
// Longest name of a certificate that is compared.
#define SAN_SIZE 512

struct tls_identity {
    atomic_int references;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    gnutls_certificate_request_t request;
    bool verify;
    char **sans; // allowed names of clients; none: any
    size_t san_count;
    struct buf cert, key; // PEM
};

// Inline text, or the file's.
static int read_pem(const struct config_secret *source, struct buf *out, struct error *err)
{
    int rc = OK;
    if (source->value.len) {
        buf_str(out, source->value);
    } else {
        char *path = mem_copy_str(source->file);
        rc = file_read(path, PEM_SIZE_MAX, out, err);
        mem_free(path);
    }
    buf_text(out); // ends it with a NUL
    return rc;
}

static int fail(struct error *err, const struct config_secret *source, const char *what, int code)
{
    if (source->file.len)
        return error_set(err, ERR_INVALID, "%.*s: %s: %s", STR_ARG(source->file), what,
                         gnutls_strerror(code));
    return error_set(err, ERR_INVALID, "%s: %s", what, gnutls_strerror(code));
}

static gnutls_datum_t datum(const struct buf *b)
{
    return (gnutls_datum_t){(unsigned char *)b->ptr, (unsigned)b->len};
}

static int load_pair(struct tls_identity *t, const struct web_tls_config *c, struct error *err)
{
    int rc = read_pem(&c->cert, &t->cert, err);
    if (rc == OK)
        rc = read_pem(&c->key, &t->key, err);
    if (rc)
        return rc;
    gnutls_datum_t cert = datum(&t->cert), key = datum(&t->key);
    int code = gnutls_certificate_set_x509_key_mem2(t->credentials, &cert, &key,
                                                    GNUTLS_X509_FMT_PEM, NULL, 0);
    return code < 0 ? fail(err, &c->cert, "cannot use the certificate and its key", code) : OK;
}

static int load_client_ca(struct tls_identity *t, const struct web_tls_config *c, struct error *err)
{
    struct buf text = BUF_INIT;
    if (!c->client_ca.value.len && !c->client_ca.file.len) {
        if (t->verify)
            gnutls_certificate_set_x509_system_trust(t->credentials);
        return OK;
    }
    int rc = read_pem(&c->client_ca, &text, err);
    if (rc == OK) {
        gnutls_datum_t ca = datum(&text);
        int code = gnutls_certificate_set_x509_trust_mem(t->credentials, &ca, GNUTLS_X509_FMT_PEM);
        if (code < 0)
            rc = fail(err, &c->client_ca, "cannot use the client CA", code);
        else if (code == 0)
            rc = error_set(err, ERR_INVALID, "%.*s: no certificate in the client CA",
                           STR_ARG(c->client_ca.file));
    }
    buf_release(&text);
    return rc;
}

static int set_priorities(struct tls_identity *t, const struct web_tls_config *c, struct error *err)
{
    static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3"};
    struct buf text = BUF_INIT;
    buf_cstr(&text, "NORMAL:-VERS-ALL");
    // The newest first: it is what is preferred.
    for (int v = (int)c->max_version; v >= (int)c->min_version; v--)
        buf_printf(&text, ":+VERS-TLS%s", versions[v]);
    buf_str(&text, c->priorities);
    if (c->prefer_server_ciphers)
        buf_cstr(&text, ":%SERVER_PRECEDENCE");
    const char *wrong = NULL;
    int code = gnutls_priority_init(&t->priorities, buf_text(&text), &wrong);
    int rc = code < 0 ? error_set(err, ERR_INVALID,
                                  "the TLS versions, ciphers and curves leave nothing to agree on: "
                                  "%s",
                                  gnutls_strerror(code))
                      : OK;
    buf_release(&text);
    return rc;
}

// A name of the certificate as text; false when there are no more.
static bool san_text(gnutls_x509_crt_t cert, unsigned index, char *text, size_t size)
{
    char raw[SAN_SIZE];
    size_t len = sizeof(raw) - 1;
    int kind = gnutls_x509_crt_get_subject_alt_name(cert, index, raw, &len, NULL);
    text[0] = 0;
    if (kind == GNUTLS_E_SHORT_MEMORY_BUFFER)
        return true; // longer than anything that is looked for
    if (kind < 0)
        return false;
    if (kind == GNUTLS_SAN_IPADDRESS && (len == 4 || len == 16))
        inet_ntop(len == 4 ? AF_INET : AF_INET6, raw, text, (socklen_t)size);
    else if (kind != GNUTLS_SAN_IPADDRESS)
        snprintf(text, size, "%.*s", (int)len, raw);
    return true;
}

static bool certificate_is_allowed(const struct tls_identity *t, gnutls_x509_crt_t cert)
{
    char text[SAN_SIZE];
    for (unsigned i = 0; san_text(cert, i, text, sizeof(text)); i++) {
        for (size_t k = 0; text[0] && k < t->san_count; k++) {
            if (strcmp(text, t->sans[k]) == 0)
                return true;
        }
    }
    return false;
}

static bool san_allowed(const struct tls_identity *t, gnutls_session_t session)
{
    unsigned count = 0;
    const gnutls_datum_t *list = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t cert;
    if (t->san_count == 0)
        return true;
    if (!list || count == 0 || gnutls_x509_crt_init(&cert) < 0)
        return false;
    bool allowed = gnutls_x509_crt_import(cert, &list[0], GNUTLS_X509_FMT_DER) == 0 &&
                   certificate_is_allowed(t, cert);
    gnutls_x509_crt_deinit(cert);
    return allowed;
}

// Of the identity that tls_identity_begin() gave the session. 0 lets the handshake go on.
static int verify_client(gnutls_session_t session)
{
    struct tls_identity *t = gnutls_db_get_ptr(session);
    gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID,
                                     (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    unsigned status = 0, count = 0;
    if (!gnutls_certificate_get_peers(session, &count) || count == 0)
        return t->request == GNUTLS_CERT_REQUIRE ? GNUTLS_E_CERTIFICATE_ERROR : 0;
    if (t->verify &&
        (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status)) {
        log_debug("TLS: a client's certificate is not valid", LOG_INT("status", status));
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    if (!san_allowed(t, session)) {
        log_debug("TLS: none of a client's names is allowed");
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    return 0;
}

static void set_client_auth(struct tls_identity *t, const struct web_tls_config *c)
{
    static const gnutls_certificate_request_t requests[] = {
        [WEB_CLIENT_NONE] = GNUTLS_CERT_IGNORE,
        [WEB_CLIENT_REQUEST] = GNUTLS_CERT_REQUEST,
        [WEB_CLIENT_REQUIRE_ANY] = GNUTLS_CERT_REQUIRE,
        [WEB_CLIENT_VERIFY_IF_GIVEN] = GNUTLS_CERT_REQUEST,
        [WEB_CLIENT_VERIFY] = GNUTLS_CERT_REQUIRE,
    };
    t->request = requests[c->client_auth];
    t->verify = c->client_auth == WEB_CLIENT_VERIFY || c->client_auth == WEB_CLIENT_VERIFY_IF_GIVEN;
    t->sans = mem_calloc(c->client_allowed_san_count, sizeof(*t->sans));
    for (size_t i = 0; i < c->client_allowed_san_count; i++)
        t->sans[t->san_count++] = mem_copy_str(c->client_allowed_sans[i]);
}

int tls_identity_new(struct tls_identity **out, const struct web_tls_config *config,
                     struct error *err)
{
    struct tls_identity *t = mem_calloc(1, sizeof(*t));
    atomic_init(&t->references, 1);
    int code = gnutls_certificate_allocate_credentials(&t->credentials);
    int rc = code < 0 ? error_set(err, ERR_UNAVAILABLE, "TLS: %s", gnutls_strerror(code)) : OK;
    set_client_auth(t, config);
    if (rc == OK)
        rc = load_pair(t, config, err);
    if (rc == OK)
        rc = load_client_ca(t, config, err);
    if (rc == OK)
        rc = set_priorities(t, config, err);
    if (rc) {
        tls_identity_unref(t);
        return rc;
    }
    if (t->request != GNUTLS_CERT_IGNORE)
        gnutls_certificate_set_verify_function(t->credentials, verify_client);
    *out = t;
    return OK;
}

struct tls_identity *tls_identity_ref(struct tls_identity *t)
{
    atomic_fetch_add(&t->references, 1);
    return t;
}

void tls_identity_unref(struct tls_identity *t)
{
    if (!t || atomic_fetch_sub(&t->references, 1) > 1)
        return;
    if (t->credentials)
        gnutls_certificate_free_credentials(t->credentials);
    if (t->priorities)
        gnutls_priority_deinit(t->priorities);
    for (size_t i = 0; i < t->san_count; i++)
        mem_free(t->sans[i]);
    mem_free(t->sans);
    buf_release(&t->cert);
    buf_release(&t->key);
    mem_free(t);
}

void tls_identity_begin(struct tls_identity *t, void *session)
{
    gnutls_db_set_ptr(session, t); // no session is kept for resumption: the pointer is free
    gnutls_priority_set(session, t->priorities);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, t->credentials);
    gnutls_certificate_server_set_request(session, t->request);
}

const char *tls_identity_cert(const struct tls_identity *t)
{
    return t->cert.ptr; // read_pem() has ended it
}

const char *tls_identity_key(const struct tls_identity *t)
{
    return t->key.ptr;
}
