// Sessions: clients that lose their connection and come back, results kept until acknowledged.
#include <string.h>

#include "rig.h"

#define LONG (3u << 20) // longer than the window of a stream
#define GRACE (30 * P2_SEC)

static struct rig rig;
static p2_handle client, peer;
static struct p2_id token;

static int setup(void **state) {
    rig_init(&rig, NULL);
    rig.features |= P2_FEATURE_SESSIONS;
    client = rig_client(&rig);
    token = rig_only(&rig, client, P2_MSG_GAMER_REGISTERED)->u.gamer_registered.session;
    peer = rig_peer(&rig, 2, 0);
    rig_forget(&rig);
    *state = &rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;
    for (p2_handle conn = 0x100000001; conn < r->next_conn; conn++) rig_close(r, conn);
    for (unsigned i = 0; i < 12; i++) rig_pass(r, GRACE / 10); // nobody comes back
    assert_int_equal(r->c->clients.live, 0);
    assert_int_equal(r->c->by_session.count, 0);
    rig_deinit(r);
    return 0;
}

static void beat_for(struct rig *r, p2_ns span) {
    for (p2_ns end = r->now + span; r->now < end;) {
        rig_pass(r, p2_ns_min(P2_SEC, end - r->now));
        if (session_find(r->c, peer)) rig_heartbeat(r, peer);
    }
}

static const struct p2_msg_gamer_registered *come_back(struct rig *r, const struct p2_id *session) {
    p2_handle conn = rig_open(r);
    rig_hello(r, conn, P2_ROLE_CLIENT);
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER, .u.gamer_register.session = *session};
    rig_msg(r, conn, &m);
    client = conn;
    return &rig_only(r, conn, P2_MSG_GAMER_REGISTERED)->u.gamer_registered;
}

static void lose_and_come_back(struct rig *r) {
    rig_close(r, client);
    assert_true(come_back(r, &token)->resumed);
    rig_forget(r);
}

static void resume(struct rig *r, uint32_t stream, uint64_t id) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RESUME, .stream = stream, .u.resume.id = rig_id(id)};
    rig_msg(r, client, &m);
}

static void ack(struct rig *r, uint32_t stream, uint32_t attempt) {
    struct p2_msg m = {.kind = P2_MSG_RESULT_ACK, .stream = stream, .u.ack.attempt = attempt};
    rig_msg(r, client, &m);
}

// An alpha task with 100 bytes of payload and a result of at most so many.
static void submit_for(struct rig *r, uint32_t stream, uint64_t id, uint64_t result) {
    struct p2_param size = {
        .name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {(int64_t)result}};
    struct p2_msg m = rig_submit_msg(id, stream, 100);
    m.u.submit.params = (struct p2_params){&size, 1};
    m.u.submit.deadline_ns = 300 * P2_SEC;
    rig_send_submit(r, client, &m);
}

static struct p2_msg assigned(struct rig *r) { return *rig_last(r, peer, P2_MSG_TASK_ASSIGN); }

static uint64_t tasks(const struct rig *r) { return r->c->tasks.live; }

// ---- away and back --------------------------------------------------------------------------------------------------

static void test_a_task_outlives_its_connection(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 5000);
    struct p2_msg job = assigned(r);
    rig_close(r, client);
    assert_int_equal(rig_notes(r, NOTE_CLIENT_AWAY), 1);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_CANCEL), 0);
    rig_result(r, peer, &job, 5000);
    beat_for(r, 20 * P2_SEC);
    const struct p2_msg_gamer_registered *m = come_back(r, &token);
    assert_true(m->resumed && p2_id_equal(&m->session, &token));
    assert_int_equal(m->resume_grace_ns, GRACE);
    assert_int_equal(rig_count(r, client, P2_MSG_RESULT_DELIVERY), 0);
    resume(r, 9, 1);
    assert_int_equal(rig_only(r, client, P2_MSG_TASK_ACCEPTED)->stream, 9);
    const struct p2_msg *d = rig_only(r, client, P2_MSG_RESULT_DELIVERY);
    assert_int_equal(d->stream, 9);
    assert_int_equal(d->u.delivery.raw_size, 5000);
    assert_true(rig_bytes_right(&d->u.delivery.payload, 0));
    assert_int_equal(rig_count(r, client, P2_MSG_RESEND), 0); // its payload is here
    assert_int_equal(r->c->stats.tasks_kept, 1);
    assert_int_equal(r->c->stats.tasks_completed, 0);
    ack(r, 9, 1);
    assert_int_equal(r->c->stats.tasks_completed, 1);
    assert_int_equal(r->c->reserved_bytes, 0);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 1); // computed once
}

static void test_a_result_that_was_sent_is_sent_again(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 600000);
    struct p2_msg job = assigned(r);
    rig_result(r, peer, &job, 600000);
    assert_int_equal(rig_last(r, peer, P2_MSG_WINDOW)->u.window.limit, 600000); // there is room to keep it
    for (uint32_t at = 65536; at < 600000; at += 60000)
        rig_chunk(r, peer, job.stream, 1, at, 600000 - at < 60000 ? 600000 - at : 60000);
    rig_window(r, client, 1, 1, 600000);
    assert_int_equal(r->c->stats.tasks_kept, 1);
    for (unsigned n = 0; n < 3; n++) {
        lose_and_come_back(r);
        resume(r, 1, 1);
        assert_int_equal(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 1);
        rig_window(r, client, 1, 1, n == 1 ? 300000 : 600000); // the second time it is lost in the middle
        uint64_t sent = rig_only(r, client, P2_MSG_RESULT_DELIVERY)->u.delivery.raw_size;
        for (unsigned i = 0; i < rig_count(r, client, P2_MSG_CHUNK); i++) {
            const struct p2_msg_chunk *chunk = &rig_nth(r, client, P2_MSG_CHUNK, i)->u.chunk;
            assert_int_equal(chunk->offset, sent);
            assert_true(rig_bytes_right(&chunk->payload, sent));
            sent += chunk->raw_size;
        }
        assert_true(n == 1 ? sent < 600000 : sent == 600000);
    }
    ack(r, 1, 1);
    assert_int_equal(r->c->stats.tasks_completed, 1);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0);
}

static void test_a_connection_that_still_seems_open_is_ended_first(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    p2_handle half_open = client;
    assert_true(come_back(r, &token)->resumed);
    assert_true(rig_was_closed(r, half_open, P2_OK));
    resume(r, 1, 1);
    rig_only(r, client, P2_MSG_TASK_ACCEPTED);
    rig_cancel(r, half_open, 1, 1); // late words of a dead connection
    assert_int_equal(tasks(r), 1);
    rig_cancel(r, client, 1, 1);
    rig_expect_ended(r, client, 1, P2_ERR_CANCELLED);
    rig_only(r, peer, P2_MSG_TASK_CANCEL);
}

static void test_without_the_token_nothing_is_had(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    rig_close(r, client);
    struct p2_id foreign = token;
    foreign.b[15] ^= 1;
    assert_false(come_back(r, &foreign)->resumed);
    assert_false(p2_id_equal(&rig_only(r, client, P2_MSG_GAMER_REGISTERED)->u.gamer_registered.session, &token));
    resume(r, 1, 1);
    rig_expect_ended(r, client, 1, P2_ERR_UNKNOWN_TASK);
    rig.features &= ~P2_FEATURE_SESSIONS; // nor with it, by who does not keep sessions
    assert_false(come_back(r, &token)->resumed);
    assert_int_equal(tasks(r), 1);
}

static void test_the_grace_ends(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100); // runs
    submit_for(r, 2, 2, 100); // kept
    struct p2_msg job = assigned(r);
    rig_result(r, peer, &job, 100);
    submit_for(r, 3, 3, LONG);
    submit_for(r, 4, 4, LONG); // waits
    assert_int_equal(tasks(r), 4);
    rig_close(r, client);
    beat_for(r, GRACE - P2_MS);
    assert_int_equal(tasks(r), 4);
    rig_pass(r, P2_MS);
    assert_int_equal(tasks(r), 0);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_CANCEL), 2);
    assert_int_equal(r->c->stats.tasks_cancelled, 3);
    assert_int_equal(r->c->stats.tasks_completed, 1);
    assert_int_equal(r->c->reserved_bytes, 0);
    assert_false(come_back(r, &token)->resumed);
}

static void close_as(struct rig *r, enum p2_err why) {
    struct coord_event ev = {.kind = COORD_CLOSED, .conn = client, .why = why};
    rig_step(r, &ev);
}

static void test_who_leaves_or_breaks_the_rules_is_not_waited_for(void **state) {
    struct rig *r = *state;
    const enum p2_err whys[] = {P2_OK, P2_ERR_BAD_RECORD, P2_ERR_BAD_MESSAGE, P2_ERR_UNEXPECTED_MESSAGE};
    for (unsigned i = 0; i < 4; i++) {
        submit_for(r, 1, 1, 100);
        close_as(r, whys[i]);
        assert_int_equal(r->c->clients.live, 0);
        assert_int_equal(tasks(r), 0);
        come_back(r, &token);
    }
    submit_for(r, 1, 1, 100);
    struct p2_msg leaves = {.kind = P2_MSG_ERROR, .u.error.code = P2_ERR_INTERNAL};
    rig_msg(r, client, &leaves);
    assert_int_equal(tasks(r), 0);
    assert_int_equal(r->c->clients_away, 0);
}

static void test_without_a_grace_there_are_no_sessions(void **state) {
    (void)state;
    struct coord_limits l = rig_limits();
    l.resume_grace_ns = 0;
    struct rig r;
    rig_init(&r, &l);
    r.features |= P2_FEATURE_SESSIONS;
    p2_handle conn = rig_client(&r);
    assert_false(rig_only(&r, conn, P2_MSG_HELLO)->u.hello.features & P2_FEATURE_SESSIONS);
    rig_peer(&r, 1, 0);
    rig_submit(&r, conn, 1, 1, 100);
    rig_close(&r, conn);
    assert_int_equal(r.c->clients.live, 0);
    assert_int_equal(r.c->stats.tasks_cancelled, 1);
    rig_deinit(&r);
}

// ---- payloads -------------------------------------------------------------------------------------------------------

static void test_a_payload_goes_on_where_it_was(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 500000);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, client, &m);
    const struct p2_msg job = assigned(r); // with its first part
    rig_chunk(r, client, 1, 1, 65536, 60000);
    lose_and_come_back(r);
    resume(r, 5, 1);
    const struct p2_msg_resend *rest = &rig_only(r, client, P2_MSG_RESEND)->u.resend;
    assert_int_equal(rest->attempt, 1);
    assert_int_equal(rest->offset, 125536);
    assert_int_equal(rest->limit, 500000);
    rig_chunk(r, client, 5, 1, 125536, 60000);
    assert_int_equal(rig_last(r, peer, P2_MSG_CHUNK)->u.chunk.offset, 125536);
    assert_int_equal(rig_last(r, peer, P2_MSG_CHUNK)->stream, job.stream);
    rig_chunk(r, client, 1, 1, 185536, 10); // a stream that was not used on this connection, below one that was
    assert_int_equal(rig_notes(r, NOTE_CONN_ERROR), 0);
}

static void test_a_payload_that_is_not_here_is_asked_for_from_its_beginning(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 500000);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, client, &m);
    rig_close(r, client);
    rig_close(r, peer); // which has its first part
    peer = rig_peer(r, 2, 0);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0);
    come_back(r, &token);
    resume(r, 1, 1);
    assert_int_equal(rig_only(r, client, P2_MSG_RESEND)->u.resend.attempt, 2);
    assert_int_equal(rig_only(r, client, P2_MSG_RESEND)->u.resend.offset, 0);
    rig_chunk(r, client, 1, 2, 0, 65536);
    assert_int_equal(assigned(r).u.assign.attempt, 2);
}

static void test_a_payload_owed_for_long_loses_the_task_and_that_is_said(void **state) {
    struct rig *r = *state;
    struct p2_msg m = rig_submit_msg(1, 1, 200000);
    m.u.submit.deadline_ns = 60 * P2_SEC;
    rig_send_submit(r, client, &m);
    rig_close(r, client);
    beat_for(r, 11 * P2_SEC);
    assert_int_equal(tasks(r), 1); // who is away owes nothing
    come_back(r, &token);
    resume(r, 1, 1);
    beat_for(r, 11 * P2_SEC);
    assert_int_equal(tasks(r), 0);
    rig_expect_ended(r, client, 1, P2_ERR_IDLE_TIMEOUT);
    rig_close(r, client); // which may not have heard of it
    come_back(r, &token);
    resume(r, 1, 1);
    rig_expect_ended(r, client, 1, P2_ERR_IDLE_TIMEOUT);
    rig_forget(r);
    resume(r, 2, 77);
    rig_expect_ended(r, client, 2, P2_ERR_UNKNOWN_TASK);
    rig_submit(r, client, 3, 77, 100); // so it is submitted
    rig_last(r, client, P2_MSG_TASK_ACCEPTED);
}

static void test_a_deadline_that_passed_is_said(void **state) {
    struct rig *r = *state;
    rig_submit(r, client, 1, 1, 100); // a second
    rig_close(r, client);
    beat_for(r, 2 * P2_SEC);
    rig_only(r, peer, P2_MSG_TASK_CANCEL);
    come_back(r, &token);
    resume(r, 1, 1);
    assert_int_equal(rig_only(r, client, P2_MSG_TASK_TIMEOUT)->stream, 1);
}

// ---- long results ---------------------------------------------------------------------------------------------------

static void test_a_long_result_lost_in_the_middle_is_computed_again(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, LONG);
    struct p2_msg job = assigned(r);
    rig_result(r, peer, &job, LONG);
    rig_close(r, client);
    rig_only(r, peer, P2_MSG_TASK_CANCEL);
    rig_failure(r, peer, &job, P2_ERR_CANCELLED, false);
    rig_forget(r);
    beat_for(r, P2_SEC);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0); // for nobody
    come_back(r, &token);
    resume(r, 1, 1);
    job = assigned(r);
    assert_int_equal(job.u.assign.attempt, 2);
    rig_result(r, peer, &job, LONG);
    assert_int_equal(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 2);
}

static void test_a_long_result_does_not_hold_a_slot_for_who_is_away(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, LONG);
    struct p2_msg early = assigned(r);
    submit_for(r, 2, 2, LONG);
    struct p2_msg late = assigned(r);
    submit_for(r, 3, 3, 1000);
    submit_for(r, 4, 4, LONG);
    rig_close(r, client);
    rig_result(r, peer, &early, LONG);
    beat_for(r, GRACE / 10 - P2_MS);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_CANCEL), 0);
    rig_pass(r, P2_MS);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_CANCEL), 1);
    rig_result(r, peer, &late, LONG); // too late to be waited for
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_CANCEL), 2);
    rig_forget(r);
    rig_failure(r, peer, &early, P2_ERR_CANCELLED, false);
    rig_failure(r, peer, &late, P2_ERR_CANCELLED, false);
    const struct p2_msg *short_one = rig_only(r, peer, P2_MSG_TASK_ASSIGN); // no long one
    assert_true(p2_id_equal(&short_one->u.assign.id, &(struct p2_id[]){rig_id(3)}[0]));
    come_back(r, &token);
    rig_forget(r);
    for (uint32_t i = 1; i <= 4; i++) resume(r, i, i);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 1); // the other slot
}

static void test_a_long_result_that_is_back_in_time_goes_on(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, LONG);
    struct p2_msg job = assigned(r);
    rig_close(r, client);
    rig_result(r, peer, &job, LONG);
    come_back(r, &token);
    resume(r, 1, 1);
    assert_int_equal(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->u.delivery.attempt, 1);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_CANCEL), 0);
}

// ---- identical tasks ------------------------------------------------------------------------------------------------

static void submit_same(struct rig *r, p2_handle from, uint64_t id, uint64_t result) {
    struct p2_param size = {
        .name = p2_str("result"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {(int64_t)result}};
    struct p2_msg m = rig_submit_msg(id, (uint32_t)id, 100);
    m.u.submit.type = p2_str("same");
    m.u.submit.params = (struct p2_params){&size, 1};
    m.u.submit.deadline_ns = 300 * P2_SEC;
    rig_send_submit(r, from, &m);
}

static void test_nobody_waits_with_who_is_away(void **state) {
    struct rig *r = *state;
    p2_handle other = rig_client(r);
    submit_for(r, 1, 1, 100);
    struct p2_msg job = assigned(r);
    submit_for(r, 2, 2, 100); // both slots are taken
    submit_same(r, client, 3, LONG);
    submit_same(r, other, 4, LONG);
    assert_int_equal(r->c->stats.tasks_joined, 1);
    rig_close(r, client);
    assert_int_equal(r->c->stats.tasks_joined, 0);
    rig_result(r, peer, &job, 100);
    job = assigned(r);
    assert_true(p2_id_equal(&job.u.assign.id, &(struct p2_id[]){rig_id(4)}[0]));
    come_back(r, &token);
    resume(r, 1, 3); // and joins what runs now, were it not for its length
    assert_int_equal(r->c->stats.tasks_queued + r->c->stats.tasks_joined, 1);
    rig_close(r, other);
}

static void test_a_known_result_is_kept_like_any(void **state) {
    struct rig *r = *state;
    p2_handle other = rig_client(r);
    submit_same(r, other, 1, 5000);
    struct p2_msg job = assigned(r);
    submit_same(r, client, 2, 5000);
    assert_int_equal(r->c->stats.tasks_joined, 1);
    rig_close(r, client);
    rig_result(r, peer, &job, 5000);
    come_back(r, &token);
    resume(r, 1, 2);
    assert_true(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->u.delivery.cached);
    lose_and_come_back(r);
    resume(r, 1, 2);
    const struct p2_msg *d = rig_only(r, client, P2_MSG_RESULT_DELIVERY);
    assert_true(d->u.delivery.cached && rig_bytes_right(&d->u.delivery.payload, 0));
    ack(r, 1, d->u.delivery.attempt);
    assert_int_equal(r->c->stats.tasks_completed, 1); // the other has not said so
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_ASSIGN), 0);
    rig_close(r, other);
}

// ---- what is not resumed --------------------------------------------------------------------------------------------

static void test_a_new_task_says_that_nothing_else_is_wanted(void **state) {
    struct rig *r = *state;
    for (uint32_t i = 1; i <= 3; i++) submit_for(r, i, i, 100);
    lose_and_come_back(r);
    resume(r, 1, 1);
    assert_int_equal(tasks(r), 3);
    submit_for(r, 2, 9, 100);
    assert_int_equal(tasks(r), 2);
    assert_int_equal(rig_count(r, peer, P2_MSG_TASK_CANCEL), 1); // the third waited
    assert_int_equal(rig_count(r, client, P2_MSG_TASK_ENDED), 0);
}

static void test_what_is_not_resumed_for_a_grace_is_let_go(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    struct p2_msg job = assigned(r);
    rig_result(r, peer, &job, 100);
    submit_for(r, 2, 2, 100);
    lose_and_come_back(r);
    beat_for(r, GRACE - P2_MS);
    assert_int_equal(tasks(r), 2);
    rig_pass(r, P2_MS);
    assert_int_equal(tasks(r), 0);
    resume(r, 1, 1);
    rig_expect_ended(r, client, 1, P2_ERR_CONNECTION_LOST); // it is done, and no longer kept
    rig_forget(r);
    resume(r, 2, 2);
    rig_expect_ended(r, client, 2, P2_ERR_CONNECTION_LOST); // cancelled, but not by its client
}

static void test_a_result_is_kept_for_a_grace_on_one_connection(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    struct p2_msg job = assigned(r);
    rig_result(r, peer, &job, 100);
    beat_for(r, GRACE);
    assert_int_equal(r->c->stats.tasks_completed, 1);
    ack(r, 1, 1); // late
    assert_int_equal(rig_notes(r, NOTE_CONN_ERROR), 0);
}

static void test_a_deadline_does_not_end_what_is_kept(void **state) {
    struct rig *r = *state;
    rig_submit(r, client, 1, 1, 100);
    struct p2_msg job = assigned(r);
    rig_result(r, peer, &job, 100);
    beat_for(r, 2 * P2_SEC);
    assert_int_equal(r->c->stats.tasks_kept, 1);
    rig_cancel(r, client, 1, 1); // behind its result, which the client may have by now
    rig_expect_ended(r, client, 1, P2_ERR_CANCELLED);
}

static void test_a_result_that_does_not_unpack_is_computed_elsewhere(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    struct p2_msg job = assigned(r);
    rig_result(r, peer, &job, 100);
    struct p2_msg m = {.kind = P2_MSG_ERROR, .stream = 1, .u.error.code = P2_ERR_BAD_PAYLOAD};
    rig_msg(r, client, &m);
    assert_int_equal(r->c->stats.tasks_kept, 0);
    assert_int_equal(tasks(r), 1);
    m.u.error.code = P2_ERR_INTERNAL;
    rig_msg(r, client, &m);
    assert_int_equal(tasks(r), 0);
}

// ---- limits and faults ----------------------------------------------------------------------------------------------

static void test_who_has_been_away_longest_makes_room(void **state) {
    struct rig *r = *state;
    for (unsigned i = 0; i < 15; i++) rig_client(r);
    submit_for(r, 1, 1, 100);
    rig_close(r, client);
    rig_client(r);
    assert_int_equal(tasks(r), 0);
    assert_int_equal(r->c->clients.live, 16);
    rig_expect_error(r, rig_client(r), P2_ERR_TOO_MANY_CONNECTIONS);
    for (p2_handle conn = 0x100000001; conn < r->next_conn; conn++) rig_close(r, conn);
}

static void test_acknowledging_what_was_not_sent_is_a_fault(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    ack(r, 1, 9); // of no attempt: nothing
    assert_int_equal(rig_notes(r, NOTE_CONN_ERROR), 0);
    ack(r, 1, 1);
    rig_expect_error(r, client, P2_ERR_UNEXPECTED_MESSAGE);
    assert_int_equal(tasks(r), 0);
    come_back(r, &token);
    ack(r, 4, 1);
    rig_expect_error(r, client, P2_ERR_UNEXPECTED_MESSAGE);
    come_back(r, &token);
    submit_for(r, 1, 1, 100);
    resume(r, 1, 1); // a stream in use
    rig_expect_error(r, client, P2_ERR_UNEXPECTED_MESSAGE);
}

static void test_a_task_moves_to_another_stream_of_its_connection(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    struct p2_msg job = assigned(r);
    rig_submit(r, client, 2, 1, 100);
    rig_expect_ended(r, client, 2, P2_ERR_DUPLICATE_TASK);
    resume(r, 3, 1);
    rig_result(r, peer, &job, 100);
    assert_int_equal(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->stream, 3);
    ack(r, 1, 1); // that one has ended
    assert_int_equal(tasks(r), 1);
    ack(r, 3, 1);
    assert_int_equal(tasks(r), 0);
}

static void test_draining_waits_for_nobody_who_is_away(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    rig_close(r, client);
    rig_drain(r);
    assert_int_equal(tasks(r), 0);
    assert_int_equal(r->c->clients.live, 0);
    assert_true(coord_idle(r->c));
}

static void test_losing_it_again_and_again(void **state) {
    struct rig *r = *state;
    submit_for(r, 1, 1, 100);
    struct p2_msg job = assigned(r);
    for (unsigned i = 0; i < 10; i++) {
        lose_and_come_back(r);
        if (i % 2) resume(r, 1, 1);
        beat_for(r, GRACE / 2);
    }
    rig_forget(r);
    rig_result(r, peer, &job, 100);
    rig_only(r, client, P2_MSG_RESULT_DELIVERY);
    ack(r, 1, 1);
    assert_int_equal(r->c->stats.tasks_completed, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_task_outlives_its_connection),
        TEST(test_a_result_that_was_sent_is_sent_again),
        TEST(test_a_connection_that_still_seems_open_is_ended_first),
        TEST(test_without_the_token_nothing_is_had),
        TEST(test_the_grace_ends),
        TEST(test_who_leaves_or_breaks_the_rules_is_not_waited_for),
        cmocka_unit_test(test_without_a_grace_there_are_no_sessions),
        TEST(test_a_payload_goes_on_where_it_was),
        TEST(test_a_payload_that_is_not_here_is_asked_for_from_its_beginning),
        TEST(test_a_payload_owed_for_long_loses_the_task_and_that_is_said),
        TEST(test_a_deadline_that_passed_is_said),
        TEST(test_a_long_result_lost_in_the_middle_is_computed_again),
        TEST(test_a_long_result_does_not_hold_a_slot_for_who_is_away),
        TEST(test_a_long_result_that_is_back_in_time_goes_on),
        TEST(test_nobody_waits_with_who_is_away),
        TEST(test_a_known_result_is_kept_like_any),
        TEST(test_a_new_task_says_that_nothing_else_is_wanted),
        TEST(test_what_is_not_resumed_for_a_grace_is_let_go),
        TEST(test_a_result_is_kept_for_a_grace_on_one_connection),
        TEST(test_a_deadline_does_not_end_what_is_kept),
        TEST(test_a_result_that_does_not_unpack_is_computed_elsewhere),
        TEST(test_who_has_been_away_longest_makes_room),
        TEST(test_acknowledging_what_was_not_sent_is_a_fault),
        TEST(test_a_task_moves_to_another_stream_of_its_connection),
        TEST(test_draining_waits_for_nobody_who_is_away),
        TEST(test_losing_it_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
