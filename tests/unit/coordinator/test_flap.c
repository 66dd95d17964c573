// Who joins too often, alone and in the core.
#include "rig.h"

#include "coordinator/core/flap.h"

static void make(struct flap *f, uint32_t capacity) {
    const uint64_t seed[2] = {1, 2};
    assert_true(flap_init(f, capacity, seed));
}

static p2_ns join_at(struct flap *f, uint64_t who, p2_ns now) {
    const struct p2_id id = rig_id(who);
    p2_ns until = flap_joined(f, &id, now);
    flap_check(f);
    return until - now;
}

static void test_the_fourth_in_a_minute_is_held_back(void **state) {
    (void)state;
    struct flap f;
    make(&f, 4);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(join_at(&f, 1, i * P2_SEC), 0);
    assert_int_equal(join_at(&f, 2, 30 * P2_SEC), 0); // another
    assert_int_equal(join_at(&f, 1, 59 * P2_SEC), FLAP_BACKOFF_NS);
    assert_int_equal(join_at(&f, 1, 64 * P2_SEC), 5 * P2_SEC); // four in more than a minute, but still held back
    assert_int_equal(join_at(&f, 1, 125 * P2_SEC), 0);
    for (unsigned i = 0; i < 9; i++) assert_int_equal(join_at(&f, 0, 125 * P2_SEC), 0); // says nothing
    for (unsigned i = 0; i < 9; i++) assert_int_equal(join_at(&f, 3, i * FLAP_SPAN_NS / 3), 0);
    flap_deinit(&f);
}

static void test_the_back_off_doubles_and_is_forgotten(void **state) {
    (void)state;
    struct flap f;
    make(&f, 4);
    p2_ns now = 0;
    for (unsigned i = 0; i < 3; i++) join_at(&f, 1, now);
    const unsigned seconds[] = {10, 20, 40, 80, 160, 300, 300};
    for (unsigned i = 0; i < 7; i++) assert_int_equal(join_at(&f, 1, now), (int64_t)seconds[i] * P2_SEC);
    now += (p2_ns)seconds[6] * P2_SEC;
    now += FLAP_BACKOFF_NS_MAX;
    for (unsigned i = 0; i < 3; i++) assert_int_equal(join_at(&f, 1, now), 0);
    assert_int_equal(join_at(&f, 1, now), FLAP_BACKOFF_NS);
    flap_deinit(&f);
}

static void test_the_table_keeps_the_latest(void **state) {
    (void)state;
    struct flap f;
    make(&f, 2);
    for (unsigned i = 0; i < 3; i++) join_at(&f, 1, 0);
    join_at(&f, 2, 0);
    join_at(&f, 2, 0);
    assert_int_equal(join_at(&f, 3, 0), 0); // takes the place of the first
    assert_int_equal(join_at(&f, 2, 0), 0);
    assert_int_equal(join_at(&f, 2, 0), FLAP_BACKOFF_NS);
    assert_int_equal(join_at(&f, 1, 0), 0); // unknown again
    flap_deinit(&f);
}

// ---- in the core ----------------------------------------------------------------------------------------------------

static p2_handle held_peer(struct rig *r) {
    r->instance = rig_id(77);
    for (unsigned i = 0; i < 3; i++) rig_close(r, rig_peer(r, 1, 0));
    assert_int_equal(rig_notes(r, NOTE_PEER_HELD), 0);
    p2_handle peer = rig_peer(r, 1, 0);
    assert_int_equal(rig_notes(r, NOTE_PEER_HELD), 1);
    return peer;
}

static void pass(struct rig *r, p2_handle peer, unsigned seconds) {
    while (seconds--) {
        rig_heartbeat(r, peer);
        rig_pass(r, P2_SEC);
    }
}

static void submit(struct rig *r, p2_handle client, uint32_t n) {
    struct p2_msg m = rig_submit_msg(n, n, 10);
    m.u.submit.deadline_ns = 100 * P2_SEC;
    rig_send_submit(r, client, &m);
}

static void test_it_gets_no_work_for_a_while(void **state) {
    struct rig rig, *r = &rig;
    (void)state;
    rig_init(r, NULL);
    p2_handle client = rig_client(r), peer = held_peer(r);
    struct p2_msg_status status;
    coord_status(r->c, &status);
    assert_int_equal(status.peers_held_back, 1);
    submit(r, client, 1);
    rig_only(r, client, P2_MSG_TASK_ACCEPTED); // it waits
    rig_register(r, peer, 2, 0, 3, 0);         // saying more changes nothing
    pass(r, peer, 9);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0);
    pass(r, peer, 1);
    rig_only(r, peer, P2_MSG_TASK_ASSIGN);
    assert_int_equal(rig_notes(r, NOTE_PEER_RELEASED), 1);
    coord_status(r->c, &status);
    assert_int_equal(status.peers_held_back, 0);
    rig_deinit(r);
}

static void test_others_do_the_work_and_leaving_ends_it(void **state) {
    struct rig rig, *r = &rig;
    (void)state;
    rig_init(r, NULL);
    p2_handle client = rig_client(r), peer = held_peer(r);
    r->instance = rig_id(0);
    p2_handle other = rig_peer(r, 1, 0);
    submit(r, client, 1);
    rig_only(r, other, P2_MSG_TASK_ASSIGN);
    rig_close(r, peer);
    struct p2_msg_status status;
    coord_status(r->c, &status);
    assert_int_equal(status.peers_held_back, 0);
    r->instance = rig_id(77);
    rig_forget(r);
    rig_peer(r, 1, 0); // twice as long
    assert_int_equal(rig_notes(r, NOTE_PEER_HELD), 1);
    rig_deinit(r);
}

#define TEST(name) cmocka_unit_test(name)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_fourth_in_a_minute_is_held_back),
        TEST(test_the_back_off_doubles_and_is_forgotten),
        TEST(test_the_table_keeps_the_latest),
        TEST(test_it_gets_no_work_for_a_while),
        TEST(test_others_do_the_work_and_leaving_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
