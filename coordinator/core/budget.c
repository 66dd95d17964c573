#include "budget.h"

#include "base/canary.h"
#include "base/check.h"

#define HELD_MAX ((int64_t)BUDGET_TOKENS_MAX * BUDGET_TOKEN)

static int64_t floor_of(const struct budget *b) { return (int64_t)b->floor * BUDGET_TOKEN; }

void budget_init(struct budget *b, uint32_t percent, uint32_t floor, p2_ns now) {
    *b = (struct budget){.percent = percent, .floor = floor, .refilled_ns = now};
    b->held = floor_of(b);
}

void budget_earn(struct budget *b) {
    b->held += b->percent;
    if (b->held > HELD_MAX) b->held = HELD_MAX;
}

static void refill(struct budget *b, p2_ns now) {
    if (!b->floor) return;
    p2_ns each = BUDGET_FLOOR_NS / floor_of(b), n = (now - b->refilled_ns) / each;
    b->refilled_ns += n * each;
    if (b->held >= floor_of(b)) return;
    b->held = n < floor_of(b) - b->held ? b->held + n : floor_of(b);
}

bool budget_take(struct budget *b, p2_ns now, uint32_t leave) {
    refill(b, now);
    if (b->held < BUDGET_TOKEN + (int64_t)leave * BUDGET_TOKEN) return false;
    if (!P2_CANARY(budget_unpaid)) b->held -= BUDGET_TOKEN;
    return true;
}

void budget_check(const struct budget *b) { P2_CHECK(b->held >= 0 && b->held <= HELD_MAX); }
