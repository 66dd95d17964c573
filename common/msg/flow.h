// The two ends of one payload on its way in chunks: pure bookkeeping of offsets, windows and attempts.
#ifndef P2_MSG_FLOW_H
#define P2_MSG_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

// Receiving end: bytes arrive contiguous, never beyond `granted`, of one attempt.
struct p2_inflow {
    uint64_t size, have, granted;
    uint32_t attempt;
};

// Expects a payload of `size` bytes; the sender may send `window` bytes unasked.
void p2_inflow_begin(struct p2_inflow *f, uint32_t attempt, uint64_t size, uint64_t window);

// Takes the next raw_size bytes. P2_ERR_NOT_FOUND: of an earlier attempt, ignore. P2_ERR_BAD_MESSAGE: a gap, an
// overlap, beyond the end, an empty chunk, or of an attempt never asked for. P2_ERR_TOO_LARGE: beyond the window.
enum p2_err p2_inflow_take(struct p2_inflow *f, uint32_t attempt, uint64_t offset, uint32_t raw_size);
static inline bool p2_inflow_whole(const struct p2_inflow *f) { return f->have == f->size; }

// `consumed` bytes are dealt with: the new limit to tell the sender, or 0 when it need not be told (moved by less than
// half a window and not to the end, or nothing left to grant).
uint64_t p2_inflow_grant(struct p2_inflow *f, uint64_t consumed, uint64_t window);

// Sending end.
struct p2_outflow {
    uint64_t size, sent, limit;
    uint32_t attempt;
};

void p2_outflow_begin(struct p2_outflow *f, uint32_t attempt, uint64_t size, uint64_t window);
void p2_outflow_window(struct p2_outflow *f, uint32_t attempt, uint64_t limit); // never shrinks; stale attempts ignored
// Bytes the next record may carry, at most P2_RECORD_PAYLOAD_MAX; 0 when blocked or done. Add them to `sent` when sent.
uint32_t p2_outflow_next(const struct p2_outflow *f);
static inline bool p2_outflow_done(const struct p2_outflow *f) { return f->sent == f->size; }

#endif
