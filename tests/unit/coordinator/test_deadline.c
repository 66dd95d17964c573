// Expired work leaves the queue within 10 ms and never starts, whatever happens at that moment.
#include <string.h>

#include "rig.h"

#define TASKS 120u
#define LATE (10 * P2_MS)

static struct rig rig;
static p2_handle client, peer;
static p2_ns deadlines[TASKS + 1]; // by stream; times

static int setup(void **state) {
    (void)state;
    rig_init(&rig, NULL);
    client = rig_client(&rig);
    peer = rig_peer(&rig, 1, 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rig_deinit(&rig);
    return 0;
}

static void submit(uint32_t stream, p2_ns deadline_ns, enum p2_class class_) {
    struct p2_msg m = rig_submit_msg(stream, stream, 10);
    m.u.submit.deadline_ns = deadline_ns;
    m.u.submit.class_ = class_;
    deadlines[stream] = rig.now + deadline_ns;
    rig_send_submit(&rig, client, &m);
}

// One runs for a long time; the others wait, until 10 to 1000 ms from now.
static void fill(struct p2_rng *rng) {
    submit(1, 60 * P2_SEC, P2_CLASS_REALTIME);
    for (uint32_t i = 2; i <= TASKS; i++)
        submit(i, 10 * P2_MS + (p2_ns)p2_rng_below(rng, 990 * P2_MS), (enum p2_class)p2_rng_below(rng, P2_CLASSES));
    rig_forget(&rig);
}

// Each TASK_TIMEOUT since the last look is in time; returns how many.
static unsigned look(void) {
    unsigned n = rig_count(&rig, client, P2_MSG_TASK_TIMEOUT);
    for (unsigned i = 0; i < n; i++) {
        p2_ns deadline = deadlines[rig_nth(&rig, client, P2_MSG_TASK_TIMEOUT, i)->stream];
        assert_true(rig.now >= deadline && rig.now <= deadline + LATE);
    }
    for (unsigned i = 0; i < rig_count(&rig, peer, P2_MSG_TASK_ASSIGN); i++) {
        const struct p2_msg *job = rig_nth(&rig, peer, P2_MSG_TASK_ASSIGN, i);
        uint32_t stream = job->u.assign.id.b[15]; // rig_id
        assert_true(rig.now < deadlines[stream] && job->u.assign.deadline_ns == deadlines[stream] - rig.now);
    }
    rig_forget(&rig);
    return n;
}

static void test_the_core_wakes_for_each(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 1);
    fill(&rng);
    unsigned ended = 0;
    for (p2_ns until = rig.now + P2_SEC; coord_next_ns(rig.c) <= until;) {
        rig.now = coord_next_ns(rig.c);
        struct coord_event ev = {.kind = COORD_TICK};
        rig_step(&rig, &ev);
        rig_heartbeat(&rig, peer);
        ended += look();
    }
    assert_int_equal(ended, TASKS - 1);
    assert_int_equal(rig.c->stats.tasks_queued, 0);
}

// A slot comes free again and again, often just when a deadline passes, with the clock where the deadlines are.
static void test_none_starts_at_its_deadline(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 2);
    submit(1, 60 * P2_SEC, P2_CLASS_REALTIME);
    struct p2_msg job = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
    for (uint32_t i = 2; i <= TASKS; i++)
        submit(i, 10 * P2_MS + (p2_ns)p2_rng_below(&rng, 100) * 10 * P2_MS, P2_CLASS_BATCH);
    rig_forget(&rig);
    unsigned ended = 0;
    while (rig.c->tasks.live) {
        rig.now += 10 * P2_MS; // without a TICK before: the result itself is what comes at the deadline
        rig_result(&rig, peer, &job, 10);
        bool next = rig_count(&rig, peer, P2_MSG_TASK_ASSIGN);
        if (next) job = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
        ended += look();
        assert_true(next || !rig.c->tasks.live);
    }
    assert_int_equal(rig.c->stats.tasks_completed + ended, TASKS);
    assert_true(ended > 10 && rig.c->stats.tasks_completed > 10);
}

static void test_after_a_stall_only_what_is_in_time_starts(void **state) {
    (void)state;
    submit(1, 60 * P2_SEC, P2_CLASS_REALTIME);
    const struct p2_msg job = *rig_only(&rig, peer, P2_MSG_TASK_ASSIGN);
    submit(2, P2_SEC, P2_CLASS_REALTIME);
    submit(3, 30 * P2_SEC, P2_CLASS_BACKGROUND);
    rig_forget(&rig);
    rig.now += 5 * P2_SEC; // this process did not run; the first thing it hears is a result
    rig_result(&rig, peer, &job, 10);
    assert_int_equal(rig_only(&rig, client, P2_MSG_TASK_TIMEOUT)->stream, 2);
    const struct p2_id third = rig_id(3);
    assert_true(p2_id_equal(&rig_only(&rig, peer, P2_MSG_TASK_ASSIGN)->u.assign.id, &third));
}

static void test_placed_but_not_sent_is_not_sent_later(void **state) {
    (void)state;
    rig.room = 0; // of the next peer's connection
    rig_close(&rig, peer);
    peer = rig_peer(&rig, 1, 0);
    submit(1, P2_SEC, P2_CLASS_REALTIME);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 0);
    rig_forget(&rig);
    rig_pass(&rig, P2_SEC);
    assert_int_equal(rig_count(&rig, client, P2_MSG_TASK_TIMEOUT), 1);
    rig_writable(&rig, peer, 1 << 20);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_ASSIGN), 0);
    assert_int_equal(rig_count(&rig, peer, P2_MSG_TASK_CANCEL), 0); // it never knew
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_core_wakes_for_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none_starts_at_its_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_after_a_stall_only_what_is_in_time_starts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_placed_but_not_sent_is_not_sent_later, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
