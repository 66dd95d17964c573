// One record without its sequence number: type, flags, stream (a byte), bytes of payload at the end (two,
// little-endian), then header and payload. Its header is read once more as protobuf-c does it, with the same outcome.
#include "again.h"
#include "base/check.h"
#include "fuzz.h"
#include "tests/unit/wire/by_protobuf.h"
#include "wire/wire.h"

#define HEAD 5u

// Set up once: most of an input's time would go into it.
struct ways {
    struct p2_blob_pool pool;
    struct p2_codec codec;
    struct p2_arena arena; // of protobuf-c's way
};

static struct ways *ways(void) {
    static struct ways w;
    if (w.arena.base) return &w;
    p2_blob_pool_init(&w.pool, 1 << 20, 0);
    P2_CHECK(p2_codec_init(&w.codec, &w.pool) && p2_arena_init(&w.arena, BY_PROTOBUF_ARENA));
    return &w;
}

static void both_ways(struct ways *w, const struct wire_table *t, const uint8_t *header, uint32_t size) {
    struct p2_msg ours, theirs;
    p2_arena_reset(&w->codec.arena);
    enum p2_err e = p2_wire_get_message(&w->codec.arena, t, header, size, &ours.u);
    P2_CHECK(e == by_protobuf(&w->arena, t, header, size, &theirs.u));
    P2_CHECK(e != P2_OK || same_message(t, &ours.u, &theirs.u));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD) return 0;
    uint32_t payload_len = (uint32_t)data[3] | (uint32_t)data[4] << 8;
    size_t left = size - HEAD;
    if (payload_len > left || left - payload_len > P2_HEADER_MAX) return 0;
    struct p2_prefix p = {.type = data[0],
                          .flags = data[1],
                          .stream = data[2],
                          .header_len = (uint16_t)(left - payload_len),
                          .payload_len = payload_len};
    uint8_t bytes[P2_PREFIX_BYTES];
    p2_prefix_put(&p, bytes);
    if (p2_prefix_get(bytes, &p) != P2_OK) return 0;

    struct ways *w = ways();
    both_ways(w, p2_wire_kind(p.type)->table, data + HEAD, p.header_len);
    struct p2_blob payload = {.refs = 1, .size = payload_len, .data = (uint8_t *)data + HEAD + p.header_len};
    struct p2_slice slice = {payload_len ? &payload : NULL, 0, payload_len};
    struct p2_msg m;
    if (p2_decode(&w->codec, &p, data + HEAD, slice, &m) == P2_OK) check_again(&m);
    P2_CHECK(w->pool.bytes_live == 0);
    return 0;
}
