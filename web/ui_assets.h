// Files of the web UI, gzipped, as the build embeds them (see web/CMakeLists.txt).
#ifndef WEB_UI_ASSETS_H
#define WEB_UI_ASSETS_H

#include "base/str.h"

struct ui_asset {
    const char *name; // "index.html", "app.js"
    const char *content_type;
    const char *etag; // quoted
    const unsigned char *begin;
    const unsigned char *end;
};

extern const struct ui_asset ui_assets[];
extern const size_t ui_asset_count; // 0: built without the UI

#endif
