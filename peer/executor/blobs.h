// The blobs of a job, mapped for as long as it runs. An error of the disk while they are read ends this process, as a
// driver's crash does; the supervisor starts another.
#ifndef PEER_EXECUTOR_BLOBS_H
#define PEER_EXECUTOR_BLOBS_H

#include <stdint.h>

#include "peer/core/words.h"
#include "peer/executor/exec.h"

// How many could be mapped; fewer than `count` when one is not there or has another size.
uint32_t blobs_map(const char *dir, const struct word_blob *which, uint32_t count, struct exec_blob *out);
void blobs_unmap(const struct exec_blob *blobs, uint32_t count);

#endif
