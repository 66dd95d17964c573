// What is said of a task that is about to wait, against what then happens.
#include <stdlib.h>

#include "coordinator/core/forecast.h"
#include "rig.h"

#define CLIENTS 4

static struct rig rig;
static p2_handle clients[CLIENTS], peer;
static uint32_t streams;

static void start(uint32_t slots) {
    struct coord_limits l = rig_limits();
    l.client_share_percent = 100;
    l.reserve_percent = 0;
    rig_init(&rig, &l);
    streams = 0;
    for (unsigned i = 0; i < CLIENTS; i++) clients[i] = rig_client(&rig);
    if (slots) peer = rig_peer(&rig, slots, 0);
}

static uint32_t submit(unsigned client, enum p2_class class_, p2_ns deadline_ns) {
    struct p2_msg m = rig_submit_msg(streams + 1, streams + 1, 10);
    m.u.submit.class_ = class_;
    m.u.submit.deadline_ns = deadline_ns;
    rig_send_submit(&rig, clients[client], &m);
    return ++streams;
}

static const struct p2_task_cost cost = {.timeout_prior_ns = 50 * P2_MS};

static struct forecast of(unsigned client, enum p2_class class_, p2_ns deadline_ns) {
    const struct client *cl = client_of(rig.c, session_find(rig.c, clients[client]));
    const struct forecast_of task = {0, class_, rig.now + deadline_ns, &cost};
    return forecast(rig.c, cl, &task);
}

static void test_with_free_slots_it_is_next(void **state) {
    (void)state;
    start(2);
    const struct forecast f = of(0, P2_CLASS_BATCH, P2_SEC);
    assert_int_equal(f.ahead, 0);
    assert_int_equal(f.wait_ns, 0);
    assert_int_equal(f.p50_ns, 50 * P2_MS);
    assert_int_equal(f.p95_ns, 50 * P2_MS);
    submit(0, P2_CLASS_BATCH, P2_SEC);
    assert_int_equal(of(0, P2_CLASS_BATCH, P2_SEC).wait_ns, 0);
    submit(0, P2_CLASS_BATCH, P2_SEC);
    assert_int_equal(of(0, P2_CLASS_BATCH, P2_SEC).wait_ns, 5 * P2_MS); // two jobs of 10 ms, half done, on two slots
    rig_deinit(&rig);
}

static void test_own_tasks_by_deadline(void **state) {
    (void)state;
    start(1);
    submit(0, P2_CLASS_BATCH, 60 * P2_SEC); // runs
    for (unsigned i = 1; i <= 11; i++) submit(0, P2_CLASS_BATCH, i * 10 * P2_SEC);
    assert_int_equal(of(0, P2_CLASS_BATCH, 9 * P2_SEC).ahead, 0);
    assert_int_equal(of(0, P2_CLASS_BATCH, 10 * P2_SEC).ahead, 1);
    assert_int_equal(of(0, P2_CLASS_BATCH, 60 * P2_SEC).ahead, 6);
    assert_int_equal(of(0, P2_CLASS_BATCH, 110 * P2_SEC).ahead, 11);
    assert_int_equal(of(0, P2_CLASS_BATCH, 200 * P2_SEC).ahead, 11);
    assert_int_equal(of(0, P2_CLASS_BATCH, 200 * P2_SEC).wait_ns, 5 * P2_MS + 11 * 50 * P2_MS);
    rig_deinit(&rig);
}

static void test_classes(void **state) {
    (void)state;
    start(1);
    submit(0, P2_CLASS_REALTIME, 60 * P2_SEC); // runs
    for (unsigned i = 0; i < 60; i++) submit(0, P2_CLASS_REALTIME, 60 * P2_SEC);
    for (unsigned i = 0; i < 10; i++) submit(0, P2_CLASS_BATCH, 60 * P2_SEC);
    assert_int_equal(of(1, P2_CLASS_BACKGROUND, 60 * P2_SEC).ahead, 19); // its floor: one in twenty
    assert_int_equal(of(0, P2_CLASS_BATCH, 9 * P2_SEC).ahead, 19);
    assert_int_equal(of(0, P2_CLASS_REALTIME, 90 * P2_SEC).ahead, 60 + 3); // the floor of batch
    assert_int_equal(of(0, P2_CLASS_REALTIME, 9 * P2_SEC).ahead, 0);
    rig.c->limits.class_floor_percent = 0;
    assert_int_equal(of(1, P2_CLASS_BACKGROUND, 60 * P2_SEC).ahead, 70);
    assert_int_equal(of(0, P2_CLASS_REALTIME, 90 * P2_SEC).ahead, 60);
    rig_deinit(&rig);
}

static void test_other_clients_take_turns(void **state) {
    (void)state;
    start(1);
    submit(0, P2_CLASS_BATCH, 60 * P2_SEC); // runs
    for (unsigned i = 0; i < 20; i++) submit(0, P2_CLASS_BATCH, 60 * P2_SEC);
    for (unsigned i = 0; i < 20; i++) submit(1, P2_CLASS_BATCH, 60 * P2_SEC);
    assert_int_equal(of(2, P2_CLASS_BATCH, 90 * P2_SEC).ahead, 2);  // one of each
    assert_int_equal(of(2, P2_CLASS_BATCH, 50 * P2_SEC).ahead, 0);  // the earliest deadline of those served alike
    assert_int_equal(of(1, P2_CLASS_BATCH, 90 * P2_SEC).ahead, 40); // its own 20, and no more than 20
    rig_deinit(&rig);
}

// ---- against what happens -------------------------------------------------------------------------------------------

// Finishes jobs until that task is placed: how many were before it, and how long that took.
static unsigned run_until(uint32_t stream, p2_ns job_ns) {
    const struct p2_id id = rig_id(stream);
    for (unsigned before = 0;; before++) {
        const struct p2_msg job = *rig_last(&rig, peer, P2_MSG_TASK_ASSIGN);
        if (p2_id_equal(&job.u.assign.id, &id)) return before - 1; // the first ran already
        rig_forget(&rig);
        rig_pass(&rig, job_ns);
        rig_result(&rig, peer, &job, 10);
    }
}

static void test_it_comes_out_about_so(void **state) {
    (void)state;
    struct p2_rng rng;
    p2_rng_init(&rng, 3);
    double said_sum = 0, off_sum = 0;
    for (unsigned round = 0; round < 200; round++) {
        start(1);
        rig.run_ns = 40 * P2_MS;
        for (unsigned i = 0; i < P2_PRIOR_SAMPLES; i++) {
            estimate_add(rig.c, 0, 0, 40 * P2_MS);
            estimate_add_run(rig.c, 0, 0, 40 * P2_MS);
        }
        submit(0, P2_CLASS_REALTIME, 60 * P2_SEC); // runs
        unsigned waiting = 10 + (unsigned)p2_rng_below(&rng, 90);
        for (unsigned i = 0; i < waiting; i++) {
            submit((unsigned)p2_rng_below(&rng, CLIENTS), (enum p2_class)p2_rng_below(&rng, P2_CLASSES),
                   30 * P2_SEC + (p2_ns)p2_rng_below(&rng, 30 * P2_SEC));
        }
        unsigned client = (unsigned)p2_rng_below(&rng, CLIENTS);
        uint32_t probe = submit(client, (enum p2_class)p2_rng_below(&rng, P2_CLASSES), 45 * P2_SEC);
        const struct p2_msg_task_accepted said = rig_last(&rig, clients[client], P2_MSG_TASK_ACCEPTED)->u.accepted;
        p2_ns asked_ns = rig.now;
        unsigned before = run_until(probe, 40 * P2_MS);
        said_sum += said.queue_position;
        off_sum += abs((int)before - (int)said.queue_position);
        p2_ns took_ns = rig.now - asked_ns + 40 * P2_MS;
        double ratio = (double)said.estimate_ns / (double)took_ns;
        assert_true(before < 10 || (ratio > 0.25 && ratio < 4));
        rig_deinit(&rig);
    }
    assert_true(off_sum < said_sum / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_free_slots_it_is_next),
        cmocka_unit_test(test_own_tasks_by_deadline),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_other_clients_take_turns),
        cmocka_unit_test(test_it_comes_out_about_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
