// What leaves: records become messages, messages bytes of the socket. The socket is written to directly: what it does
// not take stays where it is, and a large payload leaves from the blob it lies in.
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/check.h"
#include "internal.h"
#include "os/os.h"

#define PARTS_MAX 64u
#define DIRECT_BYTES 8192u // a payload so large is sent from where it is; smaller ones are copied together
#define SHARED_BYTES 2048u // likewise small records that are together already

// ---- what is on its way ---------------------------------------------------------------------------------------------

static void push_going(struct conn *c, struct record *r) {
    r->next = NULL;
    if (c->going.last)
        c->going.last->next = r;
    else
        c->going.first = r;
    c->going.last = r;
}

static void drop_first(struct p2_loop *loop, struct conn *c) {
    struct record *r = c->going.first;
    c->going.first = r->next;
    if (!c->going.first) c->going.last = NULL;
    p2_record_give(&loop->records, r);
}

void p2_going_push(struct conn *c, struct record *r) { push_going(c, r); }

void p2_going_clear(struct p2_loop *loop, struct conn *c) {
    while (c->going.first) drop_first(loop, c);
    c->gone_bytes = 0;
    if (c->pong) p2_record_give(&loop->records, c->pong);
    c->pong = NULL;
}

static struct record *plain_record(struct p2_loop *loop, const uint8_t *bytes, size_t size) {
    struct record *r = p2_record_take(&loop->records, bytes, size, (struct p2_slice){.blob = NULL});
    if (r) r->plain = true;
    return r;
}

bool p2_put_plain(struct p2_loop *loop, struct conn *c, const uint8_t *bytes, size_t size) {
    struct record *r = plain_record(loop, bytes, size);
    if (!r) return false;
    push_going(c, r);
    p2_conn_ask_write(loop, c);
    return true;
}

static void take_key(struct p2_loop *loop, uint8_t key[static P2_WS_KEY_BYTES]) {
    if (loop->mask_at == sizeof loop->mask_keys) {
        p2_entropy(loop->mask_keys, sizeof loop->mask_keys);
        loop->mask_at = 0;
    }
    memcpy(key, loop->mask_keys + loop->mask_at, P2_WS_KEY_BYTES);
    loop->mask_at += P2_WS_KEY_BYTES;
}

static struct record *control_record(struct p2_loop *loop, const struct conn *c, enum p2_ws_op op, const uint8_t *bytes,
                                     size_t size) {
    uint8_t frame[P2_WS_HEAD_MAX + P2_WS_CONTROL_MAX], key[P2_WS_KEY_BYTES] = {0};
    if (c->dialled) take_key(loop, key);
    size_t head_size = p2_ws_head(frame, op, size, c->dialled ? key : NULL);
    p2_ws_mask(frame + head_size, bytes, size, key, 0);
    return plain_record(loop, frame, head_size + size);
}

// Who pings faster than it reads gets the last of its pings back.
void p2_put_pong(struct p2_loop *loop, struct conn *c, const uint8_t *bytes, size_t size) {
    if (c->pong) p2_record_give(&loop->records, c->pong);
    c->pong = control_record(loop, c, P2_WS_PONG, bytes, size);
    if (c->pong) p2_conn_ask_write(loop, c);
}

// Close codes: 1000 when all is well, else from the range for private use, so a browser can tell why.
static bool put_goodbye(struct p2_loop *loop, struct conn *c) {
    unsigned code = c->why == P2_OK ? 1000u : 4000u + (unsigned)c->why;
    const char *name = c->why == P2_OK ? "" : p2_err_name(c->why);
    uint8_t close[2 + 64] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t size = strlen(name) < sizeof close - 2 ? strlen(name) : sizeof close - 2;
    memcpy(close + 2, name, size);
    struct record *r = control_record(loop, c, P2_WS_CLOSE, close, 2 + size);
    p2_conn_move(c, CONN_ENDED);
    if (r) push_going(c, r);
    return r;
}

static bool put_message(struct p2_loop *loop, struct conn *c) {
    uint8_t head[P2_WS_HEAD_MAX] = {0};
    struct record *r = plain_record(loop, head, sizeof head);
    if (!r) return false;
    if (c->dialled) take_key(loop, c->mask_key);
    c->masked_bytes = 0;
    push_going(c, r);
    size_t size = p2_queue_gather(loop, c);
    r->head_size = (uint32_t)p2_ws_head(r->head, P2_WS_BINARY, size, c->dialled ? c->mask_key : NULL);
    loop->stats.messages_out++;
    loop->stats.bytes_out += size;
    loop->stats.heads_out += r->head_size;
    return true;
}

static bool put_ping(struct p2_loop *loop, struct conn *c) {
    struct record *r = control_record(loop, c, P2_WS_PING, NULL, 0);
    c->ping_due = false;
    if (r) push_going(c, r);
    return r;
}

enum next { NEXT_NOTHING, NEXT_READY, NEXT_FAILED };

// Something more to send, when nothing is on its way.
static enum next put_next(struct p2_loop *loop, struct conn *c) {
    if (c->state != CONN_OPEN && c->state != CONN_FLUSHING) return NEXT_NOTHING;
    bool put;
    if (c->pong) {
        push_going(c, c->pong);
        c->pong = NULL;
        return NEXT_READY;
    }
    if (c->ping_due)
        put = put_ping(loop, c);
    else if (c->queued_bytes > 0)
        put = put_message(loop, c);
    else if (c->state == CONN_FLUSHING)
        put = put_goodbye(loop, c);
    else
        return NEXT_NOTHING;
    return put ? NEXT_READY : NEXT_FAILED;
}

// ---- sending --------------------------------------------------------------------------------------------------------

struct parts {
    struct iovec at[PARTS_MAX];
    uint32_t count;
    size_t copied; // bytes in the scratch
    bool full;
};

static void add_in_place(struct parts *p, const uint8_t *bytes, size_t size) {
    p->at[p->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    p->full = p->count == PARTS_MAX;
}

// `key` NULL: as it is. `from` is where it stands in the message.
static size_t add_copy(struct p2_loop *loop, struct parts *p, const uint8_t *bytes, size_t size, const uint8_t *key,
                       uint64_t from) {
    size_t left = SCRATCH_BYTES - p->copied;
    size_t n = size < left ? size : left;
    uint8_t *to = loop->scratch + p->copied;
    if (key)
        p2_ws_mask(to, bytes, n, key, from);
    else
        memcpy(to, bytes, n);
    struct iovec *last = p->count > 0 ? &p->at[p->count - 1] : NULL;
    p->copied += n;
    if (last && (uint8_t *)last->iov_base + last->iov_len == to)
        last->iov_len += n;
    else
        add_in_place(p, to, n);
    if (n < size) p->full = true;
    return n;
}

static void add_record(struct p2_loop *loop, const struct conn *c, struct parts *p, const struct record *r, size_t skip,
                       uint64_t *masked) {
    const uint8_t *key = c->dialled && !r->plain ? c->mask_key : NULL;
    if (!key && r->count > 0 && r->head_size - skip >= SHARED_BYTES) { // and has no payload
        add_in_place(p, r->head + skip, r->head_size - skip);
        return;
    }
    if (skip < r->head_size) {
        *masked += add_copy(loop, p, r->head + skip, r->head_size - skip, key, *masked);
        skip = r->head_size;
    }
    size_t rest = r->head_size + r->payload.size - skip;
    if (rest == 0 || p->full) return;
    const uint8_t *bytes = p2_slice_data(&r->payload) + (skip - r->head_size);
    if (!key && rest >= DIRECT_BYTES)
        add_in_place(p, bytes, rest);
    else
        *masked += add_copy(loop, p, bytes, rest, key, *masked);
}

static void collect(struct p2_loop *loop, const struct conn *c, struct parts *p) {
    size_t skip = c->gone_bytes;
    uint64_t masked = c->masked_bytes;
    for (const struct record *r = c->going.first; r && !p->full; r = r->next) {
        if (r->plain) {
            uint64_t none = 0;
            add_record(loop, c, p, r, skip, &none);
        } else {
            add_record(loop, c, p, r, skip, &masked);
        }
        skip = 0;
    }
}

// The socket took so many bytes.
static void advance(struct p2_loop *loop, struct conn *c, size_t sent) {
    while (sent > 0) {
        const struct record *r = c->going.first;
        size_t rest = (size_t)r->head_size + r->payload.size - c->gone_bytes;
        size_t n = sent < rest ? sent : rest;
        if (!r->plain) c->masked_bytes += n;
        c->gone_bytes += (uint32_t)n;
        sent -= n;
        if (n < rest) return;
        drop_first(loop, c);
        c->gone_bytes = 0;
    }
}

enum taken { TAKEN_ALL, TAKEN_PART, TAKEN_NEVER };

static enum taken send_going(struct p2_loop *loop, struct conn *c) {
    while (c->going.first) {
        struct parts p = {.count = 0};
        collect(loop, c, &p);
        struct msghdr message = {.msg_iov = p.at, .msg_iovlen = p.count};
        ssize_t sent = sendmsg(lws_get_socket_fd(c->wsi), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM) return TAKEN_NEVER;
        if (sent <= 0) return TAKEN_PART;
        c->moved_ns = loop->now;
        size_t all = 0;
        for (uint32_t i = 0; i < p.count; i++) all += p.at[i].iov_len;
        advance(loop, c, (size_t)sent);
        if ((size_t)sent < all) return TAKEN_PART;
    }
    return TAKEN_ALL;
}

// A reader that takes whole messages gets larger ones again, step by step.
static void fit_message(struct conn *c, bool taken_whole) {
    if (!taken_whole) {
        c->message_bytes = MESSAGE_MIN;
    } else if (c->message_bytes < MESSAGE_MAX) {
        c->message_bytes += MESSAGE_MIN / 4;
    }
}

// Nothing more of ours leaves: the remote has it in writing, or will at least see an end.
static void end_sending(struct p2_loop *loop, struct conn *c) {
    if (!c->plain && c->goodbye_heard)
        p2_conn_due(loop, c, DUE_OVER);
    else if (c->plain || c->in.broken)
        (void)shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
}

int p2_conn_flush(struct p2_loop *loop, struct conn *c) {
    if (!c->wsi || !c->up || c->waits_for_socket) return 0;
    enum taken taken = TAKEN_ALL;
    enum next next = NEXT_READY;
    if (!c->going.first) c->moved_ns = loop->now;
    for (unsigned i = 0; i < MESSAGES_PER_FLUSH && taken == TAKEN_ALL; i++) {
        next = c->going.first ? NEXT_READY : put_next(loop, c);
        if (next == NEXT_FAILED) return -1;
        if (next == NEXT_NOTHING) break;
        taken = send_going(loop, c);
        if (taken == TAKEN_NEVER) return -1;
        fit_message(c, taken == TAKEN_ALL);
    }
    p2_conn_hold_up(loop, c);
    if (taken == TAKEN_PART) {
        if (!p2_list_linked(&c->held_node)) p2_list_push_back(&loop->held, &c->held_node);
        c->waits_for_socket = true;
        loop->dirty = true;
        lws_callback_on_writable(c->wsi);
    } else if (next == NEXT_READY) {
        p2_conn_due(loop, c, DUE_WRITE); // others have their turn first
    } else if (c->state == CONN_ENDED) {
        end_sending(loop, c);
    }
    p2_conn_look_at_room(loop, c);
    return 0;
}
