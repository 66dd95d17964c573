// What a task brought and keeps until its end: parameters, the blobs it refers to, its payload. All in one piece of the
// pool's memory; a task that brought nothing has none.
#ifndef COORDINATOR_CORE_CARGO_H
#define COORDINATOR_CORE_CARGO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/slab.h"
#include "coordinator/core/spool.h"
#include "msg/msg.h"

struct blob;
struct coord;

struct cargo {
    struct p2_blob *memory; // in which this lies
    struct p2_params params;
    p2_handle *blobs; // pinned
    const struct p2_digest *digests;
    uint32_t blob_count;
    uint64_t payload_bytes; // of all of it
    struct spool payload;   // what of it is here
};

// Gives it, with the payload empty; *out is NULL for a submission that brings nothing. False: the pool's ceiling.
bool cargo_load(struct coord *c, const struct p2_msg_task_submit *m, struct cargo **out);
void cargo_drop(struct coord *c, struct cargo *g); // NULL is fine

struct blob *cargo_blob(const struct coord *c, const struct cargo *g, uint32_t i); // NULL: it was lost

static inline uint32_t cargo_blob_count(const struct cargo *g) { return g ? g->blob_count : 0; }
static inline uint64_t cargo_payload_bytes(const struct cargo *g) { return g ? g->payload_bytes : 0; }
static inline const struct spool *cargo_payload(const struct cargo *g) { return g ? &g->payload : NULL; }
static inline uint64_t cargo_bytes_here(const struct cargo *g) { return g ? g->payload.bytes : 0; }
static inline struct p2_params cargo_params(const struct cargo *g) { return g ? g->params : (struct p2_params){0}; }

#endif
