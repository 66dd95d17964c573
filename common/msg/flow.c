#include "flow.h"

#include "limits.h"

static uint64_t lesser(uint64_t a, uint64_t b) { return a < b ? a : b; }

void p2_inflow_begin(struct p2_inflow *f, uint32_t attempt, uint64_t size, uint64_t window) {
    *f = (struct p2_inflow){.size = size, .granted = lesser(size, window), .attempt = attempt};
}

enum p2_err p2_inflow_take(struct p2_inflow *f, uint32_t attempt, uint64_t offset, uint32_t raw_size) {
    if (attempt < f->attempt) return P2_ERR_NOT_FOUND;
    if (attempt > f->attempt || raw_size == 0) return P2_ERR_BAD_MESSAGE;
    if (offset != f->have || raw_size > f->size - f->have) return P2_ERR_BAD_MESSAGE;
    if (raw_size > f->granted - f->have) return P2_ERR_TOO_LARGE;
    f->have += raw_size;
    return P2_OK;
}

uint64_t p2_inflow_grant(struct p2_inflow *f, uint64_t consumed, uint64_t window) {
    uint64_t limit;
    if (__builtin_add_overflow(consumed, window, &limit) || limit > f->size) limit = f->size;
    if (limit <= f->granted) return 0;
    if (limit < f->size && limit - f->granted < window / 2) return 0;
    f->granted = limit;
    return limit;
}

void p2_outflow_begin(struct p2_outflow *f, uint32_t attempt, uint64_t size, uint64_t window) {
    *f = (struct p2_outflow){.size = size, .limit = lesser(size, window), .attempt = attempt};
}

void p2_outflow_window(struct p2_outflow *f, uint32_t attempt, uint64_t limit) {
    if (attempt != f->attempt) return;
    limit = lesser(limit, f->size);
    if (limit > f->limit) f->limit = limit;
}

uint32_t p2_outflow_next(const struct p2_outflow *f) {
    return (uint32_t)lesser(f->limit - f->sent, P2_RECORD_PAYLOAD_MAX);
}
