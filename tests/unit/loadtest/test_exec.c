// The pretended executor: it answers every word as a real one would, and takes the time that it was told.
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "loadtest/exec.h"

static struct scenario scenario;
static struct exec exec;
static struct exec_words words;
static struct p2_rng rng;

static struct scenario_group group;

static void begin(double error, double stall, p2_ns service, uint32_t slots) {
    const struct word_setup setup = {.cells = 4, .slots = slots, .in_bytes = 1 << 20, .out_bytes = 1 << 20};
    group = (struct scenario_group){.slots = slots, .speed = 2, .error = error, .stall = stall};
    scenario = (struct scenario){.task_count = 2};
    scenario.tasks[0].type = scenario.tasks[1].type = p2_task_type_find(p2_str("echo"));
    scenario.tasks[0].service = scenario.tasks[1].service = (struct dist){DIST_CONSTANT, service, 0};
    p2_rng_init(&rng, 1);
    exec_deinit(&exec);
    assert_true(exec_init(&exec, &scenario, &group, &setup));
}

static void hear(enum word_kind kind, uint32_t cell, p2_ns now) {
    struct word w = {.kind = kind};
    if (kind == WORD_JOB)
        w.u.job = (struct word_job){.cell = cell, .payload_size = 64, .deadline_ns = P2_SEC};
    else
        w.u.cell = cell;
    exec_hear(&exec, &w, now, &rng, &words);
}

static void give(uint32_t cell, p2_ns now) {
    uint8_t first[SYNTHETIC_HEADER];
    synthetic_put(&(struct synthetic){.task = 0, .result_bytes = 100, .content = cell}, first);
    exec_store(&exec, cell, 0, first, 10);
    exec_store(&exec, cell, 10, first + 10, 6);
    hear(WORD_JOB, cell, now);
}

static void tick(p2_ns now) { exec_tick(&exec, now, &rng, &words); }

static void expect_done(uint32_t i, uint32_t cell, enum p2_err code) {
    assert_true(i < words.count);
    assert_int_equal(words.all[i].kind, WORD_DONE);
    assert_int_equal(words.all[i].u.done.cell, cell);
    assert_int_equal(words.all[i].u.done.code, code);
}

static void it_offers_each_type_once(void **state) {
    (void)state;
    begin(0, 0, 0, 1);
    hear(WORD_SETUP, 0, 0);
    assert_int_equal(words.count, 3);
    assert_int_equal(words.all[0].kind, WORD_DEVICE);
    assert_string_equal(words.all[1].u.offer.type, "echo");
    assert_int_equal(words.all[2].kind, WORD_READY);
    scenario.tasks[1].type = p2_task_type_find(p2_str("upscale"));
    hear(WORD_SETUP, 0, 0);
    assert_int_equal(words.count, 4);
    for (uint32_t i = 0; i < p2_task_type_count; i++)
        group.types |= (uint32_t)(p2_task_types[i] == scenario.tasks[1].type) << i;
    hear(WORD_SETUP, 0, 0);
    assert_int_equal(words.count, 3);
    assert_string_equal(words.all[1].u.offer.type, "upscale");
}

static void jobs_take_their_time_and_their_turn(void **state) {
    (void)state;
    begin(0, 0, 10 * P2_MS, 1);
    give(2, 0);
    give(1, P2_MS);
    assert_int_equal(words.count, 0);
    assert_int_equal(exec_next_ns(&exec), 5 * P2_MS); // of speed 2
    tick(5 * P2_MS);
    assert_int_equal(words.count, 1);
    expect_done(0, 2, P2_OK);
    assert_int_equal(words.all[0].u.done.result_size, 100);
    assert_int_equal(words.all[0].u.done.processing_ns, 5 * P2_MS);
    tick(10 * P2_MS);
    expect_done(0, 1, P2_OK);
    assert_int_equal(words.all[0].u.done.queue_ns, 4 * P2_MS);
    assert_int_equal(exec.busy_ns, 10 * P2_MS);
    assert_int_equal(exec_next_ns(&exec), P2_NEVER);
}

static void what_takes_no_time_is_done_at_once(void **state) {
    (void)state;
    begin(0, 0, 0, 1);
    give(0, 7);
    assert_int_equal(words.count, 1);
    expect_done(0, 0, P2_OK);
    uint8_t whole[100], part[100];
    struct synthetic s;
    exec_load(&exec, 0, 0, whole, 100);
    exec_load(&exec, 0, 0, part, 7);
    exec_load(&exec, 0, 7, part + 7, 93);
    assert_memory_equal(whole, part, 100);
    assert_true(synthetic_get(whole, &s) && s.result_bytes == 100 && s.content == 0);
}

static void payloads_of_others_come_back(void **state) {
    (void)state;
    begin(0, 0, P2_SEC, 1);
    exec_store(&exec, 0, 0, (const uint8_t *)"not one of our payloads", 23);
    hear(WORD_JOB, 0, 7);
    expect_done(0, 0, P2_OK);
    assert_int_equal(words.all[0].u.done.result_size, 64);
}

static void they_fail_and_stall_as_often_as_told(void **state) {
    (void)state;
    begin(0.25, 0, 0, 1);
    for (int i = 0; i < 4000; i++) give(0, i);
    assert_true(exec.failed > 900 && exec.failed < 1100);
    begin(0, 1, 0, 1);
    give(0, 0);
    assert_int_equal(words.count, 0);
    assert_int_equal(exec_next_ns(&exec), P2_NEVER);
    hear(WORD_CANCEL, 0, P2_SEC);
    expect_done(0, 0, P2_ERR_CANCELLED);
    assert_int_equal(exec.running, 0);
}

static void recalls_cancels_and_deadlines(void **state) {
    (void)state;
    begin(0, 0, P2_SEC * 10, 1);
    give(0, 0);
    give(1, 0);
    give(2, 0);
    hear(WORD_RECALL, 0, 1);
    assert_int_equal(words.all[0].kind, WORD_RUNS);
    hear(WORD_RECALL, 1, 1);
    expect_done(0, 1, P2_ERR_CANCELLED);
    assert_true(words.all[0].u.done.returned);
    hear(WORD_RECALL, 1, 2); // of a job that is no more
    assert_int_equal(words.count, 0);
    tick(P2_SEC); // one runs, and its watchdog is the worker's; one has waited too long
    assert_int_equal(words.count, 1);
    expect_done(0, 2, P2_ERR_DEADLINE_EXCEEDED);
    hear(WORD_QUIT, 0, P2_SEC);
    assert_false(exec_left(&exec));
    hear(WORD_CANCEL, 0, P2_SEC);
    assert_true(exec_left(&exec));
    exec_reset(&exec);
    assert_false(exec_left(&exec));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_offers_each_type_once),
        cmocka_unit_test(jobs_take_their_time_and_their_turn),
        cmocka_unit_test(what_takes_no_time_is_done_at_once),
        cmocka_unit_test(payloads_of_others_come_back),
        cmocka_unit_test(they_fail_and_stall_as_often_as_told),
        cmocka_unit_test(recalls_cancels_and_deadlines),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    exec_deinit(&exec);
    return failed;
}
