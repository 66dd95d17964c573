#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "os/os.h"
#include "peer/executor/run.h"
#include "types.h"

#define CELLS 8
#define CELL_BYTES 8192

// What came back, in order, and a gate that references wait at.
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct word_done done[100];
    uint32_t done_count, runs_count, runs_cell;
    bool gate_shut;
    uint32_t at_gate; // references that have reached it
    uint32_t sizes[100], started;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct device opencl, fake;
static bool has_opencl;
static struct program_cache cache;
static struct runner runner;
static struct proof proofs[TYPES];
static _Alignas(64) uint8_t memory[CELLS * 2 * CELL_BYTES];

static void on_done(void *arg, const struct word_done *done, const char *why) {
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    assert_true((done->code == P2_OK) == (why[0] == 0));
    assert_true(seen.done_count < 100);
    seen.done[seen.done_count++] = *done;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void on_runs(void *arg, uint32_t cell) {
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    seen.runs_count++;
    seen.runs_cell = cell;
    pthread_mutex_unlock(&seen.lock);
}

static void on_lost(void *arg, const char *why) {
    (void)arg, (void)why;
    abort();
}

static void at_gate(const struct test_block *b) {
    pthread_mutex_lock(&seen.lock);
    seen.sizes[seen.started++] = b->size;
    seen.at_gate++;
    pthread_cond_broadcast(&seen.changed);
    while (seen.gate_shut) pthread_cond_wait(&seen.changed, &seen.lock);
    seen.at_gate--;
    pthread_mutex_unlock(&seen.lock);
}

static void wait_done(uint32_t count) {
    pthread_mutex_lock(&seen.lock);
    while (seen.done_count < count) pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void gate(bool shut) {
    pthread_mutex_lock(&seen.lock);
    seen.gate_shut = shut;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_at_gate(void) {
    pthread_mutex_lock(&seen.lock);
    while (!seen.at_gate) pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void start(const struct device *device, uint32_t slots) {
    char text[PROOF_TEXT] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    test_on_reference = NULL;
    test_on_launch = NULL;
    seen.done_count = seen.started = seen.runs_count = 0;
    assert_int_equal(runner_init(&runner, device, 25, &why), P2_OK);
    memset(proofs, 0, sizeof proofs);
    proof_make(&proofs[TYPE_ADD], exec_types[TYPE_ADD], TYPE_ADD, runner_first_slot(&runner),
               &(struct proof_means){.cache = &cache});
    assert_true(proofs[TYPE_ADD].offered);
    proofs[TYPE_WRONG].type = exec_types[TYPE_WRONG];
    struct runner_options o = {
        .device = device,
        .proofs = proofs,
        .proof_count = 2,
        .setup = {WORDS_VERSION, CELLS, slots, 25, CELL_BYTES, CELL_BYTES},
        .memory = memory,
        .done = on_done,
        .runs = on_runs,
        .lost = on_lost,
    };
    assert_int_equal(runner_start(&runner, &o, &why), P2_OK);
}

static void stop(void) {
    runner_stop(&runner);
    runner_deinit(&runner);
    proof_drop(&proofs[TYPE_ADD]);
    test_on_reference = NULL;
    test_on_launch = NULL;
}

static struct word_job job_of(uint32_t cell, uint32_t size, uint32_t launches, p2_ns deadline_ns) {
    struct word_job job = {
        .cell = cell, .type_version = 1, .type = "add", .payload_size = size, .deadline_ns = deadline_ns};
    struct test_block b = {size, launches};
    memcpy(job.block, &b, sizeof b);
    uint8_t *in = memory + word_cell_in(&runner.o.setup, cell);
    for (uint32_t i = 0; i < size; i++) in[i] = (uint8_t)(i * 7 + cell);
    return job;
}

static void submit(uint32_t cell, uint32_t size, p2_ns deadline_ns) {
    struct word_job job = job_of(cell, size, 3, deadline_ns);
    assert_int_equal(runner_submit(&runner, &job, p2_clock_now()), P2_OK);
}

static void assert_result(uint32_t cell, uint32_t size) {
    const uint8_t *out = memory + word_cell_out(&runner.o.setup, cell);
    for (uint32_t i = 0; i < size; i++) assert_int_equal(out[i], (uint8_t)(i * 7 + cell + 1));
}

static void results_stand_in_their_cells(void **state) {
    (void)state;
    if (!has_opencl) skip();
    start(&opencl, 2);
    for (uint32_t i = 0; i < CELLS; i++) submit(i, 1000 + i, P2_NEVER);
    wait_done(CELLS);
    for (uint32_t i = 0; i < CELLS; i++) {
        assert_int_equal(seen.done[i].code, P2_OK);
        assert_int_equal(seen.done[i].result_size, 1000 + seen.done[i].cell);
        assert_true(seen.done[i].queue_ns >= 0 && seen.done[i].kernel_ns > 0);
        assert_true(seen.done[i].processing_ns > 0);
        assert_result(i, 1000 + i);
    }
    stop();
}

static void equal_jobs_allocate_nothing(void **state) {
    (void)state;
    if (!has_opencl) skip();
    start(&opencl, 1);
    for (uint32_t i = 0; i < 60; i++) {
        submit(i % CELLS, 5000, P2_NEVER);
        wait_done(i + 1);
    }
    assert_true(seen.done[9].allocations > 0);
    for (uint32_t i = 10; i < 60; i++) assert_int_equal(seen.done[i].allocations, seen.done[9].allocations);
    stop();
}

static void the_earliest_deadline_goes_first(void **state) {
    (void)state;
    start(&fake, 1);
    test_on_reference = at_gate;
    gate(true);
    submit(0, 100, P2_NEVER);
    wait_at_gate();
    p2_ns now = p2_clock_now();
    submit(1, 101, P2_NEVER);
    submit(2, 102, now + 300 * P2_SEC);
    submit(3, 103, now + 100 * P2_SEC);
    submit(4, 104, now + 200 * P2_SEC);
    submit(5, 105, now + 200 * P2_SEC);
    gate(false);
    wait_done(6);
    const uint32_t order[] = {100, 103, 104, 105, 102, 101};
    for (uint32_t i = 0; i < 6; i++) assert_int_equal(seen.sizes[i], order[i]);
    stop();
}

static void an_expired_job_does_not_start(void **state) {
    (void)state;
    start(&fake, 1);
    test_on_reference = at_gate;
    gate(false);
    submit(0, 100, p2_clock_now());
    wait_done(1);
    assert_int_equal(seen.done[0].code, P2_ERR_DEADLINE_EXCEEDED);
    assert_int_equal(seen.started, 0);
    submit(0, 100, P2_NEVER); // the cell is free again
    wait_done(2);
    assert_int_equal(seen.done[1].code, P2_OK);
    stop();
}

static void waiting_jobs_expire_while_the_slot_is_busy(void **state) {
    (void)state;
    start(&fake, 1);
    test_on_reference = at_gate;
    gate(true);
    submit(0, 100, P2_NEVER);
    wait_at_gate();
    p2_ns now = p2_clock_now();
    submit(1, 101, now + 100 * P2_SEC);
    submit(2, 102, now + 50 * P2_SEC);
    assert_int_equal(runner_expire(&runner, now), now + 50 * P2_SEC);
    assert_int_equal(seen.done_count, 0);
    assert_int_equal(runner_expire(&runner, now + 50 * P2_SEC), now + 100 * P2_SEC);
    assert_int_equal(seen.done_count, 1);
    assert_int_equal(seen.done[0].cell, 2);
    assert_int_equal(seen.done[0].code, P2_ERR_DEADLINE_EXCEEDED);
    assert_int_equal(runner_expire(&runner, now + 200 * P2_SEC), P2_NEVER);
    assert_int_equal(seen.done[1].cell, 1);
    gate(false);
    wait_done(3);
    assert_int_equal(seen.started, 1);
    stop();
}

static void a_waiting_job_is_cancelled_at_once(void **state) {
    (void)state;
    start(&fake, 1);
    test_on_reference = at_gate;
    gate(true);
    submit(0, 100, P2_NEVER);
    wait_at_gate();
    submit(1, 101, P2_NEVER);
    runner_cancel(&runner, 1);
    assert_int_equal(seen.done_count, 1);
    assert_int_equal(seen.done[0].cell, 1);
    assert_int_equal(seen.done[0].code, P2_ERR_CANCELLED);
    runner_cancel(&runner, 1); // it is free: nothing happens
    runner_cancel(&runner, 7);
    assert_int_equal(seen.done_count, 1);
    gate(false);
    wait_done(2);
    stop();
}

static void a_waiting_job_is_given_back_and_a_running_one_said_to_run(void **state) {
    (void)state;
    start(&fake, 1);
    test_on_reference = at_gate;
    gate(true);
    submit(0, 100, P2_NEVER);
    wait_at_gate();
    submit(1, 101, P2_NEVER);
    runner_recall(&runner, 0);
    assert_int_equal(seen.runs_count, 1);
    assert_int_equal(seen.runs_cell, 0);
    assert_int_equal(seen.done_count, 0);
    runner_recall(&runner, 1);
    assert_int_equal(seen.done_count, 1);
    assert_int_equal(seen.done[0].cell, 1);
    assert_int_equal(seen.done[0].code, P2_ERR_CANCELLED);
    assert_true(seen.done[0].returned);
    runner_recall(&runner, 1); // it is free: nothing is said
    assert_int_equal(seen.done_count, 1);
    submit(1, 102, P2_NEVER); // nor does the mark stick
    gate(false);
    wait_done(3);
    runner_recall(&runner, 0);
    assert_int_equal(seen.done_count, 3);
    assert_int_equal(seen.runs_count, 1);
    for (unsigned i = 1; i < 3; i++) assert_true(seen.done[i].code == P2_OK && !seen.done[i].returned);
    assert_int_equal(seen.sizes[1], 102);
    stop();
}

static void cancel_third(uint32_t number) {
    if (number == 3) runner_cancel(&runner, 4);
    seen.started++;
}

static void a_running_job_is_cancelled_between_launches(void **state) {
    (void)state;
    if (!has_opencl) skip();
    start(&opencl, 1);
    test_on_launch = cancel_third;
    struct word_job job = job_of(4, 5000, 100, P2_NEVER);
    assert_int_equal(runner_submit(&runner, &job, p2_clock_now()), P2_OK);
    wait_done(1);
    assert_int_equal(seen.done[0].code, P2_ERR_CANCELLED);
    assert_int_equal(seen.started, 4);
    test_on_launch = NULL;
    submit(4, 100, P2_NEVER); // the mark does not stick to the cell
    wait_done(2);
    assert_int_equal(seen.done[1].code, P2_OK);
    assert_result(4, 100);
    stop();
}

// The share of a slot's kernel by what was learned of it; `usual` is 1000 units.
static uint64_t share(void) {
    struct exec_slot *slot = runner_first_slot(&runner);
    return exec_share(slot, slot->types[TYPE_ADD].kernels[0].kernel, 1000);
}

static void launches_are_cut_by_what_they_took(void **state) {
    (void)state;
    if (!has_opencl) skip();
    start(&opencl, 1);
    struct slot_kernel *k = &runner.slots[0].exec.types[TYPE_ADD].kernels[0];
    k->ns_per_unit = 0;
    assert_int_equal(share(), 1000); // nothing learned yet
    k->ns_per_unit = 1e3;
    assert_int_equal(share(), 1000); // fast: as usual, not more
    k->ns_per_unit = 1e5;
    assert_int_equal(share(), 100); // 10 ms
    k->ns_per_unit = 1e12;
    assert_int_equal(share(), 1);
    // Launches that take their time teach it.
    k->ns_per_unit = 0;
    struct word_job job = job_of(0, 8000, 4, P2_NEVER);
    const struct test_block slow = {8000, 4, 20000};
    memcpy(job.block, &slow, sizeof slow);
    assert_int_equal(runner_submit(&runner, &job, p2_clock_now()), P2_OK);
    wait_done(1);
    assert_int_equal(seen.done[0].code, P2_OK);
    assert_result(0, 8000);
    assert_true(seen.done[0].launch_ns_max > 0 && seen.done[0].launch_ns_max <= seen.done[0].kernel_ns);
    if (seen.done[0].launch_ns_max >= P2_MS) {
        assert_true(k->ns_per_unit > 0 && k->ns_per_unit <= (double)seen.done[0].launch_ns_max / 2000 * 1.001);
    }
    // Launches that take hardly any take it back.
    k->ns_per_unit = 1e12;
    submit(1, 1000, P2_NEVER);
    wait_done(2);
    assert_int_equal(seen.done[1].code, P2_OK);
    assert_true(k->ns_per_unit < 1e12);
    stop();
}

static p2_ns late_after_ns;
static void wait_until_late(uint32_t number) {
    while (number == 2 && p2_clock_now() < late_after_ns) continue;
    seen.started++;
}

static void a_running_job_ends_at_its_deadline(void **state) {
    (void)state;
    if (!has_opencl) skip();
    start(&opencl, 1);
    test_on_launch = wait_until_late;
    late_after_ns = p2_clock_now() + 50 * P2_MS;
    struct word_job job = job_of(0, 5000, 100, late_after_ns);
    assert_int_equal(runner_submit(&runner, &job, p2_clock_now()), P2_OK);
    wait_done(1);
    assert_int_equal(seen.done[0].code, P2_ERR_DEADLINE_EXCEEDED);
    assert_true(seen.started <= 3);
    stop();
}

static void a_busy_cell_takes_no_second_job(void **state) {
    (void)state;
    start(&fake, 1);
    test_on_reference = at_gate;
    gate(true);
    submit(0, 100, P2_NEVER);
    wait_at_gate();
    submit(1, 100, P2_NEVER);
    struct word_job running = job_of(0, 100, 1, P2_NEVER), waiting = job_of(1, 100, 1, P2_NEVER);
    assert_int_equal(runner_submit(&runner, &running, 0), P2_ERR_UNEXPECTED_MESSAGE);
    assert_int_equal(runner_submit(&runner, &waiting, 0), P2_ERR_UNEXPECTED_MESSAGE);
    gate(false);
    wait_done(2);
    stop();
}

static void types_not_offered_are_refused(void **state) {
    (void)state;
    start(&fake, 1);
    const char *const names[] = {"wrong", "none", "", "add"};
    for (uint32_t i = 0; i < 4; i++) {
        struct word_job job = job_of(0, 100, 1, P2_NEVER);
        snprintf(job.type, sizeof job.type, "%s", names[i]);
        if (i == 3) job.type_version = 2;
        assert_int_equal(runner_submit(&runner, &job, p2_clock_now()), P2_OK);
        assert_int_equal(seen.done_count, i + 1);
        assert_int_equal(seen.done[i].code, P2_ERR_UNKNOWN_TYPE);
    }
    stop();
}

static void a_payload_that_is_not_what_the_block_says_fails_alone(void **state) {
    (void)state;
    start(has_opencl ? &opencl : &fake, 1);
    struct word_job job = job_of(0, 100, 1, P2_NEVER);
    job.payload_size = 99;
    assert_int_equal(runner_submit(&runner, &job, p2_clock_now()), P2_OK);
    wait_done(1);
    assert_int_equal(seen.done[0].code, P2_ERR_BAD_PAYLOAD);
    assert_int_equal(seen.done[0].result_size, 0);
    submit(0, 100, P2_NEVER);
    wait_done(2);
    assert_int_equal(seen.done[1].code, P2_OK);
    stop();
}

static void *stop_main(void *arg) {
    runner_stop(arg);
    return NULL;
}

static void stopping_ends_every_job(void **state) {
    (void)state;
    start(&fake, 1);
    test_on_reference = at_gate;
    gate(true);
    submit(0, 100, P2_NEVER);
    wait_at_gate();
    submit(1, 101, P2_NEVER);
    submit(2, 102, P2_NEVER);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_main, &runner), 0);
    gate(false);
    pthread_join(stopper, NULL);
    assert_int_equal(seen.done_count, 3);
    assert_int_equal(seen.done[0].code, P2_OK);
    runner_deinit(&runner);
    proof_drop(&proofs[TYPE_ADD]);
}

int main(void) {
    has_opencl = fixture_open(&opencl);
    if (has_opencl) program_cache_init(&cache, fixture_folder());
    device_open_fake(&fake);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_stand_in_their_cells),
        cmocka_unit_test(equal_jobs_allocate_nothing),
        cmocka_unit_test(the_earliest_deadline_goes_first),
        cmocka_unit_test(an_expired_job_does_not_start),
        cmocka_unit_test(waiting_jobs_expire_while_the_slot_is_busy),
        cmocka_unit_test(a_waiting_job_is_cancelled_at_once),
        cmocka_unit_test(a_waiting_job_is_given_back_and_a_running_one_said_to_run),
        cmocka_unit_test(a_running_job_is_cancelled_between_launches),
        cmocka_unit_test(launches_are_cut_by_what_they_took),
        cmocka_unit_test(a_running_job_ends_at_its_deadline),
        cmocka_unit_test(a_busy_cell_takes_no_second_job),
        cmocka_unit_test(types_not_offered_are_refused),
        cmocka_unit_test(a_payload_that_is_not_what_the_block_says_fails_alone),
        cmocka_unit_test(stopping_ends_every_job),
    };
    int failed = cmocka_run_group_tests_name("executor/run", tests, NULL, NULL);
    if (has_opencl) device_close(&opencl);
    fixture_remove();
    return failed;
}
