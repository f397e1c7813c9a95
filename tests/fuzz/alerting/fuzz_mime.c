// Any text as a header's value, a body and an address list: a header stays one header of short
// ASCII lines, a body stays short ASCII lines, an address never carries white space or brackets.
#include <stdlib.h>

#include "mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(struct str text, bool is_header)
{
    size_t column = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool breaks = c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n';
        if (breaks) {
            i++;
            column = 0;
            // Only folded lines may follow.
            if (is_header && i + 1 < text.len && text.ptr[i + 1] != ' ')
                abort();
            continue;
        }
        if (c == '\r' || c == '\n' || c >= 0x80 || ++column > 998)
            abort();
    }
}

static void check_addresses(struct str list)
{
    struct arena arena;
    struct str *found;
    size_t count;
    arena_init(&arena, 0);
    if (mime_addresses(list, &arena, &found, &count, NULL) == 0)
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < found[i].len; j++)
                if ((unsigned char)found[i].ptr[j] <= ' ' || found[i].ptr[j] == '>')
                    abort();
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data, size);
    struct buf out = BUF_INIT;
    if (mime_header(&out, STR("Subject"), text))
        check_lines(buf_view(&out), true);
    buf_reset(&out);
    if (mime_header(&out, STR("To"), text))
        check_lines(buf_view(&out), true);
    buf_reset(&out);
    mime_quoted_printable(&out, text);
    check_lines(buf_view(&out), false);
    buf_release(&out);
    check_addresses(text);
    return 0;
}
