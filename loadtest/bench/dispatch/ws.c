#include "loadtest/bench/dispatch/ws.h"

#include <stdio.h>
#include <string.h>

#include "loadtest/bench/dispatch/drive.h"
#include "os/os.h"
#include "wire/wire.h"

#define HEAD_MAX 14u // of a frame: kind, length, key
#define MASKED 0x80u
#define FINAL 0x80u

enum opcode { CONTINUED = 0, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

void ws_open(struct ws *w, struct link *l, uint16_t port, const char *protocol) {
    char request[400];
    *w = (struct ws){.link = l};
    uint64_t seed;
    p2_entropy(&seed, sizeof seed);
    p2_rng_init(&w->keys, seed);
    snprintf(request, sizeof request,
             "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Protocol: %s\r\n\r\n",
             port, protocol);
    link_text(l, request);
    link_flush(l, true);
    const uint8_t *end;
    do {
        link_fill(l, true);
        end = memmem(link_at(l), link_read(l), "\r\n\r\n", 4);
    } while (!end);
    if (!memmem(link_at(l), 16, " 101 ", 5)) drive_fail("%.60s", (const char *)link_at(l));
    l->in_at += (size_t)(end + 4 - link_at(l));
}

// ---- out

// As it is copied; `phase` bytes of the message stand before.
static void copy_masked(uint8_t *restrict to, const uint8_t *restrict from, size_t size, uint32_t key, size_t phase) {
    const unsigned shift = 8 * (unsigned)(phase % 4);
    if (shift) key = key >> shift | key << (32 - shift);
    const uint64_t wide = key | (uint64_t)key << 32;
    size_t at = 0;
    for (; at + sizeof wide <= size; at += sizeof wide) {
        uint64_t word;
        memcpy(&word, from + at, sizeof word);
        word ^= wide;
        memcpy(to + at, &word, sizeof word);
    }
    for (; at < size; at++) to[at] = from[at] ^ (uint8_t)(key >> (8 * (at % 4)));
}

static size_t put_head(uint8_t out[static HEAD_MAX], enum opcode kind, uint64_t size, uint32_t key) {
    size_t n = 2;
    out[0] = (uint8_t)(FINAL | kind);
    out[1] = (uint8_t)(MASKED | (size < 126 ? size : size < 65536 ? 126 : 127));
    for (int shift = size < 126 ? -8 : size < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        out[n++] = (uint8_t)(size >> shift);
    memcpy(out + n, &key, sizeof key);
    return n + sizeof key;
}

void ws_put(struct ws *w, const void *bytes, size_t size) {
    struct link *l = w->link;
    if (!w->open) {
        w->open = true;
        w->size = 0;
        w->key = (uint32_t)p2_rng_next(&w->keys);
        w->begun = link_queued(l);
        link_room(l, HEAD_MAX);
        l->out_end += HEAD_MAX;
    }
    copy_masked(link_room(l, size), bytes, size, w->key, w->size);
    l->out_end += size;
    w->size += size;
}

// The head is known only now: a short one leaves a gap, which the message's bytes are moved over.
void ws_seal(struct ws *w) {
    uint8_t head[HEAD_MAX];
    if (!w->open) return;
    struct link *l = w->link;
    uint8_t *at = l->out + l->out_at + w->begun;
    const size_t n = put_head(head, BINARY, w->size, w->key);
    memcpy(at, head, n);
    if (n < HEAD_MAX) memmove(at + n, at + HEAD_MAX, w->size);
    l->out_end -= HEAD_MAX - n;
    w->open = false;
}

static void pong(struct ws *w, const uint8_t *bytes, size_t size) {
    uint8_t head[HEAD_MAX], body[125];
    const uint32_t key = (uint32_t)p2_rng_next(&w->keys);
    ws_seal(w);
    link_put(w->link, head, put_head(head, PONG, size, key));
    copy_masked(body, bytes, size, key, 0);
    link_put(w->link, body, size);
}

// ---- in

static uint32_t le32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// What follows the frame that is being read: true when its head is here. The `left` bytes before it, of which a record
// is not whole yet, are moved behind the head.
static bool next_frame(struct ws *w) {
    struct link *l = w->link;
    const uint8_t *head = link_at(l) + w->left;
    const size_t there = link_read(l) - (size_t)w->left;
    if (there < 2) return false;
    size_t n = 2, lengths = (head[1] & 127) == 126 ? 2 : (head[1] & 127) == 127 ? 8 : 0;
    uint64_t size = lengths ? 0 : head[1] & 127;
    if (there < n + lengths) return false;
    while (lengths--) size = size << 8 | head[n++];
    const enum opcode kind = head[0] & 15;
    if (kind == CLOSE)
        drive_fail("the coordinator closes the connection: %u", size >= 2 ? (unsigned)(head[n] << 8 | head[n + 1]) : 0);
    const bool words = kind == BINARY || kind == CONTINUED;
    if (!words && there < n + size) return false;
    if (kind == PING) pong(w, head + n, (size_t)size);
    if (!words) n += (size_t)size;
    memmove(l->in + l->in_at + n, link_at(l), (size_t)w->left);
    l->in_at += n;
    if (words) w->left += size;
    return true;
}

const uint8_t *ws_record(struct ws *w, size_t *size_out) {
    struct link *l = w->link;
    do {
        const size_t n = link_read(l) < w->left ? link_read(l) : (size_t)w->left;
        const uint8_t *at = link_at(l);
        if (n < P2_PREFIX_BYTES) continue;
        const size_t size = P2_PREFIX_BYTES + (size_t)(at[2] | at[3] << 8) + le32(at + 8);
        if (n < size) continue;
        l->in_at += size;
        w->left -= size;
        *size_out = size;
        return at;
    } while (link_read(l) > w->left && next_frame(w));
    return NULL;
}
