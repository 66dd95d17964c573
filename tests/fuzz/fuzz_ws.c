// The first byte says who reads (1: frames are masked) and in what pieces (its upper bits; 0: all at once). Frames in
// pieces must be what they are at once; the same text is tried as heads of HTTP.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "net/head.h"
#include "net/ws.h"

struct heard {
    uint8_t *bytes; // of messages, one after the other; then whole control frames
    size_t size, controls, ends;
    bool broken, refused;
};

static void keep(struct heard *h, const struct p2_ws_piece *piece) {
    if (piece->size > 0) memcpy(h->bytes + h->size, piece->bytes, piece->size);
    h->size += piece->size;
}

// `placed`: where payload is wanted changes as an application would say.
static void read_frames(struct p2_ws_in *in, uint8_t *data, size_t size, bool placed, struct heard *h) {
    uint8_t elsewhere[64];
    struct p2_ws_piece piece;
    for (;;) {
        const struct p2_ws_place place = {placed ? elsewhere : NULL, placed ? sizeof elsewhere : SIZE_MAX};
        switch (p2_ws_next(in, &data, &size, &place, &piece)) {
        case P2_WS_MORE: P2_CHECK(size == 0); return;
        case P2_WS_FRAME: P2_CHECK(in->in_payload); break;
        case P2_WS_DATA:
            keep(h, &piece);
            h->ends += piece.ends;
            break;
        case P2_WS_CONTROL:
            P2_CHECK(piece.size <= P2_WS_CONTROL_MAX);
            h->controls++;
            break;
        case P2_WS_REFUSED: h->refused = true; break;
        case P2_WS_BROKEN: h->broken = true; return;
        }
    }
}

static void read_in_pieces(uint8_t *data, size_t size, size_t by, bool masked, struct heard *h) {
    struct p2_ws_in in;
    p2_ws_in_init(&in, masked);
    for (size_t at = 0; at < size && !h->broken; at += by)
        read_frames(&in, data + at, size - at < by ? size - at : by, by < size, h);
}

static void read_head(const char *text, size_t size) {
    struct p2_head head;
    size_t end = p2_head_end((const uint8_t *)text, size);
    P2_CHECK(end <= size);
    if (p2_head_request(text, size, &head)) {
        P2_CHECK(end == size && head.path.size > 0 && head.path.at[0] == '/');
        if (p2_head_wants_websocket(&head)) P2_CHECK(head.key.size == P2_HEAD_KEY_BYTES);
    }
    if (p2_head_answer(text, size, &head)) P2_CHECK(end == size && head.status < 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    bool masked = data[0] & 1;
    size_t by = data[0] >> 1 ? data[0] >> 1 : size;
    read_head((const char *)data + 1, size - 1);
    uint8_t *copies = malloc(4 * size);
    P2_CHECK(copies);
    memcpy(copies, data + 1, size - 1);
    memcpy(copies + size, data + 1, size - 1);
    struct heard once = {.bytes = copies + 2 * size}, pieces = {.bytes = copies + 3 * size};
    read_in_pieces(copies, size - 1, size, masked, &once);
    read_in_pieces(copies + size, size - 1, by, masked, &pieces);
    P2_CHECK(once.size == pieces.size && memcmp(once.bytes, pieces.bytes, once.size) == 0);
    P2_CHECK(once.controls == pieces.controls && once.ends == pieces.ends && once.broken == pieces.broken);
    P2_CHECK(once.size <= size);
    free(copies);
    return 0;
}
