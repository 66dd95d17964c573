// WebSocket frames (RFC 6455, section 5), read and written without a copy. Pure: bytes in, events out.
#ifndef P2_NET_WS_H
#define P2_NET_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2_WS_HEAD_MAX 14u     // of a frame, key included
#define P2_WS_CONTROL_MAX 125u // payload of a ping, a pong, a close
#define P2_WS_KEY_BYTES 4u

enum p2_ws_op {
    P2_WS_CONTINUATION = 0,
    P2_WS_TEXT = 1,
    P2_WS_BINARY = 2,
    P2_WS_CLOSE = 8,
    P2_WS_PING = 9,
    P2_WS_PONG = 10
};

// ---- reading --------------------------------------------------------------------------------------------------------

// What has been read of a connection's frames so far.
struct p2_ws_in {
    uint64_t left; // payload bytes of the present frame that are still to come
    uint8_t head[P2_WS_HEAD_MAX];
    uint8_t head_size;            // of the head that is coming in; 0 within a payload
    uint8_t key[P2_WS_KEY_BYTES]; // rotated so that the next payload byte takes key[0]
    uint8_t op;                   // of the present frame; of a continuation, its message's
    uint8_t control_size;
    uint8_t control[P2_WS_CONTROL_MAX];
    bool masked;     // frames must be: they come from a client. Else they must not
    bool final;      // of the present frame
    bool in_payload; // of a frame
    bool in_message; // a data frame without FIN came last
    bool text;       // that message is one of text
    bool broken;
};

enum p2_ws_event {
    P2_WS_MORE,    // all bytes are used up
    P2_WS_FRAME,   // a binary frame, or one that continues such a message, begins; `left` bytes
    P2_WS_DATA,    // of a binary message; perhaps none, at its end
    P2_WS_CONTROL, // a whole control frame; `op` says which
    P2_WS_REFUSED, // a piece of a text message; what follows can be read all the same
    P2_WS_BROKEN,  // no WebSocket: what follows cannot be read
};

struct p2_ws_piece {
    const uint8_t *bytes; // in the input, unmasked in place, or where they were wanted; of a control frame in the
                          // reader, until the next call
    size_t size;
    enum p2_ws_op op; // of a control frame
    bool ends;        // the message
};

// Where the next payload bytes are wanted.
struct p2_ws_place {
    uint8_t *to; // NULL: where they are
    size_t size; // at most so many at once
};

void p2_ws_in_init(struct p2_ws_in *in, bool masked);
// Takes bytes from *at, of which there are *size. After P2_WS_BROKEN, always that.
enum p2_ws_event p2_ws_next(struct p2_ws_in *in, uint8_t **at, size_t *size, const struct p2_ws_place *place,
                            struct p2_ws_piece *out);

// ---- writing --------------------------------------------------------------------------------------------------------

// The head of a whole (FIN) frame; `key` NULL: not masked. Returns its size.
size_t p2_ws_head(uint8_t out[static P2_WS_HEAD_MAX], enum p2_ws_op op, uint64_t size, const uint8_t *key);

// Copies `size` bytes that stand at offset `from` of a frame's payload and masks or unmasks them. May be in place.
void p2_ws_mask(uint8_t *out, const uint8_t *bytes, size_t size, const uint8_t key[static P2_WS_KEY_BYTES],
                uint64_t from);

#endif
