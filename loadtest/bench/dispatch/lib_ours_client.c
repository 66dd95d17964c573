// Our client library as a game uses it: tasks are submitted, results polled, on one thread.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/lib.h"
#include "p2c2r/p2c2r.h"

#define RESULTS 256u // taken by one poll
#define PATIENCE_US 1000000
#define DEADLINE_MS 60000
#define LENT_BYTES 65536u // payloads so large are lent to the library

static p2c2r_client *connect_to(uint16_t port, const struct drive_plan *plan) {
    char url[32];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u", port);
    const p2c2r_options o = {.size = sizeof o, .coordinator = url, .tasks_max = plan->in_flight};
    p2c2r_client *c = p2c2r_create(&o);
    P2_CHECK(c);
    while (!p2c2r_connected(c)) p2c2r_poll(c, NULL, 0, PATIENCE_US);
    return c;
}

// Of each slot its own, as a game has its pictures.
struct memory {
    uint8_t *payloads, *results;
    bool *filled;
};

static uint8_t *payload_of(struct memory *m, const struct drive *d, uint32_t slot, const uint8_t *next) {
    uint8_t *own = m->payloads + (size_t)slot * d->plan.payload_bytes;
    memcpy(own, next, m->filled[slot] ? DRIVE_STAMP : d->plan.payload_bytes);
    m->filled[slot] = true;
    return own;
}

static void submit_all(p2c2r_client *c, struct drive *d, struct memory *m) {
    p2c2r_task task = {.size = sizeof task,
                       .type = "echo",
                       .priority = P2C2R_INTERACTIVE,
                       .deadline_ms = DEADLINE_MS,
                       .payload_size = d->plan.payload_bytes,
                       .out_capacity = d->plan.payload_bytes,
                       .cache = P2C2R_CACHE_BYPASS,
                       .payload_lent = d->plan.payload_bytes >= LENT_BYTES};
    for (uint32_t n = drive_room(d); n; n--) {
        p2c2r_ticket ticket;
        const uint8_t *next = drive_next(d);
        const uint32_t slot = *(const uint32_t *)(const void *)next;
        task.payload = task.payload_lent ? payload_of(m, d, slot, next) : next;
        task.out = m->results + (size_t)slot * d->plan.payload_bytes;
        if (p2c2r_submit(c, &task, &ticket) != P2C2R_OK) drive_fail("submit: %s", p2c2r_last_error(c));
    }
}

void lib_ours_load(uint16_t port, struct drive *d) {
    static p2c2r_result results[RESULTS];
    struct memory m = {malloc(d->plan.payload_bytes * d->plan.in_flight),
                       malloc(d->plan.payload_bytes * d->plan.in_flight), calloc(d->plan.in_flight, sizeof *m.filled)};
    P2_CHECK(m.payloads && m.results && m.filled);
    p2c2r_client *c = connect_to(port, &d->plan);
    results[0].size = sizeof results[0];
    drive_begin(d);
    while (!drive_over(d)) {
        submit_all(c, d, &m);
        const uint32_t n = p2c2r_poll(c, results, RESULTS, PATIENCE_US);
        drive_turn(d);
        for (uint32_t i = 0; i < n; i++) {
            if (results[i].outcome != P2C2R_DONE) drive_fail("%s: %s", results[i].code_name, results[i].reason);
            drive_done(d, results[i].data, results[i].data_size);
            p2c2r_release(c, &results[i]);
        }
    }
    p2c2r_destroy(&c);
    free(m.payloads);
    free(m.results);
    free(m.filled);
}
