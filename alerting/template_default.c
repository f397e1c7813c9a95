// Alertmanager's default templates, by the names that configurations refer to. What they make is
// the same text; the page of an e-mail says the same with less around it.
#include "template_tree.h"

#define FIRING_AND_RESOLVED(heading, list)                                                         \
    "\n{{ if gt (len .Alerts.Firing) 0 }}\n" heading "Alerts Firing:\n{{ template \"" list         \
    "\" .Alerts.Firing }}\n{{ end }}"                                                              \
    "\n{{ if gt (len .Alerts.Resolved) 0 }}\n" heading "Alerts Resolved:\n{{ template \"" list     \
    "\" .Alerts.Resolved }}\n{{ end }}\n"

// The same without the empty lines around.
#define FIRING_AND_RESOLVED_TIGHT                                                                  \
    "\n{{ if gt (len .Alerts.Firing) 0 -}}\nAlerts Firing:\n"                                      \
    "{{ template \"__text_alert_list\" .Alerts.Firing }}\n{{- end }}"                              \
    "\n{{ if gt (len .Alerts.Resolved) 0 -}}\nAlerts Resolved:\n"                                  \
    "{{ template \"__text_alert_list\" .Alerts.Resolved }}\n{{- end }}"

#define ANNOTATIONS "{{ .CommonAnnotations.SortedPairs.Values | join \" \" }}"

#define DEFINE(name, body) "{{ define \"" name "\" }}" body "{{ end }}"
#define SUBJECT(name)      DEFINE(name, "{{ template \"__subject\" . }}")
#define CLIENT(name)       DEFINE(name, "{{ template \"__alertmanager\" . }}")
#define LINK(name)         DEFINE(name, "{{ template \"__alertmanagerURL\" . }}")
#define EMPTY(name)        DEFINE(name, "")
#define TEXT(name)         DEFINE(name, FIRING_AND_RESOLVED("", "__text_alert_list"))
#define MARKDOWN(name)     DEFINE(name, FIRING_AND_RESOLVED("# ", "__text_alert_list_markdown"))
#define ALERT_ROW                                                                                  \
    "<tr><td style=\"padding: 0 0 20px\"><strong>Labels</strong><br />"                            \
    "{{ range .Labels.SortedPairs }}{{ .Name }} = {{ .Value }}<br />{{ end }}"                     \
    "{{ if gt (len .Annotations) 0 }}<strong>Annotations</strong><br />{{ end }}"                  \
    "{{ range .Annotations.SortedPairs }}{{ .Name }} = {{ .Value }}<br />{{ end }}"                \
    "<a href=\"{{ .GeneratorURL }}\">Source</a></td></tr>\n"

const char template_default_text[] = DEFINE("__alertmanager", "Alertmanager") DEFINE(
    "__alertmanagerURL", "{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | "
                         "urlquery }}") DEFINE("__subject", "[{{ .Status | toUpper }}"
                                                            "{{ if eq .Status \"firing\" "
                                                            "}}:{{ .Alerts.Firing | len "
                                                            "}}{{ end }}] "
                                                            "{{ "
                                                            ".GroupLabels.SortedPairs."
                                                            "Values | join \" \" }} "
                                                            "{{ if gt (len .CommonLabels) "
                                                            "(len .GroupLabels) }}"
                                                            "({{ with .CommonLabels.Remove "
                                                            ".GroupLabels.Names }}{{ "
                                                            ".Values | join \" \" }}"
                                                            "{{ end }}){{ end }}")
    EMPTY("__description") DEFINE(
        "__text_alert_list",
        "{{ range . }}Labels:\n"
        "{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}Annotations:\n"
        "{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}"
        "Source: {{ .GeneratorURL }}\n{{ end }}") DEFINE("__text_alert_list_markdown",
                                                         "{{ range . }}\nLabels:\n"
                                                         "{{ range .Labels.SortedPairs }}  - {{ "
                                                         ".Name }} = {{ .Value }}\n{{ end }}\n"
                                                         "Annotations:\n"
                                                         "{{ range .Annotations.SortedPairs }}  - "
                                                         "{{ .Name }} = {{ .Value }}\n{{ end }}\n"
                                                         "Source: {{ .GeneratorURL }}\n{{ end }}\n")
        SUBJECT("slack.default.title") CLIENT("slack.default.username") DEFINE(
            "slack.default.fallback",
            "{{ template \"slack.default.title\" . }} | {{ template \"slack.default.titlelink\" . "
            "}}") EMPTY("slack.default.callbackid") EMPTY("slack.default.pretext")
            LINK("slack.default.titlelink") EMPTY("slack.default.iconemoji") EMPTY(
                "slack.default.iconurl") EMPTY("slack.default.text") EMPTY("slack.default.footer")
                SUBJECT("pagerduty.default.description") CLIENT("pagerduty.default.client") LINK(
                    "pagerduty.default.clientURL") DEFINE("pagerduty.default.instances",
                                                          "{{ template \"__text_alert_list\" . }}")
                    SUBJECT("opsgenie.default.message") DEFINE(
                        "opsgenie.default.description",
                        ANNOTATIONS FIRING_AND_RESOLVED_TIGHT) LINK("opsgenie.default.source")
                        DEFINE("victorops.default.state_message",
                               ANNOTATIONS FIRING_AND_RESOLVED_TIGHT) SUBJECT("victorops.default."
                                                                              "entity_display_name")
                            CLIENT("victorops.default.monitoring_tool") SUBJECT(
                                "pushover.default.title") DEFINE("pushover.default.message",
                                                                 ANNOTATIONS FIRING_AND_RESOLVED(
                                                                     "", "__text_alert_list"))
                                LINK("pushover.default.url") SUBJECT("sns.default.subject") DEFINE(
                                    "sns.default.message",
                                    ANNOTATIONS FIRING_AND_RESOLVED("", "__text_alert_list"))
                                    TEXT("telegram.default.message") EMPTY(
                                        "discord.default.content") SUBJECT("discord.default.title")
                                        TEXT("discord.default.message") DEFINE(
                                            "webex.default.message",
                                            ANNOTATIONS FIRING_AND_RESOLVED("",
                                                                            "__text_alert_list"))
                                            SUBJECT("msteams.default.summary") SUBJECT(
                                                "msteams.default.title") MARKDOWN("msteams.default."
                                                                                  "text")
                                                SUBJECT("msteamsv2.default.title") MARKDOWN(
                                                    "msteamsv2.default.text")
                                                    SUBJECT("email.default.subject") DEFINE(
                                                        "email.default.html",
                                                        "<!DOCTYPE html>\n<html>\n<head>\n<meta "
                                                        "charset=\"UTF-8\" />\n"
                                                        "<meta name=\"viewport\" "
                                                        "content=\"width=device-width\" />\n"
                                                        "<title>{{ template \"__subject\" . "
                                                        "}}</title>\n</head>\n"
                                                        "<body style=\"font-family: Helvetica, "
                                                        "Arial, sans-serif; font-size: 14px; "
                                                        "background-color: #f6f6f6; margin: 0\">\n"
                                                        "<table width=\"600\" align=\"center\" "
                                                        "cellpadding=\"10\" bgcolor=\"#ffffff\">\n"
                                                        "<tr><td align=\"center\" style=\"color: "
                                                        "#ffffff; background-color: "
                                                        "{{ if gt (len .Alerts.Firing) 0 "
                                                        "}}#E6522C{{ else }}#68b90f{{ end }}\">\n"
                                                        "{{ .Alerts | len }} alert{{ if gt (len "
                                                        ".Alerts) 1 }}s{{ end }} for "
                                                        "{{ range .GroupLabels.SortedPairs }}\n{{ "
                                                        ".Name }}={{ .Value }}\n{{ end "
                                                        "}}</td></tr>\n"
                                                        "<tr><td><a href=\"{{ template "
                                                        "\"__alertmanagerURL\" . }}\">View in "
                                                        "{{ template \"__alertmanager\" . "
                                                        "}}</a></td></tr>\n"
                                                        "{{ if gt (len .Alerts.Firing) 0 "
                                                        "}}<tr><td><strong>[{{ .Alerts.Firing | "
                                                        "len }}] Firing"
                                                        "</strong></td></tr>\n{{ end }}{{ range "
                                                        ".Alerts.Firing }}" ALERT_ROW "{{ end }}"
                                                        "{{ if gt (len .Alerts.Resolved) 0 "
                                                        "}}<tr><td><strong>[{{ .Alerts.Resolved | "
                                                        "len }}] "
                                                        "Resolved</strong></td></tr>\n{{ end }}{{ "
                                                        "range .Alerts.Resolved }}" ALERT_ROW
                                                        "{{ end }}<tr><td align=\"center\"><a "
                                                        "href=\"{{ .ExternalURL }}\">Sent by "
                                                        "{{ template \"__alertmanager\" . "
                                                        "}}</a></td></tr>\n</table>\n</body>\n</"
                                                        "html>\n");
