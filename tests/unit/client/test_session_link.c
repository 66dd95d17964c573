// The link: greeting, reconnection, versions, ERRORs, faults, PING.
#include "rig.h"

#include <string.h>

static void greets_in_one_round_trip(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_tick(&r, 0);
    assert_non_null(rig_did(&r, SESSION_DO_DIAL, 0));
    rig_step(&r, (struct session_event){.kind = SESSION_OPENED});
    assert_int_equal(r.out.items[0].u.send.msg.kind, P2_MSG_HELLO);
    assert_int_equal(r.out.items[0].u.send.lane, 0);
    assert_int_equal(r.out.items[0].u.send.msg.u.hello.role, P2_ROLE_CLIENT);
    assert_int_equal(r.out.items[1].u.send.msg.kind, P2_MSG_GAMER_REGISTER);
    rig_msg(&r, hello_msg(1));
    assert_int_equal(p2_session_link(r.s), LINK_GREETING);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_GAMER_REGISTERED,
                                .u.gamer_registered = {.session = {{9}}, .tasks_in_flight_max = 1}});
    assert_non_null(rig_did(&r, SESSION_DO_ESTABLISHED, 0));
    assert_non_null(rig_sent(&r, P2_MSG_PING, 0));
    assert_int_equal(p2_session_features(r.s), P2_FEATURE_ZSTD);
    rig_closed(&r);
    while (!rig_did(&r, SESSION_DO_DIAL, 0)) rig_tick(&r, P2_MS);
    rig_step(&r, (struct session_event){.kind = SESSION_OPENED});
    assert_int_equal(rig_sent(&r, P2_MSG_GAMER_REGISTER, 0)->u.gamer_register.session.b[0], 9);
    assert_int_equal(p2_session_features(r.s), 0);
    rig_shut(&r);
}

static void silence_of_a_coordinator_ends_the_attempt(void **state) {
    (void)state;
    for (int opened = 0; opened < 2; opened++) {
        struct rig r;
        rig_open(&r, 2);
        rig_tick(&r, 0);
        if (opened) rig_step(&r, (struct session_event){.kind = SESSION_OPENED});
        rig_tick(&r, SESSION_GREETING_NS - 1);
        assert_null(rig_did(&r, SESSION_DO_CLOSE, 0));
        rig_tick(&r, 1);
        assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_ERR_HANDSHAKE_TIMEOUT);
        rig_tick(&r, P2_SEC);
        assert_null(rig_did(&r, SESSION_DO_CLOSE, 0));
        rig_closed(&r);
        assert_int_equal(p2_session_link(r.s), LINK_DOWN);
        rig_shut(&r);
    }
}

static void backs_off_with_jitter_and_starts_over_once_up(void **state) {
    (void)state;
    struct rig r;
    p2_ns spread_min = P2_NEVER, spread_max = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        rig_open(&r, seed);
        rig_tick(&r, 0);
        p2_ns base = ROUTE_BACKOFF_MIN_NS;
        for (int i = 0; i < 12; i++) {
            rig_closed(&r);
            p2_ns wait = p2_session_next_ns(r.s) - r.now;
            assert_in_range(wait, 1, base);
            if (i == 11) {
                spread_min = p2_ns_min(spread_min, wait);
                spread_max = p2_ns_max(spread_max, wait);
            }
            rig_tick(&r, wait);
            assert_non_null(rig_did(&r, SESSION_DO_DIAL, 0));
            base = p2_ns_min(base * 2, ROUTE_BACKOFF_MAX_NS);
        }
        rig_up(&r);
        rig_closed(&r);
        assert_in_range(p2_session_next_ns(r.s) - r.now, 1, ROUTE_BACKOFF_MIN_NS);
        rig_shut(&r);
    }
    assert_true(spread_max - spread_min > ROUTE_BACKOFF_MAX_NS / 4);
}

static void another_version_ends_every_ticket_with_that_code(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 3);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_step(&r, (struct session_event){.kind = SESSION_OPENED});
    rig_msg(&r, hello_msg(2));
    assert_ended(&r, t, SESSION_REFUSED, P2_ERR_UNSUPPORTED_VERSION);
    assert_int_equal(rig_sent(&r, P2_MSG_ERROR, 0)->u.error.code, P2_ERR_UNSUPPORTED_VERSION);
    assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_ERR_UNSUPPORTED_VERSION);
    rig_shut(&r);
}

static void an_error_for_the_connection_ends_every_ticket_in_its_words(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 4);
    rig_up_limited(&r, 1, UINT64_MAX, 0);
    session_ticket sent = rig_submit(&r, 0, 10), queued = rig_submit(&r, 1, 10);
    char words[] = "Come back on Tuesday.";
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_ERROR,
                                .u.error = {.code = P2_ERR_TOO_MANY_CONNECTIONS,
                                            .retryable = true,
                                            .retry_after_ns = 2 * P2_SEC,
                                            .sentence = p2_str(words)}});
    memset(words, 'x', sizeof words - 1); // the message was borrowed
    struct session_ended *a = rig_ended(&r), *b = &rig_did(&r, SESSION_DO_ENDED, 1)->u.ended;
    assert_int_equal(a->ticket, sent);
    assert_int_equal(a->outcome, SESSION_LOST);
    assert_int_equal(b->ticket, queued);
    assert_int_equal(b->outcome, SESSION_REFUSED);
    assert_int_equal(b->code, P2_ERR_TOO_MANY_CONNECTIONS);
    assert_true(p2_str_is(b->sentence, "Come back on Tuesday."));
    assert_true(b->retryable && b->retry_after_ns == 2 * P2_SEC);
    rig_closed(&r);
    assert_true(p2_session_next_ns(r.s) >= r.now + 2 * P2_SEC); // its wish beats our back-off
    rig_shut(&r);
}

static void what_breaks_the_protocol_ends_the_connection(void **state) {
    (void)state;
    struct p2_msg wrong[] = {
        {.kind = P2_MSG_PEER_REGISTERED},
        {.kind = P2_MSG_HELLO, .u.hello = {.magic = P2_PROTOCOL_MAGIC, .version_min = 1, .version_max = 1}},
        {.kind = P2_MSG_GAMER_REGISTERED, .u.gamer_registered.tasks_in_flight_max = 1},
        {.kind = P2_MSG_TASK_ASSIGN, .stream = 1},
        {.kind = P2_MSG_TASK_ACCEPTED, .stream = 1, .u.accepted.id = {{7}}}, // another id
        {.kind = P2_MSG_TASK_ACCEPTED, .stream = 2},                         // never used
        {.kind = P2_MSG_CHUNK, .stream = 1},                                 // before a delivery
        {.kind = P2_MSG_TASK_ENDED, .stream = 0},
        {.kind = P2_MSG_RESULT_DELIVERY, .stream = 1, .u.delivery = {.id = {{7}}, .attempt = 1}}, // of another task
        {.kind = P2_MSG_RESULT_DELIVERY, .stream = 9, .u.delivery = {.id = {{7}}, .attempt = 1}}, // never asked for
        {.kind = P2_MSG_RESULT_DELIVERY, .stream = 0},
        {.kind = P2_MSG_TASK_TIMEOUT, .stream = 1, .u.timeout.id = {{7}}},
        {.kind = P2_MSG_BLOB_WANT, .stream = 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rig r;
        rig_open(&r, 5);
        rig_up(&r);
        session_ticket t = rig_submit(&r, 0, 10);
        rig_msg(&r, wrong[i]);
        assert_ended(&r, t, SESSION_LOST, P2_ERR_CONNECTION_LOST);
        assert_non_null(rig_sent(&r, P2_MSG_ERROR, 0));
        assert_non_null(rig_did(&r, SESSION_DO_CLOSE, 0));
        rig_msg(&r, wrong[i]); // nothing it says counts any more
        assert_int_equal(r.out.count, 0);
        rig_closed(&r);
        rig_up(&r);
        rig_shut(&r);
    }
}

static void greeting_out_of_order_is_a_fault(void **state) {
    (void)state;
    struct p2_msg wrong[] = {
        {.kind = P2_MSG_GAMER_REGISTERED, .u.gamer_registered.tasks_in_flight_max = 1}, // before HELLO
        {.kind = P2_MSG_TASK_ACCEPTED, .stream = 1},
        {.kind = P2_MSG_HELLO, .u.hello = {.magic = 1, .version_min = 1, .version_max = 1}},
        {.kind = P2_MSG_HELLO,
         .u.hello = {.magic = P2_PROTOCOL_MAGIC, .version_min = 1, .version_max = 1, .role = P2_ROLE_PEER}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct rig r;
        rig_open(&r, 6);
        session_ticket t = rig_submit(&r, 0, 10);
        rig_step(&r, (struct session_event){.kind = SESSION_OPENED});
        rig_msg(&r, wrong[i]);
        assert_non_null(rig_did(&r, SESSION_DO_CLOSE, 0));
        assert_true(rig_knows(&r, t)); // not sent: it waits for a better one
        rig_shut(&r);
    }
}

static void local_codes_stay_here(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 7);
    rig_up(&r);
    rig_step(&r, (struct session_event){.kind = SESSION_FAULT, .u.why = P2_ERR_NO_MEMORY});
    assert_int_equal(rig_sent(&r, P2_MSG_ERROR, 0)->u.error.code, P2_ERR_INTERNAL);
    assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_ERR_NO_MEMORY);
    rig_shut(&r);
}

static void measures_and_answers_round_trips(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 8);
    rig_up(&r);
    uint64_t token = rig_sent(&r, P2_MSG_PING, 0)->u.ping.token;
    rig_tick(&r, 3 * P2_MS);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_PONG, .u.ping.token = token + 1});
    assert_int_equal(p2_session_rtt_ns(r.s), 0); // not ours
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_PONG, .u.ping.token = token});
    assert_int_equal(p2_session_rtt_ns(r.s), 3 * P2_MS);
    rig_tick(&r, SESSION_PING_NS);
    assert_non_null(rig_sent(&r, P2_MSG_PING, 0));
    rig_tick(&r, SESSION_PING_NS);
    assert_null(rig_sent(&r, P2_MSG_PING, 0)); // the last one is not answered yet
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_PING, .u.ping.token = 77});
    assert_int_equal(rig_sent(&r, P2_MSG_PONG, 0)->u.ping.token, 77);
    rig_shut(&r);
}

static void asks_for_status_as_soon_as_there_is_a_coordinator(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 9);
    rig_step(&r, (struct session_event){.kind = SESSION_STATUS, .u.tasks_max = 5});
    assert_null(rig_sent(&r, P2_MSG_STATUS_REQUEST, 0));
    rig_up(&r);
    assert_int_equal(rig_sent(&r, P2_MSG_STATUS_REQUEST, 0)->u.status_request.tasks_max, 5);
    rig_tick(&r, 1);
    assert_null(rig_sent(&r, P2_MSG_STATUS_REQUEST, 0));
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_STATUS, .u.status.peers = 3});
    assert_int_equal(rig_did(&r, SESSION_DO_STATUS, 0)->u.status->peers, 3);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_DRAIN});
    assert_int_equal(rig_did(&r, SESSION_DO_NOTE, 0)->u.note.kind, NOTE_DRAINING);
    rig_shut(&r);
}

// ---- questions

static struct p2_msg answer_msg(uint64_t question, enum p2_err code) {
    return (struct p2_msg){.kind = P2_MSG_CAN_MEET_ANSWER,
                           .u.can_meet_answer = {.question = question, .can = code == P2_OK, .code = code}};
}

static void ask(struct rig *r, uint64_t number) {
    const struct p2_msg_can_meet q = {.question = number, .type = p2_str("echo"), .payload_size = 5};
    rig_step(r, (struct session_event){.kind = SESSION_ASK, .u.question = &q});
}

static void assert_answered(struct rig *r, uint32_t n, uint64_t number, enum p2_err code) {
    struct session_action *a = rig_did(r, SESSION_DO_ANSWERED, n);
    assert_non_null(a);
    assert_int_equal(a->u.answer.question, number);
    assert_int_equal(a->u.answer.code, code);
    assert_int_equal(a->u.answer.can, code == P2_OK);
}

static void every_question_is_answered_once(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 10);
    ask(&r, 1); // nobody there: that is the answer
    assert_answered(&r, 0, 1, P2_ERR_UNREACHABLE);
    rig_up(&r);
    for (uint64_t n = 2; n < 2 + SESSION_QUESTIONS_MAX; n++) {
        ask(&r, n);
        assert_int_equal(rig_sent(&r, P2_MSG_CAN_MEET, 0)->u.can_meet.question, n);
        assert_null(rig_did(&r, SESSION_DO_ANSWERED, 0));
    }
    ask(&r, 99);
    assert_null(rig_sent(&r, P2_MSG_CAN_MEET, 0));
    assert_answered(&r, 0, 99, P2_ERR_AGAIN);
    rig_msg(&r, answer_msg(2, P2_OK));
    assert_answered(&r, 0, 2, P2_OK);
    rig_msg(&r, answer_msg(3, P2_ERR_WOULD_MISS_DEADLINE));
    assert_answered(&r, 0, 3, P2_ERR_WOULD_MISS_DEADLINE);
    rig_closed(&r); // the others end with the connection
    for (uint32_t i = 0; i < SESSION_QUESTIONS_MAX - 2; i++) assert_answered(&r, i, 4 + i, P2_ERR_CONNECTION_LOST);
    assert_null(rig_did(&r, SESSION_DO_ANSWERED, SESSION_QUESTIONS_MAX - 2));
    rig_shut(&r);
}

static void a_late_answer_is_given_here(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 11);
    rig_up(&r);
    ask(&r, 1);
    rig_tick(&r, P2_SEC);
    ask(&r, 2);
    rig_tick(&r, SESSION_ANSWER_NS - P2_SEC - 1);
    assert_null(rig_did(&r, SESSION_DO_ANSWERED, 0));
    assert_true(p2_session_next_ns(r.s) <= r.now + 1);
    rig_tick(&r, 1);
    assert_answered(&r, 0, 1, P2_ERR_DEADLINE_EXCEEDED);
    assert_null(rig_did(&r, SESSION_DO_ANSWERED, 1));
    rig_msg(&r, answer_msg(1, P2_OK)); // too late, and no fault
    assert_null(rig_did(&r, SESSION_DO_ANSWERED, 0));
    rig_msg(&r, answer_msg(2, P2_OK));
    assert_answered(&r, 0, 2, P2_OK);
    assert_int_equal(p2_session_link(r.s), LINK_UP);
    rig_shut(&r);
}

static void wrong_answers_are_faults(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct rig r;
        rig_open(&r, 12 + i);
        rig_up(&r);
        struct p2_msg m = answer_msg(7, P2_OK);
        if (i > 0) ask(&r, 7);
        if (i == 1) m.u.can_meet_answer.question = 8;
        if (i == 2) m.u.can_meet_answer.can = false;
        if (i == 3) m.u.can_meet_answer.code = P2_ERR_DRAINING;
        rig_msg(&r, m);
        assert_int_equal(p2_session_link(r.s), LINK_CLOSING);
        if (i > 0) assert_answered(&r, 0, 7, P2_ERR_CONNECTION_LOST);
        rig_shut(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets_in_one_round_trip),
        cmocka_unit_test(silence_of_a_coordinator_ends_the_attempt),
        cmocka_unit_test(backs_off_with_jitter_and_starts_over_once_up),
        cmocka_unit_test(another_version_ends_every_ticket_with_that_code),
        cmocka_unit_test(an_error_for_the_connection_ends_every_ticket_in_its_words),
        cmocka_unit_test(what_breaks_the_protocol_ends_the_connection),
        cmocka_unit_test(greeting_out_of_order_is_a_fault),
        cmocka_unit_test(local_codes_stay_here),
        cmocka_unit_test(measures_and_answers_round_trips),
        cmocka_unit_test(asks_for_status_as_soon_as_there_is_a_coordinator),
        cmocka_unit_test(every_question_is_answered_once),
        cmocka_unit_test(a_late_answer_is_given_here),
        cmocka_unit_test(wrong_answers_are_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
