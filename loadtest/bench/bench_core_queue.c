// The queue alone, 1,000,000 tasks in it: what it costs to put one in, and to find whose turn it is and take that one
// out. Once spread over clients, classes and types, once all of one client, which makes one heap of all.
#include <stdio.h>

#include "base/check.h"
#include "base/rng.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/task.h"
#include "loadtest/bench/bench_core.h"
#include "os/os.h"

#define OPERATIONS 100000u
#define TYPES_MAX 3u
#define CLIENTS_MAX 64u

struct hall {
    uint32_t types, clients, classes;
    struct queue queues[TYPES_MAX];
    struct account accounts[CLIENTS_MAX * P2_CLASSES];
    struct flow flows[CLIENTS_MAX][P2_CLASSES][TYPES_MAX];
    p2_ns clocks[P2_CLASSES];
    struct p2_slab slab;
    struct task *tasks; // in it, all of them
    struct p2_rng rng;
    uint64_t arrivals;
};

static void open_hall(struct hall *h, uint32_t types, uint32_t clients, uint32_t classes) {
    *h = (struct hall){.types = types, .clients = clients, .classes = classes};
    p2_rng_init(&h->rng, 1);
    for (uint32_t i = 0; i < types; i++) queue_init(&h->queues[i], &h->slab, h->accounts);
    for (uint32_t i = 0; i < clients; i++) {
        for (uint32_t k = 0; k < classes; k++) {
            struct account *a = &h->accounts[i * P2_CLASSES + k];
            *a = (struct account){
                .clock = &h->clocks[k], .flows = h->flows[i][k], .flow_count = types, .weight = 1 + i % 3};
            for (uint32_t t = 0; t < types; t++)
                a->flows[t] = (struct flow){.queue = &h->queues[t], .account = a, .class_ = (enum p2_class)k};
        }
    }
    P2_CHECK(p2_slab_init(&h->slab, sizeof(struct task), BENCH_CORE_WAITING));
    _Static_assert(sizeof(struct task) % 16 == 0, "a slab of tasks is an array of them");
    h->tasks = (struct task *)(void *)h->slab.objects;
    p2_handle handle;
    while (p2_slab_alloc(&h->slab, &handle)) continue;
}

// Whatever it was before, a task that has just come.
static void fill(struct hall *h, struct task *t) {
    t->type = (uint8_t)p2_rng_below(&h->rng, h->types);
    t->class_ = (uint8_t)p2_rng_below(&h->rng, h->classes);
    t->client = (uint32_t)p2_rng_below(&h->rng, h->clients);
    t->arrival = h->arrivals++;
    t->deadline_ns = (p2_ns)(h->arrivals * P2_US + p2_rng_below(&h->rng, 10 * P2_SEC));
}

static struct task *pop(struct hall *h) {
    const struct flow *best = NULL;
    for (uint32_t k = 0; k < h->classes && !best; k++) {
        for (uint32_t i = 0; i < h->types; i++) {
            const struct flow *f = queue_turn(&h->queues[i], (enum p2_class)k, false);
            if (f && (!best || flow_before(f, best))) best = f;
        }
    }
    struct task *t = flow_first(best);
    struct account *a = best->account;
    queue_remove(best->queue, t);
    account_charge(a, 10 * P2_MS);
    return t;
}

static void row(struct bench *b, const char *what, const char *whose, p2_ns *spans) {
    struct bench_spread s = bench_spread(spans, OPERATIONS);
    struct bench_row row = {.value = s.p99_us, .unit = "us", .bar = 5, .kind = BENCH_AT_MOST};
    snprintf(row.measure, sizeof row.measure, "%s, 1,000,000 wait, p99", what);
    snprintf(row.against, sizeof row.against, "median %.2f us; %s", s.median_us, whose);
    bench_row(b, &row);
}

static void measure(struct bench *b, struct hall *h, const char *whose) {
    static p2_ns pops[OPERATIONS], inserts[OPERATIONS];
    for (uint32_t i = 0; i < BENCH_CORE_WAITING; i++) {
        fill(h, &h->tasks[i]);
        queue_push(&h->queues[h->tasks[i].type], &h->tasks[i]);
    }
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        p2_ns begin = p2_clock_now();
        struct task *t = pop(h);
        pops[i] = p2_clock_now() - begin;
        fill(h, t);
        begin = p2_clock_now();
        queue_push(&h->queues[t->type], t);
        inserts[i] = p2_clock_now() - begin;
    }
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < h->types; i++) waiting += queue_size(&h->queues[i]);
    P2_CHECK(waiting == BENCH_CORE_WAITING);
    row(b, "queue, insert", whose, inserts);
    row(b, "queue, pop", whose, pops);
    p2_slab_deinit(&h->slab);
}

void bench_core_queue(struct bench *b) {
    static struct hall h;
    open_hall(&h, TYPES_MAX, CLIENTS_MAX, P2_CLASSES);
    measure(b, &h, "64 clients, 4 classes, 3 types");
    open_hall(&h, 1, 1, 1);
    measure(b, &h, "all of one client, class and type");
}
