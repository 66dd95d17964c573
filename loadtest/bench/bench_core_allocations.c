// Steady traffic asks the C library for no memory: tables were taken at start, blobs come back to their pool.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/bench/allocations.h"
#include "loadtest/bench/bench_core.h"
#include "loadtest/bench/stand.h"

#define TASKS 10000u
#define CLIENTS 8u
#define OPEN 64u // at once

// Payloads and results of all ways to travel: none, in one record, in chunks with a list of them.
static const uint32_t payload_bytes[] = {0, 100, 1024, 4096, 40000, 65536, 100000, 200000};
static const uint32_t result_bytes[] = {0, 2000, 64, 65536, 3000, 200000, 512};

static void traffic(struct stand *s, uint32_t tasks) {
    for (uint32_t i = 0; i < tasks; i++) {
        uint32_t n = s->submitted;
        s->key = (struct p2_digest){{0}};
        memcpy(s->key.b, &n, sizeof n);
        const struct stand_task t = {.client = n % CLIENTS,
                                     .type = n % STAND_TYPES,
                                     .class_ = (enum p2_class)(n / 3 % P2_CLASSES),
                                     .deadline_ns = 10 * P2_SEC,
                                     .payload_bytes = payload_bytes[n % 8]};
        stand_submit(s, &t);
        if (s->submitted >= OPEN) stand_answer(s, result_bytes[stand_next(s) % 7]);
    }
}

void bench_core_allocations(struct bench *b) {
    struct stand s;
    stand_init(&s, &(struct stand_config){
                       .tasks_max = 65536, .clients = CLIENTS, .peers = 8, .jobs = OPEN / 8, .deterministic = true});
    traffic(&s, 3 * TASKS); // the cache is full, the pool has what it needs
    uint64_t delivered = s.delivered, before = allocations_so_far(), blobs = s.pool.allocations;
    traffic(&s, TASKS);
    uint64_t calls = allocations_so_far() - before;
    blobs = s.pool.allocations - blobs;
    P2_CHECK(s.delivered - delivered == TASKS && s.ended == 0);
    struct bench_row row = {
        .measure = "allocations for 10,000 tasks, steady", .value = (double)calls, .bar = 0, .kind = BENCH_AT_MOST};
    snprintf(row.against, sizeof row.against, "malloc, calloc, realloc; %llu of them by the pool of blobs",
             (unsigned long long)blobs);
    bench_row(b, &row);
    stand_deinit(&s);
}
