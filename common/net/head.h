// Heads of HTTP/1.1: what is asked of us, and the opening handshake of WebSocket (RFC 6455, section 4) on both sides.
// Pure: text in, answers out.
#ifndef P2_NET_HEAD_H
#define P2_NET_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2_HEAD_BYTES_MAX 4096u // of a head, its blank line included
#define P2_HEAD_NONCE_BYTES 16u
#define P2_HEAD_KEY_BYTES 24u    // the nonce in base64
#define P2_HEAD_ACCEPT_BYTES 28u // what is made of the key

// A part of the text that was parsed; empty when absent.
struct p2_head_part {
    const char *at;
    size_t size;
};

struct p2_head {
    struct p2_head_part method, path; // of a request; the path without its query
    unsigned status;                  // of an answer
    struct p2_head_part upgrade, connection, key, accept, version, protocol, extensions, origin, host;
    bool host_twice, origin_twice;
};

// Bytes up to and with the blank line that ends a head; 0 when there is none yet.
size_t p2_head_end(const uint8_t *text, size_t size);

// Reads a whole head, which lends its parts. False when it is none: strange bytes, folded lines, fields said twice that
// the handshake depends on.
bool p2_head_request(const char *text, size_t size, struct p2_head *out);
bool p2_head_answer(const char *text, size_t size, struct p2_head *out);

bool p2_head_is(const struct p2_head_part *part, const char *text);                  // without regard to case
bool p2_head_lists(const struct p2_head_part *part, const char *word, bool exactly); // as one of several, with commas

// Does it ask for WebSocket, version 13, with a key that is one?
bool p2_head_wants_websocket(const struct p2_head *h);
// Does it accept what was asked for with this key and this sub-protocol, and nothing else?
bool p2_head_accepts(const struct p2_head *h, const char key[static P2_HEAD_KEY_BYTES + 1], const char *protocol);

// Both NUL-terminated.
void p2_head_key(const uint8_t nonce[static P2_HEAD_NONCE_BYTES], char out[static P2_HEAD_KEY_BYTES + 1]);
void p2_head_accept(const char key[static P2_HEAD_KEY_BYTES], char out[static P2_HEAD_ACCEPT_BYTES + 1]);

#endif
