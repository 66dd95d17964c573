// What the parts of common/net share: the loop, one connection, one queued record. Not for others.
#ifndef P2_NET_INTERNAL_H
#define P2_NET_INTERNAL_H

#include <libwebsockets.h>
#include <uv.h>

#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "net/head.h"
#include "net/net.h"
#include "net/ws.h"

// One WebSocket message, and so one send, holds at most this much. Buffers of this size are per loop, not per
// connection: they are what makes large payloads fast.
#define MESSAGE_MAX (256u * 1024u)
#define SCRATCH_BYTES (MESSAGE_MAX + 4096u) // a message and some control frames
// A message to a slow reader shrinks to this, one chunk: an urgent record then waits for one chunk at most.
#define MESSAGE_MIN (64u * 1024u)
#define MESSAGES_PER_FLUSH 4u // then other connections have their turn
#define ROUTES_MAX 8u
// Who makes us answer and does not read the answers is not read from while its control lane holds more than the first,
// until it holds no more than the second.
#define ANSWERS_BYTES_MAX (64u * 1024u)
#define ANSWERS_BYTES_LOW (ANSWERS_BYTES_MAX / 2)

// ---- queued records (queue.c) ---------------------------------------------------------------------------------------

struct record {
    struct record *next;
    struct p2_slice payload; // one reference
    uint32_t head_size;
    uint8_t size_class;
    bool plain;     // head of a frame, control frame, HTTP: leaves as it is
    uint16_t count; // of small records that share this one, one after the other in `head`; 0: it is one itself
    uint8_t head[];
};

struct lane {
    struct record *first, *last;
    uint64_t bytes; // what its records cost
};

#define RECORD_CLASSES 6u

// Recycles records by size class, so steady traffic allocates nothing.
struct record_pool {
    struct record *free[RECORD_CLASSES];
    size_t bytes_kept;
};

// ---- a connection (conn.c) ------------------------------------------------------------------------------------------

//   DIALING --> OPEN --> FLUSHING --> ENDED        OPEN: records flow. FLUSHING: p2_conn_close was called and the
//   ARRIVED --/   \------------------/             queue drains. ENDED: our goodbye is the last thing to leave;
//      \-------------------------------/           the remote answers it, or a turn cuts it. Then it dies.
enum conn_state { CONN_NONE, CONN_DIALING, CONN_ARRIVED, CONN_OPEN, CONN_FLUSHING, CONN_ENDED, CONN_STATES };

enum {
    DUE_CUT = 1,   // drop it, for conn.why
    DUE_DIAL = 2,  // try the next address
    DUE_AGAIN = 4, // read what was kept while nobody wanted it
    DUE_WRITE = 8, // send
    DUE_ROOM = 16, // say that there is room
    DUE_OVER = 32, // both ends have said goodbye
};

struct conn {
    p2_conn handle;
    struct lws *wsi;   // NULL when lws never made one or has let go of it
    struct dial *dial; // while a name is looked up or has further addresses
    struct lane lanes[P2_LANES];
    struct lane going;     // taken from the lanes, in the order in which they leave
    uint32_t gone_bytes;   // of the first of them
    uint64_t masked_bytes; // of the present message, gone
    struct record *pong;   // to be sent next
    uint8_t *kept;         // a head that is not whole, or what came in before reading was stopped; NULL while none
    uint32_t kept_size;
    uint8_t mask_key[P2_WS_KEY_BYTES];  // of the present message
    uint8_t nonce[P2_HEAD_NONCE_BYTES]; // of who dials
    struct p2_ws_in in;
    uint64_t queued_bytes;    // what the records of all lanes cost: their memory and the payload they hold
    struct p2_list due_node;  // in loop->due
    struct p2_list held_node; // in loop->held
    p2_ns born_ns;
    p2_ns heard_ns;       // last byte or pong
    p2_ns pinged_ns;      // last ping of ours
    p2_ns moved_ns;       // the socket last took bytes, or the queue was last empty
    p2_ns closing_ns;     // p2_conn_close was called
    uint64_t acked_bytes; // by the remote's TCP, when last asked
    uint64_t room_turn;   // p2_conn_want_room was called in this turn
    struct p2_id address;
    uint32_t records_sent;
    uint32_t message_bytes; // present ceiling of a message, MESSAGE_MIN..MESSAGE_MAX
    uint32_t passed_over;   // times a waiting lane got nothing into a message since one was last favoured
    enum p2_err why;
    enum conn_state state;
    uint8_t due;           // DUE_ bits
    bool hurried;          // it is among the first of loop->due
    uint8_t favoured;      // the lane favoured last
    bool counted;          // in loop->arriving
    bool known;            // to the application
    bool plain;            // it asked for a page: no WebSocket
    bool established;      // by the application
    bool paused;           // by the application
    bool held_up;          // by us, until it has read our answers
    bool up;               // TCP is
    bool waits_for_socket; // to take more
    bool ping_due;
    bool dialled; // we are the client of this connection
    bool room_wanted;
    bool goodbye_heard; // the remote closed the WebSocket in order
    enum p2_err goodbye_why;
};

// ---- the loop -------------------------------------------------------------------------------------------------------

struct listener {
    struct p2_list node;
    struct p2_loop *loop;
    uv_poll_t poll;
    int fd;
    bool resting; // no descriptor was left for a new connection; tried again at the next tick
};

struct watch {
    struct p2_list node;
    struct p2_loop *loop;
    uv_poll_t poll;
    p2_fd_ready *ready;
    void *context;
    int fd;
};

struct route {
    char path[64];
    p2_http_handler *handler;
    void *context;
};

struct p2_loop {
    struct p2_net_limits limits;
    struct p2_net_handlers handlers;
    struct lws_context *context;
    struct lws_vhost *vhost;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t alarm;     // ends a wait
    uv_prepare_t waiting; // called just before one
    struct p2_slab conns;
    struct p2_map arriving; // connections not established yet, by remote address; set up by the first listen
    bool arriving_ready;
    bool turning, fd_lent, destroying;
    bool dirty;          // what was asked of libuv since it last ran is not with the kernel yet
    bool slept;          // `now` may be from before a wait
    struct p2_list due;  // connections with something to be done at the end of this turn or the start of the next
    struct p2_list held; // connections of which the socket did not take everything, longest looked at first
    struct p2_list listeners, watches;
    uint32_t lookups; // names libuv is looking up, also for connections that are gone
    struct record_pool records;
    uint8_t *scratch;       // SCRATCH_BYTES
    uint8_t mask_keys[256]; // random, used up four at a time
    uint32_t mask_at;       // first unused; at the end: fetch more
    p2_ns now, ticked_ns, tick_every_ns;
    uint64_t turns;
    uint64_t served;      // counts what a waiting turn returns for
    uint64_t turn_served; // `served` when the turn began
    p2_conn dialing;      // inside p2_dial for this one
    char origins[P2_ORIGINS_MAX];
    struct route routes[ROUTES_MAX];
    uint32_t route_count;
    struct p2_net_stats stats;
};

// memory.c
bool p2_net_memory_short(void); // half of its reserve is in use: nothing new is begun

// callback.c
int p2_net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size);

// queue.c
struct record *p2_record_take(struct record_pool *pool, const uint8_t *head, size_t head_size, struct p2_slice payload);
void p2_record_give(struct record_pool *pool, struct record *r);
void p2_records_deinit(struct record_pool *pool);
// Bytes that queued_bytes would grow by.
uint64_t p2_queue_cost(const struct p2_loop *loop, const struct conn *c, unsigned lane, size_t head_size,
                       size_t payload_size);
bool p2_queue_push(struct p2_loop *loop, struct conn *c, unsigned lane, const uint8_t *head, size_t head_size,
                   struct p2_slice payload); // false: memory is short
void p2_queue_clear(struct p2_loop *loop, struct conn *c);
// Moves whole records from the lanes to what is on its way, as one message; returns its size.
size_t p2_queue_gather(struct p2_loop *loop, struct conn *c);

// write.c
void p2_going_push(struct conn *c, struct record *r);
void p2_going_clear(struct p2_loop *loop, struct conn *c);
bool p2_put_plain(struct p2_loop *loop, struct conn *c, const uint8_t *bytes, size_t size); // false: no memory
void p2_put_pong(struct p2_loop *loop, struct conn *c, const uint8_t *bytes, size_t size);
int p2_conn_flush(struct p2_loop *loop, struct conn *c); // below zero: it is dead

// receive.c
int p2_receive(struct p2_loop *loop, struct conn *c, uint8_t *bytes, size_t size); // below zero: it is over
int p2_receive_again(struct p2_loop *loop, struct conn *c);                        // what was kept; likewise
void p2_receive_forget(struct conn *c);

// conn.c
struct conn *p2_conn_find(const struct p2_loop *loop, p2_conn handle); // NULL when dead
struct conn *p2_conn_new(struct p2_loop *loop, enum conn_state state); // NULL when full
void p2_conn_move(struct conn *c, enum conn_state to);
void p2_conn_due(struct p2_loop *loop, struct conn *c, unsigned what);
void p2_conn_ask_write(struct p2_loop *loop, struct conn *c);
void p2_conn_opened(struct p2_loop *loop, struct conn *c);
void p2_conn_hold_up(struct p2_loop *loop, struct conn *c);                // or no longer
void p2_conn_look_at_room(struct p2_loop *loop, struct conn *c);           // who waits for it is told
void p2_conn_gone(struct p2_loop *loop, struct conn *c);                   // lws let go of it: tells the application
void p2_conn_leave(struct p2_loop *loop, struct conn *c, enum p2_err why); // flushes, says goodbye, ends
void p2_conn_cut(struct p2_loop *loop, struct conn *c, enum p2_err why);   // now, unsent bytes are dropped
void p2_conn_release(struct p2_loop *loop, struct conn *c);
void p2_conns_attend(struct p2_loop *loop);
void p2_conns_discard(struct p2_loop *loop); // all of them, without a word

// dial.c
bool p2_dial_has_next(const struct conn *c);             // another address of the name may be tried
void p2_dial_next(struct p2_loop *loop, struct conn *c); // not from inside a callback of lws
void p2_dial_forget(struct conn *c);                     // it is open or gone
void p2_dial_wait(struct p2_loop *loop);                 // until no lookup is under way; while destroying

// timers.c
void p2_conns_tick(struct p2_loop *loop);

// listen.c
void p2_listen_resume(struct p2_loop *loop);
void p2_listen_forget(struct p2_loop *loop, struct conn *c); // it no longer counts as arriving

// http.c
// The answers, after which the connection ends; below zero when memory is short.
int p2_http_answer(struct p2_loop *loop, struct conn *c, const struct p2_head *head);
int p2_http_refuse(struct p2_loop *loop, struct conn *c); // what is no request
bool p2_http_wants_upgrade(const struct p2_head *head);
// False when it is refused, which is the answer then, or memory is short.
bool p2_http_upgrade(struct p2_loop *loop, struct conn *c, const struct p2_head *head);

// A lws callback knows a connection by its handle, so one that comes late finds nothing.
_Static_assert(sizeof(void *) >= sizeof(p2_conn), "handles travel through lws as pointers");
static inline void *handle_to_pointer(p2_conn h) { return (void *)(uintptr_t)h; }
static inline p2_conn pointer_to_handle(const void *p) { return (p2_conn)(uintptr_t)p; }

#endif
