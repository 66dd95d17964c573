// What each strategy makes of the same cluster, side by side; the default is to be the best in each.
#include <stdio.h>

#include "loadtest/bench/bench_core.h"

enum aspect { MEAN, P99, MAKESPAN, ASPECTS };

static const char *const aspects[ASPECTS] = {"mean", "p99", "last result"};
static const char *const units[ASPECTS] = {"ms", "ms", "s"};

static double look(const struct cluster_outcome *o, enum aspect a) {
    return a == MEAN ? o->mean_ms : a == P99 ? o->p99_ms : o->makespan_s;
}

void bench_core_strategies(struct bench *b, const struct cluster_outcome all[static PICK_STRATEGIES]) {
    for (unsigned a = 0; a < ASPECTS; a++) {
        unsigned best = PICK_FINISH_TIME + 1; // of the others
        for (unsigned i = 0; i < PICK_STRATEGIES; i++) {
            char measure[64];
            snprintf(measure, sizeof measure, "%s, %s", aspects[a], pick_strategy_name((enum pick_strategy)i));
            bench_tell(b, measure, look(&all[i], (enum aspect)a), units[a], "%u of %u tasks completed",
                       all[i].completed, all[i].completed + all[i].failed);
            if (i != PICK_FINISH_TIME && look(&all[i], (enum aspect)a) < look(&all[best], (enum aspect)a)) best = i;
        }
        struct bench_row row = {.value =
                                    look(&all[best], (enum aspect)a) / look(&all[PICK_FINISH_TIME], (enum aspect)a),
                                .unit = "x",
                                .bar = 1,
                                .kind = BENCH_AT_LEAST};
        snprintf(row.measure, sizeof row.measure, "%s, default, times better", aspects[a]);
        snprintf(row.against, sizeof row.against, "than the best other, %s",
                 pick_strategy_name((enum pick_strategy)best));
        bench_row(b, &row);
    }
}
