#include "rig.h"

static struct rig rig;

static int setup(void **state) {
    rig_init(&rig, NULL);
    *state = &rig;
    return 0;
}

static int teardown(void **state) {
    rig_deinit(*state);
    return 0;
}

static void test_hello_chooses_version_and_features(void **state) {
    struct rig *r = *state;
    p2_handle conn = rig_open(r);
    rig_hello(r, conn, P2_ROLE_CLIENT);
    const struct p2_msg *m = rig_only(r, conn, P2_MSG_HELLO);
    assert_int_equal(m->u.hello.version_min, 1);
    assert_int_equal(m->u.hello.version_max, 1);
    assert_int_equal(m->u.hello.features, P2_FEATURE_ZSTD);
    assert_int_equal(m->u.hello.role, P2_ROLE_COORDINATOR);
    const struct coord_action *last = &r->out.items[r->out.count - 1];
    assert_int_equal(last->kind, COORD_ESTABLISHED);
    assert_int_equal(last->features, P2_FEATURE_ZSTD);
    p2_handle peer = rig_open(r);
    rig_hello(r, peer, P2_ROLE_PEER);
    assert_int_equal(rig_last(r, peer, P2_MSG_HELLO)->u.hello.features, P2_FEATURE_ZSTD | P2_FEATURE_RECALL);
}

static void test_without_compression_nobody_is_told_to(void **state) {
    struct rig *r = *state;
    p2_handle conn = rig_open(r), peer = rig_open(r);
    r->c->limits.compress = false;
    rig_hello(r, conn, P2_ROLE_CLIENT);
    assert_int_equal(rig_only(r, conn, P2_MSG_HELLO)->u.hello.features, 0);
    assert_int_equal(r->out.items[r->out.count - 1].features, 0);
    rig_hello(r, peer, P2_ROLE_PEER);
    assert_int_equal(rig_only(r, peer, P2_MSG_HELLO)->u.hello.features, P2_FEATURE_RECALL);
}

static void refuse_hello(struct rig *r, struct p2_msg_hello hello, enum p2_err code) {
    p2_handle conn = rig_open(r);
    struct p2_msg m = {.kind = P2_MSG_HELLO, .u.hello = hello};
    rig_msg(r, conn, &m);
    rig_expect_error(r, conn, code);
    rig_msg(r, conn, &m); // what comes after its end goes nowhere
    rig_expect_error(r, conn, code);
}

static void test_hellos_that_are_refused(void **state) {
    struct rig *r = *state;
    struct p2_msg_hello good = {.magic = P2_PROTOCOL_MAGIC, .version_min = 1, .version_max = 1, .role = P2_ROLE_PEER};
    struct p2_msg_hello bad = good;
    bad.magic = 1;
    refuse_hello(r, bad, P2_ERR_BAD_MAGIC);
    bad = good;
    bad.version_min = bad.version_max = 2;
    refuse_hello(r, bad, P2_ERR_UNSUPPORTED_VERSION);
    bad = good;
    bad.version_min = bad.version_max = 0;
    refuse_hello(r, bad, P2_ERR_UNSUPPORTED_VERSION);
    bad = good;
    bad.role = P2_ROLE_COORDINATOR;
    refuse_hello(r, bad, P2_ERR_WRONG_ROLE);
}

static void test_nothing_goes_before_hello(void **state) {
    struct rig *r = *state;
    for (unsigned kind = 0; kind <= P2_MSG_KINDS; kind++) {
        if (kind == P2_MSG_HELLO) continue;
        p2_handle conn = rig_open(r);
        struct p2_msg m = {.kind = (enum p2_msg_kind)kind};
        rig_msg(r, conn, &m);
        rig_expect_error(r, conn, P2_ERR_UNEXPECTED_MESSAGE);
    }
}

static void test_each_role_has_its_messages(void **state) {
    struct rig *r = *state;
    const enum p2_msg_kind of_peers[] = {P2_MSG_PEER_REGISTER, P2_MSG_TASK_RESULT,     P2_MSG_TASK_FAILURE,
                                         P2_MSG_HEARTBEAT,     P2_MSG_PEER_DISCONNECT, P2_MSG_BLOB_HAVE,
                                         P2_MSG_BLOB_WANT};
    const enum p2_msg_kind of_clients[] = {P2_MSG_GAMER_REGISTER, P2_MSG_TASK_SUBMIT,    P2_MSG_TASK_SUBMIT_BATCH,
                                           P2_MSG_TASK_CANCEL,    P2_MSG_STATUS_REQUEST, P2_MSG_BLOB_PUT,
                                           P2_MSG_CAN_MEET};
    for (unsigned i = 0; i < 7; i++) {
        p2_handle client = rig_client(r), peer = rig_peer(r, 1, 0);
        struct p2_msg m = {.kind = of_peers[i % 5]};
        rig_msg(r, client, &m);
        rig_expect_error(r, client, P2_ERR_WRONG_ROLE);
        m.kind = of_clients[i];
        rig_msg(r, peer, &m);
        rig_expect_error(r, peer, P2_ERR_WRONG_ROLE);
    }
}

static void test_what_only_a_coordinator_says(void **state) {
    struct rig *r = *state;
    const enum p2_msg_kind coordinators[] = {P2_MSG_PEER_REGISTERED, P2_MSG_GAMER_REGISTERED, P2_MSG_TASK_ACCEPTED,
                                             P2_MSG_TASK_ASSIGN,     P2_MSG_RESULT_DELIVERY,  P2_MSG_TASK_ENDED,
                                             P2_MSG_TASK_TIMEOUT,    P2_MSG_RESEND,           P2_MSG_STATUS,
                                             P2_MSG_CAN_MEET_ANSWER};
    const enum p2_msg_kind others[] = {P2_MSG_NONE, P2_MSG_HELLO, P2_MSG_GAMER_REGISTER};
    const unsigned count = sizeof coordinators / sizeof *coordinators;
    for (unsigned i = 0; i < count + sizeof others / sizeof *others; i++) {
        p2_handle client = rig_client(r);
        struct p2_msg m = {.kind = i < count ? coordinators[i] : others[i - count]};
        rig_msg(r, client, &m);
        rig_expect_error(r, client, i < count ? P2_ERR_WRONG_ROLE : P2_ERR_UNEXPECTED_MESSAGE);
    }
}

static void test_submitting_needs_registering(void **state) {
    struct rig *r = *state;
    p2_handle conn = rig_open(r);
    rig_hello(r, conn, P2_ROLE_CLIENT);
    rig_submit(r, conn, 1, 1, 10);
    rig_expect_error(r, conn, P2_ERR_UNEXPECTED_MESSAGE);
}

static void test_ping_is_answered_and_pong_measures(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0), client = rig_client(r);
    struct p2_msg m = {.kind = P2_MSG_PING, .u.ping.token = 99};
    rig_msg(r, client, &m);
    assert_int_equal(rig_only(r, client, P2_MSG_PONG)->u.ping.token, 99);
    m = *rig_only(r, peer, P2_MSG_PING); // goes out with the registration
    m.kind = P2_MSG_PONG;
    r->now += 7 * P2_MS;
    rig_msg(r, peer, &m);
    rig_msg(r, peer, &m); // said twice, counted once
    const struct session *s = session_find(r->c, peer);
    assert_int_equal(s->rtt.samples, 1);
    assert_int_equal(s->rtt.mean, 7 * P2_MS);
}

static void test_busy_peers_are_pinged_more_often(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0), client = rig_client(r);
    struct p2_msg m = rig_submit_msg(1, 1, 10);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, client, &m);
    rig_forget(r);
    for (unsigned i = 0; i < 50; i++) {
        rig_pass(r, 100 * P2_MS);
        rig_heartbeat(r, peer);
    }
    assert_in_range(rig_count(r, peer, P2_MSG_PING), 4, 6);
    assert_int_equal(rig_count(r, client, P2_MSG_PING), 1);
}

static void test_an_idle_peer_is_pinged_when_it_is_heard(void **state) {
    struct rig *r = *state;
    p2_handle idle = rig_peer(r, 1, 0), client = rig_client(r);
    rig_forget(r);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(rig_count(r, idle, P2_MSG_PING), 0);
        rig_pass(r, 1050 * P2_MS);
        rig_heartbeat(r, idle);
    }
    assert_int_equal(rig_count(r, idle, P2_MSG_PING), 1); // after 4.2 s, with the fourth heartbeat
    rig_pass(r, 1500 * P2_MS);
    assert_int_equal(rig_count(r, idle, P2_MSG_PING), 1);
    assert_int_equal(rig_count(r, client, P2_MSG_PING), 1); // at its time
}

static void test_pings_due_at_nearly_the_same_time_leave_in_one_step(void **state) {
    struct rig *r = *state;
    for (unsigned i = 0; i < 8; i++) {
        rig_peer(r, 1, 0);
        r->now += P2_MS / 10;
    }
    p2_ns began = r->now;
    rig_jump(r, 3 * P2_SEC);
    for (uint32_t i = 0; i < r->c->sessions.capacity; i++) {
        struct session *s = coord_at(&r->c->sessions, i);
        if (s && s->state == SESSION_PEER) rig_heartbeat(r, s->conn);
    }
    rig_forget(r);
    unsigned steps = 0, pings = 0;
    while (pings < 8) {
        r->now = coord_next_ns(r->c);
        rig_step(r, &(struct coord_event){.kind = COORD_TICK});
        unsigned said = 0;
        for (uint32_t i = 0; i < r->out.count; i++)
            said += r->out.items[i].kind == COORD_SEND && r->out.items[i].u.msg.kind == P2_MSG_PING;
        steps += said > 0;
        pings += said;
        rig_forget(r);
        assert_true(r->now <= began + 5 * P2_SEC); // never later than every 5 s
    }
    assert_in_range(steps, 1, 2); // a grain may end between them
}

static void test_a_silent_peer_is_lost_and_a_late_one_is_not(void **state) {
    struct rig *r = *state;
    p2_handle silent = rig_peer(r, 1, 0), late = rig_peer(r, 1, 0);
    for (unsigned i = 0; i < 4; i++) {
        rig_pass(r, 1100 * P2_MS);
        rig_heartbeat(r, late);
    }
    rig_expect_error(r, silent, P2_ERR_IDLE_TIMEOUT);
    assert_false(rig_was_closed(r, late, P2_ERR_IDLE_TIMEOUT));
    assert_int_equal(rig_notes(r, NOTE_PEER_LOST), 1);
}

static void test_our_own_stall_is_not_held_against_peers(void **state) {
    struct rig *r = *state;
    p2_handle peer = rig_peer(r, 1, 0);
    rig_jump(r, 20 * P2_SEC);
    assert_int_equal(rig_notes(r, NOTE_STALL), 1);
    assert_int_equal(rig_notes(r, NOTE_PEER_LOST), 0);
    rig_pass(r, 2 * P2_SEC);
    assert_int_equal(rig_notes(r, NOTE_PEER_LOST), 0);
    rig_pass(r, 2 * P2_SEC); // the fresh chance is one, not for ever
    rig_expect_error(r, peer, P2_ERR_IDLE_TIMEOUT);
}

static void test_registration_has_its_time(void **state) {
    struct rig *r = *state;
    p2_handle mute = rig_open(r), half = rig_open(r);
    rig_hello(r, half, P2_ROLE_PEER);
    rig_pass(r, 6 * P2_SEC);
    rig_expect_error(r, mute, P2_ERR_HANDSHAKE_TIMEOUT);
    rig_expect_error(r, half, P2_ERR_HANDSHAKE_TIMEOUT);
}

static void test_tables_that_are_full_refuse(void **state) {
    struct rig *r = *state;
    for (unsigned i = 0; i < 8; i++) rig_open(r);
    p2_handle ninth = rig_open(r);
    rig_expect_error(r, ninth, P2_ERR_TOO_MANY_CONNECTIONS);
    for (p2_handle conn = 0x100000001; conn < ninth; conn++) rig_close(r, conn);
    for (unsigned i = 0; i < 16; i++) assert_false(rig_was_closed(r, rig_client(r), P2_ERR_TOO_MANY_CONNECTIONS));
    rig_expect_error(r, rig_client(r), P2_ERR_TOO_MANY_CONNECTIONS);
    for (unsigned i = 0; i < 16; i++) assert_false(rig_was_closed(r, rig_peer(r, 1, 0), P2_ERR_TOO_MANY_CONNECTIONS));
    rig_expect_error(r, rig_peer(r, 1, 0), P2_ERR_TOO_MANY_CONNECTIONS);
}

static void test_a_remote_that_gives_up_is_let_go(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r);
    struct p2_msg m = {.kind = P2_MSG_ERROR, .u.error.code = P2_ERR_INTERNAL};
    rig_msg(r, client, &m);
    assert_int_equal(rig_notes(r, NOTE_REMOTE_ERROR), 1);
    assert_true(rig_was_closed(r, client, P2_OK));
    assert_int_equal(r->c->clients.live, 0);
}

static void test_events_of_strangers_are_dropped(void **state) {
    struct rig *r = *state;
    rig_writable(r, 12345, 10);
    rig_close(r, 12345);
    rig_submit(r, 12345, 1, 1, 10);
    assert_int_equal(r->out.count, 0);
}

static void test_status(void **state) {
    struct rig *r = *state;
    p2_handle client = rig_client(r), peer = rig_peer(r, 2, 0);
    for (unsigned i = 1; i <= 3; i++) rig_submit(r, client, i, i, 10);
    rig_pass(r, P2_MS);
    struct p2_msg m = {.kind = P2_MSG_STATUS_REQUEST};
    rig_msg(r, client, &m);
    const struct p2_msg_status *st = &rig_only(r, client, P2_MSG_STATUS)->u.status;
    assert_int_equal(st->peers, 1);
    assert_int_equal(st->peers_ready, 1);
    assert_int_equal(st->clients, 1);
    assert_int_equal(st->slots, 2);
    assert_int_equal(st->slots_busy, 2);
    assert_int_equal(st->tasks_queued, 1);
    assert_int_equal(st->tasks_running, 2);
    assert_int_equal(st->tasks_accepted, 3);
    assert_int_equal(st->uptime_ns, P2_MS);
    rig_close(r, peer);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_hello_chooses_version_and_features),
        TEST(test_without_compression_nobody_is_told_to),
        TEST(test_hellos_that_are_refused),
        TEST(test_nothing_goes_before_hello),
        TEST(test_each_role_has_its_messages),
        TEST(test_what_only_a_coordinator_says),
        TEST(test_submitting_needs_registering),
        TEST(test_ping_is_answered_and_pong_measures),
        TEST(test_busy_peers_are_pinged_more_often),
        TEST(test_an_idle_peer_is_pinged_when_it_is_heard),
        TEST(test_pings_due_at_nearly_the_same_time_leave_in_one_step),
        TEST(test_a_silent_peer_is_lost_and_a_late_one_is_not),
        TEST(test_our_own_stall_is_not_held_against_peers),
        TEST(test_registration_has_its_time),
        TEST(test_tables_that_are_full_refuse),
        TEST(test_a_remote_that_gives_up_is_let_go),
        TEST(test_events_of_strangers_are_dropped),
        TEST(test_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
