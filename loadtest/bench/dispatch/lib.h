// Clients and workers that use a library: ours, and those of the opponents.
#ifndef LOADTEST_BENCH_DISPATCH_LIB_H
#define LOADTEST_BENCH_DISPATCH_LIB_H

#include "loadtest/bench/dispatch/drive.h"

// As in system.h.
void lib_ours_load(uint16_t port, struct drive *d);
void lib_ours_work(uint16_t port, uint32_t ahead, size_t payload_bytes, int ready);
void lib_nats_load(uint16_t port, struct drive *d);
void lib_nats_work(uint16_t port, uint32_t ahead, size_t payload_bytes, int ready);
void lib_gearman_load(uint16_t port, struct drive *d);
void lib_gearman_work(uint16_t port, uint32_t ahead, size_t payload_bytes, int ready);

#endif
