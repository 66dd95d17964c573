// Who runs what at the moment, as far as the coordinator has said and heard: a task has at most two runs, each on
// another connection, and none once it is over or waits again.
#ifndef TESTS_SIM_RUNS_H
#define TESTS_SIM_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slab.h"

void runs_open(uint32_t capacity);
void runs_close(void);

void run_begins(uint32_t task, uint32_t attempt, p2_handle conn); // it was assigned
// A peer knows a run by the task it began for, also when another has taken it over.
void run_ends(uint32_t begun_for, uint32_t attempt, p2_handle conn); // result, failure or cancel; none is fine
bool run_owner(uint32_t begun_for, uint32_t attempt, p2_handle conn, uint32_t *task_out); // false: there is none
void runs_lost(p2_handle conn);                                                           // its peer is gone
void runs_taken_over(uint32_t from, uint32_t by);
uint32_t runs_of(uint32_t task);

#endif
