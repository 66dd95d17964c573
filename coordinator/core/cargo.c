#include "cargo.h"

#include <string.h>

#include "coordinator/core/state.h"

bool cargo_load(struct coord *c, const struct p2_msg_task_submit *m, struct cargo **out) {
    *out = NULL;
    if (!m->params.count && !m->blob_count && !m->payload_size) return true;
    uint64_t blobs = m->blob_count * (sizeof(p2_handle) + sizeof(struct p2_digest));
    uint64_t bytes = sizeof(struct cargo) + blobs + p2_params_bytes(&m->params);
    struct p2_blob *memory = bytes <= UINT32_MAX ? p2_blob_new(c->pool, (uint32_t)bytes) : NULL;
    if (!memory) return false;
    struct cargo *g = (struct cargo *)(void *)memory->data;
    p2_handle *handles = (p2_handle *)(void *)(g + 1);
    struct p2_digest *digests = (struct p2_digest *)(void *)(handles + m->blob_count);
    if (m->blob_count) memcpy(digests, m->blobs, m->blob_count * sizeof *digests);
    for (uint32_t i = 0; i < m->blob_count; i++) {
        struct blob *b = blob_here(c, &m->blobs[i]);
        handles[i] = b->entry.self;
        if (!P2_CANARY(pin_forgotten)) blob_pin(c, b);
    }
    *g = (struct cargo){.memory = memory,
                        .params = p2_params_copy(&m->params, digests + m->blob_count),
                        .blobs = handles,
                        .digests = m->blob_count ? digests : NULL,
                        .blob_count = m->blob_count,
                        .payload_bytes = m->payload_size};
    *out = g;
    return true;
}

void cargo_drop(struct coord *c, struct cargo *g) {
    if (!g) return;
    spool_clear(&g->payload);
    for (uint32_t i = 0; i < g->blob_count && !P2_CANARY(pin_forgotten); i++) {
        blob_unpin(c, p2_shelf_get(&c->blobs.shelf, g->blobs[i]));
    }
    p2_blob_unref(g->memory);
}

struct blob *cargo_blob(const struct coord *c, const struct cargo *g, uint32_t i) {
    struct blob *b = p2_shelf_get(&c->blobs.shelf, g->blobs[i]);
    return b && b->entry.state == P2_SHELF_HERE ? b : NULL;
}
