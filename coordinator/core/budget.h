// How much extra work may be done: tokens. Each accepted task earns a part of one, each extra run takes a whole one, so
// that extra work is a share of traffic and cannot grow when more and more goes wrong. So that little traffic does not
// mean no second chance, `floor` tokens are there at the start and, below that, come back within BUDGET_FLOOR_NS.
#ifndef COORDINATOR_CORE_BUDGET_H
#define COORDINATOR_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define BUDGET_TOKEN 100       // in what is counted: a hundredth of a token
#define BUDGET_TOKENS_MAX 1000 // more are not saved up
#define BUDGET_FLOOR_NS (10 * P2_SEC)

struct budget {
    uint32_t percent, floor; // of a token for each task; tokens
    int64_t held;            // hundredths
    p2_ns refilled_ns;       // the floor has been refilled until then
};

void budget_init(struct budget *b, uint32_t percent, uint32_t floor, p2_ns now); // floor: at most BUDGET_TOKENS_MAX
void budget_earn(struct budget *b);                                              // a task was accepted
// False: there is none, or so few that `leave` would not be left. Time never goes back.
bool budget_take(struct budget *b, p2_ns now, uint32_t leave);
void budget_check(const struct budget *b);

#endif
