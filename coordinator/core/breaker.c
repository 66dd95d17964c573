#include "breaker.h"

#include "base/canary.h"
#include "base/check.h"

bool breaker_lets(const struct breaker *b) {
    return b->state == BREAKER_CLOSED || (b->state == BREAKER_HALF_OPEN && !b->probing);
}

bool breaker_given(struct breaker *b) {
    P2_CHECK(breaker_lets(b));
    b->probing = b->state == BREAKER_HALF_OPEN;
    return b->probing;
}

void breaker_untold(struct breaker *b) {
    P2_CHECK(b->probing);
    b->probing = false;
}

static void breaker_move(struct breaker *b, enum breaker_state to, p2_ns now) {
    static const uint8_t legal[] = {[BREAKER_CLOSED] = 1u << BREAKER_OPEN,
                                    [BREAKER_OPEN] = 1u << BREAKER_HALF_OPEN,
                                    [BREAKER_HALF_OPEN] = 1u << BREAKER_OPEN | 1u << BREAKER_CLOSED};
    P2_CHECK(legal[b->state] & 1u << to);
    b->state = to;
    if (to == BREAKER_HALF_OPEN) return;
    b->failures = 0;
    b->seen = b->in_a_row = 0;
    b->probing = false;
    p2_ns next = b->backoff_ns ? 2 * b->backoff_ns : BREAKER_BACKOFF_NS;
    b->backoff_ns = to == BREAKER_OPEN ? p2_ns_min(next, BREAKER_BACKOFF_NS_MAX) : 0;
    b->until_ns = p2_ns_add(now, b->backoff_ns);
}

static void learn(struct breaker *b, bool failed) {
    b->failures = (uint16_t)(b->failures << 1 | failed);
    if (b->seen < BREAKER_WINDOW) b->seen++;
    b->in_a_row = failed ? (uint8_t)(b->in_a_row + 1) : 0;
}

static unsigned count_failures(const struct breaker *b) {
    unsigned n = 0;
    for (uint16_t bits = b->failures; bits; bits &= (uint16_t)(bits - 1)) n++;
    return n;
}

static bool too_many(const struct breaker *b) {
    if (b->in_a_row >= BREAKER_IN_A_ROW) return true;
    return b->seen == BREAKER_WINDOW && count_failures(b) > BREAKER_WINDOW / 2;
}

bool breaker_succeeded(struct breaker *b, bool probe, p2_ns now) {
    if (b->state == BREAKER_CLOSED) learn(b, false);
    if (b->state == BREAKER_CLOSED || !probe) return false;
    breaker_move(b, BREAKER_CLOSED, now);
    return true;
}

bool breaker_failed(struct breaker *b, bool probe, p2_ns now) {
    if (b->state == BREAKER_CLOSED) learn(b, true);
    if (b->state == BREAKER_CLOSED ? !too_many(b) : !probe) return false;
    breaker_move(b, BREAKER_OPEN, now);
    return true;
}

bool breaker_due(struct breaker *b, p2_ns now) {
    if (b->state != BREAKER_OPEN || now < b->until_ns || P2_CANARY(breaker_stays)) return false;
    breaker_move(b, BREAKER_HALF_OPEN, now);
    return true;
}
