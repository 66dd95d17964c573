#include "net/ws.h"

#include <string.h>

#define FIN 0x80u
#define RESERVED 0x70u
#define OP 0x0fu
#define CONTROL 0x08u
#define MASKED 0x80u
#define LENGTH 0x7fu
#define LENGTH_16 126u
#define LENGTH_64 127u

void p2_ws_in_init(struct p2_ws_in *in, bool masked) { *in = (struct p2_ws_in){.masked = masked}; }

// The loop over words is one the compiler makes vectors of.
void p2_ws_mask(uint8_t *out, const uint8_t *bytes, size_t size, const uint8_t key[static P2_WS_KEY_BYTES],
                uint64_t from) {
    uint8_t turned[sizeof(uint64_t)];
    uint64_t wide, word;
    for (size_t i = 0; i < sizeof turned; i++) turned[i] = key[(from + i) % P2_WS_KEY_BYTES];
    memcpy(&wide, turned, sizeof wide);
    size_t words = size / sizeof word;
    for (size_t i = 0; i < words; i++) {
        memcpy(&word, bytes + i * sizeof word, sizeof word);
        word ^= wide;
        memcpy(out + i * sizeof word, &word, sizeof word);
    }
    for (size_t i = words * sizeof word; i < size; i++) out[i] = bytes[i] ^ turned[i % sizeof turned];
}

// ---- reading --------------------------------------------------------------------------------------------------------

// Bytes of a head without its key, when the first two are there.
static size_t length_end(const struct p2_ws_in *in) {
    unsigned length = in->head[1] & LENGTH;
    return 2u + (length == LENGTH_16 ? 2u : length == LENGTH_64 ? 8u : 0u);
}

static bool op_fits(const struct p2_ws_in *in, unsigned op) {
    switch (op) {
    case P2_WS_CONTINUATION: return in->in_message;
    case P2_WS_TEXT:
    case P2_WS_BINARY: return !in->in_message;
    case P2_WS_CLOSE:
    case P2_WS_PING:
    case P2_WS_PONG: return in->final && (in->head[1] & LENGTH) <= P2_WS_CONTROL_MAX;
    default: return false;
    }
}

// As short as it can be said, and never with the top bit.
static bool take_length(struct p2_ws_in *in) {
    unsigned length = in->head[1] & LENGTH;
    in->left = length;
    if (length < LENGTH_16) return true;
    size_t bytes = length == LENGTH_16 ? 2 : 8;
    in->left = 0;
    for (size_t i = 0; i < bytes; i++) in->left = in->left << 8 | in->head[2 + i];
    return bytes == 2 ? in->left >= LENGTH_16 : in->left > UINT16_MAX && in->left <= INT64_MAX;
}

static bool begins_well(struct p2_ws_in *in) {
    in->final = in->head[0] & FIN;
    bool masked = in->head[1] & MASKED;
    return !(in->head[0] & RESERVED) && masked == in->masked && op_fits(in, in->head[0] & OP);
}

static void begin_payload(struct p2_ws_in *in) {
    unsigned op = in->head[0] & OP;
    if (in->masked) memcpy(in->key, in->head + in->head_size - P2_WS_KEY_BYTES, P2_WS_KEY_BYTES);
    in->head_size = 0;
    in->in_payload = true;
    in->control_size = 0;
    in->op = (uint8_t)op;
    if (op & CONTROL) return;
    if (op != P2_WS_CONTINUATION) in->text = op == P2_WS_TEXT;
    in->in_message = !in->final;
}

// Takes bytes of a head until it is whole. False as soon as they say that it is none.
static bool take_head(struct p2_ws_in *in, uint8_t **at, size_t *size) {
    while (*size > 0 && !in->in_payload) {
        in->head[in->head_size++] = *(*at)++;
        --*size;
        if (in->head_size < 2) continue;
        if (in->head_size == 2 && !begins_well(in)) return false;
        size_t end = length_end(in);
        if (in->head_size == end && !take_length(in)) return false;
        if (in->head_size == end + (in->masked ? P2_WS_KEY_BYTES : 0)) begin_payload(in);
    }
    return true;
}

static void turn_key(struct p2_ws_in *in, size_t by) {
    uint8_t key[P2_WS_KEY_BYTES];
    for (size_t i = 0; i < sizeof key; i++) key[i] = in->key[(i + by) % sizeof key];
    memcpy(in->key, key, sizeof key);
}

// As much of the payload as is there and wanted, at most `size`, to where it is wanted.
static size_t take_payload(struct p2_ws_in *in, uint8_t *to, const uint8_t *at, size_t size) {
    size_t n = size < in->left ? size : (size_t)in->left;
    if (in->masked && n > 0) {
        p2_ws_mask(to, at, n, in->key, 0);
        turn_key(in, n);
    } else if (to != at && n > 0) {
        memcpy(to, at, n);
    }
    in->left -= n;
    if (in->left == 0) in->in_payload = false;
    return n;
}

static enum p2_ws_event take_control(struct p2_ws_in *in, uint8_t **at, size_t *size, struct p2_ws_piece *out) {
    size_t n = take_payload(in, in->control + in->control_size, *at, *size);
    *at += n;
    *size -= n;
    in->control_size += (uint8_t)n;
    if (in->in_payload) return P2_WS_MORE;
    *out = (struct p2_ws_piece){.bytes = in->control, .size = in->control_size, .op = (enum p2_ws_op)in->op};
    return P2_WS_CONTROL;
}

enum p2_ws_event p2_ws_next(struct p2_ws_in *in, uint8_t **at, size_t *size, const struct p2_ws_place *place,
                            struct p2_ws_piece *out) {
    if (in->broken) return P2_WS_BROKEN;
    if (!in->in_payload) {
        if (!take_head(in, at, size)) {
            in->broken = true;
            return P2_WS_BROKEN;
        }
        if (!in->in_payload) return P2_WS_MORE;
        if (!(in->op & CONTROL) && !in->text) return P2_WS_FRAME;
    }
    if (*size == 0 && in->left > 0) return P2_WS_MORE;
    if (in->op & CONTROL) return take_control(in, at, size, out);
    uint8_t *to = place->to ? place->to : *at;
    size_t n = take_payload(in, to, *at, place->size < *size ? place->size : *size);
    *at += n;
    *size -= n;
    *out = (struct p2_ws_piece){.bytes = to, .size = n, .ends = !in->in_payload && in->final};
    return in->text ? P2_WS_REFUSED : P2_WS_DATA;
}

// ---- writing --------------------------------------------------------------------------------------------------------

size_t p2_ws_head(uint8_t out[static P2_WS_HEAD_MAX], enum p2_ws_op op, uint64_t size, const uint8_t *key) {
    size_t at = 2, length_bytes = size < LENGTH_16 ? 0 : size <= UINT16_MAX ? 2 : 8;
    unsigned length = length_bytes == 0 ? (unsigned)size : length_bytes == 2 ? LENGTH_16 : LENGTH_64;
    out[0] = (uint8_t)(FIN | (unsigned)op);
    out[1] = (uint8_t)((key ? MASKED : 0u) | length);
    while (length_bytes > 0) out[at++] = (uint8_t)(size >> 8 * --length_bytes);
    if (!key) return at;
    memcpy(out + at, key, P2_WS_KEY_BYTES);
    return at + P2_WS_KEY_BYTES;
}
