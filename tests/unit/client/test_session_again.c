// Sessions: tickets that outlive their connection.
#include "rig.h"

#define GRACE (30 * P2_SEC)

static void up(struct rig *r, bool resumed) {
    while (p2_session_link(r->s) != LINK_DIALING) {
        r->now = p2_ns_max(r->now, p2_session_next_ns(r->s));
        rig_tick(r, 0);
    }
    rig_step(r, (struct session_event){.kind = SESSION_OPENED});
    struct p2_msg hello = hello_msg(P2_PROTOCOL_VERSION);
    hello.u.hello.features |= P2_FEATURE_SESSIONS;
    rig_msg(r, hello);
    rig_msg(r, (struct p2_msg){.kind = P2_MSG_GAMER_REGISTERED,
                               .u.gamer_registered = {.session = {{7}},
                                                      .tasks_in_flight_max = 100,
                                                      .payload_bytes_max = UINT64_MAX,
                                                      .resumed = resumed,
                                                      .resume_grace_ns = GRACE}});
    assert_int_equal(p2_session_link(r->s), LINK_UP);
}

static void begin(struct rig *r) {
    rig_open(r, 1);
    up(r, false);
}

static void lose(struct rig *r) {
    rig_closed(r);
    assert_null(rig_ended(r));
}

static struct p2_slice part(struct rig *r, uint32_t size) {
    return (struct p2_slice){p2_blob_new(&r->pool, size), 0, size};
}

static uint32_t count(struct rig *r, enum p2_msg_kind kind) {
    uint32_t n = 0;
    while (rig_sent(r, kind, n)) n++;
    return n;
}

static void a_ticket_goes_on_where_its_task_is(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 100), later;
    rig_msg(&r, accepted_msg(1, t));
    lose(&r);
    later = rig_submit(&r, 1, 10); // urgent as it may be
    up(&r, true);
    assert_true(p2_id_equal(&rig_sent(&r, P2_MSG_TASK_RESUME, 0)->u.resume.id, &(struct p2_id[]){id_of(t)}[0]));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_RESUME, 0)->stream, 1);
    assert_int_equal(count(&r, P2_MSG_TASK_RESUME), 1);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 1);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->stream, 2);
    for (uint32_t i = 0; i < r.out.count; i++) { // which no new task can overtake
        const struct session_action *a = &r.out.items[i];
        if (a->kind == SESSION_DO_SEND && a->u.send.msg.kind == P2_MSG_TASK_RESUME) assert_int_equal(a->u.send.lane, 0);
    }
    rig_msg(&r, accepted_msg(1, t));
    struct p2_slice result = part(&r, 50);
    rig_msg(&r, delivery_msg(1, t, 1, 50, result));
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    assert_int_equal(rig_sent(&r, P2_MSG_RESULT_ACK, 0)->u.ack.attempt, 1);
    assert_int_equal(rig_sent(&r, P2_MSG_RESULT_ACK, 0)->stream, 1);
    assert_true(rig_knows(&r, later));
    p2_blob_unref(result.blob);
    rig_shut(&r);
}

static void a_result_begins_anew(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 100);
    struct p2_slice half = part(&r, 500);
    rig_msg(&r, delivery_msg(1, t, 2, 1000, half));
    assert_int_equal(count(&r, P2_MSG_RESULT_ACK), 0);
    lose(&r);
    up(&r, true);
    rig_msg(&r, delivery_msg(1, t, 2, 1000, half)); // of the same attempt
    assert_non_null(rig_did(&r, SESSION_DO_BEGIN_RESULT, 0));
    rig_msg(&r, chunk_msg(1, 2, 500, half));
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    assert_int_equal(rig_sent(&r, P2_MSG_RESULT_ACK, 0)->u.ack.attempt, 2);
    p2_blob_unref(half.blob);
    rig_shut(&r);
}

static void payload_is_sent_when_it_is_asked_for(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 200000);
    lose(&r);
    up(&r, true);
    assert_int_equal(count(&r, P2_MSG_CHUNK), 0);
    rig_msg(&r, accepted_msg(1, t));
    struct p2_msg rest = {.kind = P2_MSG_RESEND, .stream = 1, .u.resend = {id_of(t), 1, 200000, 150000}};
    rig_msg(&r, rest);
    assert_int_equal(rig_sent(&r, P2_MSG_CHUNK, 0)->u.chunk.offset, 150000);
    assert_int_equal(rig_sent(&r, P2_MSG_CHUNK, 0)->u.chunk.attempt, 1);
    assert_int_equal(rig_sent(&r, P2_MSG_CHUNK, 0)->u.chunk.raw_size, 50000);
    assert_int_equal(count(&r, P2_MSG_CHUNK), 1);
    rest.u.resend = (struct p2_msg_resend){id_of(t), 2, 100000, 100001}; // beyond what it allows
    rig_msg(&r, rest);
    assert_ended(&r, t, SESSION_LOST, P2_ERR_CONNECTION_LOST);
    rig_shut(&r);
}

static void another_session_gets_everything_anew(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket a = rig_submit(&r, 0, 100), b = rig_submit(&r, 1, 100), c = rig_submit(&r, 2, 100);
    lose(&r);
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = b});
    assert_true(rig_knows(&r, b)); // its peer may be at it
    up(&r, false);
    assert_ended(&r, b, SESSION_CANCELLED, P2_ERR_CANCELLED);
    assert_int_equal(count(&r, P2_MSG_TASK_RESUME), 0);
    assert_true(p2_id_equal(&rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.id, &(struct p2_id[]){id_of(a)}[0]));
    assert_true(p2_id_equal(&rig_sent(&r, P2_MSG_TASK_SUBMIT, 1)->u.submit.id, &(struct p2_id[]){id_of(c)}[0]));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.raw_size, 100);
    rig_shut(&r);
}

static void what_never_arrived_is_submitted(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 100);
    lose(&r);
    up(&r, true);
    rig_msg(&r, ended_msg(1, t, P2_ERR_UNKNOWN_TASK));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->stream, 2);
    rig_msg(&r, ended_msg(2, t, P2_ERR_OVERLOADED));
    assert_ended(&r, t, SESSION_REFUSED, P2_ERR_OVERLOADED);
    rig_shut(&r);
}

static void cancelling_while_it_is_away_reaches_the_coordinator(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 100), gone = rig_submit(&r, 1, 100);
    lose(&r);
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = t});
    rig_step(&r, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = gone});
    up(&r, true);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_CANCEL, 0)->stream, 1);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_CANCEL, 1)->stream, 2);
    rig_msg(&r, ended_msg(1, t, P2_ERR_CANCELLED));
    assert_ended(&r, t, SESSION_CANCELLED, P2_ERR_CANCELLED);
    rig_msg(&r, ended_msg(2, gone, P2_ERR_UNKNOWN_TASK));
    assert_ended(&r, gone, SESSION_CANCELLED, P2_ERR_CANCELLED);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 0);
    rig_shut(&r);
}

static void what_ended_meanwhile_says_so(void **state) {
    (void)state;
    const struct {
        enum p2_err code;
        enum session_outcome outcome;
    } ends[] = {{P2_ERR_IDLE_TIMEOUT, SESSION_FAILED},
                {P2_ERR_ATTEMPTS_EXHAUSTED, SESSION_FAILED},
                {P2_ERR_CONNECTION_LOST, SESSION_LOST}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct rig r;
        begin(&r);
        session_ticket t = rig_submit(&r, 0, 100);
        lose(&r);
        up(&r, true);
        rig_msg(&r, ended_msg(1, t, ends[i].code));
        assert_ended(&r, t, ends[i].outcome, ends[i].code);
        rig_shut(&r);
    }
}

static void nobody_waits_longer_than_the_grace_or_the_deadline(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    struct session_submit far = rig_task(&r, 1, 10);
    far.deadline_ns = 100 * P2_SEC;
    session_ticket near = rig_submit(&r, 0, 10), late = rig_submit_as(&r, far);
    lose(&r);
    rig_step(&r, (struct session_event){.kind = SESSION_CLOSED}); // nobody answers
    rig_tick(&r, 10 * P2_SEC);
    assert_ended(&r, near, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    rig_tick(&r, GRACE - 10 * P2_SEC - 1);
    assert_null(rig_ended(&r));
    rig_tick(&r, 1);
    assert_ended(&r, late, SESSION_LOST, P2_ERR_CONNECTION_LOST);
    rig_shut(&r);
}

static void silence_is_the_end_of_a_connection(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    struct session_submit task = rig_task(&r, 0, 10);
    task.deadline_ns = 60 * P2_SEC;
    session_ticket t = rig_submit_as(&r, task);
    rig_tick(&r, SESSION_PING_NS);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_DRAIN}); // it lives
    rig_tick(&r, SESSION_PING_NS);
    assert_null(rig_did(&r, SESSION_DO_CLOSE, 0));
    rig_tick(&r, SESSION_PING_NS);
    assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_ERR_IDLE_TIMEOUT);
    assert_true(rig_knows(&r, t));
    lose(&r);
    up(&r, true);
    assert_int_equal(count(&r, P2_MSG_TASK_RESUME), 1);
    rig_shut(&r);
}

static void being_cut_off_is_not_being_sent_away(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 100);
    struct p2_msg m = {.kind = P2_MSG_ERROR, .u.error = {.code = P2_ERR_SLOW_READER, .retryable = true}};
    rig_msg(&r, m);
    assert_null(rig_ended(&r));
    lose(&r);
    while (p2_session_link(r.s) != LINK_DIALING) rig_tick(&r, P2_MS);
    rig_step(&r, (struct session_event){.kind = SESSION_OPENED});
    m.u.error.code = P2_ERR_TOO_MANY_CONNECTIONS; // for the moment
    rig_msg(&r, m);
    assert_null(rig_ended(&r));
    lose(&r);
    up(&r, true);
    m.u.error.code = P2_ERR_DRAINING; // it will not be there when we are back
    rig_msg(&r, m);
    assert_ended(&r, t, SESSION_LOST, P2_ERR_DRAINING);
    rig_shut(&r);
}

static void without_sessions_a_lost_connection_is_the_end(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1);
    rig_up(&r);
    session_ticket t = rig_submit(&r, 0, 100);
    struct p2_slice whole = part(&r, 10);
    rig_closed(&r);
    assert_ended(&r, t, SESSION_LOST, P2_ERR_CONNECTION_LOST);
    rig_up(&r);
    t = rig_submit(&r, 0, 100);
    rig_msg(&r, delivery_msg(1, t, 1, 10, whole));
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    assert_int_equal(count(&r, P2_MSG_RESULT_ACK), 0);
    p2_blob_unref(whole.blob);
    rig_shut(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_goes_on_where_its_task_is),
        cmocka_unit_test(a_result_begins_anew),
        cmocka_unit_test(payload_is_sent_when_it_is_asked_for),
        cmocka_unit_test(another_session_gets_everything_anew),
        cmocka_unit_test(what_never_arrived_is_submitted),
        cmocka_unit_test(cancelling_while_it_is_away_reaches_the_coordinator),
        cmocka_unit_test(what_ended_meanwhile_says_so),
        cmocka_unit_test(nobody_waits_longer_than_the_grace_or_the_deadline),
        cmocka_unit_test(silence_is_the_end_of_a_connection),
        cmocka_unit_test(being_cut_off_is_not_being_sent_away),
        cmocka_unit_test(without_sessions_a_lost_connection_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
