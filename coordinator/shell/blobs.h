// The store of blobs beside the core: where it lies, what the core asks of it, what it cannot take.
#ifndef COORDINATOR_SHELL_BLOBS_H
#define COORDINATOR_SHELL_BLOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blobwork.h"
#include "coordinator/core/limits.h"

struct blob_keeper;

// `dir` NULL: coordinator-PORT/blobs in the user's cache directory. NULL, and a line in the log: it cannot be used.
// Borrows the pool for its life.
struct blob_keeper *blob_keeper_open(const char *dir, uint16_t port, const struct coord_limits *limits,
                                     struct p2_blob_pool *pool);
void blob_keeper_close(struct blob_keeper **k);

bool blob_keeper_found(const struct blob_keeper *k, uint32_t i, struct p2_blob_work *out); // false: no more
void blob_keeper_do(struct blob_keeper *k, const struct p2_blob_work *work);
bool blob_keeper_refused(struct blob_keeper *k, struct p2_blob_work *out); // after each step: what it could not take
bool blob_keeper_answer(struct blob_keeper *k, struct p2_blob_work *out);  // with a reference to its slice
int blob_keeper_fd(const struct blob_keeper *k);

#endif
