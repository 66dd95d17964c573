// Learned timeouts: the rule, its bounds, and how often it errs on latencies of many shapes that double on the way.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/check.h"
#include "base/rng.h"
#include "client/core/timeout.h"
#include "kernels/task_type.h"

#define PRIOR (100 * P2_MS)
#define CEILING (4 * PRIOR)

static const struct timeout_kind kind = {1, 7, PRIOR};

static struct timeouts open_some(void) {
    struct timeouts t;
    assert_true(p2_timeouts_init(&t, 2));
    return t;
}

static void feed(struct timeouts *t, unsigned n, p2_ns span) {
    while (n--) p2_timeout_took(t, &kind, span);
    p2_timeouts_check(t);
}

static void the_prior_holds_until_fifty_samples(void **state) {
    (void)state;
    struct timeouts t = open_some();
    for (unsigned i = 0; i < P2_PRIOR_SAMPLES; i++) {
        assert_int_equal(p2_timeout_ns(&t, &kind), CEILING);
        feed(&t, 1, 50 * P2_MS);
    }
    assert_true(p2_timeout_ns(&t, &kind) < CEILING);
    const struct timeout_kind others[] = {{0, 7, PRIOR}, {1, 6, PRIOR}, {1, 8, PRIOR}, {2, 7, PRIOR}};
    for (unsigned i = 0; i < 4; i++) assert_int_equal(p2_timeout_ns(&t, &others[i]), CEILING);
    const struct timeout_kind last = {1, UINT32_MAX, PRIOR};
    for (unsigned i = 0; i < P2_PRIOR_SAMPLES; i++) p2_timeout_took(&t, &last, P2_MS);
    const struct timeout_kind same = {1, P2_SIZE_CLASSES - 1, PRIOR};
    assert_int_equal(p2_timeout_ns(&t, &same), TIMEOUT_FLOOR_NS);
    p2_timeouts_deinit(&t);
}

static void it_stays_between_floor_and_four_priors(void **state) {
    (void)state;
    struct timeouts t = open_some();
    feed(&t, 1000, 0);
    assert_int_equal(p2_timeout_ns(&t, &kind), TIMEOUT_FLOOR_NS);
    feed(&t, 1000, P2_NEVER);
    assert_int_equal(p2_timeout_ns(&t, &kind), CEILING);
    feed(&t, 1000, -P2_SEC); // nothing a core gives; it must not go below the floor all the same
    assert_true(p2_timeout_ns(&t, &kind) >= TIMEOUT_FLOOR_NS);
    const struct timeout_kind tiny = {1, 7, 5 * P2_MS}, none = {1, 7, 0}, endless = {0, 0, P2_NEVER};
    assert_int_equal(p2_timeout_ns(&t, &tiny), 20 * P2_MS); // the floor gives way
    assert_int_equal(p2_timeout_ns(&t, &none), P2_MS);
    assert_int_equal(p2_timeout_ns(&t, &endless), TIMEOUT_MAX_NS);
    p2_timeouts_deinit(&t);
    assert_true(p2_timeouts_init(&t, 0)); // nothing is learned, nothing is touched
    p2_timeout_took(&t, &kind, P2_MS);
    p2_timeout_expired(&t, &kind, CEILING);
    assert_int_equal(p2_timeout_ns(&t, &kind), CEILING);
    p2_timeouts_deinit(&t);
}

// The RFC's rule in floating point, with what the header says is different.
static void smoothing_is_the_headers(void **state) {
    (void)state;
    struct timeouts t = open_some();
    struct p2_rng rng;
    p2_rng_init(&rng, 7);
    double srtt = 0, rttvar = 0;
    for (unsigned i = 0; i < 5000; i++) {
        double r = 1e6 * (40 + 60 * p2_rng_unit(&rng) + (i % 97 == 0 ? 80 : 0));
        p2_timeout_took(&t, &kind, (p2_ns)r);
        if (i == 0) {
            srtt = r;
            rttvar = r / 2;
        } else {
            double beta = fabs(r - srtt) > rttvar ? 1.0 / 4 : 1.0 / 256;
            rttvar = (1 - beta) * rttvar + beta * fabs(r - srtt);
            srtt = 7.0 / 8 * srtt + 1.0 / 8 * r;
        }
        if (i < P2_PRIOR_SAMPLES) continue;
        double want = fmin(srtt + fmax(srtt, 4 * rttvar), (double)CEILING);
        assert_true(fabs((double)p2_timeout_ns(&t, &kind) - want) < 20000); // 20 us of whole numbers
    }
    p2_timeouts_deinit(&t);
}

static void what_is_usual_is_told_from_eight_samples(void **state) {
    (void)state;
    struct timeouts t = open_some();
    p2_ns usual = 1, worst = 2;
    feed(&t, TIMEOUT_USUAL_SAMPLES - 1, 50 * P2_MS);
    assert_false(p2_timeout_usual(&t, &kind, &usual, &worst));
    assert_int_equal(usual, 1); // untouched
    feed(&t, 1, 50 * P2_MS);
    assert_true(p2_timeout_usual(&t, &kind, &usual, &worst));
    assert_int_equal(usual, 50 * P2_MS);
    assert_in_range(worst, usual + 1, 150 * P2_MS); // four times half of the first, wearing off
    const struct timeout_kind strange = {7, 0, PRIOR};
    assert_false(p2_timeout_usual(&t, &strange, &usual, &worst));
    p2_timeouts_deinit(&t);
}

static void an_expiry_doubles_it_once(void **state) {
    (void)state;
    struct timeouts t = open_some();
    feed(&t, 2000, 50 * P2_MS);
    p2_ns before = p2_timeout_ns(&t, &kind);
    assert_true(before >= 100 * P2_MS && before < 101 * P2_MS);
    p2_timeout_expired(&t, &kind, before - 1); // its deadline was the caller's own, and shorter
    assert_int_equal(p2_timeout_ns(&t, &kind), before);
    for (unsigned i = 0; i < 8; i++) p2_timeout_expired(&t, &kind, before); // all on their way at once
    p2_ns doubled = p2_timeout_ns(&t, &kind);
    assert_true(doubled >= 2 * before && doubled < 2 * before + P2_US);
    p2_timeout_expired(&t, &kind, doubled);
    assert_int_equal(p2_timeout_ns(&t, &kind), CEILING);
    p2_timeout_expired(&t, &kind, 1000 * CEILING);
    assert_int_equal(p2_timeout_ns(&t, &kind), CEILING);
    feed(&t, 1, 50 * P2_MS); // a sample does not undo it
    assert_true(p2_timeout_ns(&t, &kind) > CEILING - 5 * P2_MS);
    feed(&t, 600, 50 * P2_MS); // many do
    assert_true(p2_timeout_ns(&t, &kind) < before + 20 * P2_MS);
    p2_timeouts_deinit(&t);
}

// ---- how often it errs ----------------------------------------------------------------------------------------------

enum shape { STEADY, BELL, TAIL, TWO_SPEEDS, ONE_IN_FIFTY, SHAPES };

static const char *const names[SHAPES] = {"steady", "bell", "tail", "two speeds", "one in fifty"};

// A round trip, and work on top of it.
static p2_ns latency(struct p2_rng *rng, enum shape shape, p2_ns rtt) {
    double bell = 0;
    for (unsigned i = 0; i < 12; i++) bell += p2_rng_unit(rng);
    double u = p2_rng_unit(rng), work = 20;
    if (shape == BELL) work = 20 + 5 * (bell - 6);
    if (shape == TAIL) work = 8 * -log(1 - u);
    if (shape == TWO_SPEEDS) work = u < 0.5 ? 5 : 50;
    if (shape == ONE_IN_FIFTY) work = u < 0.02 ? 150 : 20;
    return rtt + (p2_ns)(work * (double)P2_MS);
}

#define TASKS 6000u
#define ON_THEIR_WAY 8u // each is given its timeout that many tasks before the latest end is known

struct errors {
    unsigned early;
    double slack; // timeout by latency, on average
};

static struct errors run(enum shape shape, uint64_t seed) {
    struct timeouts t = open_some();
    struct p2_rng rng;
    p2_rng_init(&rng, seed * SHAPES + shape);
    const struct timeout_kind k = {1, 7, 250 * P2_MS};
    p2_ns given[ON_THEIR_WAY], took[ON_THEIR_WAY], rtt = (p2_ns)(10 + p2_rng_below(&rng, 90)) * P2_MS;
    struct errors e = {0};
    for (unsigned i = 0; i < TASKS + ON_THEIR_WAY; i++) {
        unsigned at = i % ON_THEIR_WAY;
        if (i >= ON_THEIR_WAY) {
            bool late = took[at] > given[at];
            e.early += late;
            e.slack += (double)given[at] / (double)took[at] / TASKS;
            if (late)
                p2_timeout_expired(&t, &k, given[at]);
            else
                p2_timeout_took(&t, &k, took[at]);
        }
        given[at] = p2_timeout_ns(&t, &k);
        took[at] = latency(&rng, shape, i < TASKS / 2 ? rtt : 2 * rtt);
    }
    p2_timeouts_check(&t);
    p2_timeouts_deinit(&t);
    return e;
}

static void it_errs_in_less_than_one_of_200_when_round_trips_double(void **state) {
    (void)state;
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        double early = 0, slack = 0, worst = 0;
        for (uint64_t seed = 1; seed <= 50; seed++) {
            struct errors e = run((enum shape)shape, seed);
            if (e.early >= TASKS / 200)
                print_message("%s, seed %u: %u too early\n", names[shape], (unsigned)seed, e.early);
            assert_true(e.early < TASKS / 200);
            early += e.early / 50.0;
            slack += e.slack / 50;
            worst = fmax(worst, e.early);
        }
        print_message("%-12s %.3f %% too early (worst seed %.3f %%), timeouts %.1f times the latency\n", names[shape],
                      100 * early / TASKS, 100 * worst / TASKS, slack);
        assert_true(slack < 8); // and it is not by waiting for ever
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prior_holds_until_fifty_samples),
        cmocka_unit_test(it_stays_between_floor_and_four_priors),
        cmocka_unit_test(smoothing_is_the_headers),
        cmocka_unit_test(what_is_usual_is_told_from_eight_samples),
        cmocka_unit_test(an_expiry_doubles_it_once),
        cmocka_unit_test(it_errs_in_less_than_one_of_200_when_round_trips_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
