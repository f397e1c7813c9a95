// web.config.file: TLS, passwords, headers and a rate limit of the HTTP server, in the format of
// Prometheus' exporter-toolkit.
#ifndef CONFIG_WEB_H
#define CONFIG_WEB_H

#include "base/arena.h"
#include "base/error.h"
#include "config/common.h"

enum web_client_auth {
    WEB_CLIENT_NONE,            // NoClientCert
    WEB_CLIENT_REQUEST,         // RequestClientCert: asked for, not looked at
    WEB_CLIENT_REQUIRE_ANY,     // RequireAnyClientCert: must be there, not verified
    WEB_CLIENT_VERIFY_IF_GIVEN, // VerifyClientCertIfGiven
    WEB_CLIENT_VERIFY,          // RequireAndVerifyClientCert
};

enum web_tls_version { WEB_TLS10, WEB_TLS11, WEB_TLS12, WEB_TLS13 };

// A PEM text given inline or in a file.
struct web_tls_config {
    struct config_secret cert;
    struct config_secret key;
    struct config_secret client_ca; // none: the system's
    enum web_client_auth client_auth;
    struct str *client_allowed_sans; // exact names of a client's certificate; none: any
    size_t client_allowed_san_count;
    enum web_tls_version min_version; // TLS 1.2 unless set
    enum web_tls_version max_version; // TLS 1.3 unless set
    bool prefer_server_ciphers;
    struct str priorities; // the cipher suites and curves in GnuTLS' words; "" for its defaults
};

struct web_header {
    struct str name;
    struct str value;
};

struct web_user {
    struct str name;
    struct str hash; // bcrypt, its form checked
};

struct web_config {
    struct arena arena;
    bool has_tls;
    struct web_tls_config tls;
    struct web_header *headers;
    size_t header_count;
    struct web_user *users;
    size_t user_count;
    int64_t rate_interval_ms; // between two requests; 0: no limit
    uint64_t rate_burst;
};

// Reads and validates a file; paths in it are relative to its folder. The files it names are not
// opened. Free with web_config_free(). Errors read "FILE:LINE:COLUMN: what, and what was expected";
// `warnings` (may be NULL) collects lines about keys without effect.
int web_config_load(struct web_config **out, const char *path, struct buf *warnings,
                    struct error *err);
// The same from text; `folder` is what relative paths are relative to.
int web_config_parse(struct web_config **out, struct str text, const char *name, const char *folder,
                     struct buf *warnings, struct error *err);
void web_config_free(struct web_config *c); // NULL is allowed

#endif
