// Which task goes first, and to whom.
#include "rig.h"

static int setup(void **state) { return rig_set_up(state, NULL, 0); }

static void submit_as(struct rig *r, uint32_t stream, const char *type, enum p2_class class_, int64_t units) {
    struct p2_param param = {.name = p2_str("units"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {units}};
    struct p2_msg m = rig_submit_msg(stream, stream, 10);
    m.u.submit.type = p2_str(type);
    m.u.submit.class_ = class_;
    m.u.submit.params = (struct p2_params){&param, 1};
    rig_send_submit(r, r->client, &m);
}

static p2_handle peer_of_types(struct rig *r, uint32_t slots, unsigned types, uint64_t memory) {
    p2_handle conn = rig_open(r);
    rig_hello(r, conn, P2_ROLE_PEER);
    rig_register(r, conn, slots, 0, types, memory);
    return conn;
}

static void test_better_classes_first_then_arrival_across_types(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0);
    submit_as(r, 1, "alpha", P2_CLASS_REALTIME, 1); // runs
    submit_as(r, 2, "alpha", P2_CLASS_BACKGROUND, 1);
    submit_as(r, 3, "beta", P2_CLASS_INTERACTIVE, 1);
    submit_as(r, 4, "alpha", P2_CLASS_INTERACTIVE, 1);
    submit_as(r, 5, "beta", P2_CLASS_REALTIME, 1);
    const uint64_t order[] = {1, 5, 3, 4, 2};
    for (unsigned i = 0; i < 5; i++) {
        struct p2_msg assign = *rig_nth(r, a, P2_MSG_TASK_ASSIGN, i);
        struct p2_id id = rig_id(order[i]);
        assert_true(p2_id_equal(&assign.u.assign.id, &id));
        rig_result(r, a, &assign, 10);
    }
}

static void test_a_blocked_type_does_not_block_others(void **state) {
    struct rig *r = *state;
    p2_handle only_alpha = peer_of_types(r, 1, 1, 0), only_beta = peer_of_types(r, 1, 2, 0);
    submit_as(r, 1, "alpha", P2_CLASS_REALTIME, 1);
    submit_as(r, 2, "alpha", P2_CLASS_REALTIME, 1); // waits
    submit_as(r, 3, "beta", P2_CLASS_BACKGROUND, 1);
    assert_int_equal(rig_count(r, only_alpha, P2_MSG_TASK_ASSIGN), 1);
    assert_int_equal(rig_count(r, only_beta, P2_MSG_TASK_ASSIGN), 1);
}

static void test_the_least_loaded_peer_by_estimated_work(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 4, 0), b = rig_peer(r, 4, 0);
    submit_as(r, 1, "alpha", P2_CLASS_REALTIME, 90000); // on one of them: 0.9 s
    p2_handle heavy = rig_count(r, a, P2_MSG_TASK_ASSIGN) ? a : b, light = heavy == a ? b : a;
    for (uint32_t i = 2; i <= 4; i++) submit_as(r, i, "alpha", P2_CLASS_REALTIME, 10000);
    assert_int_equal(rig_count(r, light, P2_MSG_TASK_ASSIGN), 3); // three of 0.1 s are still less
    assert_int_equal(rig_count(r, heavy, P2_MSG_TASK_ASSIGN), 1);
}

static void test_idle_peers_take_turns(void **state) {
    struct rig *r = *state;
    r->c->pick.strategy = PICK_LEAST_LOADED; // which knows nothing but their load
    p2_handle peers[3];
    for (unsigned i = 0; i < 3; i++) peers[i] = rig_peer(r, 1, 0);
    for (uint32_t i = 1; i <= 6; i++) {
        rig_forget(r);
        r->now += P2_MS;
        rig_submit(r, r->client, i, i, 10);
        for (unsigned k = 0; k < 3; k++) {
            if (!rig_count(r, peers[k], P2_MSG_TASK_ASSIGN)) continue;
            struct p2_msg assign = *rig_only(r, peers[k], P2_MSG_TASK_ASSIGN);
            rig_result(r, peers[k], &assign, 10);
        }
    }
    for (unsigned k = 0; k < 3; k++) assert_int_equal(peer_of(r->c, session_find(r->c, peers[k]))->jobs_done, 2);
}

static void test_capacity_is_slots_and_queue_depth(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 2, 1);
    for (uint32_t i = 1; i <= 5; i++) rig_submit(r, r->client, i, i, 10);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_ASSIGN), 3);
    rig_register(r, a, 3, 2, 3, 0); // it offers more now
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_ASSIGN), 5);
    rig_register(r, a, 1, 0, 3, 0); // and less: what it has it keeps
    rig_submit(r, r->client, 6, 6, 10);
    assert_int_equal(rig_count(r, a, P2_MSG_TASK_ASSIGN), 5);
}

static void test_devices_have_their_own_capacity(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_open(r);
    rig_hello(r, a, P2_ROLE_PEER);
    const struct p2_msg_device devices[2] = {{.kind = P2_DEVICE_GPU, .slots = 1}, {.kind = P2_DEVICE_CPU, .slots = 2}};
    const struct p2_msg_offer offers[3] = {
        {p2_str("alpha"), 1, 0, 1000}, {p2_str("alpha"), 1, 1, 1000}, {p2_str("beta"), 3, 1, 10}};
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){
        .slots = 3, .queue_depth = 3, .devices = devices, .device_count = 2, .offers = offers, .offer_count = 3};
    rig_msg(r, a, &m);
    for (uint32_t i = 1; i <= 8; i++) rig_submit(r, r->client, i, i, 10);
    unsigned on[2] = {0, 0};
    for (unsigned i = 0; i < rig_count(r, a, P2_MSG_TASK_ASSIGN); i++) {
        on[rig_nth(r, a, P2_MSG_TASK_ASSIGN, i)->u.assign.device]++;
    }
    assert_int_equal(on[0], 2); // a slot and its share of the depth
    assert_int_equal(on[1], 4);
}

static void test_device_memory_is_looked_at(void **state) {
    struct rig *r = *state;
    p2_handle small = peer_of_types(r, 4, 1, 1000), large = peer_of_types(r, 1, 1, 5000);
    struct p2_param param = {.name = p2_str("memory"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {3000}};
    for (uint32_t i = 1; i <= 2; i++) {
        struct p2_msg m = rig_submit_msg(i, i, 10);
        m.u.submit.params = (struct p2_params){&param, 1};
        rig_send_submit(r, r->client, &m);
    }
    rig_submit(r, r->client, 3, 3, 10); // behind one that waits for the large device, but not because of it
    assert_int_equal(rig_count(r, large, P2_MSG_TASK_ASSIGN), 1);
    assert_int_equal(rig_count(r, small, P2_MSG_TASK_ASSIGN), 1);
    rig_forget(r);
    rig_close(r, large); // nobody left for 1 and 2; 3 is not concerned
    rig_heartbeat(r, small);
    rig_pass(r, 900 * P2_MS);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ENDED), 0);
    p2_handle again = peer_of_types(r, 2, 1, 3000);
    assert_int_equal(rig_count(r, again, P2_MSG_TASK_ASSIGN), 2);
}

static void test_offers_that_mean_nothing_are_ignored(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_open(r);
    rig_hello(r, a, P2_ROLE_PEER);
    const struct p2_msg_device device = {.slots = 1};
    const struct p2_msg_offer offers[4] = {
        {p2_str("gamma"), 1, 0, 1}, {p2_str("alpha"), 2, 0, 1}, {p2_str("beta"), 3, 0, 1}, {p2_str("beta"), 3, 0, 1}};
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){
        .slots = 1, .devices = &device, .device_count = 1, .offers = offers, .offer_count = 4};
    rig_msg(r, a, &m);
    assert_int_equal(rig_notes(r, NOTE_OFFER_IGNORED), 3);
    assert_int_equal(r->c->offers.live, 1);
    assert_int_equal(rig_only(r, a, P2_MSG_PEER_REGISTERED)->u.peer_registered.heartbeat_interval_ns, P2_SEC);

    p2_handle b = rig_open(r);
    rig_hello(r, b, P2_ROLE_PEER);
    const struct p2_msg_offer off = {p2_str("beta"), 3, 1, 1};
    m.u.peer_register.offers = &off;
    m.u.peer_register.offer_count = 1;
    rig_msg(r, b, &m);
    rig_expect_error(r, b, P2_ERR_BAD_MESSAGE);
}

static void test_a_draining_peer_finishes_what_it_has(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 2, 0);
    rig_submit(r, r->client, 1, 1, 10);
    struct p2_msg drain = {.kind = P2_MSG_DRAIN};
    rig_msg(r, a, &drain);
    rig_submit(r, r->client, 2, 2, 10);
    rig_expect_ended(r, r->client, 2, P2_ERR_NO_CAPABLE_PEER);
    rig_result(r, a, rig_only(r, a, P2_MSG_TASK_ASSIGN), 10);
    assert_int_equal(r->c->stats.tasks_completed, 1);
    struct p2_msg bye = {.kind = P2_MSG_PEER_DISCONNECT, .u.disconnect.reason = p2_str("done")};
    rig_msg(r, a, &bye);
    assert_true(rig_was_closed(r, a, P2_OK));
    assert_int_equal(r->c->peers.live, 0);
}

static void test_heartbeats_are_kept(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 2, 0);
    struct p2_msg m = {.kind = P2_MSG_HEARTBEAT};
    m.u.heartbeat.load = 0.5;
    m.u.heartbeat.running = 1;
    m.u.heartbeat.waiting = 7;
    rig_msg(r, a, &m);
    const struct peer *p = peer_of(r->c, session_find(r->c, a));
    assert_true(p->load > 0.49 && p->load < 0.51);
    assert_int_equal(p->running, 1);
    assert_int_equal(p->waiting, 7);
}

static void test_retried_tasks_keep_their_place(void **state) {
    struct rig *r = *state;
    p2_handle a = rig_peer(r, 1, 0), b = rig_peer(r, 1, 0);
    for (uint32_t i = 1; i <= 4; i++) rig_submit(r, r->client, i, i, 10); // 1 and 2 run
    struct p2_msg lost = *rig_only(r, a, P2_MSG_TASK_ASSIGN), other = *rig_only(r, b, P2_MSG_TASK_ASSIGN);
    rig_close(r, a);
    rig_result(r, b, &other, 10);
    assert_true(p2_id_equal(&rig_last(r, b, P2_MSG_TASK_ASSIGN)->u.assign.id, &lost.u.assign.id));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_better_classes_first_then_arrival_across_types),
        TEST(test_a_blocked_type_does_not_block_others),
        TEST(test_the_least_loaded_peer_by_estimated_work),
        TEST(test_idle_peers_take_turns),
        TEST(test_capacity_is_slots_and_queue_depth),
        TEST(test_devices_have_their_own_capacity),
        TEST(test_device_memory_is_looked_at),
        TEST(test_offers_that_mean_nothing_are_ignored),
        TEST(test_a_draining_peer_finishes_what_it_has),
        TEST(test_heartbeats_are_kept),
        TEST(test_retried_tasks_keep_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
