// What a client, a peer or a crowd of them can hold by not doing their part.
#include "rig.h"

#define KIB 1024u
#define RECORD (64u * KIB)

static int setup(void **state) { return rig_set_up(state, NULL, 1); }

static void submit_for(struct rig *r, uint32_t stream, uint64_t size, p2_ns deadline_ns) {
    struct p2_msg m = rig_submit_msg(stream, stream, size);
    m.u.submit.deadline_ns = deadline_ns;
    rig_send_submit(r, r->client, &m);
}

static void pass_alive(struct rig *r, unsigned seconds) {
    for (unsigned i = 0; i < seconds; i++) {
        rig_heartbeat(r, r->peer);
        rig_pass(r, P2_SEC);
    }
}

static void test_a_payload_on_its_way_holds_no_slot(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 100 * KIB, 60 * P2_SEC);
    assert_int_equal(rig_count(r, r->peer, P2_MSG_TASK_ASSIGN), 0);
    submit_for(r, 2, 10, 60 * P2_SEC); // whole: goes first
    assert_int_equal(rig_only(r, r->peer, P2_MSG_TASK_ASSIGN)->u.assign.payload_size, 10);
    rig_result(r, r->peer, rig_only(r, r->peer, P2_MSG_TASK_ASSIGN), 1);
    rig_forget(r);
    rig_chunk(r, r->client, 1, 1, RECORD, 36 * KIB);
    assert_int_equal(rig_only(r, r->peer, P2_MSG_TASK_ASSIGN)->u.assign.payload_size, 100 * KIB);
}

static void test_a_payload_that_stops_ends_its_task(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 100 * KIB, 3600 * P2_SEC); // never whole
    submit_for(r, 2, 900 * KIB, 3600 * P2_SEC); // placed with its first bytes
    assert_int_equal(rig_count(r, r->peer, P2_MSG_TASK_ASSIGN), 1);
    pass_alive(r, 9);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ENDED), 0);
    pass_alive(r, 1);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ENDED), 2);
    assert_int_equal(rig_nth(r, r->client, P2_MSG_TASK_ENDED, 0)->u.ended.code, P2_ERR_IDLE_TIMEOUT);
    assert_int_equal(rig_count(r, r->peer, P2_MSG_TASK_CANCEL), 1);
}

static void test_a_trickle_is_not_enough_and_a_stream_is(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 900 * KIB, 3600 * P2_SEC);
    submit_for(r, 2, 900 * KIB, 3600 * P2_SEC);
    for (unsigned second = 0; second < 12; second++) {
        rig_chunk(r, r->client, 1, 1, RECORD + second * 4 * KIB, 4 * KIB);
        if (second < 10) rig_chunk(r, r->client, 2, 1, RECORD + second * 512, 512);
        pass_alive(r, 1);
    }
    assert_int_equal(rig_only(r, r->client, P2_MSG_TASK_ENDED)->stream, 2);
}

static void test_nothing_is_owed_beyond_the_window(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 10, 3600 * P2_SEC);        // takes the only slot
    submit_for(r, 2, 900 * KIB, 3600 * P2_SEC); // waits; its client sends all it may
    const struct p2_msg *window = rig_count(r, r->client, P2_MSG_WINDOW) ? rig_last(r, r->client, P2_MSG_WINDOW) : NULL;
    uint64_t limit = window ? window->u.window.limit : P2_STREAM_WINDOW;
    for (uint64_t at = RECORD; at < limit; at += RECORD) {
        uint64_t left = limit - at;
        rig_chunk(r, r->client, 2, 1, at, left < RECORD ? (uint32_t)left : RECORD);
    }
    pass_alive(r, 30);
    assert_int_equal(rig_count(r, r->client, P2_MSG_TASK_ENDED), 0);
}

static void test_padding_is_not_compression(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 1);
    m.u.submit.payload_zstd = true;
    m.u.submit.payload = rig_bytes(r, RECORD, 0);
    m.u.submit.raw_size = 1;
    rig_msg(r, r->client, &m);
    p2_blob_unref(m.u.submit.payload.blob);
    rig_expect_error(r, r->client, P2_ERR_BAD_MESSAGE);
}

static void test_a_batch_is_not_kept_for_one_of_its_tasks(void **state) {
    struct rig *r = *state;
    struct p2_slice whole = rig_bytes(r, RECORD, 0);
    struct p2_msg one = rig_submit_msg(1, 1, 1);
    one.u.submit.payload = (struct p2_slice){whole.blob, 7, 1};
    one.u.submit.raw_size = 1;
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT_BATCH, .stream = 1};
    m.u.submit_batch.tasks = &one.u.submit;
    m.u.submit_batch.task_count = 1;
    rig_msg(r, r->client, &m);
    const struct p2_msg *assign = rig_only(r, r->peer, P2_MSG_TASK_ASSIGN);
    assert_true(assign->u.assign.payload.blob != whole.blob);
    assert_int_equal(*p2_slice_data(&assign->u.assign.payload), whole.blob->data[7]);
    assert_int_equal(whole.blob->refs, 1);
    p2_blob_unref(whole.blob);
}

static void test_one_that_suits_is_found_among_many_that_do_not(void **state) {
    struct rig *r = *state;
    struct coord_limits limits = rig_limits();
    limits.peers_max = limits.offers_max = 400;
    rig_deinit(r);
    rig_init(r, &limits);
    r->client = rig_client(r);
    for (unsigned i = 0; i < 300; i++) {
        p2_handle small = rig_open(r);
        rig_hello(r, small, P2_ROLE_PEER);
        rig_register(r, small, 1, 0, 1, 64 * KIB);
    }
    p2_handle large = rig_open(r);
    rig_hello(r, large, P2_ROLE_PEER);
    rig_register(r, large, 1, 0, 1, 1024 * KIB);
    rig_forget(r);
    const struct p2_param memory = {
        .name = p2_str("memory"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {512 * KIB}};
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.params = (struct p2_params){&memory, 1};
    rig_send_submit(r, r->client, &m);
    assert_int_equal(rig_count(r, large, P2_MSG_TASK_ASSIGN), 1);
}

static void test_a_status_follows_peers_as_they_come_work_and_go(void **state) {
    struct rig *r = *state;
    struct p2_msg_status status;
    p2_handle other = rig_peer(r, 3, 0);
    rig_submit(r, r->client, 1, 1, 10);
    coord_status(r->c, &status);
    assert_int_equal(status.peers_ready, 2);
    assert_int_equal(status.slots, 4);
    assert_int_equal(status.slots_busy, 1);
    rig_close(r, other);
    rig_close(r, r->peer);
    coord_status(r->c, &status);
    assert_int_equal(status.peers_ready, 0);
    assert_int_equal(status.slots, 0);
    assert_int_equal(status.slots_busy, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_payload_on_its_way_holds_no_slot),
        TEST(test_a_payload_that_stops_ends_its_task),
        TEST(test_a_trickle_is_not_enough_and_a_stream_is),
        TEST(test_nothing_is_owed_beyond_the_window),
        TEST(test_padding_is_not_compression),
        TEST(test_a_batch_is_not_kept_for_one_of_its_tasks),
        TEST(test_one_that_suits_is_found_among_many_that_do_not),
        TEST(test_a_status_follows_peers_as_they_come_work_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
