#include <string.h>

#include "wire/codec_schema.h"

// Bytes of one feed.
struct input {
    const uint8_t *at;
    size_t left;
};

void p2_reader_init(struct p2_reader *r, struct p2_codec *codec) { *r = (struct p2_reader){.codec = codec}; }

static void forget(struct p2_reader *r) {
    p2_blob_unref(r->header);
    p2_blob_unref(r->payload);
    r->header = NULL;
    r->payload = NULL;
    r->partial_size = 0;
}

void p2_reader_deinit(struct p2_reader *r) { forget(r); }

// A coordinator that turns a connection away says so before any greeting.
static bool may_begin(uint8_t kind) { return kind == P2_MSG_HELLO || kind == P2_MSG_ERROR; }

static enum p2_err check_prefix(const struct p2_reader *r, const uint8_t *bytes, struct p2_prefix *out) {
    if (!r->hello_seen && !may_begin(bytes[0])) return P2_ERR_BAD_MAGIC;
    enum p2_err e = p2_prefix_get(bytes, out);
    if (e == P2_OK && out->seq != r->seq) return P2_ERR_BAD_RECORD;
    return e;
}

// `header` and `payload` are one whole record's.
static enum p2_err emit(struct p2_reader *r, const struct p2_prefix *p, const uint8_t *header, struct p2_blob *payload,
                        p2_on_msg *on_msg, void *context) {
    struct p2_msg m;
    struct p2_slice slice = {payload, 0, p->payload_len};
    enum p2_err e = p2_decode(r->codec, p, header, slice, &m);
    if (e != P2_OK) return e;
    r->hello_seen = r->hello_seen || m.kind == P2_MSG_HELLO;
    r->seq++;
    return on_msg(context, &m);
}

// A record that lies whole in the input: its header is read where it is.
static enum p2_err whole(struct p2_reader *r, struct input *in, const struct p2_prefix *p, p2_on_msg *on_msg,
                         void *context) {
    const uint8_t *header = in->at + P2_PREFIX_BYTES;
    struct p2_blob *payload = NULL;
    if (p->payload_len) {
        payload = p2_blob_new(r->codec->pool, p->payload_len);
        if (!payload) return P2_ERR_OVERLOADED;
        memcpy(payload->data, header + p->header_len, p->payload_len);
    }
    size_t size = P2_PREFIX_BYTES + p->header_len + p->payload_len;
    in->at += size;
    in->left -= size;
    enum p2_err e = emit(r, p, header, payload, on_msg, context);
    p2_blob_unref(payload);
    return e;
}

// Moves input into `out`, which is the record's bytes from `from` on and `size` long.
static void fill(struct p2_reader *r, struct input *in, uint32_t from, uint8_t *out, uint32_t size) {
    uint32_t have = r->partial_size - from, wanted = size - have;
    uint32_t n = in->left < wanted ? (uint32_t)in->left : wanted;
    if (n == 0) return;
    if (in->at != out + have) memcpy(out + have, in->at, n); // or it was put where p2_reader_place said
    in->at += n;
    in->left -= n;
    r->partial_size += n;
}

// A record that comes in pieces.
static enum p2_err piece(struct p2_reader *r, struct input *in, p2_on_msg *on_msg, void *context) {
    struct p2_prefix p;
    if (r->partial_size < P2_PREFIX_BYTES) {
        // One byte is enough to tell a stranger.
        if (!r->hello_seen && !may_begin(r->partial_size ? r->prefix[0] : in->at[0])) return P2_ERR_BAD_MAGIC;
        fill(r, in, 0, r->prefix, P2_PREFIX_BYTES);
        if (r->partial_size < P2_PREFIX_BYTES) return P2_OK;
    }
    enum p2_err e = check_prefix(r, r->prefix, &p);
    if (e != P2_OK) return e;

    uint32_t head = P2_PREFIX_BYTES + p.header_len;
    if (!r->header && p.header_len && !(r->header = p2_blob_new(r->codec->pool, p.header_len)))
        return P2_ERR_OVERLOADED;
    if (r->partial_size < head) fill(r, in, P2_PREFIX_BYTES, r->header->data, p.header_len);
    if (r->partial_size < head) return P2_OK;

    if (!r->payload && p.payload_len && !(r->payload = p2_blob_new(r->codec->pool, p.payload_len)))
        return P2_ERR_OVERLOADED;
    if (p.payload_len) fill(r, in, head, r->payload->data, p.payload_len);
    if (r->partial_size < head + p.payload_len) return P2_OK;

    e = emit(r, &p, p.header_len ? r->header->data : r->prefix, r->payload, on_msg, context);
    forget(r);
    return e;
}

uint8_t *p2_reader_place(const struct p2_reader *r, size_t *size_out) {
    struct p2_prefix p;
    if (!r->payload || r->failed != P2_OK || p2_prefix_get(r->prefix, &p) != P2_OK) return NULL;
    uint32_t have = r->partial_size - P2_PREFIX_BYTES - p.header_len;
    *size_out = p.payload_len - have;
    return r->payload->data + have;
}

enum p2_err p2_reader_message_end(struct p2_reader *r) {
    if (r->failed == P2_OK && r->partial_size > 0) {
        r->failed = P2_ERR_BAD_RECORD;
        forget(r);
    }
    return r->failed;
}

enum p2_err p2_reader_feed(struct p2_reader *r, const uint8_t *bytes, size_t size, p2_on_msg *on_msg, void *context) {
    struct input in = {bytes, size};
    while (in.left > 0 && r->failed == P2_OK) {
        struct p2_prefix p;
        bool at_start = r->partial_size == 0 && in.left >= P2_PREFIX_BYTES;
        if (at_start) r->failed = check_prefix(r, in.at, &p);
        if (r->failed != P2_OK) break;
        if (at_start && in.left - P2_PREFIX_BYTES >= (size_t)p.header_len + p.payload_len) {
            r->failed = whole(r, &in, &p, on_msg, context);
        } else {
            r->failed = piece(r, &in, on_msg, context);
        }
    }
    if (r->failed != P2_OK) forget(r);
    return r->failed;
}
