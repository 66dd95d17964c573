// What an earlier start of this very program found out about a type on this very device: the results that were proved
// to be right, by their digests, and how fast it is. A start that gets the same results again has proved them without
// the references, which take longer than the device. Kept beside the programs and trusted no more than they: a file
// carries its key and a digest of its content, and one that does not fit is not there.
#ifndef PEER_EXECUTOR_VERDICT_H
#define PEER_EXECUTOR_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "peer/executor/device.h"
#include "peer/executor/program.h"

#define VERDICT_ANSWERS_MAX 64 // of a type with more nothing is kept

struct verdict {
    uint64_t units_per_second;
    uint32_t count; // of known answers
    struct p2_digest results[VERDICT_ANSWERS_MAX];
};

// Of the program's key, the type and its version, and this executable as it lies on the disk. False: no memory.
bool verdict_key(const struct device *d, const struct exec_type *type, struct p2_digest *out);

bool verdict_load(const struct program_cache *c, const struct p2_digest *key, struct verdict *out);
void verdict_store(const struct program_cache *c, const struct p2_digest *key, const struct verdict *v);

#endif
