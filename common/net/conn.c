// The life of a connection, and what the application may do with it.
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "internal.h"
#include "net/socket.h"
#include "os/os.h"

#define HELD_PER_TURN 8u // a system call each
#define ROUNDS_MAX 2u    // of what is due, in one go
#define FLUSH_BYTES MESSAGE_MAX

#define BIT(state) (1u << (state))

static const uint32_t moves[CONN_STATES] = {
    [CONN_NONE] = BIT(CONN_DIALING) | BIT(CONN_ARRIVED),
    [CONN_DIALING] = BIT(CONN_OPEN) | BIT(CONN_ENDED),
    [CONN_ARRIVED] = BIT(CONN_OPEN) | BIT(CONN_ENDED),
    [CONN_OPEN] = BIT(CONN_FLUSHING) | BIT(CONN_ENDED),
    [CONN_FLUSHING] = BIT(CONN_ENDED),
};

void p2_conn_move(struct conn *c, enum conn_state to) {
    P2_CHECK(moves[c->state] & BIT(to));
    c->state = to;
}

struct conn *p2_conn_find(const struct p2_loop *loop, p2_conn handle) {
    return p2_slab_get(&loop->conns, handle);
}

struct conn *p2_conn_new(struct p2_loop *loop, enum conn_state state) {
    p2_conn handle;
    struct conn *c = p2_slab_alloc(&loop->conns, &handle);
    if (!c) return NULL;
    p2_ns now = p2_clock_now();
    c->handle = handle;
    c->message_bytes = MESSAGE_MAX;
    c->born_ns = c->heard_ns = c->pinged_ns = c->moved_ns = now;
    p2_list_init(&c->due_node);
    p2_list_init(&c->held_node);
    c->known = state == CONN_DIALING;
    p2_conn_move(c, state);
    loop->stats.connections = loop->conns.live;
    if (loop->stats.connections_peak < loop->conns.live) loop->stats.connections_peak = loop->conns.live;
    return c;
}

void p2_conn_release(struct p2_loop *loop, struct conn *c) {
    if (c->wsi) lws_set_opaque_user_data(c->wsi, NULL);
    p2_queue_clear(loop, c);
    p2_going_clear(loop, c);
    p2_receive_forget(c);
    p2_listen_forget(loop, c);
    p2_dial_forget(c);
    p2_list_remove(&c->due_node);
    p2_list_remove(&c->held_node);
    p2_slab_free(&loop->conns, c->handle);
    loop->stats.connections = loop->conns.live;
}

// The handle is dead before the application hears of it: `closed` is the last call, whatever it does in there.
static void release_and_tell(struct p2_loop *loop, struct conn *c, enum p2_err why) {
    p2_conn handle = c->handle;
    bool known = c->known;
    p2_conn_release(loop, c);
    loop->served++;
    if (known) loop->handlers.closed(loop->handlers.context, handle, why);
}

void p2_conn_gone(struct p2_loop *loop, struct conn *c) {
    if (c->due & DUE_CUT) {
        c->wsi = NULL; // the turn's end tells the application
        return;
    }
    if (c->state == CONN_DIALING && p2_dial_has_next(c)) {
        c->wsi = NULL;
        c->up = c->waits_for_socket = false;
        p2_going_clear(loop, c);
        p2_receive_forget(c);
        p2_conn_due(loop, c, DUE_DIAL);
        return;
    }
    enum p2_err why = P2_ERR_CLOSED;
    if (c->state == CONN_DIALING) {
        why = P2_ERR_UNREACHABLE;
    } else if (c->state == CONN_FLUSHING || c->state == CONN_ENDED) {
        why = c->why;
    } else if (c->goodbye_heard) {
        why = c->goodbye_why;
    }
    c->wsi = NULL;
    release_and_tell(loop, c, why);
}

void p2_conn_cut(struct p2_loop *loop, struct conn *c, enum p2_err why) {
    struct lws *wsi = c->wsi;
    release_and_tell(loop, c, why);
    if (!wsi) return;
    int fd = lws_get_socket_fd(wsi);
    if (fd >= 0) {
        // What the kernel still holds is not wanted either: a flushing close could last for minutes.
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        (void)shutdown(fd, SHUT_RDWR);
    }
    loop->dirty = true;
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

// lws lets go of it, which tells p2_conn_gone. Not from inside a callback of its.
static void end_now(struct p2_loop *loop, struct conn *c) {
    loop->dirty = true;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

// ---- what is left for the end of the turn ---------------------------------------------------------------------------

void p2_conn_due(struct p2_loop *loop, struct conn *c, unsigned what) {
    c->due |= (uint8_t)what;
    if (p2_list_linked(&c->due_node)) return;
    p2_list_push_back(&loop->due, &c->due_node);
    if (loop->fd_lent && !loop->turning) p2_loop_wake(loop);
}

// Work leaves before words about it: who waits for it has the longer way to go.
static void hurry(struct p2_loop *loop, struct conn *c) {
    if (c->hurried || !p2_list_linked(&c->due_node)) return;
    c->hurried = true;
    p2_list_remove(&c->due_node);
    p2_list_push_front(&loop->due, &c->due_node);
}

// A remote that ends its side and takes nothing any more, while it is not read: its end is not reported then.
static void look_at_held(struct p2_loop *loop) {
    for (unsigned i = 0; i < HELD_PER_TURN && !p2_list_empty(&loop->held); i++) {
        struct p2_list *node = p2_list_first(&loop->held);
        struct conn *c = P2_CONTAINER_OF(node, struct conn, held_node);
        p2_list_remove(node);
        if (!c->wsi || !c->going.first) continue;
        p2_list_push_back(&loop->held, node);
        bool read = !c->paused && !c->held_up;
        if (!read && p2_socket_ended(lws_get_socket_fd(c->wsi))) end_now(loop, c);
    }
}

static bool has_room(const struct p2_loop *loop, const struct conn *c) {
    return c->queued_bytes <= loop->limits.room_bytes / 2;
}

void p2_conn_look_at_room(struct p2_loop *loop, struct conn *c) {
    if (c->room_wanted && has_room(loop, c)) p2_conn_due(loop, c, DUE_ROOM);
}

static void say_room(struct p2_loop *loop, struct conn *c) {
    if (!c->room_wanted || c->state != CONN_OPEN || !has_room(loop, c)) return;
    if (c->room_turn == loop->turns) {
        p2_conn_due(loop, c, DUE_ROOM); // asked in this very turn: answered in the next
        return;
    }
    c->room_wanted = false;
    loop->served++;
    loop->handlers.writable(loop->handlers.context, c->handle, p2_conn_room(loop, c->handle));
}

static void attend(struct p2_loop *loop, struct conn *c) {
    unsigned due = c->due;
    if (due & DUE_CUT) {
        p2_conn_cut(loop, c, c->why);
        return;
    }
    c->due = 0;
    c->hurried = false;
    if (due & DUE_DIAL && c->state == CONN_DIALING) {
        p2_dial_next(loop, c);
        return;
    }
    bool over = due & DUE_OVER;
    if (!over && due & DUE_AGAIN && c->wsi) over = p2_receive_again(loop, c) < 0;
    if (!over && due & DUE_WRITE) over = p2_conn_flush(loop, c) < 0;
    if (over && c->wsi)
        end_now(loop, c);
    else if (due & DUE_ROOM)
        say_room(loop, c);
}

// What a connection's turn makes due has its own in the next round; what keeps coming waits for the next turn.
void p2_conns_attend(struct p2_loop *loop) {
    look_at_held(loop);
    for (unsigned round = 0; round < ROUNDS_MAX && !p2_list_empty(&loop->due); round++) {
        struct p2_list work;
        p2_list_init(&work);
        while (!p2_list_empty(&loop->due)) {
            struct p2_list *node = p2_list_first(&loop->due);
            p2_list_remove(node);
            p2_list_push_back(&work, node);
        }
        while (!p2_list_empty(&work)) {
            struct p2_list *node = p2_list_first(&work);
            p2_list_remove(node);
            attend(loop, P2_CONTAINER_OF(node, struct conn, due_node));
        }
    }
}

void p2_conns_discard(struct p2_loop *loop) {
    for (uint32_t slot = 0; slot < loop->conns.capacity; slot++) {
        p2_handle handle;
        struct conn *c = p2_slab_at(&loop->conns, slot, &handle);
        if (c) p2_conn_release(loop, c);
    }
}

// ---- reading or not -------------------------------------------------------------------------------------------------

// Its socket is read unless the application paused it or it has to read our answers first.
static void set_reading(struct p2_loop *loop, struct conn *c, bool paused, bool held_up) {
    bool was_read = !c->paused && !c->held_up, is_read = !paused && !held_up;
    c->paused = paused;
    c->held_up = held_up;
    if (was_read == is_read) return;
    if (is_read) c->heard_ns = loop->turning ? loop->now : p2_clock_now();
    if (is_read && c->kept) { // first
        p2_conn_due(loop, c, DUE_AGAIN);
        return;
    }
    loop->dirty = true;
    lws_rx_flow_control(c->wsi, is_read);
    if (loop->fd_lent && !loop->turning) p2_loop_wake(loop);
}

// Only who came to us is held up. If both ends did so, each could wait for the other to read.
void p2_conn_hold_up(struct p2_loop *loop, struct conn *c) {
    if (c->dialled || c->state != CONN_OPEN) return;
    uint64_t bytes = c->lanes[0].bytes;
    if (!c->held_up && bytes > ANSWERS_BYTES_MAX) set_reading(loop, c, c->paused, true);
    if (c->held_up && bytes <= ANSWERS_BYTES_LOW) set_reading(loop, c, c->paused, false);
}

// ---- opening --------------------------------------------------------------------------------------------

// At the end of the turn, so that all that comes to be queued until then leaves at once.
void p2_conn_ask_write(struct p2_loop *loop, struct conn *c) {
    if (c->up && !c->waits_for_socket) p2_conn_due(loop, c, DUE_WRITE);
}

void p2_conn_opened(struct p2_loop *loop, struct conn *c) {
    char remote[INET6_ADDRSTRLEN];
    c->heard_ns = c->moved_ns = loop->now;
    c->known = true;
    p2_conn_move(c, CONN_OPEN);
    p2_dial_forget(c);
    p2_socket_tune(lws_get_socket_fd(c->wsi), loop->limits.idle_ns);
    p2_socket_remote(lws_get_socket_fd(c->wsi), remote);
    if (c->queued_bytes > 0) p2_conn_ask_write(loop, c);
    loop->handlers.opened(loop->handlers.context, c->handle, remote);
}

// Much is queued, and still in the processor's cache.
static void flush_now(struct p2_loop *loop, struct conn *c) {
    if (!loop->turning) loop->now = p2_clock_now();
    if (p2_conn_flush(loop, c) >= 0) return;
    c->why = P2_ERR_CLOSED;
    p2_conn_due(loop, c, DUE_CUT);
}

// ---- public ---------------------------------------------------------------------------------------------------------

enum p2_err p2_conn_send(struct p2_loop *loop, p2_conn handle, unsigned lane, const uint8_t *head, size_t head_size,
                         struct p2_slice payload) {
    P2_CHECK(lane < P2_LANES);
    struct conn *c = p2_conn_find(loop, handle);
    if (!c || (c->state != CONN_OPEN && c->state != CONN_DIALING)) return P2_ERR_CLOSED;
    if (head_size > MESSAGE_MAX || payload.size > MESSAGE_MAX - head_size) return P2_ERR_TOO_LARGE;
    if (head_size + payload.size == 0) return P2_ERR_INVALID_ARGUMENT;
    if (c->queued_bytes + p2_queue_cost(loop, c, lane, head_size, payload.size) > loop->limits.queue_bytes_max) {
        p2_queue_clear(loop, c);
        c->why = c->state == CONN_DIALING ? P2_ERR_UNREACHABLE : P2_ERR_SLOW_READER;
        p2_conn_move(c, CONN_ENDED);
        p2_conn_due(loop, c, DUE_CUT);
        return P2_ERR_SLOW_READER;
    }
    if (c->queued_bytes == 0) c->moved_ns = loop->turning ? loop->now : p2_clock_now();
    if (!p2_queue_push(loop, c, lane, head, head_size, payload)) return P2_ERR_NO_MEMORY;
    p2_conn_hold_up(loop, c);
    if (c->queued_bytes < FLUSH_BYTES || !c->up || c->waits_for_socket)
        p2_conn_ask_write(loop, c);
    else
        flush_now(loop, c);
    if (lane > 0) hurry(loop, c);
    return P2_OK;
}

uint64_t p2_conn_room(struct p2_loop *loop, p2_conn handle) {
    const struct conn *c = p2_conn_find(loop, handle);
    if (!c || (c->state != CONN_OPEN && c->state != CONN_DIALING)) return 0;
    return c->queued_bytes < loop->limits.room_bytes ? loop->limits.room_bytes - c->queued_bytes : 0;
}

void p2_conn_want_room(struct p2_loop *loop, p2_conn handle) {
    struct conn *c = p2_conn_find(loop, handle);
    if (!c || c->room_wanted) return;
    c->room_wanted = true;
    c->room_turn = loop->turns;
    if (c->state == CONN_OPEN && has_room(loop, c)) p2_conn_due(loop, c, DUE_ROOM);
}

void p2_conn_pause(struct p2_loop *loop, p2_conn handle, bool paused) {
    struct conn *c = p2_conn_find(loop, handle);
    if (c && c->state == CONN_OPEN) set_reading(loop, c, paused, c->held_up);
}

void p2_conn_established(struct p2_loop *loop, p2_conn handle) {
    struct conn *c = p2_conn_find(loop, handle);
    if (!c) return;
    c->established = true;
    p2_listen_forget(loop, c);
}

void p2_conn_leave(struct p2_loop *loop, struct conn *c, enum p2_err why) {
    c->why = why;
    c->closing_ns = loop->turning ? loop->now : p2_clock_now();
    if (c->state != CONN_OPEN) {
        p2_conn_move(c, CONN_ENDED);
        p2_conn_due(loop, c, DUE_CUT);
        return;
    }
    set_reading(loop, c, false, false); // else the remote's answer to our goodbye is never read
    p2_conn_move(c, CONN_FLUSHING);
    p2_conn_ask_write(loop, c);
}

void p2_conn_close(struct p2_loop *loop, p2_conn handle, enum p2_err why) {
    struct conn *c = p2_conn_find(loop, handle);
    if (c && c->state != CONN_FLUSHING && c->state != CONN_ENDED) p2_conn_leave(loop, c, why);
}
