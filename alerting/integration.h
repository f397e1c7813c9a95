// A receiver's integrations: each kind makes a payload out of a group's alerts, and sends one.
//
// A payload holds no secrets and no addresses of servers: those are read from the configuration
// when it is sent, which may be after a reload or a restart.
#ifndef ALERTING_INTEGRATION_H
#define ALERTING_INTEGRATION_H

#include "alerting/template.h"
#include "config/alertmanager.h"
#include "outbox.h"
#include "wire.h"

struct receiver;
struct integration;
struct integration_metrics;

// What a group has to say at one moment.
struct notice {
    const struct notification_data *data;
    const struct template_set *templates;
    struct str group_key;
    int64_t now_ms;
    uint64_t truncated_count; // alerts that max_alerts left out of `data`
    uint64_t random;          // for message ids
};

struct send_result {
    enum outbox_outcome outcome;
    int status;
    int64_t retry_after_ms;
    struct error err; // unless delivered
    uint64_t id;      // In: of the notification, the same with each attempt
    // In: what this integration remembers of the group since the last notification that something
    // fires by; out: what it remembers from now on, if this one was delivered. Mostly nothing.
    struct buf memo;
    // In: to be called once it is known that it arrived, where something is left to do after that.
    void (*on_arrival)(void *context);
    void *context;
};

struct integration_kind {
    const char *name; // "webhook"
    // Appends the payload; fails when there is nobody to address it to.
    int (*render)(const struct integration *in, const struct notice *notice, struct buf *payload,
                  struct error *err);
    void (*send)(const struct integration *in, struct str payload, const struct wire *wire,
                 struct send_result *out);
    // NULL, or how many alerts a payload may hold (0: all).
    uint64_t (*max_alerts)(const struct integration *in);
};

extern const struct integration_kind integration_webhook;
extern const struct integration_kind integration_slack;
extern const struct integration_kind integration_email;
extern const struct integration_kind integration_pagerduty;
extern const struct integration_kind integration_opsgenie;
extern const struct integration_kind integration_telegram;
extern const struct integration_kind integration_discord;
extern const struct integration_kind integration_msteamsv2;

struct integration {
    const struct integration_kind *kind; // NULL: accepted in the file, but it cannot send
    const char *name;                    // of the kind, or "pagerduty"
    size_t index;                        // among its kind in the receiver
    bool send_resolved;
    const void *config; // webhook_config, ...
    const struct receiver *receiver;
    struct integration_metrics *metrics; // borrowed
};

struct receiver {
    const struct receiver_config *config;
    struct str quoted_name; // as payloads have it: what regular expressions take for syntax escaped
    struct integration *integrations;
    size_t count;
};

// Appends what the template makes of the notice. A template that fails leaves its error in the
// text: the alert is told all the same.
void notice_expand(const struct notice *notice, enum template_mode mode, struct str text,
                   struct buf *out);
struct str notice_expand_in(const struct notice *notice, struct str text, struct arena *arena);
// Appends a secret's value, read from its file where that is what was given.
int secret_read(const struct config_secret *secret, struct buf *out, struct error *err);
// Fills in *out from an answer to an HTTP request, by the rules that all kinds share: 2xx is
// delivered, 5xx, 408 and 429 are worth another try, the rest is not.
void send_result_http(struct send_result *out, int rc, const struct wire_reply *reply);

#endif
