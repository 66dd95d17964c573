// Executors: the watchdog's arithmetic, restarts and their back-off, words that are not to be trusted.
#include <string.h>

#include "peer/core/state.h"
#include "rig.h"

static void open_joined(struct rig *r) {
    rig_config(r, 1);
    rig_open(r);
    rig_join(r);
}

static void gone(struct rig *r, uint32_t exec) {
    rig_step(r, (struct worker_event){.kind = WORKER_EXEC_GONE, .exec = exec, .text = "signal 9 (KILL)"});
}

static void the_watchdog_waits_for_deadline_and_grace(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    p2_ns taken = r.now;
    rig_handed(&r, 1);
    r.now += 100 * P2_MS;
    rig_handed(&r, 2); // its deadline is later: innocent
    rig_msg(&r, rig_assign(3, 100, 10));
    rig_tick_at(&r, taken + P2_SEC + 250 * P2_MS - 1);
    assert_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    assert_true(worker_next_ns(r.w) <= taken + P2_SEC + 250 * P2_MS);
    rig_tick_at(&r, taken + P2_SEC + 250 * P2_MS);
    assert_int_equal(rig_action(&r, WORKER_ACT_KILL_EXEC, 0)->exec, 0);
    const struct worker_note *killed = rig_note(&r, WORKER_NOTE_EXEC_KILLED, 0);
    assert_int_equal(killed->code, P2_ERR_WATCHDOG_KILLED);
    struct p2_id guilty = rig_id(1);
    assert_true(p2_id_equal(&killed->id, &guilty));
    for (uint32_t i = 0; i < 2; i++) {
        const struct p2_msg_task_failure *f = &rig_sent(&r, P2_MSG_TASK_FAILURE, i)->u.failure;
        assert_int_equal(f->code, P2_ERR_WATCHDOG_KILLED);
        assert_true(f->retryable);
    }
    assert_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 2)); // the third expired before, unstarted
    assert_int_equal(rig_sent(&r, P2_MSG_PEER_REGISTER, 0)->u.peer_register.offer_count, 0);

    rig_word(&r, 0, rig_done(0, P2_OK, 1)); // its last words are not heard
    assert_int_equal(r.out.count, 0);
    gone(&r, 0);
    assert_non_null(rig_action(&r, WORKER_ACT_START_EXEC, 0)); // the first in a row: at once
    rig_ready(&r, 0);
    assert_int_equal(rig_sent(&r, P2_MSG_PEER_REGISTER, 0)->u.peer_register.offer_count, 1);
    rig_handed(&r, 4);
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.kills, 1);
    assert_int_equal(stats.exec_exits, 1);
    rig_close(&r);
}

static void a_cancelled_job_has_a_watchdog_too(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    p2_ns start = r.now;
    struct p2_msg m = rig_assign(1, 0, 0);
    m.u.assign.deadline_ns = 60 * P2_SEC;
    rig_msg(&r, m);
    rig_handed(&r, 2); // deadline in 1 s
    rig_msg(&r, rig_cancel(1));
    rig_msg(&r, rig_cancel(2));
    rig_tick_at(&r, start + P2_SEC + r.config.watchdog_ns - 1);
    assert_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    rig_tick_at(&r, start + P2_SEC + r.config.watchdog_ns);
    assert_non_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_CANCELLED);
    assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 1)->u.failure.code, P2_ERR_CANCELLED);
    rig_close(&r);

    open_joined(&r);
    m.u.assign.deadline_ns = 60 * P2_SEC; // far away: the cancel counts
    rig_msg(&r, m);
    rig_msg(&r, rig_cancel(1));
    start = r.now;
    rig_run_until(&r, start + r.config.cancel_ns + r.config.watchdog_ns - 1);
    struct worker_stats stats;
    worker_stats(r.w, &stats);
    assert_int_equal(stats.kills, 0);
    rig_tick_at(&r, r.now + 1);
    assert_non_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    rig_close(&r);
}

static void one_executor_killed_leaves_the_others_alone(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 2);
    rig_open(&r);
    rig_join(&r);
    rig_ready(&r, 1);
    rig_handed(&r, 1);
    struct p2_msg m = rig_assign(2, 0, 0);
    m.u.assign.device = 1;
    m.u.assign.deadline_ns = 60 * P2_SEC;
    rig_msg(&r, m);
    uint32_t cell = rig_said(&r, WORD_JOB, 0)->u.job.cell;
    rig_tick_at(&r, r.now + 2 * P2_SEC);
    assert_non_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    assert_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 1));
    rig_word(&r, 1, rig_done(cell, P2_OK, 0));
    assert_non_null(rig_sent(&r, P2_MSG_TASK_RESULT, 0));
    rig_close(&r);
}

static void a_result_that_is_whole_survives_its_executor(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    uint32_t cell = rig_handed(&r, 1);
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = 0});
    rig_word(&r, 0, rig_done(cell, P2_OK, 10));
    gone(&r, 0);
    assert_null(rig_sent(&r, P2_MSG_TASK_FAILURE, 0));
    rig_step(&r, (struct worker_event){.kind = WORKER_WRITABLE, .room = 1 << 20});
    assert_int_equal(rig_action(&r, WORKER_ACT_SEND_RESULT, 0)->cell, cell);
    rig_close(&r);
}

static void a_crash_fails_its_jobs_for_another_peer(void **state) {
    (void)state;
    struct rig r;
    open_joined(&r);
    rig_handed(&r, 1);
    gone(&r, 0);
    const struct p2_msg_task_failure *f = &rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure;
    assert_int_equal(f->code, P2_ERR_EXECUTION_FAILED);
    assert_true(f->retryable);
    assert_non_null(rig_action(&r, WORKER_ACT_START_EXEC, 0));
    assert_string_equal(rig_note(&r, WORKER_NOTE_EXEC_GONE, 0)->text, "signal 9 (KILL)");
    rig_close(&r);
}

static void crashes_in_a_row_back_off(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    p2_ns delay = 0;
    for (int i = 0; i < 12; i++) {
        rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_STARTED});
        gone(&r, 0);
        assert_int_equal(rig_note(&r, WORKER_NOTE_EXEC_GONE, 0)->value, delay / P2_MS);
        if (delay > 0) {
            assert_null(rig_action(&r, WORKER_ACT_START_EXEC, 0));
            assert_int_equal(worker_next_ns(r.w), r.now + delay);
            rig_tick_at(&r, r.now + delay);
        }
        assert_non_null(rig_action(&r, WORKER_ACT_START_EXEC, 0));
        delay = p2_ns_min(delay ? 2 * delay : 250 * P2_MS, 30 * P2_SEC);
    }
    rig_ready(&r, 0); // a good while of service, and the next crash is the first again
    rig_tick_at(&r, r.now + 10 * P2_SEC);
    gone(&r, 0);
    assert_non_null(rig_action(&r, WORKER_ACT_START_EXEC, 0));
    rig_close(&r);
}

static void a_device_that_cannot_be_used_is_tried_rarely(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_STARTED});
    rig_word(&r, 0, (struct word){.kind = WORD_FAILED, .text = "no such device"});
    assert_string_equal(rig_note(&r, WORKER_NOTE_EXEC_KILLED, 0)->text, "no such device");
    gone(&r, 0);
    assert_int_equal(worker_next_ns(r.w), r.now + 30 * P2_SEC);
    rig_close(&r);
}

static void silence_while_building_ends_it(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_STARTED});
    rig_tick_at(&r, r.now + 119 * P2_SEC);
    struct word progress = {.kind = WORD_PROGRESS, .progress = 0.5f, .text = "flip"};
    rig_word(&r, 0, progress);
    assert_int_equal(rig_note(&r, WORKER_NOTE_EXEC_BUILDS, 0)->value, 50);
    progress.u.is_new = 1;
    rig_word(&r, 0, progress);
    assert_string_equal(rig_note(&r, WORKER_NOTE_EXEC_COMPILES, 0)->text, "flip");
    rig_tick_at(&r, r.now + 120 * P2_SEC - 1);
    assert_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
    rig_tick_at(&r, r.now + 1);
    assert_int_equal(rig_note(&r, WORKER_NOTE_EXEC_KILLED, 0)->code, P2_ERR_WATCHDOG_KILLED);
    gone(&r, 0);
    rig_close(&r);
}

static void setup_says_the_cells(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    r.config.devices[0].slots = 16;
    r.config.queue_depth = 8;
    rig_open(&r);
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_STARTED});
    const struct word_setup *s = &rig_said(&r, WORD_SETUP, 0)->u.setup;
    assert_int_equal(s->version, WORDS_VERSION);
    assert_int_equal(s->slots, 16);
    assert_int_equal(s->cells, WORD_CELLS_MAX); // not 144
    assert_int_equal(s->in_bytes, r.config.cell_bytes);
    assert_int_equal(s->out_bytes, r.config.cell_bytes);
    rig_close(&r);
}

static void the_device_says_what_it_is(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_STARTED});
    struct word w = {.kind = WORD_DEVICE};
    w.u.device = (struct word_device){
        .kind = P2_DEVICE_GPU, .compute_units = 8, .memory_bytes = 1 << 30, .buffer_bytes_max = 1 << 28};
    memset(w.u.device.name, 0xe9, sizeof w.u.device.name); // no end, no text
    memcpy(w.u.device.driver, "d\n1", 4);
    rig_word(&r, 0, w);
    struct word offer = {.kind = WORD_OFFER, .u.offer = {.type = "flip", .version = 3}};
    rig_word(&r, 0, offer);
    rig_word(&r, 0, (struct word){.kind = WORD_READY});
    rig_step(&r, (struct worker_event){.kind = WORKER_LINK_UP});
    rig_msg(&r, rig_hello());
    const struct p2_msg_device *d = &rig_sent(&r, P2_MSG_PEER_REGISTER, 0)->u.peer_register.devices[0];
    assert_int_equal(d->kind, P2_DEVICE_GPU);
    assert_int_equal(d->buffer_bytes_max, 1 << 28);
    assert_int_equal(d->name.n, 95);
    assert_int_equal(d->name.p[94], '?');
    assert_true(p2_str_is(d->driver, "d?1"));
    rig_close(&r);
}

static void bad_words_kill(void **state) {
    (void)state;
    for (int i = 0; i < 17; i++) {
        struct rig r;
        bool building = i < 8;
        rig_config(&r, 1);
        rig_open(&r);
        uint32_t cell = 0;
        if (building) {
            rig_step(&r, (struct worker_event){.kind = WORKER_EXEC_STARTED});
            rig_word(&r, 0, (struct word){.kind = WORD_OFFER, .u.offer = {.type = "flip", .version = 3}});
        } else {
            rig_join(&r);
            cell = rig_handed(&r, 1);
        }
        struct word w = rig_done(cell, P2_OK, 0);
        switch (i) {
        case 0: break; // DONE while building
        case 1: w = (struct word){.kind = WORD_OFFER, .u.offer = {.type = "flip", .version = 3}}; break; // twice
        case 2: w = (struct word){.kind = WORD_OFFER, .u.offer = {.type = "other", .version = 9}}; break;
        case 3: w = (struct word){.kind = WORD_OFFER, .u.offer = {.type = "nothing", .version = 1}}; break;
        case 4:
            w = (struct word){.kind = WORD_OFFER};
            memset(w.u.offer.type, 'f', sizeof w.u.offer.type); // no end
            break;
        case 5: w = (struct word){.kind = WORD_DEVICE}; break; // of kind 0
        case 6: w.kind = 0; break;                             // no word at all
        case 7: w.kind = WORD_QUIT; break;                     // ours to say
        case 8: w.u.done.cell = WORD_CELLS_MAX; break;
        case 9: w.u.done.cell = cell + 1; break;    // of no job
        case 10: w.u.done.result_size = 201; break; // more than the type can return
        case 11: w.u.done.result_size = UINT64_MAX; break;
        case 12: w.u.done.code = P2_ERR_BAD_MAGIC; break;
        case 13: w.u.done.kernel_ns = -1; break;
        case 14: w.kind = WORD_READY; break; // again
        case 15: w.u.done.launch_ns_max = -1; break;
        default: w.kind = (enum word_kind)999; break;
        }
        rig_word(&r, 0, w);
        assert_non_null(rig_action(&r, WORKER_ACT_KILL_EXEC, 0));
        assert_int_equal(rig_note(&r, WORKER_NOTE_EXEC_KILLED, 0)->code, P2_ERR_EXECUTION_FAILED);
        if (!building) {
            assert_int_equal(rig_sent(&r, P2_MSG_TASK_FAILURE, 0)->u.failure.code, P2_ERR_EXECUTION_FAILED);
        }
        rig_close(&r);
    }
}

static void an_executor_that_cannot_start_is_tried_again(void **state) {
    (void)state;
    struct rig r;
    rig_config(&r, 1);
    rig_open(&r);
    gone(&r, 0);
    assert_non_null(rig_action(&r, WORKER_ACT_START_EXEC, 0));
    gone(&r, 0);
    assert_null(rig_action(&r, WORKER_ACT_START_EXEC, 0));
    assert_int_equal(worker_next_ns(r.w), r.now + 250 * P2_MS);
    rig_close(&r);
}

static void tables_name_an_end_for_every_life(void **state) {
    (void)state;
    for (int s = 1; s < JOB_ENDED; s++) assert_true(worker_job_may((enum job_state)s, JOB_ENDED));
    for (int s = 0; s < JOB_STATES; s++) assert_false(worker_job_may(JOB_ENDED, (enum job_state)s));
    for (int s = 1; s < EXEC_STATES; s++) assert_true(worker_exec_may((enum exec_state)s, EXEC_DOWN));
    for (int s = 1; s < LINK_STATES; s++) assert_true(worker_link_may((enum link_state)s, LINK_WAITING));
    assert_false(worker_job_may(JOB_CANCELLING, JOB_SENDING));
    assert_false(worker_exec_may(EXEC_KILLING, EXEC_READY));
}

static void every_note_has_a_name(void **state) {
    (void)state;
    for (int k = 1; k < WORKER_NOTE_KINDS; k++) {
        const char *name = worker_note_name((enum worker_note_kind)k);
        assert_non_null(name);
        assert_string_not_equal(name, "unknown");
    }
    assert_string_equal(worker_note_name(WORKER_NOTE_KINDS), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_watchdog_waits_for_deadline_and_grace),
        cmocka_unit_test(a_cancelled_job_has_a_watchdog_too),
        cmocka_unit_test(one_executor_killed_leaves_the_others_alone),
        cmocka_unit_test(a_result_that_is_whole_survives_its_executor),
        cmocka_unit_test(a_crash_fails_its_jobs_for_another_peer),
        cmocka_unit_test(crashes_in_a_row_back_off),
        cmocka_unit_test(a_device_that_cannot_be_used_is_tried_rarely),
        cmocka_unit_test(silence_while_building_ends_it),
        cmocka_unit_test(setup_says_the_cells),
        cmocka_unit_test(the_device_says_what_it_is),
        cmocka_unit_test(bad_words_kill),
        cmocka_unit_test(an_executor_that_cannot_start_is_tried_again),
        cmocka_unit_test(tables_name_an_end_for_every_life),
        cmocka_unit_test(every_note_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
