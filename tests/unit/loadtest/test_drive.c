// The clients' common part: what may be submitted when, what counts, and who is caught.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "loadtest/bench/dispatch/drive.h"

#define SIZE 64u
#define WINDOW 8u

static void start(struct drive *d, p2_ns warm_ns, p2_ns measured_ns) {
    const struct drive_plan plan = {
        .payload_bytes = SIZE, .in_flight = WINDOW, .warm_ns = warm_ns, .measured_ns = measured_ns};
    drive_init(d, &plan);
    drive_begin(d);
}

static void the_window_is_as_large_as_planned(void **state) {
    (void)state;
    struct drive d;
    uint8_t open[WINDOW][SIZE];
    bool seen[WINDOW] = {false};
    start(&d, P2_SEC, P2_SEC);
    assert_int_equal(drive_room(&d), WINDOW);
    for (uint32_t i = 0; i < WINDOW; i++) {
        memcpy(open[i], drive_next(&d), SIZE);
        uint32_t slot;
        memcpy(&slot, open[i], sizeof slot);
        assert_in_range(slot, 0, WINDOW - 1);
        assert_false(seen[slot]);
        seen[slot] = true;
    }
    assert_int_equal(drive_room(&d), 0);
    for (uint32_t i = 0; i < WINDOW; i++) drive_done(&d, open[WINDOW - 1 - i], SIZE);
    assert_int_equal(drive_room(&d), WINDOW);
    drive_deinit(&d);
}

// The clock is the test's: a turn sets it.
static void only_what_ends_between_the_edges_counts(void **state) {
    (void)state;
    struct drive d;
    uint8_t first[SIZE], second[SIZE];
    start(&d, 0, P2_SEC);
    memcpy(first, drive_next(&d), SIZE);
    drive_done(&d, first, SIZE); // the warm-up ends here
    assert_int_equal(d.phase, DRIVE_MEASURES);
    memcpy(first, drive_next(&d), SIZE);
    memcpy(second, drive_next(&d), SIZE);
    d.now += 2 * P2_MS;
    drive_done(&d, first, SIZE);
    assert_int_equal(d.phase, DRIVE_MEASURES);
    assert_false(drive_over(&d));
    memcpy(first, drive_next(&d), SIZE);
    d.now += P2_SEC;
    drive_done(&d, second, SIZE);
    assert_int_equal(d.phase, DRIVE_DRAINS);
    assert_int_equal(drive_room(&d), 0);
    assert_false(drive_over(&d)); // one is open
    drive_done(&d, first, SIZE);
    assert_true(drive_over(&d));
    struct drive_figures f;
    drive_figures(&d, &f);
    assert_int_equal(f.tasks, 2);
    assert_true(f.seconds > 1.001 && f.seconds < 1.003);
    assert_true(f.p50_us > 1999 && f.p50_us < 2002.1); // to a thousandth
    assert_true(f.p99_us > 1001999 && f.p99_us < 1003004);
    drive_deinit(&d);
}

static int exit_code_of(void (*act)(struct drive *d, uint8_t *payload)) {
    pid_t pid = fork();
    if (pid == 0) {
        struct drive d;
        uint8_t payload[SIZE + 1] = {0};
        if (!freopen("/dev/null", "w", stderr)) _exit(9);
        start(&d, P2_SEC, P2_SEC);
        memcpy(payload, drive_next(&d), SIZE);
        act(&d, payload);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void is_right(struct drive *d, uint8_t *p) { drive_done(d, p, SIZE); }
static void is_short(struct drive *d, uint8_t *p) { drive_done(d, p, SIZE - 1); }
static void is_long(struct drive *d, uint8_t *p) { drive_done(d, p, SIZE + 1); }
static void comes_twice(struct drive *d, uint8_t *p) {
    drive_done(d, p, SIZE);
    drive_done(d, p, SIZE);
}
static void has_another_stamp(struct drive *d, uint8_t *p) {
    p[9] ^= 1;
    drive_done(d, p, SIZE);
}
static void has_another_slot(struct drive *d, uint8_t *p) {
    p[0] ^= 1;
    drive_done(d, p, SIZE);
}
static void has_another_end(struct drive *d, uint8_t *p) {
    p[SIZE - 1] ^= 1;
    drive_done(d, p, SIZE);
}

static void a_wrong_answer_ends_the_run(void **state) {
    (void)state;
    assert_int_equal(exit_code_of(is_right), 0);
    assert_int_equal(exit_code_of(is_short), 2);
    assert_int_equal(exit_code_of(is_long), 2);
    assert_int_equal(exit_code_of(comes_twice), 2);
    assert_int_equal(exit_code_of(has_another_stamp), 2);
    assert_int_equal(exit_code_of(has_another_slot), 2);
    assert_int_equal(exit_code_of(has_another_end), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_is_as_large_as_planned),
        cmocka_unit_test(only_what_ends_between_the_edges_counts),
        cmocka_unit_test(a_wrong_answer_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
