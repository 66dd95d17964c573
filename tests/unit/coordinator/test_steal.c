// Stealing: which job is recalled for whom, what an answer changes, what happens when there is none.
#include <string.h>

#include "rig.h"

#define FAST 1000000u // units a second: a task of the bench takes 1 ms
#define SLOW 1000u    // 1 s

static p2_handle client;
static uint32_t streams;

static int set_up(void **state) {
    static struct rig r;
    rig_init(&r, NULL);
    client = rig_client(&r);
    streams = 0;
    *state = &r;
    return 0;
}

static int tear_down(void **state) {
    rig_deinit(*state);
    return 0;
}

static void join(struct rig *r, p2_handle conn, uint64_t speed, uint32_t depth, const char *type) {
    const struct p2_msg_device device = {.kind = P2_DEVICE_FAKE, .slots = 1};
    const struct p2_msg_offer offers[2] = {{p2_str(type), strcmp(type, "beta") == 0 ? 3 : 1, 0, speed},
                                           {p2_str("beta"), 3, 0, speed}};
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){.slots = 1,
                                                      .queue_depth = depth,
                                                      .devices = &device,
                                                      .device_count = 1,
                                                      .offers = offers,
                                                      .offer_count = strcmp(type, "beta") == 0 ? 1 : 2};
    rig_msg(r, conn, &m);
}

static p2_handle peer(struct rig *r, uint64_t speed, uint32_t depth) {
    p2_handle conn = rig_open(r);
    rig_hello(r, conn, P2_ROLE_PEER);
    join(r, conn, speed, depth, "alpha");
    return conn;
}

static void submit_for(struct rig *r, uint64_t size, p2_ns deadline_ns) {
    streams++;
    struct p2_msg m = rig_submit_msg(100 + streams, streams, size);
    m.u.submit.deadline_ns = deadline_ns;
    rig_send_submit(r, client, &m);
}

static void submit(struct rig *r) { submit_for(r, 10, 100 * P2_SEC); }

// A slow peer with `count` jobs, of which all but one wait; jobs[i] are its ASSIGNs.
static p2_handle slow_with(struct rig *r, unsigned count, struct p2_msg *jobs) {
    p2_handle slow = peer(r, SLOW, 8);
    rig_forget(r);
    for (unsigned i = 0; i < count; i++) submit(r);
    for (unsigned i = 0; i < count; i++) jobs[i] = *rig_nth(r, slow, P2_MSG_TASK_ASSIGN, i);
    rig_forget(r);
    return slow;
}

static void answer(struct rig *r, p2_handle from, const struct p2_msg *job, bool returned) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RECALLED, .stream = job->stream};
    m.u.recalled =
        (struct p2_msg_task_recalled){.id = job->u.assign.id, .attempt = job->u.assign.attempt, .returned = returned};
    rig_msg(r, from, &m);
}

static void expect_recall(const struct rig *r, p2_handle of, const struct p2_msg *job) {
    const struct p2_msg *m = rig_only(r, of, P2_MSG_TASK_RECALL);
    assert_int_equal(m->stream, job->stream);
    assert_int_equal(m->u.recall.attempt, job->u.assign.attempt);
    assert_true(p2_id_equal(&m->u.recall.id, &job->u.assign.id));
}

static void the_last_given_moves_to_an_idle_slot(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[3];
    p2_handle slow = slow_with(r, 3, jobs), fast = peer(r, FAST, 0);
    expect_recall(r, slow, &jobs[2]);
    assert_int_equal(rig_count(r, fast, P2_MSG_TASK_ASSIGN), 0); // until it was given back it has an owner
    assert_int_equal(r->c->stats.recalls_asked, 1);
    rig_forget(r);
    answer(r, slow, &jobs[2], true);
    const struct p2_msg *again = rig_only(r, fast, P2_MSG_TASK_ASSIGN);
    assert_true(p2_id_equal(&again->u.assign.id, &jobs[2].u.assign.id));
    assert_int_equal(again->u.assign.attempt, 1); // the first did not take place
    assert_int_equal(again->u.assign.raw_size, 10);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 0); // the slot is taken
    assert_int_equal(r->c->stats.attempts_retried, 0);
    struct p2_msg job = *again;
    rig_forget(r);
    rig_result(r, fast, &job, 10);
    assert_int_equal(rig_only(r, client, P2_MSG_RESULT_DELIVERY)->stream, 3);
    expect_recall(r, slow, &jobs[1]); // idle again
}

static void one_that_runs_stays_and_is_not_asked_for_again(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[2];
    p2_handle slow = slow_with(r, 2, jobs), fast = peer(r, FAST, 0);
    expect_recall(r, slow, &jobs[1]);
    rig_forget(r);
    answer(r, slow, &jobs[1], false);
    rig_pass(r, P2_SEC / 2);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL) + rig_count(r, fast, P2_MSG_TASK_ASSIGN), 0);
    rig_result(r, slow, &jobs[1], 10);
    assert_int_equal(rig_count(r, client, P2_MSG_RESULT_DELIVERY), 1);
    assert_int_equal(r->c->stats.recalls_returned, 0);
}

static void results_failures_and_ends_are_as_of_any_job(void **state) {
    struct rig *r = *state;
    for (unsigned how = 0; how < 3; how++) {
        struct p2_msg jobs[2];
        p2_handle slow = slow_with(r, 2, jobs), fast = peer(r, FAST, 0);
        expect_recall(r, slow, &jobs[1]);
        rig_forget(r);
        if (how == 0) {
            rig_result(r, slow, &jobs[1], 10);
            assert_int_equal(rig_count(r, client, P2_MSG_RESULT_DELIVERY), 1);
            answer(r, slow, &jobs[1], false); // crossed: harmless
            assert_int_equal(rig_count(r, slow, P2_MSG_ERROR), 0);
        } else if (how == 1) {
            rig_failure(r, slow, &jobs[1], P2_ERR_EXECUTION_FAILED, true);
            assert_int_equal(rig_only(r, fast, P2_MSG_TASK_ASSIGN)->u.assign.attempt, 2);
        } else {
            rig_close(r, slow);
            assert_int_equal(rig_nth(r, fast, P2_MSG_TASK_ASSIGN, 0)->u.assign.attempt, 2);
        }
        if (how < 2) rig_close(r, slow);
        rig_close(r, fast);
        rig_close(r, client);
        client = rig_client(r);
        streams = 0;
        rig_forget(r);
    }
}

static void a_cancel_or_a_deadline_in_between_cancels(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[4];
    p2_handle slow = slow_with(r, 4, jobs), fast = peer(r, FAST, 0);
    expect_recall(r, slow, &jobs[3]);
    rig_forget(r);
    rig_cancel(r, client, 4, 104);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_CANCEL), 1);
    rig_expect_ended(r, client, 4, P2_ERR_CANCELLED);
    answer(r, slow, &jobs[3], true); // crossed it: the slot is free at once
    assert_int_equal(r->c->replicas.live, 3);
    assert_int_equal(rig_count(r, fast, P2_MSG_TASK_ASSIGN), 0);
    expect_recall(r, slow, &jobs[2]);
    rig_forget(r);
    for (unsigned i = 0; i < 101; i++) {
        rig_pass(r, P2_SEC);
        rig_heartbeat(r, slow);
        rig_heartbeat(r, fast);
    }
    assert_int_equal(rig_count(r, client, P2_MSG_TASK_TIMEOUT), 3);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_CANCEL), 3);
    assert_int_equal(rig_count(r, fast, P2_MSG_TASK_ASSIGN), 0);
}

static void nothing_moves_without_a_clear_gain(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[2];
    p2_handle slow = slow_with(r, 2, jobs); // the second ends in 2 s
    peer(r, SLOW * 10 / 18, 0);             // would need 1.8 s
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 0);
    rig_pass(r, 500 * P2_MS); // now it would still need 1.8 of 1.5 s
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 0);
    peer(r, SLOW * 10 / 8, 0); // 0.8 s
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 1);
}

static void a_queue_that_is_late_is_noticed(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[2];
    p2_handle slow = slow_with(r, 2, jobs);
    peer(r, SLOW * 10 / 7, 0); // 0.7 s
    expect_recall(r, slow, &jobs[1]);
    rig_forget(r);
    answer(r, slow, &jobs[1], true);
    assert_int_equal(r->c->stats.recalls_returned, 1);
    p2_handle other = peer(r, SLOW, 8);
    submit(r);
    submit(r);
    rig_pass(r, 10 * P2_SEC);                    // nobody ends anything
    assert_true(r->c->stats.recalls_asked <= 4); // each at most twice
    rig_close(r, other);
}

static void whoever_did_not_agree_is_not_asked(void **state) {
    struct rig *r = *state;
    p2_handle old = rig_open(r);
    struct p2_msg hello = {.kind = P2_MSG_HELLO};
    hello.u.hello = (struct p2_msg_hello){P2_PROTOCOL_MAGIC, 1, 1, P2_FEATURE_ZSTD, P2_ROLE_PEER, p2_str("old")};
    rig_msg(r, old, &hello);
    assert_int_equal(rig_last(r, old, P2_MSG_HELLO)->u.hello.features, P2_FEATURE_ZSTD);
    join(r, old, SLOW, 8, "alpha");
    for (unsigned i = 0; i < 3; i++) submit(r);
    struct p2_msg job = *rig_nth(r, old, P2_MSG_TASK_ASSIGN, 2);
    peer(r, FAST, 0);
    rig_pass(r, P2_SEC);
    assert_int_equal(rig_count(r, old, P2_MSG_TASK_RECALL), 0);
    answer(r, old, &job, true);
    rig_expect_error(r, old, P2_ERR_UNEXPECTED_MESSAGE);
    rig_close(r, old);
}

static void answers_to_no_recall_end_the_connection(void **state) {
    struct rig *r = *state;
    for (unsigned how = 0; how < 4; how++) {
        struct p2_msg jobs[2];
        p2_handle slow = slow_with(r, 2, jobs), fast = peer(r, FAST, 0);
        const struct p2_msg *about = how == 0 ? &jobs[0] : &jobs[1];
        rig_forget(r);
        if (how == 1) answer(r, slow, about, false); // and a second time
        if (how == 2) answer(r, slow, about, true);
        if (how == 3) jobs[1].u.assign.attempt = 2;
        answer(r, slow, about, true);
        rig_expect_error(r, slow, P2_ERR_UNEXPECTED_MESSAGE);
        rig_close(r, slow);
        rig_close(r, fast);
        rig_close(r, client);
        client = rig_client(r);
        streams = 0;
    }
}

static void an_assign_that_has_not_left_is_taken_back_without_asking(void **state) {
    struct rig *r = *state;
    r->room = 600; // for two small records
    p2_handle slow = peer(r, SLOW, 8);
    r->room = 1 << 20;
    for (unsigned i = 0; i < 3; i++) submit(r);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_ASSIGN), 2);
    p2_handle fast = peer(r, FAST, 0);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 0);
    assert_int_equal(rig_only(r, fast, P2_MSG_TASK_ASSIGN)->u.assign.attempt, 1);
    assert_int_equal(r->c->stats.recalls_returned, 1);
}

static void a_payload_on_its_way_waits_for_the_answer(void **state) {
    struct rig *r = *state;
    p2_handle slow = peer(r, SLOW, 8);
    submit(r);
    const uint64_t size = 200000; // kept, in four records; room for two of them
    rig_writable(r, slow, 2 * 66000);
    submit_for(r, size, 100 * P2_SEC);
    for (uint64_t at = 65536; at < size; at += 65536) {
        rig_chunk(r, client, 2, 1, at, (uint32_t)(size - at < 65536 ? size - at : 65536));
    }
    struct p2_msg job = *rig_last(r, slow, P2_MSG_TASK_ASSIGN);
    assert_int_equal(job.u.assign.payload_size, size);
    peer(r, FAST, 0);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 1);
    rig_forget(r);
    rig_writable(r, slow, 1 << 20);
    assert_int_equal(rig_count(r, slow, P2_MSG_CHUNK), 0);
    answer(r, slow, &job, false); // it keeps it
    assert_int_equal(rig_count(r, slow, P2_MSG_CHUNK), 2);
    rig_result(r, slow, &job, 10);
}

static void a_payload_that_is_not_kept_stays(void **state) {
    struct rig *r = *state;
    p2_handle slow = peer(r, SLOW, 8);
    submit(r);
    submit_for(r, 300000, 100 * P2_SEC);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_ASSIGN), 2);
    peer(r, FAST, 0);
    rig_pass(r, P2_SEC);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 0);
}

static void a_slot_taken_in_between_leaves_the_task_waiting_in_front(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[3];
    p2_handle slow = slow_with(r, 3, jobs), fast = peer(r, FAST, 0);
    submit(r); // takes the fast slot
    struct p2_msg newer = *rig_only(r, fast, P2_MSG_TASK_ASSIGN);
    join(r, slow, SLOW, 2, "alpha"); // and the slow one takes no more than it has
    rig_forget(r);
    answer(r, slow, &jobs[2], true);
    submit(r);
    rig_result(r, fast, &newer, 10);
    assert_true(rig_count(r, fast, P2_MSG_TASK_ASSIGN) <= 1);
    assert_int_equal(r->c->stats.recalls_returned, 1);
    rig_pass(r, P2_SEC);
}

static void no_more_is_asked_for_than_slots_are_idle(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[8];
    p2_handle slow = slow_with(r, 8, jobs);
    for (unsigned i = 0; i < 3; i++) peer(r, FAST, 0);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 3);
    rig_pass(r, 5 * P2_SEC);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 3);
}

static void jobs_stay_known_when_their_peer_registers_anew(void **state) {
    struct rig *r = *state;
    struct p2_msg jobs[2];
    p2_handle slow = slow_with(r, 2, jobs);
    join(r, slow, SLOW, 8, "beta");
    p2_handle fast = peer(r, FAST, 0);
    rig_pass(r, 100 * P2_MS);
    assert_int_equal(rig_count(r, slow, P2_MSG_TASK_RECALL), 0); // it offers that type no more
    join(r, slow, SLOW, 8, "alpha");
    expect_recall(r, slow, &jobs[1]);
    join(r, slow, SLOW, 8, "beta"); // with the answer on its way
    rig_close(r, fast);
    answer(r, slow, &jobs[1], true);
    assert_int_equal(r->c->stats.tasks_queued, 1);
}

static void a_switch_turns_it_off(void **state) {
    (void)state;
    struct rig r;
    struct coord_limits l = rig_limits();
    l.steal = false;
    rig_init(&r, &l);
    client = rig_client(&r);
    streams = 0;
    struct p2_msg jobs[3];
    p2_handle slow = slow_with(&r, 3, jobs);
    assert_int_equal(session_find(r.c, slow)->features & P2_FEATURE_RECALL, 0);
    peer(&r, FAST, 0);
    rig_pass(&r, P2_SEC);
    assert_int_equal(rig_count(&r, slow, P2_MSG_TASK_RECALL), 0);
    rig_deinit(&r);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_last_given_moves_to_an_idle_slot),
        TEST(one_that_runs_stays_and_is_not_asked_for_again),
        TEST(results_failures_and_ends_are_as_of_any_job),
        TEST(a_cancel_or_a_deadline_in_between_cancels),
        TEST(nothing_moves_without_a_clear_gain),
        TEST(a_queue_that_is_late_is_noticed),
        TEST(whoever_did_not_agree_is_not_asked),
        TEST(answers_to_no_recall_end_the_connection),
        TEST(an_assign_that_has_not_left_is_taken_back_without_asking),
        TEST(a_payload_on_its_way_waits_for_the_answer),
        TEST(a_payload_that_is_not_kept_stays),
        TEST(a_slot_taken_in_between_leaves_the_task_waiting_in_front),
        TEST(no_more_is_asked_for_than_slots_are_idle),
        TEST(jobs_stay_known_when_their_peer_registers_anew),
        cmocka_unit_test(a_switch_turns_it_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
