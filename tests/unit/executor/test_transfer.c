// How payloads and results get to a device and back: without a copy where it shares memory; where it does not, payloads
// while jobs before theirs compute.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "os/os.h"
#include "peer/executor/run.h"
#include "types.h"

#define CELLS 4
#define CELL_BYTES ((size_t)1 << 20)

// The same device three times: as it is, as graphics that share the processor's memory, and as a card of its own.
static struct device shared, unified, remote;
static struct program_cache cache;
static struct runner runner;
static struct proof proof;
static uint64_t proof_copies; // made before the first job
static _Alignas(4096) uint8_t memory[CELLS * 2 * CELL_BYTES];

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct word_done done[32];
    uint32_t done_count;
    bool gate_shut, at_gate;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

// Between host and device, of the slot and of the queue beside it.
static uint64_t copies(void) { return runner.slots[0].exec.copies + runner.uploads.copies; }

static void on_done(void *arg, const struct word_done *done, const char *why) {
    (void)arg, (void)why;
    pthread_mutex_lock(&seen.lock);
    seen.done[seen.done_count++] = *done;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void on_runs(void *arg, uint32_t cell) { (void)arg, (void)cell; }
static void on_lost(void *arg, const char *why) {
    (void)arg, (void)why;
    abort();
}

static void wait_done(uint32_t count) {
    pthread_mutex_lock(&seen.lock);
    while (seen.done_count < count) pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_at_gate(uint32_t launch) {
    pthread_mutex_lock(&seen.lock);
    seen.at_gate = true;
    pthread_cond_broadcast(&seen.changed);
    while (launch == 1 && seen.gate_shut) pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

static void open_gate(void) {
    pthread_mutex_lock(&seen.lock);
    seen.gate_shut = false;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void start(const struct device *device) {
    char text[PROOF_TEXT] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    test_on_launch = NULL;
    seen.done_count = 0;
    assert_int_equal(runner_init(&runner, device, 25, &why), P2_OK);
    proof_make(&proof, exec_types[TYPE_ADD], TYPE_ADD, runner_first_slot(&runner),
               &(struct proof_means){.cache = &cache});
    assert_true(proof.offered);
    const struct runner_options o = {
        .device = device,
        .proofs = &proof,
        .proof_count = 1,
        .setup = {WORDS_VERSION, CELLS, 1, 25, CELL_BYTES, CELL_BYTES},
        .memory = memory,
        .done = on_done,
        .runs = on_runs,
        .lost = on_lost,
    };
    assert_int_equal(runner_start(&runner, &o, &why), P2_OK);
    proof_copies = copies();
}

static void stop(void) {
    runner_stop(&runner);
    runner_deinit(&runner);
    proof_drop(&proof);
    test_on_launch = NULL;
}

static void submit(uint32_t cell, uint32_t size, uint8_t seed) {
    struct word_job job = {
        .cell = cell, .type_version = 1, .type = "add", .payload_size = size, .deadline_ns = P2_NEVER};
    const struct test_block b = {size, 3};
    memcpy(job.block, &b, sizeof b);
    uint8_t *in = memory + word_cell_in(&runner.o.setup, cell);
    for (uint32_t i = 0; i < size; i++) in[i] = (uint8_t)(i * 7 + seed);
    assert_int_equal(runner_submit(&runner, &job, p2_clock_now()), P2_OK);
}

static void assert_result(uint32_t cell, uint32_t size, uint8_t seed) {
    const uint8_t *out = memory + word_cell_out(&runner.o.setup, cell);
    for (uint32_t i = 0; i < size; i++) assert_int_equal(out[i], (uint8_t)(i * 7 + seed + 1));
}

static void copies_nothing(const struct device *device) {
    start(device);
    for (uint32_t i = 0; i < 8; i++) {
        submit(i % CELLS, CELL_BYTES, (uint8_t)i);
        wait_done(i + 1);
        assert_int_equal(seen.done[i].code, P2_OK);
        assert_result(i % CELLS, CELL_BYTES, (uint8_t)i);
    }
    assert_int_equal(copies(), 0);
    stop();
}

static void shared_memory_is_not_copied(void **state) {
    (void)state;
    if (!shared.info.shares_memory) skip();
    copies_nothing(&shared);
    copies_nothing(&unified);
}

static void views_are_tried_before_they_are_used(void **state) {
    (void)state;
    if (!shared.info.shares_memory) skip();
    assert_true(device_views_work(&shared));
    assert_true(device_views_work(&unified));
    assert_false(device_views_work(&remote));
    uint8_t *page = memory;
    cl_mem view = device_view(&unified, page, 100);
    assert_non_null(view);
    clReleaseMemObject(view);
    assert_null(device_view(&unified, page + 64, 100));
}

static void each_way_is_one_copy_where_nothing_is_shared(void **state) {
    (void)state;
    start(&remote);
    for (uint32_t i = 0; i < 8; i++) {
        submit(i % CELLS, 100000, (uint8_t)i);
        wait_done(i + 1);
        assert_int_equal(seen.done[i].code, P2_OK);
        assert_result(i % CELLS, 100000, (uint8_t)i);
    }
    assert_int_equal(copies() - proof_copies, 16);
    assert_int_equal(runner.uploads.copies, 8);
    stop();
}

static void a_payload_travels_while_the_job_before_it_computes(void **state) {
    (void)state;
    start(&remote);
    seen.at_gate = false;
    seen.gate_shut = true;
    test_on_launch = wait_at_gate;
    submit(0, 100000, 1); // stays between its launches
    pthread_mutex_lock(&seen.lock);
    while (!seen.at_gate) pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
    submit(1, 100000, 2);
    assert_non_null(runner.cells[1].upload.done);
    assert_int_equal(clWaitForEvents(1, &runner.cells[1].upload.done), CL_SUCCESS);
    assert_int_equal(seen.done_count, 0); // it is there, and the first still runs
    open_gate();
    wait_done(2);
    assert_int_equal(copies() - proof_copies, 4);
    assert_result(0, 100000, 1);
    assert_result(1, 100000, 2);
    stop();
}

static void a_payload_on_its_way_is_waited_for_before_its_cell_is_free(void **state) {
    (void)state;
    start(&remote);
    seen.at_gate = false;
    seen.gate_shut = true;
    test_on_launch = wait_at_gate;
    submit(0, 1000, 1);
    for (uint32_t i = 1; i < CELLS; i++) submit(i, CELL_BYTES, (uint8_t)i);
    runner_cancel(&runner, 1);
    runner_recall(&runner, 2);
    assert_int_equal(seen.done_count, 2);
    for (uint32_t i = 1; i <= 2; i++) assert_null(runner.cells[i].upload.done);
    submit(1, 5000, 90); // smaller, in the buffer that is there
    open_gate();
    wait_done(5);
    assert_result(1, 5000, 90);
    assert_result(3, CELL_BYTES, 3);
    for (uint32_t i = 0; i < CELLS; i++) assert_null(runner.cells[i].upload.done);
    stop();
}

static void without_room_for_it_a_payload_goes_with_its_job(void **state) {
    (void)state;
    struct device small = remote;
    small.info.facts.memory_bytes = 8 * CELL_BYTES; // an eighth of it holds one payload
    start(&small);
    seen.gate_shut = true;
    test_on_launch = wait_at_gate;
    for (uint32_t i = 0; i < CELLS; i++) submit(i, CELL_BYTES, (uint8_t)i);
    assert_null(runner.cells[CELLS - 1].upload.mem);
    open_gate();
    wait_done(CELLS);
    for (uint32_t i = 0; i < CELLS; i++) assert_result(i, CELL_BYTES, (uint8_t)i);
    stop();
}

int main(void) {
    if (!fixture_open(&shared)) return TEST_SKIPPED;
    unified = remote = shared;
    unified.info.facts.is_cpu = remote.info.facts.is_cpu = false;
    unified.info.shares_memory = true;
    remote.info.shares_memory = false;
    program_cache_init(&cache, fixture_folder());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_memory_is_not_copied),
        cmocka_unit_test(views_are_tried_before_they_are_used),
        cmocka_unit_test(each_way_is_one_copy_where_nothing_is_shared),
        cmocka_unit_test(a_payload_travels_while_the_job_before_it_computes),
        cmocka_unit_test(a_payload_on_its_way_is_waited_for_before_its_cell_is_free),
        cmocka_unit_test(without_room_for_it_a_payload_goes_with_its_job),
    };
    int failed = cmocka_run_group_tests_name("executor/transfer", tests, NULL, NULL);
    device_close(&shared);
    fixture_remove();
    return failed;
}
