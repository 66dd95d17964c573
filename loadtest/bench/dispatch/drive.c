#include "loadtest/bench/dispatch/drive.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rng.h"
#include "loadtest/proc.h"
#include "os/os.h"

#define MARK UINT64_C(0x316873617461646b) // of every stamp
#define TAIL 8u                           // bytes at the end of a payload that are compared

struct stamp {
    uint32_t slot, turn;
    uint64_t mark;
};

struct drive_slot {
    uint32_t turn; // how often it was used
    bool open;
    p2_ns submitted_ns;
};

_Noreturn void drive_fail(const char *what, ...) {
    va_list rest;
    va_start(rest, what);
    vfprintf(stderr, what, rest);
    va_end(rest);
    fputc('\n', stderr);
    exit(2);
}

void drive_init(struct drive *d, const struct drive_plan *plan) {
    P2_CHECK(plan->payload_bytes >= DRIVE_STAMP + TAIL && plan->in_flight > 0);
    *d = (struct drive){.plan = *plan};
    d->payload = malloc(plan->payload_bytes);
    d->slots = calloc(plan->in_flight, sizeof *d->slots);
    d->vacant = calloc(plan->in_flight, sizeof *d->vacant);
    d->latency = calloc(1, sizeof *d->latency);
    P2_CHECK(d->payload && d->slots && d->vacant && d->latency);
    struct p2_rng content; // as of pictures that have been compressed
    p2_rng_init(&content, MARK);
    for (size_t i = 0; i < plan->payload_bytes; i++) d->payload[i] = (uint8_t)p2_rng_next(&content);
    while (d->vacant_count < plan->in_flight) {
        d->vacant[d->vacant_count] = plan->in_flight - 1 - d->vacant_count;
        d->vacant_count++;
    }
}

void drive_deinit(struct drive *d) {
    free(d->payload);
    free(d->slots);
    free(d->vacant);
    free(d->latency);
    *d = (struct drive){0};
}

void drive_begin(struct drive *d) {
    process_peak_reset(d->plan.broker);
    d->resident_before = process_resident(d->plan.broker);
    d->now = d->begun_ns = p2_clock_now();
}

void drive_turn(struct drive *d) { d->now = p2_clock_now(); }

uint32_t drive_room(const struct drive *d) { return d->phase == DRIVE_DRAINS ? 0 : d->vacant_count; }

const uint8_t *drive_next(struct drive *d) {
    P2_CHECK(d->vacant_count > 0);
    const uint32_t at = d->vacant[--d->vacant_count];
    struct drive_slot *s = &d->slots[at];
    const struct stamp stamp = {at, ++s->turn, MARK};
    s->open = true;
    s->submitted_ns = d->now;
    memcpy(d->payload, &stamp, sizeof stamp);
    return d->payload;
}

static struct drive_cost cost_now(const struct drive *d) {
    struct drive_cost c = {.broker = process_cpu(d->plan.broker)};
    for (uint32_t i = 0; i < d->plan.worker_count; i++) c.workers += process_cpu(d->plan.workers[i]);
    c.load = process_cpu(getpid());
    return c;
}

static void advance(struct drive *d) {
    if (d->phase == DRIVE_WARMS && d->now - d->begun_ns >= d->plan.warm_ns) {
        d->cost[0] = cost_now(d);
        d->phase = DRIVE_MEASURES;
        d->now = d->measured_from_ns = p2_clock_now();
    } else if (d->phase == DRIVE_MEASURES && d->now - d->measured_from_ns >= d->plan.measured_ns) {
        d->measured_until_ns = d->now;
        d->cost[1] = cost_now(d);
        d->phase = DRIVE_DRAINS;
    }
}

void drive_done(struct drive *d, const void *result, size_t size) {
    struct stamp stamp;
    if (size != d->plan.payload_bytes) drive_fail("a result of %zu bytes for %zu", size, d->plan.payload_bytes);
    memcpy(&stamp, result, sizeof stamp);
    if (stamp.mark != MARK || stamp.slot >= d->plan.in_flight) drive_fail("a result that is no task's");
    struct drive_slot *s = &d->slots[stamp.slot];
    if (!s->open || s->turn != stamp.turn) drive_fail("a second result of one task");
    if (memcmp((const uint8_t *)result + size - TAIL, d->payload + size - TAIL, TAIL) != 0)
        drive_fail("a result with another end");
    s->open = false;
    d->vacant[d->vacant_count++] = stamp.slot;
    if (d->phase == DRIVE_MEASURES) {
        d->tasks++;
        hdr_add(d->latency, (d->now - s->submitted_ns) * P2_US);
    }
    advance(d);
}

bool drive_over(const struct drive *d) { return d->phase == DRIVE_DRAINS && d->vacant_count == d->plan.in_flight; }

void drive_figures(const struct drive *d, struct drive_figures *out) {
    const double tasks = d->tasks ? (double)d->tasks : 1;
    const uint64_t peak = process_peak(d->plan.broker);
    *out = (struct drive_figures){
        .tasks = d->tasks,
        .seconds = (double)(d->measured_until_ns - d->measured_from_ns) / P2_SEC,
        .p50_us = (double)hdr_at(d->latency, 0.5) / P2_US / P2_US,
        .p99_us = (double)hdr_at(d->latency, 0.99) / P2_US / P2_US,
        .broker_us = (double)(d->cost[1].broker - d->cost[0].broker) / P2_US / tasks,
        .workers_us = (double)(d->cost[1].workers - d->cost[0].workers) / P2_US / tasks,
        .load_us = (double)(d->cost[1].load - d->cost[0].load) / P2_US / tasks,
        .broker_grew_bytes = peak > d->resident_before ? peak - d->resident_before : 0,
    };
}
