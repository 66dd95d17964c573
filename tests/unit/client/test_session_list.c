// A session with several addresses: probes, the one that is adopted, and tickets that move.
#include "rig.h"

#include <string.h>

#define GRACE (30 * P2_SEC)
#define ADDRESSES 3u

static void begin(struct rig *r) {
    *r = (struct rig){.now = P2_SEC, .room = ROOM};
    struct session_config config = {.addresses = ADDRESSES,
                                    .tasks_max = RIG_TASKS,
                                    .connect_timeout_ns = 3 * P2_SEC,
                                    .lost_timeout_ns = P2_NEVER,
                                    .seed = 5,
                                    .agent = "test",
                                    .features = P2_FEATURE_ZSTD | P2_FEATURE_SESSIONS,
                                    .types = 1};
    p2_blob_pool_init(&r->pool, UINT64_MAX, 0);
    r->s = p2_session_create(&config);
    assert_non_null(r->s);
    assert_true(p2_session_actions_init(&r->out, RIG_TASKS));
}

static bool probes(struct rig *r, enum session_action_kind kind, uint32_t address) {
    struct session_action *a;
    for (uint32_t n = 0; (a = rig_did(r, kind, n)); n++) {
        if (a->u.probe.address == address) return true;
    }
    return false;
}

static void until_due(struct rig *r) {
    r->now = p2_ns_max(r->now, p2_session_next_ns(r->s));
    rig_tick(r, 0);
}

// Ticks until this address is probed.
static void until_probed(struct rig *r, uint32_t address) {
    for (int i = 0; i < 100; i++) {
        if (probes(r, SESSION_DO_PROBE, address)) return;
        until_due(r);
    }
    fail();
}

static void opened(struct rig *r, uint32_t address) {
    rig_step(r, (struct session_event){.kind = SESSION_PROBE_OPENED, .address = address});
    assert_true(probes(r, SESSION_DO_PROBE_SEND, address));
}

static void probe_says(struct rig *r, uint32_t address, struct p2_msg m) {
    r->said = m;
    rig_step(r, (struct session_event){.kind = SESSION_PROBE_MSG, .address = address, .u.msg = &r->said});
}

static void greets(struct rig *r, uint32_t address) {
    struct p2_msg hello = hello_msg(P2_PROTOCOL_VERSION);
    hello.u.hello.features |= P2_FEATURE_SESSIONS;
    probe_says(r, address, hello);
}

static void probe_closed(struct rig *r, uint32_t address) {
    rig_step(r, (struct session_event){.kind = SESSION_PROBE_CLOSED, .address = address, .u.why = P2_ERR_UNREACHABLE});
}

static void registered(struct rig *r, uint8_t session, bool resumed) {
    rig_msg(r, (struct p2_msg){.kind = P2_MSG_GAMER_REGISTERED,
                               .u.gamer_registered = {.session = {{session}},
                                                      .tasks_in_flight_max = 100,
                                                      .payload_bytes_max = UINT64_MAX,
                                                      .resumed = resumed,
                                                      .resume_grace_ns = GRACE}});
    assert_int_equal(p2_session_link(r->s), LINK_UP);
}

// Ticks until it is adopted; gives what was shown to it.
static struct p2_id until_adopted(struct rig *r, uint32_t address) {
    for (int i = 0; i < 10 && !rig_did(r, SESSION_DO_ADOPT, 0); i++) until_due(r);
    assert_true(probes(r, SESSION_DO_ADOPT, address));
    assert_int_equal(p2_session_address(r->s), address);
    assert_int_equal(p2_session_link(r->s), LINK_GREETING);
    assert_non_null(rig_sent(r, P2_MSG_GAMER_REGISTER, 0));
    return rig_sent(r, P2_MSG_GAMER_REGISTER, 0)->u.gamer_register.session;
}

static void until_connecting(struct rig *r, uint32_t address) {
    for (int i = 0; i < 100 && r->s->route.places[address].state != ROUTE_CONNECTING; i++) until_due(r);
    assert_int_equal(r->s->route.places[address].state, ROUTE_CONNECTING);
}

// Only this one answers.
static struct p2_id go_to(struct rig *r, uint32_t address) {
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        if (i == address) continue;
        until_connecting(r, i);
        probe_closed(r, i);
    }
    until_connecting(r, address);
    opened(r, address);
    greets(r, address);
    return until_adopted(r, address);
}

static uint32_t count(struct rig *r, enum p2_msg_kind kind) {
    uint32_t n = 0;
    while (rig_sent(r, kind, n)) n++;
    return n;
}

static void the_quickest_becomes_the_link(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    rig_tick(&r, 0);
    for (uint32_t i = 0; i < ADDRESSES; i++) assert_true(probes(&r, SESSION_DO_PROBE, i));
    assert_null(rig_did(&r, SESSION_DO_DIAL, 0));
    session_ticket t = rig_submit(&r, 0, 10);
    r.now += 10 * P2_MS;
    for (uint32_t i = 0; i < ADDRESSES; i++) opened(&r, i);
    r.now += 20 * P2_MS;
    greets(&r, 0);
    assert_int_equal(rig_did(&r, SESSION_DO_NOTE, 0)->u.note.kind, NOTE_MEASURED);
    assert_int_equal(rig_did(&r, SESSION_DO_NOTE, 0)->u.note.rtt_ns, 20 * P2_MS);
    r.now += 5 * P2_MS;
    greets(&r, 1);
    assert_null(rig_did(&r, SESSION_DO_ADOPT, 0)); // the third may be nearer yet
    until_adopted(&r, 0);
    assert_true(probes(&r, SESSION_DO_PROBE_END, 1) && probes(&r, SESSION_DO_PROBE_END, 2));
    assert_int_equal(count(&r, P2_MSG_HELLO), 0); // said already
    assert_int_equal(p2_session_rtt_ns(r.s), 20 * P2_MS);
    greets(&r, 2); // too late, and no fault
    assert_int_equal(r.out.count, 0);
    registered(&r, 1, false);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 1);
    assert_int_equal(p2_session_features(r.s), P2_FEATURE_ZSTD | P2_FEATURE_SESSIONS);
    assert_true(rig_knows(&r, t));
    rig_shut(&r);
}

static void the_one_that_keeps_our_tasks_is_gone_back_to(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 1);
    registered(&r, 7, false);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_closed(&r);
    assert_null(rig_ended(&r));
    until_probed(&r, 1);
    assert_false(probes(&r, SESSION_DO_PROBE, 0));
    opened(&r, 1);
    r.now += 200 * P2_MS;
    greets(&r, 1);
    struct p2_id shown = until_adopted(&r, 1);
    assert_int_equal(shown.b[0], 7);
    registered(&r, 7, true);
    assert_int_equal(count(&r, P2_MSG_TASK_RESUME), 1);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 0);
    assert_true(rig_knows(&r, t));
    rig_shut(&r);
}

static void tickets_move_with_their_ids_and_come_back_to_their_session(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 1);
    registered(&r, 7, false);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_msg(&r, accepted_msg(1, t));
    rig_closed(&r);
    struct p2_id shown = go_to(&r, 2);
    assert_true(p2_id_is_zero(&shown)); // the session of another is none of its business
    registered(&r, 8, false);
    assert_int_equal(count(&r, P2_MSG_TASK_RESUME), 0);
    struct p2_id same = id_of(t);
    assert_true(p2_id_equal(&rig_sent(&r, P2_MSG_TASK_SUBMIT, 0)->u.submit.id, &same));
    rig_closed(&r);
    shown = go_to(&r, 1);
    assert_int_equal(shown.b[0], 7);
    registered(&r, 7, true);
    assert_int_equal(count(&r, P2_MSG_TASK_RESUME), 1); // it may have it still
    rig_msg(&r, delivery_msg(1, t, 1, 0, (struct p2_slice){0}));
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    assert_int_equal(count(&r, P2_MSG_RESULT_ACK), 1);
    rig_shut(&r);
}

static void tickets_move_also_from_one_without_sessions(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    struct p2_msg hello = hello_msg(P2_PROTOCOL_VERSION);
    rig_tick(&r, 0);
    for (uint32_t i = 1; i < ADDRESSES; i++) probe_closed(&r, i);
    opened(&r, 0);
    probe_says(&r, 0, hello);
    until_adopted(&r, 0);
    registered(&r, 1, false);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_closed(&r);
    assert_null(rig_ended(&r));
    go_to(&r, 2);
    registered(&r, 2, false);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 1);
    rig_closed(&r);
    rig_tick(&r, GRACE); // nobody is there any more; its deadline comes first
    assert_ended(&r, t, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED);
    rig_shut(&r);
}

static void what_breaks_the_protocol_loses_us_to_another(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 0);
    registered(&r, 7, false);
    session_ticket t = rig_submit(&r, 0, 10);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_CHUNK, .stream = 1});
    assert_null(rig_ended(&r));
    assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_ERR_UNEXPECTED_MESSAGE);
    rig_closed(&r);
    const p2_ns lost = r.now;
    until_probed(&r, 1);
    assert_true(r.now - lost <= ROUTE_BACKOFF_MIN_NS); // without a head start for that one
    opened(&r, 1);
    greets(&r, 1);
    until_adopted(&r, 1);
    assert_true(r.s->route.places[0].due_ns >= lost + ROUTE_BACKOFF_MAX_NS);
    registered(&r, 8, false);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 1);
    assert_true(rig_knows(&r, t));
    rig_shut(&r);
}

static void turned_away_by_all_is_the_end(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    const struct p2_msg away = {.kind = P2_MSG_ERROR,
                                .u.error = {.code = P2_ERR_DRAINING, .sentence = p2_str("Closed for the season.")}};
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        assert_true(rig_knows(&r, t));
        if (i == 1) opened(&r, i); // before or after our HELLO
        probe_says(&r, i, away);
        assert_true(probes(&r, SESSION_DO_PROBE_END, i));
        struct session_action *n = rig_did(&r, SESSION_DO_NOTE, 0);
        assert_true(n->u.note.kind == NOTE_TURNED_AWAY && n->u.note.hopeless == (i + 1 == ADDRESSES));
    }
    assert_ended(&r, t, SESSION_REFUSED, P2_ERR_DRAINING);
    rig_shut(&r);
}

static void bad_greetings_are_left_alone(void **state) {
    (void)state;
    struct p2_msg wrong[] = {
        hello_msg(2),
        {.kind = P2_MSG_GAMER_REGISTERED, .u.gamer_registered.tasks_in_flight_max = 1},
        {.kind = P2_MSG_HELLO, .u.hello = {.magic = 1, .version_min = 1, .version_max = 1}},
    };
    struct rig r;
    begin(&r);
    session_ticket t = rig_submit(&r, 0, 10);
    for (uint32_t i = 0; i < ADDRESSES; i++) {
        opened(&r, i);
        probe_says(&r, i, wrong[i]);
        assert_true(probes(&r, SESSION_DO_PROBE_END, i));
        assert_int_equal(rig_did(&r, SESSION_DO_NOTE, 0)->u.note.kind, NOTE_FAULT);
        assert_true(r.s->route.places[i].due_ns >= r.now + ROUTE_BACKOFF_MAX_NS);
    }
    assert_true(rig_knows(&r, t)); // not all speak another version
    rig_tick(&r, 3 * P2_SEC);
    assert_ended(&r, t, SESSION_LOST, P2_ERR_UNREACHABLE);
    rig_shut(&r);
}

static void a_silent_one_is_left_within_seconds(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 0);
    registered(&r, 7, false);
    rig_submit(&r, 0, 10);
    const p2_ns up = r.now;
    while (!rig_did(&r, SESSION_DO_CLOSE, 0)) rig_tick(&r, P2_SEC);
    assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_ERR_IDLE_TIMEOUT);
    assert_in_range(r.now - up, SESSION_SILENCE_LIST_NS, SESSION_SILENCE_LIST_NS + SESSION_PING_LIST_NS);
    rig_shut(&r);
}

// It greets, and says nothing after that.
static void one_that_is_silent_again_and_again_is_doubted(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 0);
    for (int silences = 1; silences <= 2; silences++) {
        registered(&r, 7, silences > 1);
        while (!rig_did(&r, SESSION_DO_CLOSE, 0)) rig_tick(&r, P2_SEC);
        assert_int_equal(r.s->route.home, silences == 1 ? 0 : ROUTE_MAX);
        rig_closed(&r);
        if (silences > 1) break;
        until_probed(&r, 0);
        opened(&r, 0);
        greets(&r, 0);
        until_adopted(&r, 0);
    }
    for (uint32_t i = 0; i < 2; i++) {
        until_connecting(&r, i);
        opened(&r, i);
    }
    r.now += P2_MS;
    greets(&r, 0);
    r.now += P2_MS;
    greets(&r, 1);
    until_adopted(&r, 1);
    rig_shut(&r);
}

static void one_that_greets_and_does_not_let_us_in_is_doubted(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 2);
    while (!rig_did(&r, SESSION_DO_CLOSE, 0)) until_due(&r);
    assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_ERR_HANDSHAKE_TIMEOUT);
    assert_true(r.s->route.places[2].doubt_ns > r.now);
    rig_closed(&r);
    rig_shut(&r);
}

static void who_stood_still_asks_again(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 0);
    registered(&r, 7, false);
    struct session_submit task = rig_task(&r, 0, 10);
    task.deadline_ns = 60 * P2_SEC;
    session_ticket t = rig_submit_as(&r, task);
    rig_tick(&r, 30 * P2_SEC); // the program was stopped; what came meanwhile is not read yet
    assert_null(rig_did(&r, SESSION_DO_CLOSE, 0));
    assert_null(rig_ended(&r));
    rig_msg(&r, delivery_msg(1, t, 1, 0, (struct p2_slice){0}));
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    rig_tick(&r, SESSION_SILENCE_LIST_NS - 1);
    assert_int_equal(p2_session_link(r.s), LINK_UP);
    rig_shut(&r);
}

static void one_that_drains_gets_nothing_new_and_is_left(void **state) {
    (void)state;
    struct rig r;
    begin(&r);
    go_to(&r, 0);
    registered(&r, 7, false);
    session_ticket t = rig_submit(&r, 0, 10), crossing = rig_submit(&r, 2, 10);
    rig_msg(&r, (struct p2_msg){.kind = P2_MSG_DRAIN});
    session_ticket later = rig_submit(&r, 1, 10);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 0);
    rig_msg(&r, ended_msg(2, crossing, P2_ERR_DRAINING));
    assert_null(rig_ended(&r));
    rig_msg(&r, delivery_msg(1, t, 1, 0, (struct p2_slice){0}));
    assert_ended(&r, t, SESSION_DONE, P2_OK);
    assert_int_equal(rig_did(&r, SESSION_DO_CLOSE, 0)->u.why, P2_OK);
    rig_closed(&r);
    go_to(&r, 2);
    registered(&r, 8, false);
    assert_int_equal(count(&r, P2_MSG_TASK_SUBMIT), 2);
    assert_true(rig_knows(&r, later) && rig_knows(&r, crossing));
    rig_shut(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quickest_becomes_the_link),
        cmocka_unit_test(the_one_that_keeps_our_tasks_is_gone_back_to),
        cmocka_unit_test(tickets_move_with_their_ids_and_come_back_to_their_session),
        cmocka_unit_test(tickets_move_also_from_one_without_sessions),
        cmocka_unit_test(what_breaks_the_protocol_loses_us_to_another),
        cmocka_unit_test(turned_away_by_all_is_the_end),
        cmocka_unit_test(bad_greetings_are_left_alone),
        cmocka_unit_test(a_silent_one_is_left_within_seconds),
        cmocka_unit_test(one_that_is_silent_again_and_again_is_doubted),
        cmocka_unit_test(one_that_greets_and_does_not_let_us_in_is_doubted),
        cmocka_unit_test(who_stood_still_asks_again),
        cmocka_unit_test(one_that_drains_gets_nothing_new_and_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
