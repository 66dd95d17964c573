// What is measured, what it is held to, and when it may be believed.
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "loadtest/core/report.h"
#include "loadtest/core/threshold.h"

static struct report *filled(void) {
    struct report *r = report_create(16);
    for (int i = 1; i <= 1000; i++) {
        const struct report_end e = {.ending = ENDED_DONE,
                                     .attempts = i % 100 == 0 ? 2 : 1,
                                     .latency_ns = i * 100 * P2_US,
                                     .late_ns = 10 * P2_US,
                                     .queue_ns = 20 * P2_US,
                                     .processing_ns = 50 * P2_US};
        report_end(r, &e);
    }
    r->due = 1002;
    r->end_ns = 2 * P2_SEC;
    const struct report_end lost = {.ending = ENDED_EXPIRED, .code = P2_ERR_DEADLINE_EXCEEDED};
    const struct report_end wrong = {.ending = ENDED_DONE, .wrong = true};
    report_end(r, &lost);
    report_end(r, &wrong);
    return r;
}

static bool holds(const struct report *r, const char *text) {
    struct threshold t;
    char why[256];
    struct p2_strbuf s;
    p2_strbuf_init(&s, why, sizeof why);
    assert_true(threshold_parse(text, &t, &s));
    return threshold_holds(&t, r);
}

static void counts_add_up(void **state) {
    (void)state;
    struct report *r = filled();
    assert_int_equal(report_answered(r), 1002);
    assert_int_equal(r->ended[ENDED_DONE], 1000);
    assert_int_equal(r->ended[ENDED_EXPIRED], 1);
    assert_int_equal(r->ended[ENDED_FAILED], 1);
    assert_int_equal(r->codes[P2_ERR_DEADLINE_EXCEEDED], 1);
    assert_int_equal(r->wrong, 1);
    assert_int_equal(r->retried, 10);
    assert_true(report_rate(r) > 499 && report_rate(r) < 501);
    report_destroy(&r);
}

static void thresholds_are_read_and_kept(void **state) {
    (void)state;
    struct report *r = filled();
    assert_true(holds(r, "p50<50.2ms"));
    assert_false(holds(r, "p50<49ms"));
    assert_true(holds(r, "p99.9>99ms"));
    assert_true(holds(r, "max<=100ms"));
    assert_false(holds(r, "max<100ms"));
    assert_true(holds(r, "added.max<99.95ms"));
    assert_true(holds(r, "queue.p99<=20us"));
    assert_true(holds(r, "task1.max<=100ms"));
    assert_false(holds(r, "task2.p50<1h")); // there was none
    assert_true(holds(r, "success>0.99"));
    assert_true(holds(r, "success>=99%"));
    assert_false(holds(r, "success>0.999"));
    assert_true(holds(r, "rate>499"));
    assert_true(holds(r, "unanswered<1"));
    assert_false(holds(r, "wrong<1"));
    r->cpu_ns[PROGRAM_COORDINATOR] = 300 * P2_MS;
    r->begin_ns = P2_SEC;
    r->end_ns = 3 * P2_SEC;
    r->connections = 100;
    r->resident_bare = 10 << 20;
    for (int i = 1; i <= 3; i++) {
        struct report_second row = {.at_ns = i * P2_SEC, .resident = {0, 0, (uint64_t)(10 + i) << 20}};
        report_second(r, &row);
    }
    assert_true(holds(r, "coordinator<=15%"));
    assert_false(holds(r, "coordinator<15%"));
    assert_true(holds(r, "growth<8.4%")); // from 12 to 13 MiB: the first second is warm-up
    assert_false(holds(r, "growth<8.3%"));
    assert_true(holds(r, "connection<31KiB") && !holds(r, "connection<30KiB"));
    struct report_end job = {.ending = ENDED_DONE, .kernel_ns = 1800 * P2_MS, .peer = {{1}}};
    r->real_peers = 2;
    r->jobs_ns = 2 * P2_SEC;
    report_job(r, &job);
    assert_true(holds(r, "kernel<1%")); // the other has done nothing
    job.peer.b[0] = 2;
    report_job(r, &job);
    assert_true(holds(r, "kernel>=90%") && !holds(r, "kernel>90%"));
    job.cached = true;
    report_job(r, &job); // nobody worked
    job.cached = false;
    job.ending = ENDED_EXPIRED;
    report_job(r, &job);
    job.ending = ENDED_DONE;
    job.peer.b[0] = 1;
    report_job(r, &job);
    assert_false(holds(r, "kernel>90%")); // the least of them
    struct report *none = report_create(16);
    assert_false(holds(none, "p99<100ms")); // of nothing, nothing is known
    report_destroy(&none);
    report_destroy(&r);
}

static void what_is_no_threshold_gets_a_sentence(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",         "p99",           "p99=5ms",        "p99<5",        "p100<5ms",    "p0<5ms",   "pp<5ms",
        "speed<5",  "success<5ms",   "rate>x",         "rest.p99<",    "<5ms",        "p99<5ms ", "late<5ms",
        "p99<<5ms", "task0.p99<5ms", "task17.p99<5ms", "task1.rate>1", "task.p99<5ms"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct threshold t = {.limit = 17};
        char why[256] = "";
        struct p2_strbuf s;
        p2_strbuf_init(&s, why, sizeof why);
        assert_false(threshold_parse(wrong[i], &t, &s));
        assert_true(strlen(why) > 10);
        assert_true(t.limit == 17);
    }
}

static bool certified(const struct report *r, const char *because) {
    char why[256] = "";
    struct p2_strbuf s;
    p2_strbuf_init(&s, why, sizeof why);
    bool ok = report_certify(r, &s);
    assert_true(ok == (why[0] == 0));
    if (!ok) assert_non_null(strstr(why, because));
    return ok;
}

static void a_run_that_the_harness_held_up_is_not_certified(void **state) {
    (void)state;
    struct report *r = filled();
    r->cpu_ns[PROGRAM_LOAD] = r->cpu_ns[PROGRAM_PEERS] = 1400 * P2_MS; // 70 % of 2 s
    r->cpu_ns[PROGRAM_COORDINATOR] = 2 * P2_SEC;
    assert_true(certified(r, ""));
    r->cpu_ns[PROGRAM_LOAD] = 1420 * P2_MS;
    assert_false(certified(r, "the load took 71 %"));
    r->cpu_ns[PROGRAM_LOAD] = 0;
    r->cpu_ns[PROGRAM_PEERS] = 2 * P2_SEC;
    assert_false(certified(r, "synthetic peers"));
    r->cpu_ns[PROGRAM_PEERS] = 0;
    r->dropped = 1;
    assert_false(certified(r, "never sent"));
    r->dropped = 0;
    for (int i = 0; i < 20; i++) {
        const struct report_end e = {.ending = ENDED_DONE, .latency_ns = 30 * P2_MS, .late_ns = 20 * P2_MS};
        report_end(r, &e);
    }
    assert_false(certified(r, "late"));
    report_destroy(&r);
}

static void seconds_fold_when_there_is_no_room(void **state) {
    (void)state;
    struct report *r = report_create(16);
    for (int i = 0; i < 40; i++) {
        const struct report_end e = {.ending = ENDED_DONE, .latency_ns = (i + 1) * P2_MS};
        report_end(r, &e);
        struct report_second row = {.at_ns = (i + 1) * P2_SEC, .done = 1};
        report_second(r, &row);
    }
    assert_true(r->row_count <= 16);
    uint64_t done = 0;
    for (uint32_t i = 0; i < r->row_count; i++) {
        done += r->rows[i].done;
        assert_true(i == 0 || r->rows[i].at_ns > r->rows[i - 1].at_ns);
        assert_int_equal(r->rows[i].max_ns, r->rows[i].at_ns / 1000);
    }
    assert_int_equal(done, 40);
    report_destroy(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_add_up),
        cmocka_unit_test(thresholds_are_read_and_kept),
        cmocka_unit_test(what_is_no_threshold_gets_a_sentence),
        cmocka_unit_test(a_run_that_the_harness_held_up_is_not_certified),
        cmocka_unit_test(seconds_fold_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
