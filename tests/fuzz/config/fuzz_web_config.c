// Any text is either a web configuration or refused with a message; what it holds is well-formed.
#include <assert.h>

#include "config/web.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct web_config *c;
    struct buf warnings = BUF_INIT;
    struct error err = {0};
    int rc = web_config_parse(&c, str_make((const char *)data, size), "web.yml", "/etc", &warnings,
                              &err);
    if (rc == OK) {
        for (size_t i = 0; i < c->user_count; i++)
            assert(c->users[i].hash.len == 60);
        for (size_t i = 0; i < c->header_count; i++)
            assert(c->headers[i].value.len > 0);
        assert(!c->has_tls || c->tls.min_version <= c->tls.max_version);
        web_config_free(c);
    } else {
        assert(err.text[0]);
    }
    buf_release(&warnings);
    return 0;
}
