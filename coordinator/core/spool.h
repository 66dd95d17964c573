// Pieces of one payload, as they arrived, kept until they have been sent on. A piece is one record's payload: a
// reference to its blob, never a copy; zstd goes through untouched.
#ifndef COORDINATOR_CORE_SPOOL_H
#define COORDINATOR_CORE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"

struct piece {
    struct p2_slice slice; // holds one reference
    uint64_t offset;       // in the raw payload
    uint32_t raw_size;
    bool zstd;
};

// Zeroed storage is empty, and so is NULL to those that change nothing. The first piece lies inside; a longer list
// lies in a blob of the pool.
struct spool {
    struct piece one;
    struct p2_blob *table;
    uint32_t head, count;
    uint64_t bytes; // raw, of the pieces here
};

// Appends, taking a reference. P2_ERR_BAD_MESSAGE: pieces so small that the list would outgrow its bytes (more than 16
// and less than 2 KiB each on average). P2_ERR_NO_MEMORY: the pool's ceiling.
enum p2_err spool_push(struct spool *s, struct p2_blob_pool *pool, const struct piece *p);
const struct piece *spool_at(const struct spool *s, uint32_t index); // from the oldest; NULL beyond the last. Lends
void spool_drop_first(struct spool *s);                              // of an empty one is our bug
void spool_clear(struct spool *s);
void spool_check(const struct spool *s);

#endif
