// Our client library as a game uses it: tasks are submitted, results polled, on one thread.
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/lib.h"
#include "p2c2r/p2c2r.h"

#define RESULTS 256u // taken by one poll
#define PATIENCE_US 1000000
#define DEADLINE_MS 60000

static p2c2r_client *connect_to(uint16_t port, const struct drive_plan *plan) {
    char url[32];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u", port);
    const p2c2r_options o = {.size = sizeof o, .coordinator = url, .tasks_max = plan->in_flight};
    p2c2r_client *c = p2c2r_create(&o);
    P2_CHECK(c);
    while (!p2c2r_connected(c)) p2c2r_poll(c, NULL, 0, PATIENCE_US);
    return c;
}

// The results' memory: of each slot its own, as a game has its pictures.
static void submit_all(p2c2r_client *c, struct drive *d, uint8_t *results) {
    p2c2r_task task = {.size = sizeof task,
                       .type = "echo",
                       .priority = P2C2R_INTERACTIVE,
                       .deadline_ms = DEADLINE_MS,
                       .payload_size = d->plan.payload_bytes,
                       .out_capacity = d->plan.payload_bytes,
                       .cache = P2C2R_CACHE_BYPASS};
    for (uint32_t n = drive_room(d); n; n--) {
        p2c2r_ticket ticket;
        task.payload = drive_next(d);
        task.out = results + (size_t) * (const uint32_t *)task.payload * d->plan.payload_bytes;
        if (p2c2r_submit(c, &task, &ticket) != P2C2R_OK) drive_fail("submit: %s", p2c2r_last_error(c));
    }
}

void lib_ours_load(uint16_t port, struct drive *d) {
    static p2c2r_result results[RESULTS];
    uint8_t *memory = malloc(d->plan.payload_bytes * d->plan.in_flight);
    P2_CHECK(memory);
    p2c2r_client *c = connect_to(port, &d->plan);
    results[0].size = sizeof results[0];
    drive_begin(d);
    while (!drive_over(d)) {
        submit_all(c, d, memory);
        const uint32_t n = p2c2r_poll(c, results, RESULTS, PATIENCE_US);
        drive_turn(d);
        for (uint32_t i = 0; i < n; i++) {
            if (results[i].outcome != P2C2R_DONE) drive_fail("%s: %s", results[i].code_name, results[i].reason);
            drive_done(d, results[i].data, results[i].data_size);
            p2c2r_release(c, &results[i]);
        }
    }
    p2c2r_destroy(&c);
    free(memory);
}
