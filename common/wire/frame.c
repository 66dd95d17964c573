#include "wire/codec_schema.h"

static void put_u16(uint8_t *out, uint32_t v) {
    out[0] = (uint8_t)v;
    out[1] = (uint8_t)(v >> 8);
}

static void put_u32(uint8_t *out, uint32_t v) {
    put_u16(out, v);
    put_u16(out + 2, v >> 16);
}

static uint32_t get_u32(const uint8_t *in) {
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

void p2_prefix_put(const struct p2_prefix *p, uint8_t out[static P2_PREFIX_BYTES]) {
    out[0] = p->type;
    out[1] = p->flags;
    put_u16(out + 2, p->header_len);
    put_u32(out + 4, p->stream);
    put_u32(out + 8, p->payload_len);
    put_u32(out + 12, p->seq);
}

enum p2_err p2_prefix_get(const uint8_t in[static P2_PREFIX_BYTES], struct p2_prefix *out) {
    *out = (struct p2_prefix){
        .type = in[0],
        .flags = in[1],
        .header_len = (uint16_t)(in[2] | in[3] << 8),
        .stream = get_u32(in + 4),
        .payload_len = get_u32(in + 8),
        .seq = get_u32(in + 12),
    };
    const struct p2_wire_kind *kind = p2_wire_kind(out->type);
    if (!kind) return P2_ERR_BAD_RECORD;
    if (out->payload_len > P2_RECORD_PAYLOAD_MAX) return P2_ERR_TOO_LARGE;
    if (!kind->payload && out->payload_len != 0) return P2_ERR_BAD_RECORD;
    if (out->flags & ~P2_FLAG_ZSTD) return P2_ERR_BAD_RECORD;
    if ((out->flags & P2_FLAG_ZSTD) && (!kind->zstd || out->payload_len == 0)) return P2_ERR_BAD_RECORD;
    return P2_OK;
}

void p2_prefix_stamp(uint8_t prefix[static P2_PREFIX_BYTES], uint32_t seq) { put_u32(prefix + 12, seq); }
