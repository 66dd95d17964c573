#include "plain.h"

#include "base/list.h"

// Where the zstd flag and the raw size stand, for the kinds with a payload that a coordinator sends.
static bool *flag_of(struct p2_msg *m, uint32_t *raw_size) {
    switch (m->kind) {
    case P2_MSG_TASK_ASSIGN: *raw_size = m->u.assign.raw_size; return &m->u.assign.payload_zstd;
    case P2_MSG_RESULT_DELIVERY: *raw_size = m->u.delivery.raw_size; return &m->u.delivery.payload_zstd;
    case P2_MSG_CHUNK: *raw_size = m->u.chunk.raw_size; return &m->u.chunk.payload_zstd;
    default: return NULL;
    }
}

bool plain_needed(const struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_TASK_ASSIGN: return m->u.assign.payload_zstd;
    case P2_MSG_RESULT_DELIVERY: return m->u.delivery.payload_zstd;
    case P2_MSG_CHUNK: return m->u.chunk.payload_zstd;
    default: return false;
    }
}

enum p2_err plain_unpack(const struct p2_slice *packed, uint32_t raw_size, struct p2_blob_pool *pool,
                         struct p2_blob **out) {
    struct plain *plain = P2_CONTAINER_OF(pool, struct plain, pool);
    struct p2_blob *b = p2_blob_new(pool, raw_size);
    if (!b) return P2_ERR_NO_MEMORY;
    enum p2_err e = p2_body_inflate(&plain->codec, p2_slice_data(packed), packed->size, b->data, raw_size);
    if (e == P2_OK)
        *out = b;
    else
        p2_blob_unref(b);
    return e;
}

enum p2_err plain_make(struct p2_msg *m, struct plain *plain, struct p2_blob **held) {
    uint32_t raw_size = 0;
    bool *zstd = flag_of(m, &raw_size);
    struct p2_slice *payload = p2_msg_payload(m);
    enum p2_err e = plain_unpack(payload, raw_size, &plain->pool, held);
    if (e != P2_OK) return e;
    *zstd = false;
    *payload = (struct p2_slice){*held, 0, raw_size};
    return P2_OK;
}
