#include <string.h>

#include "base/check.h"
#include "wire/codec_schema.h"

// The largest header within our limits: 4,096 elements, each at worst a parameter (152 bytes on 64-bit), and as many
// lists, each rounded up to 16 bytes; a list of 256 spans. Rounded up. Pages are touched only as far as messages need
// them, which for usual ones is the first.
#define ARENA_BYTES (768u << 10)

bool p2_codec_init(struct p2_codec *c, struct p2_blob_pool *pool) {
    *c = (struct p2_codec){.pool = pool};
    return p2_arena_init(&c->arena, ARENA_BYTES) && p2_body_init(c);
}

void p2_codec_deinit(struct p2_codec *c) {
    p2_body_deinit(c);
    p2_arena_deinit(&c->arena);
}

// The record's payload against what the header says of it.
static enum p2_err take_payload(const struct wire_body *b, bool zstd, const struct p2_slice *payload, void *out) {
    char *m = out;
    uint32_t raw_size;
    memcpy(&raw_size, m + b->raw_size, sizeof raw_size);
    if (zstd) {
        if (!p2_wire_zstd_frame(p2_slice_data(payload), payload->size, raw_size)) return P2_ERR_BAD_MESSAGE;
    } else {
        if (raw_size != 0 && raw_size != payload->size) return P2_ERR_BAD_MESSAGE;
        raw_size = payload->size;
        memcpy(m + b->raw_size, &raw_size, sizeof raw_size);
    }
    if (b->payload_size != WIRE_NONE) {
        uint64_t whole;
        memcpy(&whole, m + b->payload_size, sizeof whole);
        if (raw_size > whole) return P2_ERR_BAD_MESSAGE;
    }
    memcpy(m + b->payload, payload, sizeof *payload);
    memcpy(m + b->zstd, &zstd, sizeof zstd);
    return P2_OK;
}

// Cuts the record's payload into the tasks' own.
static enum p2_err take_batch(const struct p2_prefix *p, const struct p2_slice *payload,
                              struct p2_msg_task_submit_batch *batch) {
    if (p->stream > UINT32_MAX - (batch->task_count - 1)) return P2_ERR_BAD_MESSAGE;
    struct p2_msg_task_submit *tasks = (struct p2_msg_task_submit *)batch->tasks; // ours, in the arena
    uint32_t at = 0;
    for (uint32_t i = 0; i < batch->task_count; i++) {
        struct p2_msg_task_submit *t = &tasks[i];
        if (t->payload_size > payload->size - at) return P2_ERR_BAD_MESSAGE;
        uint32_t size = (uint32_t)t->payload_size;
        if (t->raw_size != 0 && t->raw_size != size) return P2_ERR_BAD_MESSAGE;
        t->raw_size = size;
        if (size) t->payload = (struct p2_slice){payload->blob, payload->offset + at, size};
        at += size;
    }
    return at == payload->size ? P2_OK : P2_ERR_BAD_MESSAGE;
}

// What one field alone does not show.
static enum p2_err check_whole(const struct p2_prefix *p, const struct p2_slice *payload, struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_HELLO: return m->u.hello.version_max < m->u.hello.version_min ? P2_ERR_BAD_MESSAGE : P2_OK;
    case P2_MSG_PEER_REGISTER:
        for (uint32_t i = 0; i < m->u.peer_register.offer_count; i++)
            if (m->u.peer_register.offers[i].device >= m->u.peer_register.device_count) return P2_ERR_BAD_MESSAGE;
        return P2_OK;
    case P2_MSG_TASK_SUBMIT_BATCH: return take_batch(p, payload, &m->u.submit_batch);
    case P2_MSG_CHUNK: {
        const struct p2_msg_chunk *c = &m->u.chunk;
        bool fits = c->raw_size > 0 && c->offset <= P2_BLOB_BYTES_MAX - c->raw_size;
        return fits ? P2_OK : P2_ERR_BAD_MESSAGE;
    }
    default: return P2_OK;
    }
}

enum p2_err p2_decode(struct p2_codec *c, const struct p2_prefix *p, const uint8_t *header, struct p2_slice payload,
                      struct p2_msg *out) {
    const struct p2_wire_kind *kind = p2_wire_kind(p->type);
    if (!kind) return P2_ERR_BAD_RECORD;
    bool zstd = p->flags & P2_FLAG_ZSTD;
    if (kind->stream != WIRE_STREAM_ANY && (p->stream != 0) != (kind->stream == WIRE_STREAM_TASK))
        return P2_ERR_BAD_MESSAGE;
    out->kind = (enum p2_msg_kind)p->type;
    out->stream = p->stream;
    p2_arena_reset(&c->arena);
    enum p2_err e = p2_wire_get_message(&c->arena, kind->table, header, p->header_len, &out->u);
    if (e == P2_OK && kind->table->body) e = take_payload(kind->table->body, zstd, &payload, &out->u);
    return e == P2_OK ? check_whole(p, &payload, out) : e;
}

// A batch's: what its tasks have, one right after the other.
static struct p2_slice batch_payload(const struct p2_msg_task_submit_batch *batch) {
    struct p2_slice all = {0};
    for (uint32_t i = 0; i < batch->task_count; i++) {
        const struct p2_slice *part = &batch->tasks[i].payload;
        if (part->size == 0) continue;
        if (all.size == 0) all = (struct p2_slice){part->blob, part->offset, 0};
        P2_CHECK(part->blob == all.blob && part->offset == all.offset + all.size);
        all.size += part->size;
    }
    return all;
}

struct p2_slice p2_encode_payload(const struct p2_msg *m) {
    const struct p2_wire_kind *kind = p2_wire_kind(m->kind);
    struct p2_slice all = {0};
    if (m->kind == P2_MSG_TASK_SUBMIT_BATCH) return batch_payload(&m->u.submit_batch);
    if (kind && kind->table->body) memcpy(&all, (const char *)&m->u + kind->table->body->payload, sizeof all);
    return all;
}

static uint32_t payload_size(const struct p2_msg *m, const struct wire_body *body) {
    uint32_t size;
    if (m->kind == P2_MSG_TASK_SUBMIT_BATCH) return batch_payload(&m->u.submit_batch).size;
    if (!body) return 0;
    memcpy(&size, (const char *)&m->u + body->payload + offsetof(struct p2_slice, size), sizeof size);
    return size;
}

size_t p2_encode(const struct p2_msg *m, uint8_t *out, size_t capacity) {
    const struct p2_wire_kind *kind = p2_wire_kind(m->kind);
    P2_CHECK(kind);
    const struct wire_body *body = kind->table->body;
    uint32_t payload_len = payload_size(m, body);
    P2_CHECK(payload_len <= P2_RECORD_PAYLOAD_MAX);
    if (capacity < P2_PREFIX_BYTES) return 0;
    uint8_t *header = out + P2_PREFIX_BYTES;
    size_t room = capacity - P2_PREFIX_BYTES;
    const uint8_t *end = header + (room < P2_HEADER_MAX ? room : P2_HEADER_MAX);
    const uint8_t *stop = p2_wire_put_message(header, end, kind->table, &m->u);
    if (!stop) return 0;
    const struct p2_prefix p = {
        .type = (uint8_t)m->kind,
        .flags = body && ((const char *)&m->u)[body->zstd] ? P2_FLAG_ZSTD : 0,
        .header_len = (uint16_t)(stop - header),
        .stream = m->stream,
        .payload_len = payload_len,
    };
    p2_prefix_put(&p, out);
    return (size_t)(stop - out);
}
