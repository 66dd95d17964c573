// Which task goes next, through the whole core: classes, clients and slots.
#include "rig.h"

static struct rig rig;

struct load { // tasks of one client in one class
    p2_handle client;
    enum p2_class class_;
    uint32_t stream;
    uint64_t first_id;
    int64_t units;
    uint32_t weight_percent;
};

static int setup(void **state) {
    rig_init(&rig, NULL);
    *state = &rig;
    return 0;
}

static int teardown(void **state) {
    rig_deinit(*state);
    return 0;
}

static void submit(struct rig *r, struct load *l, p2_ns deadline_ns) {
    struct p2_param param = {.name = p2_str("units"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {l->units}};
    l->stream++;
    struct p2_msg m = rig_submit_msg(l->first_id + l->stream, l->stream, 10);
    m.u.submit.class_ = l->class_;
    m.u.submit.deadline_ns = deadline_ns;
    m.u.submit.weight_percent = l->weight_percent;
    if (l->units) m.u.submit.params = (struct p2_params){&param, 1};
    rig_send_submit(r, l->client, &m);
}

static uint64_t id_number(const struct p2_id *id) {
    uint64_t n = 0;
    for (unsigned i = 8; i < 16; i++) n = n << 8 | id->b[i];
    return n;
}

// The one job the peer was given since rig_forget ends well; whose it was, by its id.
static uint64_t finish_one(struct rig *r, p2_handle peer) {
    struct p2_msg assign = *rig_only(r, peer, P2_MSG_TASK_ASSIGN);
    uint64_t id = id_number(&assign.u.assign.id);
    rig_forget(r);
    rig_result(r, peer, &assign, 10);
    return id;
}

static void test_every_class_keeps_its_floor(void **state) {
    struct rig *r = *state;
    struct load loads[P2_CLASSES];
    unsigned placed[P2_CLASSES] = {0};
    p2_handle peer = rig_peer(r, 1, 0);
    for (unsigned k = 0; k < P2_CLASSES; k++) loads[k] = (struct load){rig_client(r), k, 0, k * 10000, 1};
    rig_forget(r);
    for (unsigned k = 0; k < P2_CLASSES; k++) {
        submit(r, &loads[k], 100 * P2_SEC);
        submit(r, &loads[k], 100 * P2_SEC);
    }
    for (unsigned i = 0; i < 800; i++) {
        unsigned k = (unsigned)(finish_one(r, peer) / 10000);
        placed[k]++;
        submit(r, &loads[k], 100 * P2_SEC); // there is always more of each
    }
    for (unsigned k = 1; k < P2_CLASSES; k++) assert_in_range(placed[k], 39, 41);
    assert_in_range(placed[0], 675, 690);
}

static void test_the_last_fifth_is_for_the_upper_classes(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 6, 0);
    struct load batch = {rig_client(r), P2_CLASS_BATCH, 0, 0, 1},
                upper = {rig_client(r), P2_CLASS_INTERACTIVE, 0, 100, 1};
    rig_forget(r);
    for (unsigned i = 0; i < 8; i++) submit(r, &batch, P2_SEC);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 4);
    struct p2_msg one = *rig_nth(r, peer, P2_MSG_TASK_ASSIGN, 0);
    submit(r, &upper, P2_SEC);
    submit(r, &upper, P2_SEC);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 6); // no waiting for them
    rig_forget(r);
    rig_result(r, peer, &one, 10); // one is free, and kept
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0);
    submit(r, &upper, P2_SEC);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 1);
}

static void test_a_client_holds_half_while_another_waits(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 4, 0);
    struct load many = {rig_client(r), P2_CLASS_REALTIME, 0, 0, 1},
                few = {rig_client(r), P2_CLASS_INTERACTIVE, 0, 100, 1};
    rig_forget(r);
    for (unsigned i = 0; i < 6; i++) submit(r, &many, P2_SEC);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 4); // alone it may have all
    struct p2_msg jobs[4];
    for (unsigned i = 0; i < 4; i++) jobs[i] = *rig_nth(r, peer, P2_MSG_TASK_ASSIGN, i);
    for (unsigned i = 0; i < 3; i++) submit(r, &few, P2_SEC);
    const uint64_t next[] = {101, 102, 5, 103}; // the half, then the better class below its half again
    for (unsigned i = 0; i < 2; i++) {
        rig_forget(r);
        rig_result(r, peer, &jobs[i], 10);
        struct p2_id id = rig_id(next[i]);
        assert_true(p2_id_equal(&rig_only(r, peer, P2_MSG_TASK_ASSIGN)->u.assign.id, &id));
    }
    rig_forget(r);
    rig_result(r, peer, &jobs[2], 10); // it holds one now
    struct p2_id id = rig_id(next[2]);
    assert_true(p2_id_equal(&rig_only(r, peer, P2_MSG_TASK_ASSIGN)->u.assign.id, &id));
}

// Two clients of one class; one asks for jobs four times as long. Device time is shared, not turns.
static void test_device_time_is_shared_evenly(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0);
    struct load heavy = {rig_client(r), P2_CLASS_BATCH, 0, 0, 80000},
                light = {rig_client(r), P2_CLASS_BATCH, 0, 10000, 20000};
    int64_t units[2] = {0, 0};
    rig_forget(r);
    for (unsigned i = 0; i < 4; i++) { // so that each always has one waiting
        submit(r, &heavy, 100 * P2_SEC);
        submit(r, &light, 100 * P2_SEC);
    }
    for (unsigned i = 0; i < 300; i++) {
        bool is_light = id_number(&rig_only(r, peer, P2_MSG_TASK_ASSIGN)->u.assign.id) >= 10000;
        struct load *l = is_light ? &light : &heavy;
        units[is_light] += l->units;
        r->run_ns = l->units * P2_US; // what a peer needs is learned from this
        rig_pass(r, r->run_ns);
        finish_one(r, peer);
        submit(r, l, 100 * P2_SEC);
    }
    assert_in_range(units[0] * 100 / units[1], 94, 106);
}

// Two clients with the same jobs, of which one says that they are next to nothing.
static void test_who_says_that_it_is_little_gets_no_more(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0);
    struct load honest = {rig_client(r), P2_CLASS_BATCH, 0, 0, 40000, 0},
                liar = {rig_client(r), P2_CLASS_BATCH, 0, 10000, 40000, P2_WEIGHT_MIN};
    unsigned jobs[2] = {0, 0};
    rig_forget(r);
    for (unsigned i = 0; i < 4; i++) {
        submit(r, &honest, 100 * P2_SEC);
        submit(r, &liar, 100 * P2_SEC);
    }
    for (unsigned i = 0; i < 300; i++) {
        bool is_liar = id_number(&rig_only(r, peer, P2_MSG_TASK_ASSIGN)->u.assign.id) >= 10000;
        jobs[is_liar]++;
        r->run_ns = 40 * P2_MS;
        rig_pass(r, r->run_ns);
        finish_one(r, peer);
        submit(r, is_liar ? &liar : &honest, 100 * P2_SEC);
    }
    assert_in_range(jobs[0] * 100 / jobs[1], 85, 118);
}

static void test_a_flood_does_not_delay_another(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0);
    struct load flood = {rig_client(r), P2_CLASS_REALTIME, 0, 0, 20000},
                other = {rig_client(r), P2_CLASS_REALTIME, 0, 10000, 20000};
    rig_forget(r);
    for (unsigned i = 0; i < 100; i++) submit(r, &flood, 100 * P2_SEC);
    submit(r, &other, 100 * P2_SEC);
    unsigned waited = 0;
    while (finish_one(r, peer) < 10000) waited++;
    assert_in_range(waited, 0, 3);
}

static void test_deadlines_order_one_clients_tasks(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0);
    struct load l = {rig_client(r), P2_CLASS_REALTIME, 0, 0, 1};
    rig_forget(r);
    const p2_ns deadlines[] = {P2_SEC, 9 * P2_SEC, 3 * P2_SEC, 3 * P2_SEC, 2 * P2_SEC};
    for (unsigned i = 0; i < 5; i++) submit(r, &l, deadlines[i]);
    const uint64_t order[] = {1, 5, 3, 4, 2};
    for (unsigned i = 0; i < 5; i++) assert_int_equal(finish_one(r, peer), order[i]);
}

// A slot that serves two types: the one whose class waits is owed by what takes it, whatever its type.
static void test_no_type_starves_another_on_shared_slots(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0);
    struct load flood = {rig_client(r), P2_CLASS_REALTIME, 0, 0, 1};
    p2_handle patient = rig_client(r);
    rig_forget(r);
    submit(r, &flood, 100 * P2_SEC);
    submit(r, &flood, 100 * P2_SEC);
    struct p2_msg m = rig_submit_msg(10001, 1, 10);
    m.u.submit.type = p2_str("beta");
    m.u.submit.class_ = P2_CLASS_BACKGROUND;
    m.u.submit.deadline_ns = 100 * P2_SEC;
    rig_send_submit(r, patient, &m);
    unsigned waited = 0;
    while (finish_one(r, peer) < 10000) {
        submit(r, &flood, 100 * P2_SEC);
        waited++;
    }
    assert_in_range(waited, 17, 20);
}

// What a client's cancelled job still holds is the client's until it ends, also when the client has gone.
static void test_jobs_are_counted_until_they_end(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 2, 0);
    struct load l = {rig_client(r), P2_CLASS_BATCH, 0, 0, 1};
    submit(r, &l, P2_SEC);
    const struct client *cl = client_of(r->c, session_find(r->c, l.client));
    rig_cancel(r, l.client, 1, 1);
    assert_int_equal(cl->jobs, 1);
    rig_pass(r, r->c->limits.cancel_linger_ns);
    assert_int_equal(cl->jobs, 0);
    submit(r, &l, P2_SEC);
    rig_close(r, l.client);
    assert_int_equal(r->c->replicas.live, 1);
    rig_heartbeat(r, peer);
    rig_pass(r, r->c->limits.cancel_linger_ns);
    assert_int_equal(r->c->replicas.live, 0);
}

// Of what came in one read nothing is placed before all of it is known: the most urgent goes first, not the first.
static void test_one_read_is_settled_once(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0), client = rig_client(r);
    rig_forget(r);
    for (uint32_t i = 1; i <= 3; i++) {
        struct p2_msg m = rig_submit_msg(i, i, 0);
        m.u.submit.class_ = i == 2 ? P2_CLASS_REALTIME : P2_CLASS_BATCH;
        struct coord_event ev = {.kind = COORD_MSG, .more = true, .now_ns = r->now, .conn = client, .msg = &m};
        coord_step(r->c, &ev, &r->out);
    }
    assert_int_equal(rig_count(r, client, P2_MSG_TASK_ACCEPTED), 3);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0);
    struct coord_event tick = {.kind = COORD_TICK};
    rig_step(r, &tick);
    assert_int_equal(finish_one(r, peer), 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_every_class_keeps_its_floor),
        TEST(test_the_last_fifth_is_for_the_upper_classes),
        TEST(test_a_client_holds_half_while_another_waits),
        TEST(test_device_time_is_shared_evenly),
        TEST(test_who_says_that_it_is_little_gets_no_more),
        TEST(test_a_flood_does_not_delay_another),
        TEST(test_deadlines_order_one_clients_tasks),
        TEST(test_no_type_starves_another_on_shared_slots),
        TEST(test_jobs_are_counted_until_they_end),
        TEST(test_one_read_is_settled_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
