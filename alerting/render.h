// What integrations that speak JSON share: members whose texts are templates, trees of them, texts
// cut to a service's limits. Private to notify_*.c.
#ifndef ALERTING_RENDER_H
#define ALERTING_RENDER_H

#include "base/json_write.h"
#include "integration.h"

struct render {
    struct json_writer json;
    const struct notice *notice;
    struct arena arena; // of expanded texts
};

void render_init(struct render *r, const struct notice *notice, struct buf *out);
void render_release(struct render *r);

// The template's text, in the arena.
struct str render_text(struct render *r, struct str template_text);
// The same, at most `runes_max` code points, the last an ellipsis when something was cut.
struct str render_cut(struct render *r, struct str template_text, size_t runes_max);

void render_str(struct render *r, const char *key, struct str value);
void render_always(struct render *r, const char *key, struct str template_text);
void render_if_any(struct render *r, const char *key, struct str template_text);
// A tree of YAML as JSON. A text that is a template and makes a JSON value other than a string
// stands for that value, so that `{{ .Alerts | toJson }}` nests.
void render_tree(struct render *r, const struct yaml_node *node);
// What a template made, as JSON: itself where it is JSON other than a string, else a string.
void render_made(struct render *r, struct str made);

bool secret_is_given(const struct config_secret *secret);
bool text_is_template(struct str text);

#endif
