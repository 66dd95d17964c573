// A task whose result is known: TASK_SUBMIT to RESULT_DELIVERY in the core, against the same for a task that goes
// through a peer. Both without what is not the core's: SHA-256 of the payload is there at once, so is the peer's
// result.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/bench/bench_core.h"
#include "loadtest/bench/stand.h"

#define ROUNDS 20000u
#define BYTES 1024u // of payload and of result

static struct p2_digest key_of(uint32_t number) {
    struct p2_digest key = {{0}};
    memcpy(key.b, &number, sizeof number);
    return key;
}

void bench_core_known(struct bench *b) {
    static p2_ns runs[ROUNDS], hits[ROUNDS];
    const struct stand_task task = {.class_ = P2_CLASS_INTERACTIVE, .deadline_ns = P2_SEC, .payload_bytes = BYTES};
    struct stand s;
    stand_init(&s,
               &(struct stand_config){.tasks_max = 65536, .clients = 1, .peers = 1, .jobs = 1, .deterministic = true});
    for (uint32_t i = 0; i < ROUNDS; i++) {
        s.key = key_of(i + 1);
        s.spent_ns = 0;
        stand_submit(&s, &task);
        stand_answer(&s, BYTES);
        runs[i] = s.spent_ns;
        s.spent_ns = 0;
        stand_submit(&s, &task);
        hits[i] = s.spent_ns;
    }
    P2_CHECK(s.assigned == ROUNDS && s.cached == ROUNDS && s.delivered == 2 * ROUNDS && s.ended == 0);
    stand_deinit(&s);
    struct bench_spread run = bench_spread(runs, ROUNDS), hit = bench_spread(hits, ROUNDS);
    bench_tell(b, "known result, submit to delivery, median", hit.median_us, "us", "in the core; 1 KiB, 1 KiB back");
    bench_tell(b, "known result, submit to delivery, p99", hit.p99_us, "us", "in the core");
    bench_tell(b, "through a peer, submit to delivery, median", run.median_us, "us",
               "in the core, without round trip and computing; p99 %.2f us", run.p99_us);
    struct bench_row row = {.measure = "known result, times cheaper than through a peer",
                            .value = run.median_us / hit.median_us,
                            .unit = "x",
                            .bar = 1,
                            .kind = BENCH_AT_LEAST,
                            .against = "medians, work of the core alone"};
    bench_row(b, &row);
}
