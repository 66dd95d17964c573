// The last second of a client: what is counted, what falls out of it, and how times are summed up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "client/core/stats.h"

#define START (1000 * P2_SEC) // a slot begins here

static struct session_ended done(p2_ns total, p2_ns queue, p2_ns processing) {
    return (struct session_ended){
        .outcome = SESSION_DONE, .total_ns = total, .queue_ns = queue, .processing_ns = processing};
}

static void begins_empty(void **state) {
    (void)state;
    struct stats s;
    struct stats_view v;
    p2_stats_init(&s, START + 7);
    p2_stats_view(&s, START + 7, &v);
    const struct stats_view nothing = {0};
    assert_memory_equal(&v, &nothing, sizeof v);
    p2_stats_view(&s, START + 7 + 30 * P2_MS, &v);
    assert_int_equal(v.span_ns, 30 * P2_MS);
    p2_stats_view(&s, START + 5 * P2_SEC + 40 * P2_MS, &v);
    assert_int_equal(v.span_ns, 940 * P2_MS); // nine slots and what has passed of the tenth
}

static void a_second_passes_and_totals_stay(void **state) {
    (void)state;
    struct stats s;
    struct stats_view v;
    p2_stats_init(&s, START);
    struct session_ended e = done(4 * P2_MS, P2_MS, P2_MS);
    for (unsigned i = 0; i < 30; i++) { // 10 a second
        p2_stats_submitted(&s, START + i * 100 * P2_MS);
        e.cached = i == 25;
        if (i == 1 || i == 25) p2_stats_ended(&s, START + i * 100 * P2_MS, &e); // long ago; in the last second
    }
    e.outcome = SESSION_EXPIRED;
    p2_stats_ended(&s, START + 2950 * P2_MS, &e);
    p2_stats_view(&s, START + 2999 * P2_MS, &v);
    assert_int_equal(v.submitted, 10);
    assert_int_equal(v.ended[SESSION_DONE], 1);
    assert_int_equal(v.ended[SESSION_EXPIRED], 1);
    assert_int_equal(v.cached, 1);
    assert_int_equal(s.submitted, 30);
    assert_int_equal(s.ended[SESSION_DONE], 2);
    assert_int_equal(s.cached, 1);
    p2_stats_view(&s, START + 60 * P2_SEC, &v); // silence is not what was before it
    assert_int_equal(v.submitted, 0);
    assert_int_equal(v.ended[SESSION_DONE], 0);
    assert_int_equal(v.total.mean, 0);
    p2_stats_submitted(&s, START + 63 * P2_SEC); // a slot is used anew
    p2_stats_view(&s, START + 63 * P2_SEC, &v);
    assert_int_equal(v.submitted, 1);
    assert_int_equal(v.ended[SESSION_DONE], 0);
}

static void bytes_are_told_as_sums(void **state) {
    (void)state;
    struct stats s;
    struct stats_view v;
    p2_stats_init(&s, START);
    p2_stats_bytes(&s, START, 1000, 10);
    p2_stats_bytes(&s, START + 900 * P2_MS, 1000, 10); // nothing since
    p2_stats_bytes(&s, START + 950 * P2_MS, 1500, 30);
    p2_stats_view(&s, START + 950 * P2_MS, &v);
    assert_int_equal(v.bytes_in, 1500);
    assert_int_equal(v.bytes_out, 30);
    p2_stats_view(&s, START + 1050 * P2_MS, &v); // the first slot is over
    assert_int_equal(v.bytes_in, 500);
    assert_int_equal(v.bytes_out, 20);
}

static void times_have_a_mean_and_a_nearest_rank(void **state) {
    (void)state;
    struct stats s;
    struct stats_view v;
    p2_stats_init(&s, START);
    for (int i = 100; i >= 1; i--) { // 1 to 100 ms, half of it queue, a quarter processing
        struct session_ended e = done(i * P2_MS, i * P2_MS / 2, i * P2_MS / 4);
        p2_stats_ended(&s, START, &e);
    }
    p2_stats_view(&s, START, &v);
    assert_int_equal(v.total.mean, 50500 * P2_US);
    assert_int_equal(v.total.p95, 95 * P2_MS);
    assert_int_equal(v.queue.p95, 95 * P2_MS / 2);
    assert_int_equal(v.processing.mean, 12625 * P2_US);
    assert_int_equal(v.transfer.p95, 95 * P2_MS / 4);
    struct session_ended one = done(P2_MS, 0, 0);
    p2_stats_init(&s, START);
    p2_stats_ended(&s, START, &one);
    p2_stats_view(&s, START, &v);
    assert_int_equal(v.total.p95, P2_MS);
    assert_int_equal(v.total.mean, P2_MS);
}

static void clocks_elsewhere_may_lie(void **state) {
    (void)state;
    struct session_ended e = done(P2_MS, P2_MS, P2_MS); // more than passed here
    assert_int_equal(p2_stats_transfer(&e), 0);
    e = done(P2_MS, INT64_MAX, INT64_MAX);
    assert_int_equal(p2_stats_transfer(&e), 0);
    e = done(10 * P2_MS, P2_MS, 2 * P2_MS);
    assert_int_equal(p2_stats_transfer(&e), 7 * P2_MS);
}

static void more_than_are_kept_are_still_counted(void **state) {
    (void)state;
    struct stats s;
    struct stats_view v;
    p2_stats_init(&s, START);
    struct session_ended slow = done(P2_SEC, 0, 0), quick = done(P2_MS, 0, 0);
    for (unsigned i = 0; i < 50; i++) p2_stats_ended(&s, START, &slow);
    for (unsigned i = 0; i < STATS_SAMPLES; i++) p2_stats_ended(&s, START, &quick);
    p2_stats_view(&s, START, &v);
    assert_int_equal(v.ended[SESSION_DONE], 50 + STATS_SAMPLES);
    assert_int_equal(v.total.p95, P2_MS); // the newest ones
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_empty),
        cmocka_unit_test(a_second_passes_and_totals_stay),
        cmocka_unit_test(bytes_are_told_as_sums),
        cmocka_unit_test(times_have_a_mean_and_a_nearest_rank),
        cmocka_unit_test(clocks_elsewhere_may_lie),
        cmocka_unit_test(more_than_are_kept_are_still_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
