// Which of several coordinators is taken, and when.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/core/route.h"

static p2_ns now;

static void begin(struct route *r, uint32_t count, uint64_t seed) {
    now = P2_SEC;
    p2_route_init(r, count, seed);
    p2_route_seek(r, now);
}

static void assert_next(struct route *r, enum route_wish_kind kind, uint32_t place) {
    struct route_wish w = p2_route_next(r, now);
    p2_route_check(r);
    assert_int_equal(w.kind, kind);
    if (kind != ROUTE_WAIT) assert_int_equal(w.place, place);
}

static void assert_waits(struct route *r, p2_ns span) {
    assert_next(r, ROUTE_WAIT, 0);
    assert_int_equal(p2_route_due_ns(r) - now, span);
}

static void open_one(struct route *r, uint32_t place, p2_ns after) {
    now += after;
    p2_route_opened(r, place, now);
}

static void answer(struct route *r, uint32_t place, p2_ns after) {
    now += after;
    p2_route_answered(r, place, now);
}

static void probe_all(struct route *r, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) assert_next(r, ROUTE_PROBE, i);
    assert_waits(r, ROUTE_ANSWER_NS);
}

static void one_address_is_dialled(void **state) {
    (void)state;
    struct route r;
    begin(&r, 1, 1);
    assert_true(p2_route_due_ns(&r) <= now);
    assert_next(&r, ROUTE_DIAL, 0);
    assert_next(&r, ROUTE_WAIT, 0);
    assert_true(p2_route_due_ns(&r) == P2_NEVER); // it is the caller's now
    p2_route_failed(&r, 0, now, 0);
    p2_route_seek(&r, now);
    assert_next(&r, ROUTE_WAIT, 0);
    now = p2_route_due_ns(&r);
    assert_next(&r, ROUTE_DIAL, 0);
    assert_true(p2_route_spurned(&r, 0)); // there is no other
}

static void the_shortest_round_trip_is_taken_and_the_rest_left(void **state) {
    (void)state;
    struct route r;
    begin(&r, 4, 2);
    probe_all(&r, 4);
    for (uint32_t i = 0; i < 3; i++) open_one(&r, i, 20 * P2_MS); // at 20, 40, 60 ms; the fourth says nothing
    answer(&r, 0, 20 * P2_MS);                                    // after 60 ms
    assert_waits(&r, 80 * P2_MS);                                 // as long again as it took in all
    answer(&r, 2, 30 * P2_MS);                                    // after 50 ms
    assert_waits(&r, 50 * P2_MS);
    answer(&r, 1, 49 * P2_MS); // after 119 ms
    assert_waits(&r, P2_MS);
    now += P2_MS;
    assert_next(&r, ROUTE_TAKE, 2);
    assert_int_equal(r.places[2].rtt_ns, 50 * P2_MS);
    assert_next(&r, ROUTE_LEAVE, 0);
    assert_next(&r, ROUTE_LEAVE, 1);
    assert_next(&r, ROUTE_LEAVE, 3);
    assert_next(&r, ROUTE_WAIT, 0);
    assert_true(p2_route_due_ns(&r) == P2_NEVER);
}

static void nobody_waits_for_who_cannot_come(void **state) {
    (void)state;
    struct route r;
    begin(&r, 3, 3);
    probe_all(&r, 3);
    p2_route_failed(&r, 0, now, P2_SEC);
    open_one(&r, 1, P2_MS);
    answer(&r, 1, P2_MS);
    assert_waits(&r, ROUTE_COMPARE_MIN_NS);
    p2_route_failed(&r, 2, now, P2_SEC);
    assert_next(&r, ROUTE_TAKE, 1);
}

static void a_late_first_answer_is_not_waited_for_twice(void **state) {
    (void)state;
    struct route r;
    begin(&r, 2, 4);
    probe_all(&r, 2);
    open_one(&r, 1, 2 * P2_SEC);
    answer(&r, 1, P2_SEC);
    assert_waits(&r, ROUTE_COMPARE_MAX_NS);
    p2_route_failed(&r, 1, now, 0); // it hung up meanwhile: back to where we were
    assert_next(&r, ROUTE_WAIT, 0);
    now = p2_route_due_ns(&r);
    assert_next(&r, ROUTE_PROBE, 1);
    assert_int_equal(r.places[0].state, ROUTE_CONNECTING);
}

static void who_says_nothing_is_given_up(void **state) {
    (void)state;
    struct route r;
    begin(&r, 2, 5);
    probe_all(&r, 2);
    open_one(&r, 0, P2_SEC); // a handshake and no HELLO, a connection and no handshake
    now += ROUTE_ANSWER_NS - P2_SEC - 1;
    assert_waits(&r, 1);
    now++;
    for (uint32_t i = 0; i < 2; i++) {
        struct route_wish w = p2_route_next(&r, now);
        assert_true(w.kind == ROUTE_LEAVE && w.place == i && w.failed);
    }
    assert_next(&r, ROUTE_WAIT, 0);
    assert_true(p2_route_due_ns(&r) > now); // and tried again
}

static void rests_are_drawn_from_a_span_that_doubles(void **state) {
    (void)state;
    struct route r;
    p2_ns shortest = P2_NEVER, longest = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        begin(&r, 2, seed);
        p2_ns most = ROUTE_BACKOFF_MIN_NS;
        for (int i = 0; i < 12; i++) {
            assert_next(&r, ROUTE_PROBE, 0);
            p2_route_failed(&r, 0, now, 0);
            p2_ns rest = r.places[0].due_ns - now;
            assert_in_range(rest, 1, most);
            if (i == 11) shortest = p2_ns_min(shortest, rest);
            if (i == 11) longest = p2_ns_max(longest, rest);
            if (i == 0) assert_next(&r, ROUTE_PROBE, 1); // whose own span is not touched
            most = p2_ns_min(2 * most, ROUTE_BACKOFF_MAX_NS);
            now = r.places[0].due_ns;
            if (r.places[1].due_ns <= now) p2_route_next(&r, now);
            p2_route_failed(&r, 1, now, P2_SEC * 3600);
        }
    }
    assert_true(shortest < ROUTE_BACKOFF_MAX_NS / 10 && longest > ROUTE_BACKOFF_MAX_NS / 10 * 9); // full jitter
}

static void take(struct route *r, uint32_t place) {
    open_one(r, place, P2_MS);
    answer(r, place, 9 * P2_MS);
    now = p2_route_due_ns(r);
    assert_next(r, ROUTE_TAKE, place);
    while (p2_route_next(r, now).kind == ROUTE_LEAVE) continue;
    p2_route_up(r);
}

static void who_keeps_our_tasks_is_asked_first(void **state) {
    (void)state;
    struct route r;
    begin(&r, 3, 6);
    probe_all(&r, 3);
    take(&r, 1); // 9 ms away
    p2_route_failed(&r, 1, now, 0);
    p2_route_seek(&r, now);
    const p2_ns lost = now;
    now = p2_route_due_ns(&r);
    assert_in_range(now - lost, 1, ROUTE_BACKOFF_MIN_NS);
    assert_next(&r, ROUTE_PROBE, 1);
    assert_waits(&r, lost + ROUTE_HEAD_START_NS + 4 * 9 * P2_MS - now);
    now = p2_route_due_ns(&r);
    assert_next(&r, ROUTE_PROBE, 0);
    assert_next(&r, ROUTE_PROBE, 2);
    open_one(&r, 0, P2_MS);
    open_one(&r, 1, P2_MS);
    answer(&r, 0, P2_MS); // quicker
    assert_next(&r, ROUTE_WAIT, 0);
    answer(&r, 1, 5 * P2_MS);
    assert_next(&r, ROUTE_TAKE, 1); // but that one has our results
}

static void who_kept_our_tasks_and_is_gone_is_not_waited_for(void **state) {
    (void)state;
    struct route r;
    begin(&r, 2, 7);
    probe_all(&r, 2);
    take(&r, 0);
    p2_route_failed(&r, 0, now, 0);
    p2_route_seek(&r, now);
    now = p2_route_due_ns(&r);
    assert_next(&r, ROUTE_PROBE, 0);
    p2_route_failed(&r, 0, now, 0); // refused
    assert_next(&r, ROUTE_PROBE, 1);
    take(&r, 1);
    p2_route_failed(&r, 1, now, 0);
    p2_route_doubt(&r, 1, now); // it said that it keeps nothing
    p2_route_seek(&r, now);
    now = p2_ns_max(r.places[0].due_ns, r.places[1].due_ns);
    probe_all(&r, 2);
}

static void who_was_taken_for_nothing_is_the_last_to_be_taken(void **state) {
    (void)state;
    struct route r;
    begin(&r, 3, 9);
    for (p2_ns later = 0; later <= ROUTE_DOUBT_NS; later += ROUTE_DOUBT_NS) {
        now += later;
        p2_route_seek(&r, now);
        for (uint32_t i = 0; i < 3; i++) assert_next(&r, ROUTE_PROBE, i);
        for (uint32_t i = 0; i < 3; i++) open_one(&r, i, 0);
        answer(&r, 1, P2_MS); // nearest
        answer(&r, 0, P2_MS);
        if (!later) p2_route_doubt(&r, 1, now);
        answer(&r, 2, P2_MS);
        assert_next(&r, ROUTE_TAKE, later ? 1 : 0);
        while (p2_route_next(&r, now).kind == ROUTE_LEAVE) continue;
        p2_route_failed(&r, later ? 1 : 0, now, 0);
    }
    p2_route_doubt(&r, 1, now);
    p2_route_seek(&r, now);
    assert_next(&r, ROUTE_PROBE, 0);
    assert_next(&r, ROUTE_PROBE, 2);
    p2_route_failed(&r, 0, now, P2_SEC);
    p2_route_failed(&r, 2, now, P2_SEC);
    now = r.places[1].due_ns;
    assert_next(&r, ROUTE_PROBE, 1);
    open_one(&r, 1, P2_MS);
    answer(&r, 1, P2_MS);
    assert_next(&r, ROUTE_TAKE, 1); // better than nobody
}

static void all_have_to_spurn_us(void **state) {
    (void)state;
    struct route r;
    begin(&r, 3, 8);
    probe_all(&r, 3);
    assert_false(p2_route_spurned(&r, 2));
    assert_false(p2_route_spurned(&r, 2));
    assert_false(p2_route_spurned(&r, 0));
    take(&r, 1); // that is forgiven
    assert_false(p2_route_spurned(&r, 0));
    assert_false(p2_route_spurned(&r, 1));
    assert_true(p2_route_spurned(&r, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_is_dialled),
        cmocka_unit_test(the_shortest_round_trip_is_taken_and_the_rest_left),
        cmocka_unit_test(nobody_waits_for_who_cannot_come),
        cmocka_unit_test(a_late_first_answer_is_not_waited_for_twice),
        cmocka_unit_test(who_says_nothing_is_given_up),
        cmocka_unit_test(rests_are_drawn_from_a_span_that_doubles),
        cmocka_unit_test(who_keeps_our_tasks_is_asked_first),
        cmocka_unit_test(who_kept_our_tasks_and_is_gone_is_not_waited_for),
        cmocka_unit_test(who_was_taken_for_nothing_is_the_last_to_be_taken),
        cmocka_unit_test(all_have_to_spurn_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
