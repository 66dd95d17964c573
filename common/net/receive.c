// What comes in: the opening handshake, then frames, whose payload goes to the application.
#include <string.h>

#include "base/mem.h"
#include "internal.h"

#define PLACED_MIN (16u * 1024u) // as many bytes at least, else the application copies them
#define PROBE_BYTES 1024u        // of a record, to see what it is

// ---- bytes that have to wait ----------------------------------------------------------------------------------------

static bool keep(struct conn *c, const uint8_t *bytes, size_t size, size_t capacity) {
    if (!c->kept) {
        c->kept = p2_malloc(capacity);
        c->kept_size = 0;
    }
    if (!c->kept) return false;
    memcpy(c->kept + c->kept_size, bytes, size);
    c->kept_size += (uint32_t)size;
    return true;
}

void p2_receive_forget(struct conn *c) {
    p2_free(c->kept);
    c->kept = NULL;
    c->kept_size = 0;
}

// ---- frames ---------------------------------------------------------------------------------------------------------

static void deliver(struct p2_loop *loop, struct conn *c, const struct p2_ws_piece *piece) {
    const struct p2_net_handlers *h = &loop->handlers;
    p2_conn handle = c->handle; // the handlers may close it
    loop->stats.bytes_in += piece->size;
    if (piece->size > 0) h->received(h->context, handle, piece->bytes, piece->size);
    if (piece->ends && h->message_end) h->message_end(h->context, handle);
}

// Why the remote closed the WebSocket, from its close frame: p2_put_goodbye (write.c) has the codes.
static enum p2_err goodbye_meaning(const struct p2_ws_piece *close) {
    unsigned code = close->size < 2 ? 1000u : (unsigned)close->bytes[0] << 8 | close->bytes[1];
    if (code == 1000 || code == 1001) return P2_OK; // done, or going away
    return code > 4000 && code < 4000 + P2_ERR_AGAIN ? p2_err_from_wire(code - 4000) : P2_ERR_CLOSED;
}

// Below zero when both ends have said goodbye and ours is gone.
static int hear_goodbye(struct p2_loop *loop, struct conn *c, const struct p2_ws_piece *close) {
    c->goodbye_heard = true;
    c->goodbye_why = goodbye_meaning(close);
    if (c->state == CONN_ENDED) return c->going.first ? 0 : -1;
    p2_queue_clear(loop, c); // it reads no more
    if (c->state == CONN_OPEN)
        p2_conn_leave(loop, c, c->goodbye_why);
    else
        p2_conn_ask_write(loop, c);
    return 0;
}

static int take_control(struct p2_loop *loop, struct conn *c, const struct p2_ws_piece *piece) {
    if (piece->op == P2_WS_CLOSE) return hear_goodbye(loop, c, piece);
    if (piece->op == P2_WS_PING && c->state == CONN_OPEN) p2_put_pong(loop, c, piece->bytes, piece->size);
    return 0;
}

// Masked bytes have to be touched before they are delivered: if the application says where it will copy them to, then
// on their way there. What it wants next it can say once it has seen the head of a record, so a large frame begins with
// a small piece, and so does each record in it as long as that pays.
static struct p2_ws_place next_place(struct p2_loop *loop, const struct conn *c, bool *probe) {
    struct p2_ws_place place = {NULL, SIZE_MAX};
    if (!loop->handlers.place || !c->in.in_payload || c->state != CONN_OPEN || !*probe) return place;
    place.to = loop->handlers.place(loop->handlers.context, c->handle, &place.size);
    if (place.to) return place;
    *probe = c->in.left >= 2 * PLACED_MIN;
    return (struct p2_ws_place){NULL, *probe ? PROBE_BYTES : SIZE_MAX};
}

static int take_frames(struct p2_loop *loop, struct conn *c, uint8_t *bytes, size_t size) {
    struct p2_ws_piece piece;
    bool probe = c->in.masked && size >= PLACED_MIN;
    for (unsigned probed = 0;;) {
        if (size > 0 && c->state == CONN_OPEN && (c->paused || c->held_up)) {
            return keep(c, bytes, size, size) ? 0 : -1;
        }
        struct p2_ws_place place = next_place(loop, c, &probe);
        probed = place.to ? 0 : probed + (place.size == PROBE_BYTES);
        if (probed > 1) probe = false;
        switch (p2_ws_next(&c->in, &bytes, &size, &place, &piece)) {
        case P2_WS_MORE: return 0;
        case P2_WS_FRAME:
            probe = c->in.masked && size >= PLACED_MIN;
            probed = 0;
            break;
        case P2_WS_DATA:
            if (c->state == CONN_OPEN) deliver(loop, c, &piece); // else it is leaving, and this is not wanted
            break;
        case P2_WS_CONTROL:
            if (take_control(loop, c, &piece) < 0) return -1;
            break;
        case P2_WS_REFUSED:
        case P2_WS_BROKEN:
            if (c->state == CONN_OPEN) {
                p2_queue_clear(loop, c);
                p2_conn_leave(loop, c, P2_ERR_BAD_RECORD);
            }
            if (c->in.broken) return 0;
            break;
        }
    }
}

int p2_receive_again(struct p2_loop *loop, struct conn *c) {
    uint8_t *bytes = c->kept;
    if (!bytes || c->paused || c->held_up) return 0;
    c->kept = NULL;
    int result = take_frames(loop, c, bytes, c->kept_size);
    p2_free(bytes);
    if (result == 0 && !c->kept && !c->paused && !c->held_up) lws_rx_flow_control(c->wsi, 1);
    loop->dirty = true;
    return result;
}

// ---- the opening handshake ------------------------------------------------------------------------------------------

static int be_asked(struct p2_loop *loop, struct conn *c, const char *text, size_t size) {
    struct p2_head head;
    if (!p2_head_request(text, size, &head)) return p2_http_refuse(loop, c);
    if (!p2_http_wants_upgrade(&head)) return p2_http_answer(loop, c, &head);
    if (!p2_http_upgrade(loop, c, &head)) return c->state == CONN_ENDED ? 0 : -1;
    p2_ws_in_init(&c->in, true);
    p2_conn_opened(loop, c);
    return 0;
}

static int be_answered(struct p2_loop *loop, struct conn *c, const char *text, size_t size) {
    struct p2_head head;
    char key[P2_HEAD_KEY_BYTES + 1];
    p2_head_key(c->nonce, key);
    if (!p2_head_answer(text, size, &head) || !p2_head_accepts(&head, key, P2_SUBPROTOCOL)) return -1;
    p2_ws_in_init(&c->in, false);
    p2_conn_opened(loop, c);
    return 0;
}

// A method's or a version's first letter: much that is no HTTP ends here.
static bool may_begin(uint8_t first) { return first >= 'A' && first <= 'Z'; }

static int shake_hands(struct p2_loop *loop, struct conn *c, uint8_t *bytes, size_t size) {
    size_t before = c->kept_size, fits = P2_HEAD_BYTES_MAX - before;
    size_t n = size < fits ? size : fits;
    if (before == 0 && !may_begin(*bytes)) return -1;
    const uint8_t *text = bytes;
    if (before > 0) {
        (void)keep(c, bytes, n, P2_HEAD_BYTES_MAX);
        text = c->kept;
    }
    size_t looked_at = before > 3 ? before - 3 : 0;
    size_t end = p2_head_end(text + looked_at, before + n - looked_at);
    if (end == 0) {
        if (n < size || n == fits) return -1; // too long
        return before > 0 || keep(c, bytes, n, P2_HEAD_BYTES_MAX) ? 0 : -1;
    }
    end += looked_at;
    int result =
        c->dialled ? be_answered(loop, c, (const char *)text, end) : be_asked(loop, c, (const char *)text, end);
    size_t used = end - before;
    p2_receive_forget(c);
    return result == 0 && c->state == CONN_OPEN && used < size ? take_frames(loop, c, bytes + used, size - used)
                                                               : result;
}

int p2_receive(struct p2_loop *loop, struct conn *c, uint8_t *bytes, size_t size) {
    loop->served++;
    c->heard_ns = loop->now;
    switch (c->state) {
    case CONN_ARRIVED:
    case CONN_DIALING: return shake_hands(loop, c, bytes, size);
    case CONN_OPEN:
    case CONN_FLUSHING:
    case CONN_ENDED: return c->plain ? 0 : take_frames(loop, c, bytes, size);
    default: return -1;
    }
}
