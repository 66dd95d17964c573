// P2C2R's records in WebSocket messages (RFC 6455), spoken by hand over a link: what is put before a seal is one.
#ifndef LOADTEST_BENCH_DISPATCH_WS_H
#define LOADTEST_BENCH_DISPATCH_WS_H

#include <stdbool.h>

#include "base/rng.h"
#include "loadtest/bench/dispatch/link.h"

struct ws {
    struct link *link; // borrows
    struct p2_rng keys;
    uint32_t key;       // of the open message
    size_t begun, size; // where the open message's head will stand, behind what is queued; its bytes so far
    bool open;
    uint64_t left; // bytes of the frame that is being read
};

// Dials; the process ends when the other side does not take it.
void ws_open(struct ws *w, struct link *l, uint16_t port, const char *protocol);

void ws_put(struct ws *w, const void *bytes, size_t size);
void ws_seal(struct ws *w); // fine without an open message

// The next whole record that was read, lent until the link is read again; NULL: there is none.
const uint8_t *ws_record(struct ws *w, size_t *size_out);

#endif
