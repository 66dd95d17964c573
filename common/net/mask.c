// What a client sends is masked (RFC 6455, 5.3). lws masks byte by byte and reads its random device once per message;
// here it is done eight bytes at a time, and lws sends the frame as it is.
#include <string.h>

#include "internal.h"
#include "os/os.h"

#define KEY_BYTES 4u
#define HEAD_MAX 14u
#define FIN_BINARY 0x82u
#define MASKED 0x80u

_Static_assert(LWS_PRE >= HEAD_MAX, "a frame's head is written in front of the message");

static void take_key(struct p2_loop *loop, uint8_t key[static KEY_BYTES]) {
    if (loop->mask_at == sizeof loop->mask_keys) {
        p2_entropy(loop->mask_keys, sizeof loop->mask_keys);
        loop->mask_at = 0;
    }
    memcpy(key, loop->mask_keys + loop->mask_at, KEY_BYTES);
    loop->mask_at += KEY_BYTES;
}

static void mask(uint8_t *bytes, size_t size, const uint8_t key[static KEY_BYTES]) {
    uint64_t wide, word;
    memcpy(&wide, key, KEY_BYTES);
    memcpy((uint8_t *)&wide + KEY_BYTES, key, KEY_BYTES);
    size_t at = 0;
    for (; at + sizeof word <= size; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        word ^= wide;
        memcpy(bytes + at, &word, sizeof word);
    }
    for (; at < size; at++) bytes[at] ^= key[at % KEY_BYTES];
}

// Head of a whole binary message without its key; returns its size.
static size_t put_head(uint8_t out[static HEAD_MAX], size_t size) {
    out[0] = FIN_BINARY;
    if (size < 126) {
        out[1] = (uint8_t)(MASKED | size);
        return 2;
    }
    size_t length_bytes = size < 65536 ? 2 : 8;
    out[1] = (uint8_t)(MASKED | (length_bytes == 2 ? 126u : 127u));
    for (size_t i = 0; i < length_bytes; i++) out[2 + i] = (uint8_t)((uint64_t)size >> 8 * (length_bytes - 1 - i));
    return 2 + length_bytes;
}

int p2_write_masked(struct p2_loop *loop, struct conn *c, size_t size) {
    uint8_t head[HEAD_MAX];
    size_t head_size = put_head(head, size);
    take_key(loop, head + head_size);
    mask(loop->scratch + LWS_PRE, size, head + head_size);
    head_size += KEY_BYTES;
    uint8_t *frame = loop->scratch + LWS_PRE - head_size;
    memcpy(frame, head, head_size);
    return lws_write(c->wsi, frame, head_size + size, LWS_WRITE_RAW);
}
