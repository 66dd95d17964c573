// The best offer against a plain look at every offer, over random states and tasks; what a strategy prefers.
#include "rig.h"

#define PEERS 60

static struct rig rig;

static void start(enum pick_strategy strategy) {
    struct coord_limits l = rig_limits();
    l.peers_max = PEERS;
    l.offers_max = 4 * PEERS;
    rig_init(&rig, &l);
    rig.c->pick.strategy = strategy;
}

static struct peer *join(struct p2_rng *rng, uint64_t memory, uint64_t speed, enum p2_device_kind kind) {
    p2_handle conn = rig_open(&rig);
    rig_hello(&rig, conn, P2_ROLE_PEER);
    const struct p2_msg_device device = {.kind = kind, .slots = 2, .memory_bytes = memory};
    const struct p2_msg_offer offer = {p2_str("alpha"), 1, 0, speed};
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){.slots = 2,
                                                      .queue_depth = (uint32_t)p2_rng_below(rng, 4),
                                                      .devices = &device,
                                                      .device_count = 1,
                                                      .offers = &offer,
                                                      .offer_count = 1};
    rig_msg(&rig, conn, &m);
    return peer_of(rig.c, session_find(rig.c, conn));
}

static void set_rtt(struct peer *p, p2_ns rtt) {
    peer_session(rig.c, p)->rtt = (struct p2_ewma){.mean = rtt, .samples = 1};
    peer_rtt_changed(rig.c, p);
}

static struct peer *any_peer(struct p2_rng *rng) {
    struct peer *p = NULL;
    while (!p) p = coord_at(&rig.c->peers, (uint32_t)p2_rng_below(rng, PEERS));
    return p;
}

struct job {
    struct peer *peer;
    p2_ns estimate;
};

// Jobs come and go, what is known of peers changes, time passes.
static void stir(struct p2_rng *rng, struct job *jobs, unsigned count) {
    struct job *j = &jobs[p2_rng_below(rng, count)];
    if (j->peer) {
        peer_drop_job(rig.c, j->peer, 0, j->estimate);
        *j = (struct job){NULL, 0};
    } else {
        *j = (struct job){any_peer(rng), (p2_ns)p2_rng_below(rng, P2_SEC)};
        if (!peer_device_free(j->peer, 0)) {
            j->peer = NULL;
            return;
        }
        j->peer->devices[0].last_type = 1;
        j->peer->devices[0].last_class = (uint32_t)p2_rng_below(rng, 3);
        peer_take_job(rig.c, j->peer, 0, j->estimate);
    }
    set_rtt(any_peer(rng), (p2_ns)p2_rng_below(rng, 120 * P2_MS));
    rig.c->now += (p2_ns)p2_rng_below(rng, 20 * P2_MS);
}

struct random_task {
    struct pick_for f;
    struct p2_task_cost cost;
    p2_handle tried[4];
};

static void random_task(struct p2_rng *rng, struct random_task *t) {
    t->cost = (struct p2_task_cost){.units = 1 + p2_rng_below(rng, 100000),
                                    .size_class = (uint32_t)p2_rng_below(rng, 3),
                                    .device_bytes = p2_rng_below(rng, 3) ? 0 : p2_rng_below(rng, 20000),
                                    .device_kinds = p2_rng_below(rng, 4) ? 0 : 1u << P2_DEVICE_GPU,
                                    .timeout_prior_ns = 50 * P2_MS};
    t->f = (struct pick_for){.cost = &t->cost,
                             .tried = t->tried,
                             .tried_count = (uint32_t)p2_rng_below(rng, 4),
                             .payload_bytes = p2_rng_below(rng, 2) ? p2_rng_below(rng, 4000000) : 100};
    for (uint32_t i = 0; i < t->f.tried_count; i++) t->tried[i] = any_peer(rng)->self;
}

static const struct offer *naive(const struct pick_for *t, bool untried_only, bool *anybody) {
    const struct offer *best = NULL;
    int64_t least = INT64_MAX;
    *anybody = false;
    for (uint32_t i = 0; i < rig.c->offers.capacity; i++) {
        const struct offer *o = coord_at(&rig.c->offers, i);
        if (!o || !pick_suits(t, o, untried_only)) continue;
        *anybody = true;
        if (!peer_device_free(o->peer, o->device)) continue;
        int64_t cost = pick_cost(rig.c, t, o).cost;
        if (best && cost >= least) continue;
        best = o;
        least = cost;
    }
    return best;
}

static void compare(const struct pick_for *t) {
    sched_refresh_all(rig.c);
    bool untried, anybody;
    const struct offer *expected = naive(t, true, &untried);
    if (!untried) expected = naive(t, false, &anybody);
    const struct offer *found = pick_best(rig.c, &rig.c->types[0], t);
    assert_int_equal(found != NULL, expected != NULL);
    if (!found) return;
    assert_true(pick_suits(t, found, untried));
    assert_int_equal(pick_cost(rig.c, t, found).cost, pick_cost(rig.c, t, expected).cost);
}

static void test_the_best_of_all(void **state) {
    (void)state;
    for (unsigned strategy = 0; strategy < PICK_STRATEGIES + 1; strategy++) { // the last: a score of other weights
        struct p2_rng rng;
        struct job jobs[100] = {{NULL, 0}};
        start((enum pick_strategy)(strategy % PICK_STRATEGIES));
        p2_rng_init(&rng, strategy);
        if (strategy >= PICK_STRATEGIES) rig.c->pick = (struct pick_config){PICK_SCORE, 0.05, 0, 0.3, 1, false};
        for (unsigned i = 0; i < PEERS; i++) {
            uint64_t speed = p2_rng_below(&rng, 8) ? 1000 + p2_rng_below(&rng, 100000) : 0;
            enum p2_device_kind kind = p2_rng_below(&rng, 2) ? P2_DEVICE_CPU : P2_DEVICE_GPU;
            set_rtt(join(&rng, 1000 + p2_rng_below(&rng, 20000), speed, kind), (p2_ns)p2_rng_below(&rng, 120 * P2_MS));
        }
        for (unsigned i = 0; i < 3000; i++) {
            stir(&rng, jobs, 100);
            struct random_task t;
            random_task(&rng, &t);
            compare(&t.f);
        }
        pick_check(rig.c, &rig.c->types[0].pick);
        for (unsigned i = 0; i < 100; i++) {
            if (jobs[i].peer) peer_drop_job(rig.c, jobs[i].peer, 0, jobs[i].estimate);
        }
        rig.now = rig.c->now;
        rig_deinit(&rig);
    }
}

static struct peer *chosen(uint64_t units, uint64_t bytes) {
    const struct p2_task_cost cost = {.units = units};
    sched_refresh_all(rig.c);
    const struct pick_for t = {.cost = &cost, .payload_bytes = bytes};
    struct offer *o = pick_best(rig.c, &rig.c->types[0], &t);
    assert_non_null(o);
    return o->peer;
}

static void test_finish_time_weighs_distance_against_speed(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    start(PICK_FINISH_TIME);
    struct peer *near = join(&rng, 0, 1000, P2_DEVICE_CPU), *far = join(&rng, 0, 20000, P2_DEVICE_GPU);
    set_rtt(near, P2_MS);
    set_rtt(far, 100 * P2_MS);
    assert_ptr_equal(chosen(10, 0), near);  // 10 + 1 ms against 0.5 + 100 ms
    assert_ptr_equal(chosen(1000, 0), far); // 1000 + 1 ms against 50 + 100 ms
    for (unsigned i = 0; i < 2; i++) peer_take_job(rig.c, far, 0, 2 * P2_SEC);
    assert_ptr_equal(chosen(1000, 0), near); // far is busy for two seconds
    for (unsigned i = 0; i < 2; i++) peer_drop_job(rig.c, far, 0, 2 * P2_SEC);
    rig_deinit(&rig);
}

static void set_weights(struct peer *const peers[4], double history, double free, double latency, double affinity) {
    rig.c->pick = (struct pick_config){PICK_SCORE, history, free, latency, affinity, false};
    for (unsigned i = 0; i < 4; i++) peer_rtt_changed(rig.c, peers[i]);
}

static void test_weights_decide_what_a_score_is(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    start(PICK_SCORE);
    struct peer *peers[4]; // each is the best in one term
    for (unsigned i = 0; i < 4; i++) {
        peers[i] = join(&rng, 0, i == 0 ? 100000 : 1000, P2_DEVICE_GPU);
    }
    for (unsigned i = 0; i < 4; i++) {
        set_rtt(peers[i], i == 2 ? P2_MS : 60 * P2_MS);
        if (i != 1) peer_take_job(rig.c, peers[i], 0, P2_MS);
    }
    rig.c->types[0].pace = 1000000;
    peers[3]->devices[0].last_type = 1;
    peers[3]->devices[0].last_class = 0;
    set_weights(peers, 1, 0.1, 0.1, 0.1);
    assert_ptr_equal(chosen(10, 0), peers[0]);
    set_weights(peers, 0.1, 1, 0.1, 0.1);
    assert_ptr_equal(chosen(10, 0), peers[1]);
    set_weights(peers, 0.1, 0.1, 1, 0.1);
    assert_ptr_equal(chosen(10, 0), peers[2]);
    set_weights(peers, 0.1, 0.1, 0.1, 1);
    assert_ptr_equal(chosen(10, 0), peers[3]);
    set_weights(peers, 0.05, 0.05, 0.5, 0.05); // only the proportion counts
    assert_ptr_equal(chosen(10, 0), peers[2]);
    for (unsigned i = 0; i < 4; i++) {
        if (i != 1) peer_drop_job(rig.c, peers[i], 0, P2_MS);
    }
    rig_deinit(&rig);
}

static void test_random_is_fair(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    start(PICK_RANDOM);
    struct peer *peers[4];
    unsigned times[4] = {0}, again = 0;
    const struct peer *last = NULL;
    for (unsigned i = 0; i < 4; i++) peers[i] = join(&rng, 0, 1000 * (i + 1), P2_DEVICE_CPU);
    for (unsigned i = 0; i < 4000; i++) {
        const struct p2_task_cost cost = {.units = 1};
        sched_refresh_all(rig.c);
        const struct pick_for t = {.cost = &cost};
        struct offer *o = pick_best(rig.c, &rig.c->types[0], &t);
        pick_chosen(rig.c, &t, o);
        again += o->peer == last;
        last = o->peer;
        for (unsigned k = 0; k < 4; k++) times[k] += o->peer == peers[k];
        peer_rtt_changed(rig.c, o->peer);
    }
    for (unsigned k = 0; k < 4; k++) assert_in_range(times[k], 900, 1100);
    assert_in_range(again, 900, 1100);
    rig_deinit(&rig);
}

static void test_it_says_why(void **state) {
    (void)state;
    start(PICK_FINISH_TIME);
    rig.c->pick.explain = true;
    p2_handle client = rig_client(&rig), peer = rig_peer(&rig, 1, 0);
    rig_submit(&rig, client, 1, 1, 10);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 1);
    assert_int_equal(rig_notes(&rig, NOTE_PICKED), 1);
    rig_deinit(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_best_of_all),
        cmocka_unit_test(test_finish_time_weighs_distance_against_speed),
        cmocka_unit_test(test_weights_decide_what_a_score_is),
        cmocka_unit_test(test_random_is_fair),
        cmocka_unit_test(test_it_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
