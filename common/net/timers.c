// The limits on time. Nothing is armed per message or per connection: every few tens of milliseconds all connections
// are looked at, which is exact enough for limits of seconds and costs nothing while nothing happens.
#include "internal.h"
#include "net/socket.h"

// Later than this and it was us who stood still (a debugger, a suspended machine, a game loading a level).
#define OWN_STALL_NS (1 * P2_SEC)
// Our goodbye has left; so long it may take the remote to answer it.
#define GOODBYE_NS (2 * P2_SEC)

static bool past(p2_ns now, p2_ns since, p2_ns limit) { return now >= p2_ns_add(since, limit); }

// Bytes wait and the socket has taken none for stall_ns. A partly sent message moves without us being called, so the
// kernel is asked, but only when it matters.
static bool stalled(const struct p2_loop *loop, struct conn *c) {
    if (c->queued_bytes == 0 && !c->going.first) {
        c->moved_ns = loop->now;
        return false;
    }
    if (!past(loop->now, c->moved_ns, loop->limits.stall_ns / 4)) return false;
    uint64_t acked = c->acked_bytes;
    if (p2_socket_acked(lws_get_socket_fd(c->wsi), &acked) && acked != c->acked_bytes) {
        c->acked_bytes = acked;
        c->moved_ns = loop->now;
        return false;
    }
    return past(loop->now, c->moved_ns, loop->limits.stall_ns);
}

// P2_OK when nothing is overdue.
static enum p2_err overdue(const struct p2_loop *loop, struct conn *c) {
    const struct p2_net_limits *l = &loop->limits;
    bool open = c->state == CONN_OPEN || c->state == CONN_FLUSHING;
    if (!open && c->state != CONN_ENDED && past(loop->now, c->born_ns, l->handshake_ns)) {
        return c->state == CONN_DIALING ? P2_ERR_UNREACHABLE : P2_ERR_HANDSHAKE_TIMEOUT;
    }
    if (c->state != CONN_OPEN) return P2_OK;
    if (!c->established && past(loop->now, c->born_ns, l->handshake_ns)) return P2_ERR_HANDSHAKE_TIMEOUT;
    bool read = !c->paused && !c->held_up;
    if (read && past(loop->now, c->heard_ns, l->idle_ns)) return P2_ERR_IDLE_TIMEOUT;
    return stalled(loop, c) ? P2_ERR_SLOW_READER : P2_OK;
}

static void look_at(struct p2_loop *loop, struct conn *c, p2_ns own_stall) {
    if (own_stall > 0) {
        c->born_ns += own_stall;
        c->heard_ns += own_stall;
        c->moved_ns += own_stall;
        c->closing_ns += own_stall;
    }
    bool leaving = c->state == CONN_FLUSHING || c->state == CONN_ENDED;
    bool said = c->state == CONN_ENDED && !c->plain && !c->going.first;
    if ((leaving && past(loop->now, c->closing_ns, loop->limits.stall_ns)) ||
        (said && past(loop->now, c->moved_ns, GOODBYE_NS))) {
        p2_conn_cut(loop, c, c->why);
        return;
    }
    enum p2_err why = overdue(loop, c);
    if (why != P2_OK) {
        p2_conn_cut(loop, c, why);
        return;
    }
    p2_ns quiet_since = p2_ns_max(c->heard_ns, c->pinged_ns);
    if (c->state == CONN_OPEN && !c->paused && !c->held_up && past(loop->now, quiet_since, loop->limits.ping_ns)) {
        c->pinged_ns = loop->now;
        c->ping_due = true;
        p2_conn_ask_write(loop, c);
    }
}

void p2_conns_tick(struct p2_loop *loop) {
    p2_ns late = loop->now - p2_ns_add(loop->ticked_ns, loop->tick_every_ns);
    p2_ns own_stall = late > OWN_STALL_NS ? late : 0;
    loop->ticked_ns = loop->now;
    p2_listen_resume(loop);
    uint32_t left = loop->conns.live;
    for (uint32_t slot = 0; slot < loop->conns.capacity && left > 0; slot++) {
        p2_handle handle;
        struct conn *c = p2_slab_at(&loop->conns, slot, &handle);
        if (!c) continue;
        left--;
        if (!(c->due & DUE_CUT)) look_at(loop, c, own_stall);
    }
}
