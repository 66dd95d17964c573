// Submit-and-wait, and the statistics of a client that talks to a coordinator.
#include <string.h>

#include "client_rig.h"
#include "p2c2r/inspect.h"
#include "p2c2r/stats.h"

static p2c2r_stats stats_of(p2c2r_client *c) {
    p2c2r_stats s = {.size = sizeof s};
    assert_int_equal(p2c2r_stats_get(c, &s), P2C2R_OK);
    assert_int_equal(s.submitted, s.done + s.refused + s.failed + s.expired + s.cancelled + s.lost + s.in_flight);
    return s;
}

static void submits_and_waits(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    p2c2r_task task = echo_task("hello", 5);
    p2c2r_result r = {.size = sizeof r};
    assert_int_equal(p2c2r_submit_wait(c, &task, &r, PATIENCE_US), P2C2R_OK);
    assert_int_equal(r.outcome, P2C2R_DONE);
    assert_memory_equal(r.data, "hello", 5);
    p2c2r_release(c, &r);
    f.mood = FAKE_SILENT;
    assert_int_equal(p2c2r_submit_wait(c, &task, &r, 1000), P2C2R_ETIMEOUT);
    p2c2r_ticket t = r.ticket;
    assert_int_equal(p2c2r_cancel(c, t), P2C2R_OK); // it lives on, until told otherwise
    r = await(c, t);
    assert_int_equal(r.outcome, P2C2R_CANCELLED);
    p2c2r_release(c, &r);
    task.type = "teleport";
    assert_int_equal(p2c2r_submit_wait(c, &task, &r, PATIENCE_US), P2C2R_EINVAL);
    assert_int_equal(p2c2r_submit_wait(c, NULL, &r, 0), P2C2R_EINVAL);
    assert_int_equal(p2c2r_submit_wait(c, &task, NULL, 0), P2C2R_EINVAL);
    assert_int_equal(p2c2r_submit_wait(NULL, &task, &r, 0), P2C2R_EINVAL);
    r.size = 1;
    assert_int_equal(p2c2r_submit_wait(c, &task, &r, 0), P2C2R_EINVAL);
    assert_int_equal(stats_of(c).submitted, 2);
    shut(&c);
    fake_stop(&f);
}

static void statistics_tell_what_happened(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){.tasks_max = 4});
    p2c2r_stats s = stats_of(c);
    assert_int_equal(s.submitted, 0);
    assert_int_equal(s.rtt_us, 0);
    p2c2r_cluster cluster = {.size = sizeof cluster};
    assert_int_equal(p2c2r_cluster_wait(c, &cluster, PATIENCE_US), P2C2R_OK);
    static uint8_t payload[100000];
    for (int i = 0; i < 3; i++) {
        p2c2r_result r = await(c, submit(c, payload, sizeof payload));
        p2c2r_release(c, &r);
    }
    s = stats_of(c);
    assert_int_equal(s.done, 3);
    assert_int_equal(s.connected, 1);
    assert_int_equal(s.reconnects, 0);
    assert_int_equal(s.rtt_us, cluster.rtt_us);
    assert_true(s.span_us > 0);
    assert_true(s.total.mean_us >= s.queue.mean_us + s.processing.mean_us);
    assert_true(s.total.p95_us > 0);
    assert_true(s.bytes_out_per_s * (double)s.span_us / 1e6 <=
                400000); // the payloads of three at most, and little else
    f.mood = FAKE_SILENT;
    for (int i = 0; i < 4; i++) submit(c, "x", 1);
    p2c2r_task task = echo_task("x", 1);
    p2c2r_ticket t;
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_EAGAIN);
    assert_int_equal(p2c2r_submit_batch(c, &task, 1, &t, NULL), P2C2R_EAGAIN);
    s = stats_of(c);
    assert_int_equal(s.in_flight, 4);
    assert_int_equal(s.window_full, 2);
    shut(&c);
    fake_stop(&f);
}

static void every_end_is_counted_once(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_REFUSE, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    static const enum fake_mood moods[] = {FAKE_REFUSE, FAKE_FAIL, FAKE_BAD_ZSTD, FAKE_HANG_UP, FAKE_ECHO};
    static const uint8_t payload[200];
    for (size_t i = 0; i < sizeof moods / sizeof *moods; i++) {
        f.mood = moods[i];
        p2c2r_result r = await(c, submit(c, payload, sizeof payload));
        p2c2r_release(c, &r);
    }
    p2c2r_stats s = stats_of(c);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.failed, 2); // the fake's own failure, and a result that did not unpack
    assert_int_equal(s.lost, 1);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.reconnects, 1);
    shut(&c);
    fake_stop(&f);
}

static void structs_of_other_versions_are_filled(void **state) {
    (void)state;
    p2c2r_client *c = open_at("ws://127.0.0.1:9", (p2c2r_options){0});
    struct {
        p2c2r_stats known;
        uint64_t newer;
    } s = {{.size = sizeof s}, 5};
    assert_int_equal(p2c2r_stats_get(c, &s.known), P2C2R_OK);
    assert_int_equal(s.known.size, sizeof s);
    assert_int_equal(s.newer, 0);
    s.known.size = offsetof(p2c2r_stats, done);
    s.known.done = 77;
    assert_int_equal(p2c2r_stats_get(c, &s.known), P2C2R_OK);
    assert_int_equal(s.known.done, 77); // an older caller has no such field
    s.known.size = 0;
    assert_int_equal(p2c2r_stats_get(c, &s.known), P2C2R_EINVAL);
    assert_true(strlen(p2c2r_last_error(c)) > 10);
    assert_int_equal(p2c2r_stats_get(c, NULL), P2C2R_EINVAL);
    assert_int_equal(p2c2r_stats_get(NULL, &s.known), P2C2R_EINVAL);
    p2c2r_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submits_and_waits),
        cmocka_unit_test(statistics_tell_what_happened),
        cmocka_unit_test(every_end_is_counted_once),
        cmocka_unit_test(structs_of_other_versions_are_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
