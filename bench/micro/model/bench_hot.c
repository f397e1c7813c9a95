// Hashes and order of label sets.
#include "../hot.h"
#include "model/labels.h"

#define COUNT 100

static struct label labels[COUNT][6];

static void prepare(void)
{
    static char cpus[COUNT][8];
    for (int i = 0; i < COUNT; i++) {
        snprintf(cpus[i], sizeof(cpus[i]), "%d", i);
        labels[i][0] = (struct label){STR(LABEL_METRIC_NAME), STR("node_cpu_seconds_total")};
        labels[i][1] = (struct label){STR("cluster"), STR("home")};
        labels[i][2] = (struct label){STR("cpu"), str_from(cpus[i])};
        labels[i][3] = (struct label){STR("instance"), STR("host-017.example:9100")};
        labels[i][4] = (struct label){STR("job"), STR("node")};
        labels[i][5] = (struct label){STR("mode"), STR("idle")};
    }
}

static void hash_labels(void)
{
    for (int i = 0; i < COUNT; i++)
        hot_sink = (double)labels_hash((struct labels){labels[i], 6});
}

static void compare_labels(void)
{
    for (int i = 0; i + 1 < COUNT; i++)
        hot_sink = labels_cmp((struct labels){labels[i], 6}, (struct labels){labels[i + 1], 6});
}

int main(int argc, char **argv)
{
    static const struct hot_case CASES[] = {{"label_hash", "set", COUNT, hash_labels},
                                            {"label_compare", "pair", COUNT - 1, compare_labels}};
    return hot_main(argc, argv, CASES, sizeof(CASES) / sizeof(CASES[0]), prepare);
}
