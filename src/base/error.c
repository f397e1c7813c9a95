#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *err_text(int code)
{
    static const char *const texts[] = {
#define X(name, text) [ERR_INDEX_##name] = text,
        ERR_TABLE(X)
#undef X
    };
    if (code == OK)
        return "success";
    int index = -1 - code;
    return index >= 0 && index < ERR_INDEX_COUNT ? texts[index] : "unknown error";
}

int error_vset(struct error *e, int code, const char *format, va_list args)
{
    if (e) {
        // Formatted apart: the arguments may point into e->text.
        char text[ERROR_TEXT_SIZE];
        vsnprintf(text, sizeof(text), format, args);
        *e = (struct error){.code = code};
        memcpy(e->text, text, strlen(text) + 1);
    }
    return code;
}

int error_set(struct error *e, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_vset(e, code, format, args);
    va_end(args);
    return code;
}

int error_set_at(struct error *e, int code, int line, int column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_vset(e, code, format, args);
    va_end(args);
    if (e) {
        e->line = line;
        e->column = column;
    }
    return code;
}

int error_prefix(struct error *e, const char *format, ...)
{
    if (!e)
        return OK;
    char text[ERROR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof(text))
        snprintf(text + len, sizeof(text) - (size_t)len, "%s", e->text);
    memcpy(e->text, text, strlen(text) + 1);
    return e->code;
}

int err_from_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    default:
        return ERR_IO;
    }
}
