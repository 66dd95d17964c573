#include "base/timers.h"

#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define TIMERS 40

struct model {
    struct p2_timers timers;
    struct p2_timer all[TIMERS];
    p2_ns at[TIMERS]; // P2_NEVER: off
    p2_ns now;
    struct p2_rng rng;
};

static p2_ns below(struct model *m, p2_ns n) { return (p2_ns)p2_rng_below(&m->rng, (uint64_t)n); }

// Now, soon, within the lists, beyond them, and never.
static p2_ns some_time(struct model *m) {
    static const p2_ns spans[] = {1, P2_TIMERS_SPAN_NS, 20 * P2_TIMERS_SPAN_NS, 64 * P2_TIMERS_SPAN_NS,
                                  500 * P2_TIMERS_SPAN_NS};
    if (below(m, 30) == 0) return P2_NEVER - 1;
    return m->now + below(m, spans[below(m, 5)]);
}

static p2_ns earliest(const struct model *m) {
    p2_ns first = P2_NEVER;
    for (uint32_t i = 0; i < TIMERS; i++) first = p2_ns_min(first, m->at[i]);
    return first;
}

static void set(struct model *m, uint32_t i, p2_ns at) {
    m->at[i] = at;
    p2_timers_set(&m->timers, &m->all[i], at);
    assert_true(p2_timer_on(&m->all[i]));
    assert_int_equal(p2_timer_at(&m->all[i]), at);
}

// Those due come in order, and all of them.
static void serve(struct model *m) {
    struct p2_timer *due;
    p2_ns last = 0;
    while ((due = p2_timers_due(&m->timers, m->now)) != NULL) {
        uint32_t i = (uint32_t)(due - m->all);
        assert_true(m->at[i] <= m->now && m->at[i] >= last);
        assert_int_equal(m->at[i], earliest(m));
        last = m->at[i];
        m->at[i] = P2_NEVER;
        p2_timers_stop(&m->timers, due);
        if (below(m, 4) == 0) set(m, i, m->now + 1 + below(m, P2_SEC));
    }
    assert_true(earliest(m) > m->now);
}

static void check(const struct model *m) {
    uint32_t on = 0;
    for (uint32_t i = 0; i < TIMERS; i++) {
        on += m->at[i] != P2_NEVER;
        assert_int_equal(p2_timer_on(&m->all[i]), m->at[i] != P2_NEVER);
    }
    assert_int_equal(m->timers.count, on);
    assert_true(p2_timers_next_ns(&m->timers) <= earliest(m));
    assert_int_equal(p2_timers_next_ns(&m->timers) == P2_NEVER, on == 0);
}

static void agrees_with_a_model(void **state) {
    (void)state;
    for (uint64_t run = 0; run < 20; run++) {
        struct model m = {.now = run % 2 ? 12345 * P2_SEC : 0};
        p2_rng_init(&m.rng, run);
        assert_true(p2_timers_init(&m.timers, TIMERS));
        for (uint32_t i = 0; i < TIMERS; i++) {
            p2_timer_init(&m.all[i]);
            m.at[i] = P2_NEVER;
        }
        for (uint32_t step = 0; step < 4000; step++) {
            uint32_t i = (uint32_t)below(&m, TIMERS);
            if (below(&m, 3)) {
                set(&m, i, some_time(&m));
            } else {
                m.at[i] = P2_NEVER;
                p2_timers_stop(&m.timers, &m.all[i]);
            }
            check(&m);
            if (below(&m, 4) == 0) m.now += below(&m, below(&m, 50) ? 3 * P2_TIMERS_SPAN_NS : 20 * P2_SEC);
            serve(&m);
        }
        p2_timers_deinit(&m.timers);
    }
}

// Asked only when it says so, everything comes at the very time it is due.
static void asked_as_it_says_nothing_is_late(void **state) {
    (void)state;
    struct model m = {.now = 77 * P2_SEC};
    assert_true(p2_timers_init(&m.timers, TIMERS));
    p2_rng_init(&m.rng, 1);
    for (uint32_t i = 0; i < TIMERS; i++) {
        p2_timer_init(&m.all[i]);
        set(&m, i, m.now + 1 + below(&m, 3 * P2_SEC));
    }
    uint32_t left = TIMERS, asked = 0;
    assert_null(p2_timers_due(&m.timers, m.now)); // so that it knows what time it is
    for (; left > 0; asked++) {
        m.now = p2_timers_next_ns(&m.timers);
        struct p2_timer *due;
        while ((due = p2_timers_due(&m.timers, m.now)) != NULL) {
            assert_int_equal(p2_timer_at(due), m.now);
            p2_timers_stop(&m.timers, due);
            left--;
        }
    }
    assert_in_range(asked, TIMERS, 3 * TIMERS); // once each, and where lists begin
    assert_int_equal(p2_timers_next_ns(&m.timers), P2_NEVER);
    p2_timers_deinit(&m.timers);
}

static void equal_times_come_in_the_order_of_setting(void **state) {
    (void)state;
    struct model m = {.now = 0};
    assert_true(p2_timers_init(&m.timers, TIMERS));
    for (uint32_t i = 0; i < TIMERS; i++) p2_timer_init(&m.all[i]);
    for (uint32_t i = TIMERS; i-- > 0;) p2_timers_set(&m.timers, &m.all[i], P2_SEC);
    for (uint32_t i = TIMERS; i-- > 0;) {
        struct p2_timer *due = p2_timers_due(&m.timers, P2_SEC);
        assert_ptr_equal(due, &m.all[i]);
        p2_timers_stop(&m.timers, due);
    }
    p2_timers_deinit(&m.timers);
    p2_timers_deinit(&m.timers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(asked_as_it_says_nothing_is_late),
        cmocka_unit_test(equal_times_come_in_the_order_of_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
