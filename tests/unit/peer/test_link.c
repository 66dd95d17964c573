// The connection: back-off, greeting, registration, heartbeats, faults of the coordinator, leaving.
#include "rig.h"

static void down(struct rig *r, enum p2_err why) {
    rig_step(r, (struct worker_event){.kind = WORKER_LINK_DOWN, .why = why});
}
static void up(struct rig *r) { rig_step(r, (struct worker_event){.kind = WORKER_LINK_UP, .room = 1 << 20}); }

static void dials_only_with_something_to_offer(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    assert_non_null(rig_action(&r, WORKER_ACT_START_EXEC, 0));
    assert_null(rig_action(&r, WORKER_ACT_DIAL, 0));
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_STARTED});
    rig_word(&r, 0, (struct word){.kind = WORD_WITHHELD, .text = "wrong answer"});
    assert_string_equal(rig_note(&r, WORKER_NOTE_EXEC_WITHHELD, 0)->text, "wrong answer");
    rig_word(&r, 0, (struct word){.kind = WORD_READY});
    assert_null(rig_action(&r, WORKER_ACT_DIAL, 0)); // ready, but with nothing
    rig_close(&r);
}

static void backs_off_with_jitter_to_a_ceiling(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_ready(&r, 0);
    p2_ns base = 50 * P2_MS;
    bool differs = false;
    for (int i = 0; i < 14; i++) {
        down(&r, P2_ERR_UNREACHABLE);
        p2_ns delay = worker_next_ns(r.w) - r.now;
        assert_true(delay >= base / 2 && delay <= base + base / 2);
        differs = differs || delay != base;
        rig_tick_at(&r, worker_next_ns(r.w) - 1);
        assert_null(rig_action(&r, WORKER_ACT_DIAL, 0));
        rig_tick_at(&r, r.now + 1);
        assert_non_null(rig_action(&r, WORKER_ACT_DIAL, 0));
        base = p2_ns_min(2 * base, 10 * P2_SEC);
    }
    assert_true(differs);
    rig_close(&r);
}

static void a_link_that_stood_long_is_dialled_again_at_once(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    rig_run_until(&r, r.now + 6 * P2_SEC);
    down(&r, P2_ERR_IDLE_TIMEOUT);
    assert_true(worker_next_ns(r.w) - r.now <= 75 * P2_MS);
    rig_close(&r);
}

static void greets_and_registers(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 2);
    rig_open(&r);
    rig_ready(&r, 1);
    up(&r);
    const struct p2_msg_hello *hello = &rig_sent(&r, P2_MSG_HELLO, 0)->u.hello;
    assert_int_equal(hello->magic, P2_PROTOCOL_MAGIC);
    assert_int_equal(hello->role, P2_ROLE_PEER);
    assert_null(rig_sent(&r, P2_MSG_PEER_REGISTER, 0));
    rig_msg(&r, rig_hello());
    assert_non_null(rig_action(&r, WORKER_ACT_ESTABLISHED, 0));
    const struct p2_msg_peer_register *reg = &rig_sent(&r, P2_MSG_PEER_REGISTER, 0)->u.peer_register;
    assert_int_equal(reg->device_count, 2);
    assert_int_equal(reg->instance.b[15], 9);
    assert_int_equal(reg->devices[0].slots, 0); // not ready
    assert_int_equal(reg->devices[1].slots, 2);
    assert_int_equal(reg->slots, 2);
    assert_int_equal(reg->queue_depth, 4);
    assert_int_equal(reg->offer_count, 1);
    assert_int_equal(reg->offers[0].device, 1);
    assert_int_equal(reg->offers[0].version, 3);
    assert_int_equal(reg->offers[0].units_per_second, 1000);
    rig_msg(&r, rig_registered());
    assert_int_equal(rig_note(&r, WORKER_NOTE_REGISTERED, 0)->id.b[0], 7);

    rig_ready(&r, 0); // offers change: said again, with every device
    reg = &rig_sent(&r, P2_MSG_PEER_REGISTER, 0)->u.peer_register;
    assert_int_equal(reg->offer_count, 2);
    assert_int_equal(reg->slots, 4);
    rig_msg(&r, rig_registered());
    assert_null(rig_note(&r, WORKER_NOTE_REGISTERED, 0)); // once a connection

    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_GONE, .exec = 1, .text = "signal 9"});
    reg = &rig_sent(&r, P2_MSG_PEER_REGISTER, 0)->u.peer_register;
    assert_int_equal(reg->offer_count, 1);
    assert_int_equal(reg->offers[0].device, 0);
    rig_close(&r);
}

static void a_bad_greeting_ends_the_connection(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct rig r;
        rig_config(&r, 1);
        rig_open(&r);
        rig_ready(&r, 0);
        up(&r);
        struct p2_msg m = rig_hello();
        enum p2_err want = P2_ERR_WRONG_ROLE;
        if (i == 0) m.u.hello.role = P2_ROLE_CLIENT;
        if (i == 1) m.u.hello.version_max = 2, want = P2_ERR_UNSUPPORTED_VERSION;
        if (i == 2) m.u.hello.features = 8, want = P2_ERR_BAD_MESSAGE;
        if (i == 3) m = rig_registered(), want = P2_ERR_UNEXPECTED_MESSAGE;
        rig_msg(&r, m);
        assert_int_equal(rig_action(&r, WORKER_ACT_CLOSE, 0)->why, want);
        assert_int_equal(rig_sent(&r, P2_MSG_ERROR, 0)->u.error.code, want);
        rig_msg(&r, rig_hello()); // still on its way: not heard
        assert_int_equal(r.out.count, 0);
        down(&r, want);
        rig_close(&r);
    }
}

static void an_answer_that_does_not_come_ends_the_connection(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) { // while dialling, greeting, joining
        struct rig r;
        rig_config(&r, 1);
        rig_open(&r);
        rig_ready(&r, 0);
        if (i > 0) up(&r);
        if (i > 1) rig_msg(&r, rig_hello());
        p2_ns limit = r.now + r.config.handshake_ns;
        assert_int_equal(worker_next_ns(r.w), limit);
        rig_tick_at(&r, limit);
        assert_int_equal(rig_action(&r, WORKER_ACT_CLOSE, 0)->why, P2_ERR_HANDSHAKE_TIMEOUT);
        assert_true((rig_sent(&r, P2_MSG_ERROR, 0) != NULL) == (i > 0));
        if (i == 0) up(&r); // crossed our CLOSE: no greeting
        assert_null(rig_sent(&r, P2_MSG_HELLO, 0));
        down(&r, P2_ERR_HANDSHAKE_TIMEOUT);
        rig_close(&r);
    }
}

static void messages_for_others_are_faults(void **state) {
    (void)state;
    static const enum p2_msg_kind kinds[] = {P2_MSG_HELLO,        P2_MSG_TASK_SUBMIT, P2_MSG_RESULT_DELIVERY,
                                             P2_MSG_TASK_RESULT,  P2_MSG_STATUS,      P2_MSG_RESEND,
                                             P2_MSG_PEER_REGISTER};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct rig r;
        rig_config(&r, 1);
        rig_open(&r);
        rig_join(&r);
        rig_handed(&r, 1);
        rig_msg(&r, (struct p2_msg){.kind = kinds[i], .stream = 1});
        assert_non_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
        assert_non_null(rig_note(&r, WORKER_NOTE_FAULT, 0));
        assert_non_null(rig_said(&r, WORD_CANCEL, 0)); // and nobody wants the job now
        rig_close(&r);
    }
}

static void jobs_before_the_registration_are_faults(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_ready(&r, 0);
    up(&r);
    rig_msg(&r, rig_hello());
    rig_msg(&r, rig_assign(1, 10, 10));
    assert_int_equal(rig_action(&r, WORKER_ACT_CLOSE, 0)->why, P2_ERR_UNEXPECTED_MESSAGE);
    rig_close(&r);
}

static void broken_bytes_are_answered_with_their_code(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    rig_step(&r, (struct worker_event){.kind = WORKER_LINK_FAULT, .why = P2_ERR_BAD_RECORD});
    assert_int_equal(rig_sent(&r, P2_MSG_ERROR, 0)->u.error.code, P2_ERR_BAD_RECORD);
    assert_int_equal(rig_action(&r, WORKER_ACT_CLOSE, 0)->why, P2_ERR_BAD_RECORD);
    rig_step(&r, (struct worker_event){.kind = WORKER_LINK_FAULT, .why = P2_ERR_BAD_RECORD});
    assert_int_equal(r.out.count, 0);
    rig_close(&r);
}

static void pings_are_answered_and_drains_noted(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_PING, .u.ping.token = 99});
    assert_int_equal(rig_sent(&r, P2_MSG_PONG, 0)->u.ping.token, 99);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_PONG});
    assert_int_equal(r.out.count, 0);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_DRAIN, .u.drain.grace_ns = P2_SEC});
    assert_int_equal(rig_note(&r, WORKER_NOTE_COORDINATOR_DRAINS, 0)->value, 1000);
    rig_close(&r);
}

static void a_refusal_says_when_to_come_back(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    struct p2_msg m = {.kind = P2_MSG_ERROR};
    m.u.error = (struct p2_msg_error){.code = P2_ERR_TOO_MANY_CONNECTIONS,
                                      .retryable = true,
                                      .retry_after_ns = 20 * P2_SEC,
                                      .sentence = p2_str("full")};
    rig_msg(&r, m);
    assert_string_equal(rig_note(&r, WORKER_NOTE_REFUSED, 0)->text, "full");
    assert_non_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
    p2_ns said = r.now;
    down(&r, P2_OK);
    assert_int_equal(worker_next_ns(r.w), said + 20 * P2_SEC);
    rig_close(&r);
}

static void heartbeats_say_what_is_done(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 2);
    rig_open(&r);
    rig_join(&r);
    p2_ns joined = r.now;
    uint32_t cell = rig_handed(&r, 1);
    r.now += 300 * P2_MS;
    rig_handed(&r, 2);
    rig_handed(&r, 3);
    rig_msg(&r, rig_assign(4, 100, 0)); // nothing of it yet
    rig_tick_at(&r, joined + 500 * P2_MS);
    assert_null(rig_sent(&r, P2_MSG_HEARTBEAT, 0));
    rig_word(&r, 0, rig_done(cell, P2_OK, 5));
    rig_tick_at(&r, joined + P2_SEC - 1);
    assert_null(rig_sent(&r, P2_MSG_HEARTBEAT, 0));
    rig_tick_at(&r, joined + P2_SEC);
    const struct p2_msg_heartbeat *beat = &rig_sent(&r, P2_MSG_HEARTBEAT, 0)->u.heartbeat;
    assert_int_equal(beat->running, 2);
    assert_int_equal(beat->waiting, 1);
    assert_true(beat->load == 1.0); // of the one device that serves
    assert_int_equal(beat->tasks_completed, 1);
    assert_int_equal(beat->slot_count, 4);
    assert_int_equal(beat->slot_busy_ns[0], P2_SEC);
    assert_int_equal(beat->slot_busy_ns[1], 700 * P2_MS);
    assert_int_equal(beat->slot_busy_ns[2], 0);
    rig_close(&r);
}

static void a_lost_link_drops_every_job(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    uint32_t running = rig_handed(&r, 1);
    rig_msg(&r, rig_assign(2, 200000, 100));
    uint32_t sending = rig_handed(&r, 3);
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = 0});
    rig_word(&r, 0, rig_done(sending, P2_OK, 50));
    assert_non_null(rig_action(&r, WORKER_ACT_WANT_ROOM, 0));
    down(&r, P2_ERR_CLOSED);
    assert_int_equal(rig_note(&r, WORKER_NOTE_LINK_LOST, 0)->value, 3);
    assert_int_equal(rig_said(&r, WORD_CANCEL, 0)->u.cell, running);
    assert_null(rig_said(&r, WORD_CANCEL, 1));
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.jobs, 1); // until the executor lets go of it
    // The next connection counts its streams anew, also stream 1.
    rig_tick_at(&r, worker_next_ns(r.w));
    up(&r);
    rig_msg(&r, rig_hello());
    rig_msg(&r, rig_registered());
    uint32_t again = rig_handed(&r, 1);
    assert_int_not_equal(again, running);
    rig_word(&r, 0, rig_done(running, P2_OK, 10));
    assert_null(rig_sent(&r, P2_MSG_TASK_RESULT, 0));
    assert_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 0));
    rig_close(&r);
}

static void leaves_in_order(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    uint32_t cell = rig_handed(&r, 1);
    rig_step(&r, (struct worker_event){.kind = WORKER_DRAIN});
    assert_int_equal(rig_sent(&r, P2_MSG_DRAIN, 0)->u.drain.grace_ns, r.config.drain_ns);
    assert_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
    rig_msg(&r, rig_assign(2, 10, 10));
    const struct p2_msg *refusal = rig_sent(&r, P2_MSG_TASK_FAILURE, 0);
    assert_int_equal(refusal->u.failure.code, P2_ERR_DRAINING);
    assert_true(refusal->u.failure.retryable);
    rig_word(&r, 0, rig_done(cell, P2_OK, 10));
    assert_non_null(rig_sent(&r, P2_MSG_TASK_RESULT, 0));
    assert_non_null(rig_sent(&r, P2_MSG_PEER_DISCONNECT, 0));
    assert_int_equal(rig_action(&r, WORKER_ACT_CLOSE, 0)->why, P2_OK);
    assert_non_null(rig_said(&r, WORD_QUIT, 0));
    down(&r, P2_OK);
    assert_null(rig_action(&r, WORKER_ACT_LEAVE, 0));
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_GONE, .text = "exit code 0"});
    assert_int_equal(rig_action(&r, WORKER_ACT_LEAVE, 0)->why, P2_OK);
    assert_int_equal(worker_next_ns(r.w), P2_NEVER);
    rig_close(&r);
}

static void hands_back_what_is_not_done_in_time(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    r.config.drain_ns = 100 * P2_MS;
    rig_open(&r);
    rig_join(&r);
    rig_handed(&r, 1);
    rig_msg(&r, rig_assign(2, 10, 0));
    rig_step(&r, (struct worker_event){.kind = WORKER_DRAIN});
    rig_tick_at(&r, r.now + 100 * P2_MS);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_DRAINING);
    assert_true(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.retryable);
    assert_non_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 1));
    assert_non_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    assert_non_null(rig_sent(&r, P2_MSG_PEER_DISCONNECT, 0));
    // An executor that cannot die and a connection that does not close hold nothing up for ever.
    rig_run_until(&r, r.now + 2 * r.config.quit_ns);
    assert_non_null(rig_action(&r, WORKER_ACT_LEAVE, 0));
    rig_close(&r);
}

static void a_second_drain_leaves_at_once(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_join(&r);
    rig_handed(&r, 1);
    rig_step(&r, (struct worker_event){.kind = WORKER_DRAIN});
    rig_step(&r, (struct worker_event){.kind = WORKER_DRAIN});
    assert_int_equal(rig_action(&r, WORKER_ACT_LEAVE, 0)->why, P2_ERR_CLOSED);
    rig_tick_at(&r, r.now + P2_SEC);
    assert_int_equal(r.out.count, 0);
    rig_close(&r);
}

static void drains_before_it_ever_connected(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 2);
    rig_open(&r);
    rig_ready(&r, 1); // dialling now; executor 0 still starting
    rig_step(&r, (struct worker_event){.kind = WORKER_DRAIN});
    assert_non_null(rig_action(&r, WORKER_ACT_CLOSE, 0));
    assert_int_equal(rig_action(&r, WORKER_ACT_KILL_EXEC, 0)->exec, 0);
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_GONE, .exec = 0});
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_GONE, .exec = 1});
    assert_null(rig_action(&r, WORKER_ACT_LEAVE, 0));
    down(&r, P2_ERR_UNREACHABLE);
    assert_non_null(rig_action(&r, WORKER_ACT_LEAVE, 0));
    rig_close(&r);
}

static void refuses_configurations_out_of_range(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct rig r;
        rig_config(&r, 1);
        if (i == 0) r.config.device_count = 0;
        if (i == 1) r.config.device_count = P2_DEVICES_MAX + 1;
        if (i == 2) r.config.devices[0].slots = 0;
        if (i == 3) r.config.devices[0].slots = WORKER_SLOTS_MAX + 1;
        if (i == 4) r.config.queue_depth = 9;
        if (i == 5) r.config.cell_bytes = P2_TASK_PAYLOAD_MAX + 4096;
        if (i == 6) r.config.cell_bytes = 65537;
        if (i == 7) r.config.type_count = 0;
        assert_null(worker_create(&r.config));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dials_only_with_something_to_offer),
        cmocka_unit_test(backs_off_with_jitter_to_a_ceiling),
        cmocka_unit_test(a_link_that_stood_long_is_dialled_again_at_once),
        cmocka_unit_test(greets_and_registers),
        cmocka_unit_test(a_bad_greeting_ends_the_connection),
        cmocka_unit_test(an_answer_that_does_not_come_ends_the_connection),
        cmocka_unit_test(messages_for_others_are_faults),
        cmocka_unit_test(jobs_before_the_registration_are_faults),
        cmocka_unit_test(broken_bytes_are_answered_with_their_code),
        cmocka_unit_test(pings_are_answered_and_drains_noted),
        cmocka_unit_test(a_refusal_says_when_to_come_back),
        cmocka_unit_test(heartbeats_say_what_is_done),
        cmocka_unit_test(a_lost_link_drops_every_job),
        cmocka_unit_test(leaves_in_order),
        cmocka_unit_test(hands_back_what_is_not_done_in_time),
        cmocka_unit_test(a_second_drain_leaves_at_once),
        cmocka_unit_test(drains_before_it_ever_connected),
        cmocka_unit_test(refuses_configurations_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
