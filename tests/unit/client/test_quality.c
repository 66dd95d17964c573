// The quality controller: its rule to the frame, and that it settles and does not swing whatever it steers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "p2c2r/quality.h"

#define MS 1000
#define WAIT 120u // README, "Quality"

static p2c2r_quality begin(uint32_t levels, uint32_t level) {
    p2c2r_quality q = {.size = sizeof q};
    const p2c2r_quality_options o = {.size = sizeof o, .levels = levels, .level = level};
    assert_int_equal(p2c2r_quality_init(&q, &o), P2C2R_OK);
    assert_int_equal(p2c2r_quality_level(&q), level);
    return q;
}

// Frames of one time at the present level until it changes; how many that took, 0: never.
static uint32_t until_change(p2c2r_quality *q, int64_t us, uint32_t most) {
    uint32_t level = p2c2r_quality_level(q);
    for (uint32_t i = 1; i <= most; i++) {
        if (p2c2r_quality_frame(q, level, us) != level) return i;
    }
    return 0;
}

static void ten_frames_decide(void **state) {
    (void)state;
    p2c2r_quality q = begin(0, 1);
    assert_int_equal(until_change(&q, 33 * MS, 1000), 0); // not above
    assert_int_equal(until_change(&q, 16 * MS, 1000), 0); // not below
    assert_int_equal(p2c2r_quality_mean_us(&q), 16 * MS);
    assert_int_equal(until_change(&q, 15999, 1000), 1); // nine of 16,000 and one less are below
    assert_int_equal(p2c2r_quality_level(&q), P2C2R_LEVEL_QUALITY);
    assert_int_equal(p2c2r_quality_mean_us(&q), 0);
    assert_int_equal(until_change(&q, 1 * MS, 1000), 0); // there is none better
    assert_int_equal(until_change(&q, 34 * MS, 1000), 10);
    assert_int_equal(until_change(&q, 33001, 1000), 10);
    assert_int_equal(p2c2r_quality_level(&q), P2C2R_LEVEL_FAST);
    assert_int_equal(until_change(&q, 500 * MS, 1000), 0); // there is none faster
    q = begin(0, 0);
    assert_int_equal(until_change(&q, 10 * MS, 1000), 10);
    assert_int_equal(until_change(&q, 10 * MS, 1000), 10);
    assert_int_equal(until_change(&q, 100 * MS, 1000), 3); // three of a level that was just tried
    q = begin(0, 2);
    assert_int_equal(until_change(&q, 100 * MS, 1000), 4); // four suffice for ten to be above
}

static void frames_of_another_level_do_not_count(void **state) {
    (void)state;
    p2c2r_quality q = begin(3, 1);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(p2c2r_quality_frame(&q, 0, 1 * MS), 1);
        assert_int_equal(p2c2r_quality_frame(&q, 2, 100 * MS), 1);
        assert_int_equal(p2c2r_quality_frame(&q, 3, P2C2R_QUALITY_MISSED), 1);
    }
    assert_int_equal(p2c2r_quality_mean_us(&q), 0);
}

static void a_missed_frame_is_the_worst_of_its_window(void **state) {
    (void)state;
    p2c2r_quality q = begin(3, 1);
    assert_int_equal(until_change(&q, 20 * MS, 9), 0);
    assert_int_equal(p2c2r_quality_frame(&q, 1, P2C2R_QUALITY_MISSED), 1);
    assert_int_equal(p2c2r_quality_mean_us(&q), (9 * 20 + 66) * MS / 10);
    assert_int_equal(until_change(&q, 20 * MS, 9), 0);
    assert_int_equal(p2c2r_quality_frame(&q, 1, 90 * MS), 1); // the missed one has left the window
    assert_int_equal(p2c2r_quality_mean_us(&q), (9 * 20 + 90) * MS / 10);
    assert_int_equal(p2c2r_quality_frame(&q, 1, P2C2R_QUALITY_MISSED), 0); // 8 x 20 + 2 x 90 is above 330
    assert_int_equal(until_change(&q, P2C2R_QUALITY_MISSED, 1000), 0);
    q = begin(3, 0);
    for (unsigned i = 0; i < 1000; i++) // one in ten is missed: no going up, however quick the others are
        assert_int_equal(p2c2r_quality_frame(&q, 0, i % 10 ? 1 * MS : P2C2R_QUALITY_MISSED), 0);
    q = begin(3, 2);
    assert_int_equal(until_change(&q, P2C2R_QUALITY_MISSED, 1000), 6);
}

static void a_level_that_fails_is_tried_ever_less_often(void **state) {
    (void)state;
    p2c2r_quality q = begin(2, 0);
    uint32_t last = 10, gap = until_change(&q, 10 * MS, 1000);
    assert_int_equal(gap, 10);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(until_change(&q, 50 * MS, 1000), 3);
        gap = until_change(&q, 10 * MS, 10000);
        assert_int_equal(gap, i < 5 ? 2 * WAIT << i : 32 * WAIT);
        assert_true(gap >= last);
        last = gap;
    }
    assert_int_equal(until_change(&q, 20 * MS, 10000), 0); // it holds now: that is forgiven in time
    assert_int_equal(until_change(&q, 50 * MS, 1000), 5);  // with five of 20 ms above 33 on average
    assert_int_equal(until_change(&q, 10 * MS, 10000), WAIT);
}

static void a_wait_ends_early_when_things_have_changed(void **state) {
    (void)state;
    p2c2r_quality q = begin(2, 0);
    for (unsigned i = 0; i < 6; i++) {
        until_change(&q, 12 * MS, 10000);
        until_change(&q, 50 * MS, 10000);
    }
    assert_int_equal(until_change(&q, 12 * MS, 500), 0);
    uint32_t took = until_change(&q, 5 * MS, 10000);
    assert_true(took > 0 && took <= 10);
}

static void mistakes_are_told(void **state) {
    (void)state;
    p2c2r_quality q = {.size = sizeof q}, none = {.size = 0};
    const p2c2r_quality_options bad[] = {{.size = 0},
                                         {.size = sizeof *bad, .levels = 17},
                                         {.size = sizeof *bad, .levels = 2, .level = 2},
                                         {.size = sizeof *bad, .better_us = -1},
                                         {.size = sizeof *bad, .slower_us = -1},
                                         {.size = sizeof *bad, .slower_us = 16 * MS},
                                         {.size = sizeof *bad, .slower_us = INT64_MAX}};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(p2c2r_quality_init(&q, &bad[i]), P2C2R_EINVAL);
    assert_int_equal(p2c2r_quality_frame(&q, 0, 1), 0); // not begun
    assert_int_equal(p2c2r_quality_init(&none, NULL), P2C2R_EINVAL);
    assert_int_equal(p2c2r_quality_init(NULL, NULL), P2C2R_EINVAL);
    assert_int_equal(p2c2r_quality_frame(NULL, 0, 1), 0);
    assert_int_equal(p2c2r_quality_level(NULL), 0);
    assert_int_equal(p2c2r_quality_init(&q, NULL), P2C2R_OK);
    assert_int_equal(p2c2r_quality_frame(&q, 0, INT64_MAX), 0);
    assert_int_equal(sizeof q, 256);
    assert_string_equal(p2c2r_quality_name(P2C2R_LEVEL_BALANCED), "balanced");
    assert_string_equal(p2c2r_quality_name(16), "");
}

// ---- what it steers -------------------------------------------------------------------------------------------------

#define LEVELS 3u
#define DELAY_MAX 5u

struct plant {
    double us[LEVELS]; // at load 1
    double load, noise, missed;
    uint32_t delay; // frames from asking to knowing
    uint32_t on_their_way[DELAY_MAX + 1];
    uint32_t frame;
    struct p2_rng rng;
    p2c2r_quality q;
};

static void plant_init(struct plant *p, uint64_t seed) {
    *p = (struct plant){.load = 1, .noise = 0.08};
    p2_rng_init(&p->rng, seed);
    p->us[0] = MS * (2 + 28 * p2_rng_unit(&p->rng));
    for (unsigned i = 1; i < LEVELS; i++) p->us[i] = p->us[i - 1] * (1.1 + 2.4 * p2_rng_unit(&p->rng));
    p->delay = (uint32_t)(seed % (DELAY_MAX + 1));
    p->q = begin(LEVELS, (uint32_t)p2_rng_below(&p->rng, LEVELS));
}

// A frame is asked for, and one asked for `delay` frames ago is known. The level that is asked for next.
static uint32_t plant_frame(struct plant *p) {
    uint32_t level = p2c2r_quality_level(&p->q);
    p->on_their_way[p->frame % (p->delay + 1)] = level;
    if (++p->frame <= p->delay) return level;
    uint32_t known = p->on_their_way[p->frame % (p->delay + 1)];
    double us = p->us[known] * p->load * (1 + p->noise * (2 * p2_rng_unit(&p->rng) - 1));
    bool missed = p2_rng_unit(&p->rng) < p->missed;
    return p2c2r_quality_frame(&p->q, known, missed ? P2C2R_QUALITY_MISSED : (int64_t)us);
}

// With noise of 8 % the mean of ten does not err by a tenth.
static bool is_clear(const struct plant *p, double load) {
    for (unsigned i = 0; i < LEVELS; i++) {
        double us = p->us[i] * load;
        if ((us > 14.5 * MS && us < 17.6 * MS) || (us > 30 * MS && us < 36.5 * MS)) return false;
    }
    return true;
}

// Some frames of a plant. At first the level goes where it stays; after that it may try a better one now and then, and
// come back.
struct course {
    uint32_t settled, moves; // frames until it was where it stays, and changes until then
    uint32_t level;          // where that is
    uint32_t changes, away;  // after that: changes, and frames at another level
    uint32_t gap;            // least number of frames between two tries
};

#define CHANGES_MAX 256u

// tries: better levels have failed before, so that going up is a try and no settling.
static struct course observe(struct plant *p, uint32_t frames, bool tries) {
    struct course c = {.level = p2c2r_quality_level(&p->q), .gap = UINT32_MAX};
    uint32_t at[CHANGES_MAX], to[CHANGES_MAX], n = 0, level = c.level, tried = 0;
    for (uint32_t i = 1; i <= frames; i++) {
        uint32_t now = plant_frame(p);
        if (now == level) continue;
        assert_true(n < CHANGES_MAX);
        at[n] = i;
        to[n++] = level = now;
    }
    while (c.moves < n && at[c.moves] - c.settled < WAIT) { // what comes sooner than a try may
        if (tries && to[c.moves] > c.level) break;
        c.settled = at[c.moves];
        c.level = to[c.moves++];
    }
    c.changes = n - c.moves;
    for (uint32_t i = c.moves; i < n; i++) {
        if (to[i] == c.level && i > 0) c.away += at[i] - at[i - 1];
        if (to[i] <= c.level) continue;
        if (tried && at[i] - tried < c.gap) c.gap = at[i] - tried;
        tried = at[i];
    }
    return c;
}

static double us_at(const struct plant *p, uint32_t level) { return p->us[level] * p->load; }

// The best level that is not too slow, as far as averages below 16 ms lead there.
static bool is_right(const struct plant *p, uint32_t level) {
    bool slow = us_at(p, level) > 33 * MS && level > 0;
    bool stuck = us_at(p, level) < 16 * MS && level + 1 < LEVELS && us_at(p, level + 1) < 33 * MS;
    return !slow && !stuck;
}

#define SEEDS 4000u
#define MINUTE 3600u // of frames, at 60 a second

struct worst {
    uint32_t plants, settled, changes, gap;
    double away;
};

static void note(struct worst *w, const struct course *c) {
    w->plants++;
    w->away += (double)c->away / MINUTE;
    if (c->settled > w->settled) w->settled = c->settled;
    if (c->changes > w->changes) w->changes = c->changes;
    if (c->gap < w->gap) w->gap = c->gap;
}

static void say(const char *what, const struct worst *w) {
    print_message("%-24s %4u plants: settled after %u frames at most; in a minute %u changes at most, tries %u frames "
                  "apart at least, %.2f %% of frames at another level\n",
                  what, w->plants, w->settled, w->changes, w->gap, 100 * w->away / w->plants);
}

// Latency changes by up to six times, up or down, from one frame to the next.
static void a_step_settles_within_30_frames_and_does_not_swing(void **state) {
    (void)state;
    struct worst slower = {.gap = UINT32_MAX}, faster = slower, tried = slower, waited = slower;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct plant p;
        plant_init(&p, seed);
        double load = 1 + 5 * p2_rng_unit(&p.rng);
        if (seed % 2) load = 1 / (1 + 5 * p2_rng_unit(&p.rng));
        if (!is_clear(&p, 1) || !is_clear(&p, load)) continue;
        struct course before = observe(&p, MINUTE / 2, false);
        p.load = load;
        struct course c = observe(&p, MINUTE, before.changes > 0);
        bool waits = load < 1 && before.changes;
        if (!waits && !is_right(&p, c.level))
            fail_msg("seed %u ends at level %u of %.1f ms", (unsigned)seed, c.level, us_at(&p, c.level) / MS);
        if (load > 1)
            note(&slower, &c);
        else if (waits)
            note(&waited, &c); // a better level has failed just now: it is not tried at once, unless latency has halved
        else if (c.moves > 2)
            note(&tried, &c); // up, up, too slow, back
        else
            note(&faster, &c);
    }
    say("slower", &slower);
    say("faster", &faster);
    say("faster, one try too many", &tried);
    say("faster, in a wait", &waited);
    assert_true(slower.plants > 500 && faster.plants > 500 && tried.plants > 20 && waited.plants > 20);
    assert_true(slower.settled <= 30 && faster.settled <= 30);
    assert_true(tried.settled <= 30);
    assert_true(slower.gap >= 2 * WAIT && faster.gap >= 2 * WAIT && tried.gap >= 2 * WAIT);
    assert_true(slower.changes <= 8 && faster.changes <= 8 && tried.changes <= 8 && waited.changes <= 8);
    assert_true(slower.away < 0.01 * slower.plants && faster.away < 0.01 * faster.plants);
}

// Noise of 60 %, frames that never come, averages anywhere, also at the very thresholds: ten minutes of it.
static void noise_does_not_make_it_swing(void **state) {
    (void)state;
    uint32_t most = 0, all = 0;
    for (uint64_t seed = 1; seed <= SEEDS / 8; seed++) {
        struct plant p;
        plant_init(&p, seed);
        p.noise = 0.6;
        p.missed = 0.02 * (unsigned)(seed % 3);
        struct course c = observe(&p, 10 * MINUTE, true);
        uint32_t changes = c.moves + c.changes;
        all += changes;
        if (changes > most) most = changes;
    }
    print_message("noise: %.1f changes a minute, %.1f at most\n", all / (10.0 * (SEEDS / 8)), most / 10.0);
    assert_true(most <= 80 && all <= 40 * (SEEDS / 8)); // in ten minutes
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_frames_decide),
        cmocka_unit_test(frames_of_another_level_do_not_count),
        cmocka_unit_test(a_missed_frame_is_the_worst_of_its_window),
        cmocka_unit_test(a_level_that_fails_is_tried_ever_less_often),
        cmocka_unit_test(a_wait_ends_early_when_things_have_changed),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(a_step_settles_within_30_frames_and_does_not_swing),
        cmocka_unit_test(noise_does_not_make_it_swing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
