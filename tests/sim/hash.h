// Digests of payloads for the coordinator's cache, as its shell makes them.
#ifndef TESTS_SIM_HASH_H
#define TESTS_SIM_HASH_H

#include "coordinator/core/coord.h"
#include "sim.h"

void hashes_open(uint32_t tasks); // of as many tasks as may be open
void hashes_close(void);
void hash_piece(const struct coord_hash *h);
void hash_drop(p2_handle task);
bool hash_ready(p2_handle *task, struct p2_digest *key); // one that was to be made at once; false: none

void coord_hashed(p2_handle task, const struct p2_digest *key); // coord_node.c

#endif
