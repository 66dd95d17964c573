// What the coordinator says, notes and hears, held against the book.
#ifndef TESTS_SIM_WITNESS_H
#define TESTS_SIM_WITNESS_H

#include "coordinator/core/coord.h"
#include "sim.h"

void witness_open(const struct coord_limits *limits); // borrows them until the next call
void witness_said(const struct link *l, const struct p2_msg *m);
void witness_noted(const struct coord_note *n);
void witness_heard(const struct link *l, const struct p2_msg *m); // before the coordinator does
void witness_gives_up(const struct p2_digest *blob);              // it removes that
void witness_check_tasks(uint32_t from);                          // coord_check_tasks, where it was not stalled

#endif
