// Who need not be given work, and must not: what the coordinator's breakers and its holding back of peers must be like,
// from what it has heard.
#ifndef TESTS_SIM_SHUNS_H
#define TESTS_SIM_SHUNS_H

#include "coordinator/core/note.h"
#include "sim.h"

void shuns_open(uint32_t peers);
void shuns_close(void);

void shuns_opened(const struct link *l, const struct p2_id *id); // a connection, and its pseudonym
void shuns_registering(const struct p2_id *instance);            // what a peer says it is, before its note
void shuns_failed(const struct link *l, uint32_t task);          // a job of it, retryably
void shuns_said(const struct link *l, uint32_t task);            // it was assigned
void shuns_over(const struct link *l, uint32_t task);            // it is not, or no more
void shuns_placed(const struct coord_note *note, uint32_t task); // may that peer have it?
void shuns_noted(const struct coord_note *note);                 // any other note
bool shuns_held_off(uint32_t peer, uint32_t content);            // or may only just have been let work again

#endif
