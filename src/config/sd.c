// Discovery mechanisms that are read but find nothing yet.
//
// Those that small installations use (Kubernetes, Consul, DNS, HTTP, Docker, EC2) are checked key
// by key, so that a file that passes here needs no change later; of the others only the form is.
// Every one gives a warning, since a job without targets would otherwise be a silent surprise.
#include "sections.h"

// What the checked kinds' keys decode into; nobody reads it.
struct ignored_sd {
    struct config_http http;
    struct config_secret secret;
    struct str text;
    struct string_list list;
    int64_t duration_ms;
    uint64_t number;
    bool flag;
};

#define TEXT(key)                                                                                  \
    {                                                                                              \
        key, FIELD_STRING, offsetof(struct ignored_sd, text), NULL                                 \
    }
#define LIST(key)                                                                                  \
    {                                                                                              \
        key, FIELD_STRINGS, offsetof(struct ignored_sd, list), NULL                                \
    }
#define DURATION(key)                                                                              \
    {                                                                                              \
        key, FIELD_DURATION, offsetof(struct ignored_sd, duration_ms), NULL                        \
    }
#define NUMBER(key)                                                                                \
    {                                                                                              \
        key, FIELD_U64, offsetof(struct ignored_sd, number), NULL                                  \
    }
#define FLAG(key)                                                                                  \
    {                                                                                              \
        key, FIELD_BOOL, offsetof(struct ignored_sd, flag), NULL                                   \
    }
#define SECRET(key)                                                                                \
    {                                                                                              \
        key, FIELD_SECRET, offsetof(struct ignored_sd, secret), NULL                               \
    }
#define CUSTOM(key, decode)                                                                        \
    {                                                                                              \
        key, FIELD_CUSTOM, 0, decode                                                               \
    }
#define CHECKED_SECTION(type, fields)                                                              \
    SECTION_WITH(type, fields, {&http_section, offsetof(struct ignored_sd, http)})

static int expect_one_of(struct decoder *d, const struct yaml_node *node, const char *what,
                         const char *const *words, const char *expected)
{
    struct str text;
    int rc = decode_string(d, node, &text);
    if (rc)
        return rc;
    for (; *words; words++) {
        if (str_is(text, *words))
            return OK;
    }
    return decode_fail(d, node, "unknown %s \"%.*s\": expected %s", what, STR_ARG(text), expected);
}

static int decode_kubernetes_role(struct decoder *d, const struct yaml_node *node, void *out)
{
    static const char *const roles[] = {"node",          "pod",     "service", "endpoints",
                                        "endpointslice", "ingress", NULL};
    (void)out;
    return expect_one_of(d, node, "Kubernetes SD role", roles,
                         "node, pod, service, endpoints, endpointslice or ingress");
}

static const struct field namespaces_fields[] = {LIST("names"), FLAG("own_namespace")};
static const struct section namespaces_section = SECTION("namespaces", namespaces_fields);

static int decode_namespaces(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &namespaces_section, out);
}

static const struct field selector_fields[] = {
    CUSTOM("role", decode_kubernetes_role),
    TEXT("label"),
    TEXT("field"),
};
static const struct section selector_section = SECTION("selectors", selector_fields);

static int decode_selector(struct decoder *d, const struct yaml_node *node, void *out)
{
    int rc = decode_section(d, node, &selector_section, out);
    if (rc == OK && !has_key(node, "role"))
        rc = decode_fail(d, node,
                         "role missing in the selector: expected one of pod, service, "
                         "endpoints, endpointslice, node, ingress");
    return rc;
}

static int decode_selectors(struct decoder *d, const struct yaml_node *node, void *out)
{
    void *items;
    size_t count;
    (void)out;
    return decode_list(d, node, sizeof(struct ignored_sd), decode_selector, &items, &count);
}

static const struct field attach_metadata_fields[] = {FLAG("node"), FLAG("namespace")};
static const struct section attach_metadata_section =
    SECTION("attach_metadata", attach_metadata_fields);

static int decode_attach_metadata(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &attach_metadata_section, out);
}

static int decode_api_server(struct decoder *d, const struct yaml_node *node, void *out)
{
    (void)out;
    struct str url;
    int rc = decode_string(d, node, &url);
    if (rc == OK && url.len && !url_is_valid(url, true))
        return decode_fail(d, node, "expected a URL such as https://10.0.0.1:6443, got \"%.*s\"",
                           STR_ARG(url));
    return rc;
}

static const struct field kubernetes_fields[] = {
    CUSTOM("api_server", decode_api_server),
    CUSTOM("role", decode_kubernetes_role),
    TEXT("kubeconfig_file"),
    CUSTOM("namespaces", decode_namespaces),
    CUSTOM("selectors", decode_selectors),
    CUSTOM("attach_metadata", decode_attach_metadata),
};
static const struct section kubernetes_section =
    CHECKED_SECTION("kubernetes_sd_config", kubernetes_fields);

static int check_kubernetes(struct decoder *d, const struct yaml_node *node)
{
    if (!has_key(node, "role"))
        return decode_fail(d, node,
                           "role missing: expected one of pod, service, endpoints, "
                           "endpointslice, node, ingress");
    if (has_key(node, "api_server") && has_key(node, "kubeconfig_file"))
        return decode_fail(d, yaml_get(node, "kubeconfig_file")->key,
                           "cannot use 'kubeconfig_file' and 'api_server' simultaneously");
    const struct yaml_node *namespaces = yaml_get(node, "namespaces");
    const struct yaml_node *own = yaml_get(namespaces, "own_namespace");
    if (has_key(node, "api_server") && own && str_eq_nocase(own->text, STR("true")))
        return decode_fail(d, own->key,
                           "cannot use 'api_server' and 'namespaces.own_namespace' "
                           "simultaneously");
    return OK;
}

static const struct field consul_fields[] = {
    TEXT("server"),        TEXT("path_prefix"),   SECRET("token"),
    TEXT("datacenter"),    TEXT("namespace"),     TEXT("partition"),
    TEXT("tag_separator"), TEXT("scheme"),        TEXT("username"),
    SECRET("password"),    FLAG("allow_stale"),   DURATION("refresh_interval"),
    LIST("services"),      LIST("tags"),          {"node_meta", FIELD_IGNORED, 0, NULL},
    TEXT("filter"),        TEXT("health_filter"),
};
static const struct section consul_section = CHECKED_SECTION("consul_sd_config", consul_fields);

static int decode_dns_type(struct decoder *d, const struct yaml_node *node, void *out)
{
    static const char *const types[] = {"A",    "AAAA", "MX", "NS",  "SRV", "a",
                                        "aaaa", "mx",   "ns", "srv", NULL};
    (void)out;
    return expect_one_of(d, node, "DNS-SD record type", types, "A, AAAA, MX, NS or SRV");
}

static const struct field dns_fields[] = {
    LIST("names"),
    DURATION("refresh_interval"),
    CUSTOM("type", decode_dns_type),
    NUMBER("port"),
};
static const struct section dns_section = SECTION("dns_sd_config", dns_fields);

static int check_dns(struct decoder *d, const struct yaml_node *node)
{
    const struct yaml_node *names = yaml_get(node, "names");
    const struct yaml_node *type = yaml_get(node, "type");
    if (!names || names->child_count == 0)
        return decode_fail(d, node, "DNS-SD config must contain at least one SRV record name");
    if (node_is_given(type) && !str_eq_nocase(type->text, STR("SRV")) && !has_key(node, "port"))
        return decode_fail(d, node,
                           "a port is required in DNS-SD configs for all record types "
                           "except SRV");
    return OK;
}

static const struct field http_sd_fields[] = {TEXT("url"), DURATION("refresh_interval")};
static const struct section http_sd_section = CHECKED_SECTION("http_sd_config", http_sd_fields);

static int check_http_sd(struct decoder *d, const struct yaml_node *node)
{
    const struct yaml_node *url = yaml_get(node, "url");
    if (!node_is_given(url) || url->text.len == 0)
        return decode_fail(d, node, "URL is missing");
    mask_url(d, url);
    if (!url_is_valid(url->text, true))
        return decode_fail(d, url,
                           "URL scheme must be 'http' or 'https' and a host must follow, "
                           "got \"%.*s\"",
                           STR_ARG(url->text));
    return OK;
}

static int decode_filters(struct decoder *d, const struct yaml_node *node, void *out);

static const struct field docker_fields[] = {
    TEXT("host"),
    NUMBER("port"),
    TEXT("host_networking_host"),
    FLAG("match_first_network"),
    CUSTOM("filters", decode_filters),
    DURATION("refresh_interval"),
};
static const struct section docker_section = CHECKED_SECTION("docker_sd_config", docker_fields);

static int decode_swarm_role(struct decoder *d, const struct yaml_node *node, void *out)
{
    static const char *const roles[] = {"services", "tasks", "nodes", NULL};
    (void)out;
    return expect_one_of(d, node, "Docker Swarm role", roles, "services, tasks or nodes");
}

static const struct field swarm_fields[] = {
    TEXT("host"),
    CUSTOM("role", decode_swarm_role),
    NUMBER("port"),
    CUSTOM("filters", decode_filters),
    DURATION("refresh_interval"),
};
static const struct section swarm_section = CHECKED_SECTION("dockerswarm_sd_config", swarm_fields);

static int check_docker(struct decoder *d, const struct yaml_node *node)
{
    return has_key(node, "host") ? OK : decode_fail(d, node, "host missing");
}

static int check_swarm(struct decoder *d, const struct yaml_node *node)
{
    if (!has_key(node, "role"))
        return decode_fail(d, node, "role missing (one of: tasks, services, nodes)");
    return check_docker(d, node);
}

static const struct field ec2_fields[] = {
    TEXT("endpoint"),    TEXT("region"),
    TEXT("access_key"),  SECRET("secret_key"),
    TEXT("profile"),     TEXT("role_arn"),
    TEXT("external_id"), DURATION("refresh_interval"),
    NUMBER("port"),      CUSTOM("filters", decode_filters),
};
static const struct section ec2_section = CHECKED_SECTION("ec2_sd_config", ec2_fields);

static const struct field filter_fields[] = {TEXT("name"), LIST("values")};
static const struct section filter_section = SECTION("filters", filter_fields);

static int decode_filter(struct decoder *d, const struct yaml_node *node, void *out)
{
    int rc = decode_section(d, node, &filter_section, out);
    const struct yaml_node *values = yaml_get(node, "values");
    if (rc == OK && (!values || values->child_count == 0))
        rc = decode_fail(d, node, "SD configuration filter values cannot be empty");
    return rc;
}

static int decode_filters(struct decoder *d, const struct yaml_node *node, void *out)
{
    void *items;
    size_t count;
    (void)out;
    return decode_list(d, node, sizeof(struct ignored_sd), decode_filter, &items, &count);
}

static const struct {
    const char *key;
    const struct section *section; // NULL: only the form is checked
    int (*check)(struct decoder *d, const struct yaml_node *node);
} kinds[] = {
    {"kubernetes_sd_configs", &kubernetes_section, check_kubernetes},
    {"consul_sd_configs", &consul_section, NULL},
    {"dns_sd_configs", &dns_section, check_dns},
    {"http_sd_configs", &http_sd_section, check_http_sd},
    {"docker_sd_configs", &docker_section, check_docker},
    {"dockerswarm_sd_configs", &swarm_section, check_swarm},
    {"ec2_sd_configs", &ec2_section, NULL},
};

static const struct section *section_of(struct str key)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_is(key, kinds[i].key))
            return kinds[i].section;
    }
    return NULL;
}

static int check_kind(struct decoder *d, const struct yaml_node *node, struct str key)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (str_is(key, kinds[i].key) && kinds[i].check)
            return kinds[i].check(d, node);
    }
    return OK;
}

static int decode_other_sd(struct decoder *d, const struct yaml_node *node, const char *kind,
                           struct discovery *discovery)
{
    const struct section *section = section_of(str_from(kind));
    struct ignored_sd ignored = {0};
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping as element of %s", kind);
    int rc = section ? decode_section(d, node, section, &ignored) : OK;
    if (rc == OK && section)
        rc = http_check(d, node, &ignored.http);
    if (rc == OK)
        rc = check_kind(d, node, str_from(kind));
    if (rc)
        return rc;
    if (!section)
        mask_by_name(d, node);
    ARENA_GROW(d->arena, discovery->other_sds, discovery->other_sd_count,
               discovery->other_sd_capacity);
    discovery->other_sds[discovery->other_sd_count++] = (struct config_other_sd){kind, node->line};
    return OK;
}

// The name in static memory: config_other_sd outlives the file's text.
static const char *static_kind(struct str key)
{
    for (size_t i = 0; i < other_sd_section.field_count; i++) {
        if (str_is(key, other_sd_section.fields[i].key))
            return other_sd_section.fields[i].key;
    }
    return NULL;
}

static int decode_other_sds(struct decoder *d, const struct yaml_node *node, void *out)
{
    const char *kind = static_kind(node->key->text);
    if (node->kind != YAML_SEQUENCE)
        return decode_fail(d, node, "expected a list of mappings as %s", kind);
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        int rc = decode_other_sd(d, child, kind, out);
        if (rc)
            return rc;
    }
    if (node->child_count)
        decode_warn(d, node->key, "%s is not supported yet: no targets are found by it", kind);
    return OK;
}

#define OTHER(name)                                                                                \
    {                                                                                              \
        name "_sd_configs", FIELD_CUSTOM, 0, decode_other_sds                                      \
    }

static const struct field other_sd_fields[] = {
    OTHER("aws"),       OTHER("azure"),       OTHER("consul"),   OTHER("digitalocean"),
    OTHER("docker"),    OTHER("dockerswarm"), OTHER("dns"),      OTHER("ec2"),
    OTHER("eureka"),    OTHER("gce"),         OTHER("hetzner"),  OTHER("http"),
    OTHER("ionos"),     OTHER("kubernetes"),  OTHER("kuma"),     OTHER("lightsail"),
    OTHER("linode"),    OTHER("marathon"),    OTHER("nerve"),    OTHER("nomad"),
    OTHER("openstack"), OTHER("outscale"),    OTHER("ovhcloud"), OTHER("puppetdb"),
    OTHER("scaleway"),  OTHER("serverset"),   OTHER("stackit"),  OTHER("triton"),
    OTHER("uyuni"),     OTHER("vultr"),
};
const struct section other_sd_section = SECTION("discovery", other_sd_fields);
