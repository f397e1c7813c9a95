#include "config/http_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "sections.h"

#define FILE_SIZE_MAX ((size_t)1 << 20)

static int parse(struct http_file *f, struct str text, const char *path, struct str folder,
                 struct error *err)
{
    struct decoder d;
    struct yaml_node *root;
    char *folder_text = mem_copy_str(folder);
    config_decoder_init(&d, &f->arena, arena_copy(&f->arena, text), path, folder_text, NULL, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_http(&d, root, &f->http);
    decoder_release(&d);
    mem_free(folder_text);
    return rc;
}

int http_file_load(struct http_file **out, const char *path, struct error *err)
{
    struct buf bytes = BUF_INIT;
    struct http_file *f = mem_calloc(1, sizeof(*f));
    arena_init(&f->arena, 0);
    int rc = file_read(path, FILE_SIZE_MAX, &bytes, err);
    if (rc == OK)
        rc = parse(f, buf_view(&bytes), path, path_folder(str_from(path)), err);
    buf_release(&bytes);
    if (rc)
        http_file_free(f);
    else
        *out = f;
    return rc;
}

void http_file_free(struct http_file *f)
{
    if (!f)
        return;
    arena_release(&f->arena);
    mem_free(f);
}
