// One run: build the cluster, let it live and suffer, then let it come to rest and see that nothing is left.
#include <stdlib.h>
#include <string.h>

#include "book.h"

#define TIMERS 65536
#define PROBE P2_SEC
#define SAME_TIME_MAX 2000000 // events at one instant: time stands still

static struct {
    struct timer fault, probe, doubling;
    p2_ns doubled_ns; // 0: not yet
    uint32_t oldest;  // task that may still be open
    struct sim_result *result;
} world;

void sim_count_end(int outcome) {
    uint64_t *const counts[] = {NULL,
                                &world.result->done,
                                &world.result->refused,
                                &world.result->failed,
                                &world.result->expired,
                                &world.result->cancelled,
                                &world.result->lost};
    ++*counts[outcome];
}

void sim_count_timeout(const struct deed *d, bool early) {
    struct sim_result *r = world.result;
    bool soon = world.doubled_ns && d->submitted_ns < world.doubled_ns + SIM_SOON && d->over_ns > world.doubled_ns;
    r->learned += d->learned;
    r->early += early;
    r->soon += soon;
    r->soon_early += soon && early;
    if (early || !d->learned) return;
    r->given_ns += (double)d->deadline_ns;
    r->took_ns += (double)(d->over_ns - d->submitted_ns);
}

static void on_double(struct timer *t) {
    (void)t;
    sim_trace("all round trips double");
    world.doubled_ns = sim.now;
    links_slow();
}

static void on_fault(struct timer *t) {
    if (!sim.faults) return;
    const struct plan *p = sim.plan;
    timer_at(t, sim.now + about((p2_ns)(p->fault_every_s * (double)P2_SEC)));
    sim.faults_made++;
    if (p->mode == PLAN_WILD && chance(2)) {
        sim.coord_node.frozen_until = p2_ns_max(sim.coord_node.frozen_until, sim.now + between(P2_MS, 8 * P2_SEC));
        sim_trace("fault: the coordinator stops for a while");
    } else if (p->mode == PLAN_WILD && chance(50)) {
        uint32_t i = below(p->clients);
        sim_trace("fault: client %u", i);
        client_fault(i);
    } else {
        uint32_t i = below(p->peers);
        sim_trace("fault: peer %u", i);
        peer_fault(i);
    }
}

static void on_probe(struct timer *t) {
    timer_at(t, sim.now + PROBE);
    links_sweep();
    while (world.oldest < book_count() && (deed_of(world.oldest)->ended || deed_of(world.oldest)->refused))
        world.oldest++;
    uint32_t from = book_count() > 2000 && world.oldest + 2000 < book_count() ? book_count() - 2000 : world.oldest;
    coord_check_tasks(from);
    clients_check();
}

static void run_until(p2_ns end) {
    struct p2_heap_node *n;
    while ((n = p2_heap_peek(&sim.timers)) && n->key <= end) {
        sim.same_time = n->key > sim.now ? 0 : sim.same_time + 1;
        SIM_CHECK(sim.same_time < SAME_TIME_MAX, "time stands still");
        sim.now = n->key;
        sim.events++;
        struct timer *t = P2_CONTAINER_OF(n, struct timer, node);
        p2_heap_pop(&sim.timers);
        t->fire(t);
    }
    sim.now = end;
}

// No more faults, no new work: whatever is open ends within twice the longest deadline, and its memory comes back.
static void come_to_rest(void) {
    sim.faults = false;
    sim.coord_node.frozen_until = 0;
    timer_off(&world.fault);
    links_mend();
    peers_heal();
    clients_stop();
    run_until(sim.now + 2 * sim.plan->deadline_max + 5 * P2_SEC);
    struct p2_msg_status s;
    coord_numbers(&s);
    SIM_CHECK(clients_open() == 0, "%u tickets are open at rest", clients_open());
    SIM_CHECK(s.tasks_queued + s.tasks_running == 0, "%u tasks are open at rest", s.tasks_queued + s.tasks_running);
    SIM_CHECK(s.tasks_accepted == s.tasks_completed + s.tasks_failed + s.tasks_expired + s.tasks_cancelled,
              "accepted tasks have vanished");
    for (uint32_t n = 0; n < book_count(); n++) {
        const struct deed *d = deed_of(n);
        SIM_CHECK(d->over || d->abandoned, "task %u has no end", n);
        SIM_CHECK(d->accepted == d->ended, "task %u was accepted and has no end", n);
    }
    world.result->accepted = s.tasks_accepted;
    world.result->retried = s.attempts_retried;
    world.result->hedged = s.attempts_hedged;
}

static void take_down(void) {
    coord_probe();
    peers_check();
    clients_check();
    timer_off(&world.probe);
    if (sim.plan->drains) {
        coord_drain_node();
        run_until(sim.now + 40 * P2_SEC);
        SIM_CHECK(coord_is_idle(), "the coordinator does not come to an end");
    }
    clients_destroy();
    peers_destroy();
    run_until(sim.now + 60 * P2_SEC);
    coord_wake(); // what it remembered is too old now
    links_sweep();
    SIM_CHECK(links_live() == 0, "%u links are left", links_live());
    SIM_CHECK(sim.coord_pool.bytes_live == 0, "%llu bytes are left with the coordinator",
              (unsigned long long)sim.coord_pool.bytes_live);
    coord_check_empty();
    coord_probe();
    coord_destroy_node();
    links_deinit();
    p2_codec_deinit(&sim.codec);
    p2_blob_pool_deinit(&sim.pool);
    p2_heap_deinit(&sim.timers);
    book_close();
}

static void build(uint64_t seed, const struct sim_wish *wish) {
    static struct plan plan;
    sim = (struct sim){.seed = seed, .plan = &plan, .now = P2_SEC, .faults = true, .trace = wish->trace};
    p2_rng_init(&sim.rng, seed);
    P2_CHECK(p2_heap_init(&sim.timers, TIMERS));
    plan_make(&plan, seed, wish->doubles, wish->stream);
    p2_blob_pool_init(&sim.pool, UINT64_C(4) << 30, UINT64_C(16) << 20);
    P2_CHECK(p2_codec_init(&sim.codec, &sim.pool));
    book_open();
    links_init(16 * (plan.peers + plan.clients) + 256);
    coord_create_node();
    peers_create();
    clients_create();
    world.oldest = 0;
    timer_init(&world.fault, on_fault);
    timer_init(&world.probe, on_probe);
    timer_init(&world.doubling, on_double);
    world.doubled_ns = 0;
    if (plan.doubles) timer_at(&world.doubling, sim.now + wish->span / 2);
    timer_at(&world.probe, sim.now + PROBE);
    if (plan.mode != PLAN_CALM) timer_at(&world.fault, sim.now + P2_SEC);
}

void sim_run(uint64_t seed, const struct sim_wish *wish, struct sim_result *out) {
    *out = (struct sim_result){0};
    world.result = out;
    build(seed, wish);
    run_until(sim.now + wish->span);
    if (wish->stream) stream_close(&out->stream);
    come_to_rest();
    out->tasks = book_count();
    take_down();
    out->events = sim.events;
    out->steps = sim.steps;
    out->checks = sim.checks;
    out->messages = sim.messages;
    out->faults = sim.faults_made;
    out->simulated = sim.now - P2_SEC;
}
