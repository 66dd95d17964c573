#include "client/core/quality.h"

#include "base/check.h"

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

void p2_quality_init(struct quality *q, uint32_t levels, uint32_t level, int64_t slow_us, int64_t quick_us) {
    P2_CHECK(levels > 0 && levels <= QUALITY_LEVELS_MAX && level < levels && 0 < quick_us && quick_us < slow_us);
    *q = (struct quality){
        .levels = levels, .level = level, .slow_us = slow_us, .quick_us = quick_us, .wait = QUALITY_WAIT_MIN};
}

struct sum {
    int64_t us;
    bool missed; // a frame of them
};

static struct sum add_up(const struct quality *q) {
    int64_t worst = 2 * q->slow_us, us = 0;
    uint32_t missed = 0;
    for (uint32_t i = 0; i < q->count; i++) {
        worst = larger(worst, q->window[i]);
        us += larger(0, q->window[i]);
        missed += q->window[i] < 0;
    }
    return (struct sum){us + missed * worst, missed > 0};
}

int64_t p2_quality_mean_us(const struct quality *q) { return q->count ? add_up(q).us / q->count : 0; }

static void change(struct quality *q, bool up) {
    bool failed = !up && q->went_up && q->since < QUALITY_TRIAL;
    if (failed) q->wait = 2 * q->wait < QUALITY_WAIT_MAX ? 2 * q->wait : QUALITY_WAIT_MAX;
    q->level += up ? 1 : -1u;
    q->left = up ? 0 : q->wait;
    q->count = q->next = q->waited = q->since = 0;
    q->went_up = up;
    q->after_us = 0;
}

static void keep(struct quality *q, int64_t took_us) {
    q->window[q->next] = took_us < QUALITY_FRAME_US_MAX ? took_us : QUALITY_FRAME_US_MAX;
    q->next = (q->next + 1) % QUALITY_WINDOW;
    if (q->count < QUALITY_WINDOW) q->count++;
}

static void pass(struct quality *q) {
    if (q->left > 0) {
        q->left--;
        q->waited++;
    } else if (++q->since % QUALITY_TRIAL == 0) {
        q->wait = q->wait / 2 > QUALITY_WAIT_MIN ? q->wait / 2 : QUALITY_WAIT_MIN;
    }
}

uint32_t p2_quality_frame(struct quality *q, uint32_t level, int64_t took_us) {
    pass(q);
    if (level != q->level) return q->level;
    keep(q, took_us);
    struct sum sum = add_up(q);
    bool whole = q->count == QUALITY_WINDOW;
    bool doubted = q->went_up && !whole && q->count >= QUALITY_DOUBT && sum.us > q->slow_us * q->count;
    if ((doubted || sum.us > q->slow_us * QUALITY_WINDOW) && q->level > 0) {
        change(q, false);
        return q->level;
    }
    if (!whole) return q->level;
    if (q->left && !q->after_us) q->after_us = sum.us / QUALITY_WINDOW;
    if (q->left && q->waited >= QUALITY_WAIT_MIN && sum.us / QUALITY_WINDOW < q->after_us / 2) q->left = 0;
    bool quick = sum.us < q->quick_us * QUALITY_WINDOW && !sum.missed;
    if (quick && !q->left && q->level + 1 < q->levels) change(q, true);
    return q->level;
}
