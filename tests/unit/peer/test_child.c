// Executor processes and the memory shared with them, with a small program in place of the executor.
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> // needs the above

#include "os/child.h"
#include "peer/shell/cells.h"
#include "wire/wire.h"

#define PATIENCE (30 * P2_SEC)

static struct cells cells;
static struct p2_blob_pool pool;
static struct p2_codec codec;
static const struct word_setup setup = {
    .version = WORDS_VERSION, .cells = 3, .slots = 2, .in_bytes = 1 << 20, .out_bytes = 1 << 20};

static int open_cells(void **state) {
    (void)state;
    p2_blob_pool_init(&pool, 1 << 22, 1 << 22);
    assert_true(p2_codec_init(&codec, &pool));
    return cells_init(&cells, &setup, &codec) == P2_OK ? 0 : 1;
}

static int close_cells(void **state) {
    (void)state;
    cells_deinit(&cells);
    assert_int_equal(pool.bytes_live, 0);
    p2_codec_deinit(&codec);
    p2_blob_pool_deinit(&pool);
    return 0;
}

static void begin(struct p2_child *c, const char *device) {
    const char *program = getenv("P2C2R_CHILD_FIXTURE");
    assert_non_null(program);
    const struct p2_child_options o = {
        .program = program, .device = device, .cache = "/some/cache", .nice = 3, .unheard_max = WORDS_UNHEARD_MAX};
    assert_int_equal(p2_child_start(c, &o, cells.fd), P2_OK);
}

static enum p2_child_heard hear(struct p2_child *c, struct word *w) {
    struct pollfd ready = {.fd = c->words, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, PATIENCE / P2_MS), 1);
    return p2_child_hear(c, w, sizeof *w);
}

static void end(struct p2_child *c, const char *how) {
    char text[64] = "";
    assert_true(p2_child_reap(c, PATIENCE, text, sizeof text));
    assert_string_equal(text, how);
    assert_int_equal(c->words, -1);
    assert_int_equal(c->pidfd, -1);
}

static void get_ready(struct p2_child *c) {
    struct word w;
    assert_true(p2_child_say(c, &(struct word){.kind = WORD_SETUP, .u.setup = setup}, sizeof(struct word)));
    assert_int_equal(hear(c, &w), P2_CHILD_WORD);
    assert_int_equal(w.kind, WORD_READY);
}

static void runs_a_job_and_quits(void **state) {
    (void)state;
    struct p2_child c;
    struct word w;
    begin(&c, "work");
    assert_int_equal(p2_child_hear(&c, &w, sizeof w), P2_CHILD_SILENT);
    get_ready(&c);
    struct p2_blob *payload = p2_blob_new(&pool, 1000);
    for (uint32_t i = 0; i < 1000; i++) payload->data[i] = (uint8_t)(i * 7);
    for (uint32_t at = 0; at < 1000; at += 500) { // in two pieces
        struct cells_piece piece = {.cell = 2, .raw_size = 500, .offset = at, .bytes = {payload, at, 500}};
        assert_int_equal(cells_store(&cells, &piece), P2_OK);
    }
    assert_true(p2_child_say(&c, &(struct word){.kind = WORD_JOB, .u.job = {.cell = 2, .payload_size = 1000}},
                             sizeof(struct word)));
    assert_int_equal(hear(&c, &w), P2_CHILD_WORD);
    assert_int_equal(w.u.done.result_size, 1000);
    struct p2_blob *result = cells_load(&cells, 2, 100, 900, &pool);
    assert_int_equal(result->size, 900);
    for (uint32_t i = 0; i < 900; i++) assert_int_equal(result->data[i], payload->data[899 - i]);
    p2_blob_unref(result);
    p2_blob_unref(payload);
    assert_true(p2_child_say(&c, &(struct word){.kind = WORD_QUIT}, sizeof(struct word)));
    end(&c, "exit code 0");
}

static void cells_do_not_touch_each_other(void **state) {
    (void)state;
    struct p2_blob *full = p2_blob_new(&pool, P2_RECORD_PAYLOAD_MAX);
    memset(full->data, 0xff, full->size);
    for (uint64_t at = 0; at < setup.in_bytes; at += full->size) {
        struct cells_piece piece = {.cell = 1, .raw_size = full->size, .offset = at, .bytes = {full, 0, full->size}};
        assert_int_equal(cells_store(&cells, &piece), P2_OK);
    }
    uint8_t byte;
    assert_int_equal(pread(cells.fd, &byte, 1, (off_t)word_cell_in(&setup, 1) - 1), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(pread(cells.fd, &byte, 1, (off_t)word_cell_out(&setup, 1) - 1), 1);
    assert_int_equal(byte, 0xff);
    assert_int_equal(pread(cells.fd, &byte, 1, (off_t)word_cell_out(&setup, 1)), 1);
    assert_int_equal(byte, 0);
    cells_release(&cells);
    assert_int_equal(pread(cells.fd, &byte, 1, (off_t)word_cell_out(&setup, 1) - 1), 1);
    assert_int_equal(byte, 0);
    p2_blob_unref(full);
}

static void deflated_bytes_are_inflated_or_refused(void **state) {
    (void)state;
    struct p2_blob *raw = p2_blob_new(&pool, 5000);
    memset(raw->data, 'a', raw->size);
    struct p2_blob *small = p2_body_deflate(&codec, raw->data, raw->size);
    assert_non_null(small);
    struct cells_piece piece = {.raw_size = 5000, .zstd = true, .bytes = {small, 0, small->size}};
    assert_int_equal(cells_store(&cells, &piece), P2_OK);
    uint8_t bytes[5001];
    assert_int_equal(pread(cells.fd, bytes, sizeof bytes, 0), sizeof bytes);
    assert_memory_equal(bytes, raw->data, 5000);
    assert_int_equal(bytes[5000], 0);
    piece.raw_size = 4999;
    assert_int_equal(cells_store(&cells, &piece), P2_ERR_BAD_RECORD);
    piece.raw_size = 5000;
    piece.bytes.size--;
    assert_int_equal(cells_store(&cells, &piece), P2_ERR_BAD_RECORD);
    piece = (struct cells_piece){.raw_size = 4999, .bytes = {raw, 0, 5000}};
    assert_int_equal(cells_store(&cells, &piece), P2_ERR_BAD_RECORD);
    p2_blob_unref(small);
    p2_blob_unref(raw);
}

static void a_pool_over_budget_gives_no_result(void **state) {
    (void)state;
    struct p2_blob_pool tight;
    p2_blob_pool_init(&tight, 100, 0);
    assert_null(cells_load(&cells, 0, 0, 1000, &tight));
    p2_blob_pool_deinit(&tight);
}

static void is_killed_and_started_again(void **state) {
    (void)state;
    struct p2_child c;
    char text[64];
    for (int i = 0; i < 3; i++) {
        begin(&c, "deaf");
        assert_false(p2_child_reap(&c, 0, text, sizeof text));
        p2_child_kill(&c);
        end(&c, "signal 9 (KILL)");
        p2_child_kill(&c); // harmless now
    }
    begin(&c, "work");
    get_ready(&c);
    p2_child_drop(&c);
    assert_int_equal(c.pid, 0);
}

static void says_how_it_ended(void **state) {
    (void)state;
    struct p2_child c;
    struct word w;
    begin(&c, "die");
    assert_int_equal(hear(&c, &w), P2_CHILD_CLOSED);
    end(&c, "exit code 3");
    begin(&c, "crash");
    end(&c, "signal 9 (KILL)");
    begin(&c, "close");
    assert_int_equal(hear(&c, &w), P2_CHILD_CLOSED);
    p2_child_kill(&c);
    end(&c, "signal 9 (KILL)");
    const struct p2_child_options none = {.program = "/nonexistent/program", .device = "0"};
    assert_int_equal(p2_child_start(&c, &none, cells.fd), P2_OK);
    end(&c, "exit code 127");
}

static void noise_is_no_word(void **state) {
    (void)state;
    struct p2_child c;
    struct word w;
    begin(&c, "noise");
    assert_int_equal(hear(&c, &w), P2_CHILD_NOISE);
    get_ready(&c); // and the next one is whole again
    p2_child_drop(&c);
}

static void does_not_wait_for_one_that_does_not_listen(void **state) {
    (void)state;
    struct p2_child c;
    begin(&c, "deaf");
    int said = 0;
    while (said < 100000 && p2_child_say(&c, &(struct word){.kind = WORD_CANCEL}, sizeof(struct word))) said++;
    assert_in_range(said, 2 * WORD_CELLS_MAX, 99999); // all that may be under way fits
    p2_child_drop(&c);
}

static void lives_in_clean_surroundings(void **state) {
    (void)state;
    int leak = open("/dev/null", O_RDONLY); // not CLOEXEC
    sigset_t term, before;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    struct p2_child c;
    struct word w;
    begin(&c, "describe");
    assert_int_equal(hear(&c, &w), P2_CHILD_WORD);
    char want[64];
    snprintf(want, sizeof want, "0 1 2 3 4 term=0 nice=%d leader=1", nice(0) + 3);
    assert_string_equal(w.text, want);
    p2_child_drop(&c);
    begin(&c, "cache");
    assert_int_equal(hear(&c, &w), P2_CHILD_WORD);
    assert_string_equal(w.text, "/some/cache");
    p2_child_drop(&c);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(leak);
}

static void does_not_outlive_its_parent(void **state) {
    (void)state;
    int line[2]; // the grandchild's standard error is its writing end: it reads as ended when both are gone
    assert_int_equal(pipe(line), 0);
    pid_t parent = fork();
    if (parent == 0) {
        dup2(line[1], STDERR_FILENO);
        close(line[0]);
        close(line[1]);
        struct p2_child c;
        struct word w;
        begin(&c, "describe");
        if (hear(&c, &w) != P2_CHILD_WORD) _exit(1);
        kill(getpid(), SIGKILL);
    }
    close(line[1]);
    int status;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status));
    struct pollfd ended = {.fd = line[0], .events = POLLIN};
    assert_int_equal(poll(&ended, 1, PATIENCE / P2_MS), 1);
    char byte;
    assert_int_equal(read(line[0], &byte, 1), 0);
    close(line[0]);
}

static void runs_a_command_to_its_end(void **state) {
    (void)state;
    const char *program = getenv("P2C2R_CHILD_FIXTURE");
    char text[4096];
    const struct p2_child_capture capture = {text, sizeof text}, narrow = {text, 11};
    assert_int_equal(p2_child_run(program, (const char *const[]){"--list", NULL}, &capture, PATIENCE), 0);
    assert_non_null(strstr(text, "compute_units"));
    assert_int_equal(p2_child_run(program, (const char *const[]){"--list", NULL}, &narrow, PATIENCE), 0);
    assert_string_equal(text, "{\"index\":0");
    assert_int_equal(p2_child_run(program, (const char *const[]){"--device", NULL}, &capture, PATIENCE), 2);
    const char *const forever[] = {"--device", "deaf", "--cache", "x", NULL};
    assert_int_equal(p2_child_run(program, forever, &capture, 1), -1);
    assert_int_equal(p2_child_run(program, forever, NULL, 1), -1);
    assert_int_equal(p2_child_run("/nonexistent/program", (const char *const[]){NULL}, &capture, PATIENCE), 127);
}

static void finds_only_what_can_be_run(void **state) {
    (void)state;
    char path[P2_CHILD_PATH_MAX];
    assert_true(p2_child_find(getenv("P2C2R_CHILD_FIXTURE"), path));
    assert_false(p2_child_find("/nonexistent/program", path));
    assert_string_equal(path, "/nonexistent/program");
    assert_false(p2_child_find(NULL, path)); // not beside this test
    assert_non_null(strstr(path, "p2c2r-executor"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_a_job_and_quits, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(cells_do_not_touch_each_other, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(deflated_bytes_are_inflated_or_refused, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(a_pool_over_budget_gives_no_result, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(is_killed_and_started_again, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(says_how_it_ended, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(noise_is_no_word, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(does_not_wait_for_one_that_does_not_listen, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(lives_in_clean_surroundings, open_cells, close_cells),
        cmocka_unit_test_setup_teardown(does_not_outlive_its_parent, open_cells, close_cells),
        cmocka_unit_test(runs_a_command_to_its_end),
        cmocka_unit_test(finds_only_what_can_be_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
