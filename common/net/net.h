// Connections: WebSocket over TCP, server and client, on a libuv loop. The only place that knows libwebsockets.
// It carries whole records (opaque byte units) in batches and says when there is room; it does not read them.
// All calls from the loop's thread, except p2_loop_wake.
#ifndef P2_NET_NET_H
#define P2_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/ns.h"
#include "base/slab.h"

struct p2_loop;
typedef p2_handle p2_conn; // dead handles are harmless everywhere

#define P2_LANES 5 // 0 control, then one per task class
#define P2_SUBPROTOCOL "p2c2r.v1"
#define P2_ORIGINS_MAX 1024u

struct p2_net_limits {
    uint32_t connections_max;
    uint32_t connections_per_address_max; // not yet through their HELLO
    uint64_t queue_bytes_max;             // queued to one connection before it is cut as a slow reader (8 MiB):
                                          // the memory it keeps, which small records share, and payloads
    bool batch;          // what is queued leaves together; false: each record is a message, and a send, of its own
    uint64_t room_bytes; // p2_conn_room's ceiling: queued bytes, counted so, a sender should stay under (1 MiB)
    p2_ns handshake_ns;  // TCP accept to first p2_conn_established
    p2_ns idle_ns;       // nothing received at all
    p2_ns stall_ns;      // bytes queued and none taken by the socket
    p2_ns ping_ns;       // WebSocket ping when idle that long
};

struct p2_net_limits p2_net_limits_default(void);

struct p2_net_handlers {
    void *context;
    void (*opened)(void *context, p2_conn c, const char *remote_address);
    // Bytes of the record stream, in order, in pieces of any size; borrowed for the call.
    void (*received)(void *context, p2_conn c, const uint8_t *bytes, size_t size);
    // A record leaves now; `n` records left this connection before it. May rewrite bytes of `head` in place. May be
    // NULL.
    void (*stamp)(void *context, p2_conn c, uint32_t n, uint8_t *head, size_t head_size);
    // Answers p2_conn_want_room once, from a later turn, when at least half of room_bytes is free.
    void (*writable)(void *context, p2_conn c, uint64_t room_bytes);
    // Last call for this handle. P2_OK: closed in order by either side, for no error; what the
    // remote closed it for otherwise. P2_ERR_CLOSED: it just ended. For a dial that failed: P2_ERR_UNREACHABLE.
    void (*closed)(void *context, p2_conn c, enum p2_err why);
    // What was received so far ends a WebSocket message. May be NULL.
    void (*message_end)(void *context, p2_conn c);
    // Where the bytes that come next will be copied to and how many of them, when they are many; else NULL. What is
    // received next may then lie there already. May be NULL.
    uint8_t *(*place)(void *context, p2_conn c, size_t *size_out);
};

// ---- loop ----------------------------------------------------------------------------------------------------------
// borrows nothing after the call; NULL when the world refuses. `handlers` serve every connection of the loop.
struct p2_loop *p2_loop_create(const struct p2_net_limits *limits, const struct p2_net_handlers *handlers);
void p2_loop_destroy(struct p2_loop **loop); // closes everything without further callbacks

// From now on libuv and libwebsockets allocate through base/mem.h, for the whole process: before anything uses them.
bool p2_net_use_mem(void);

// One turn: waits at most `timeout_ns` (0: not at all; P2_NEVER: until something happens), serves what is ready.
void p2_loop_turn(struct p2_loop *loop, p2_ns timeout_ns);
void p2_loop_wake(struct p2_loop *loop); // from any thread or signal handler: ends the current or next wait
// For who waits himself: a turn with timeout 0 has something to do when this is readable (epoll fd) or at that time.
int p2_loop_fd(struct p2_loop *loop);
p2_ns p2_loop_next_ns(struct p2_loop *loop);

// Calls back when fd is readable, until unwatched. False when out of memory.
typedef void p2_fd_ready(void *context, int fd);
bool p2_loop_watch(struct p2_loop *loop, int fd, p2_fd_ready *ready, void *context);
void p2_loop_unwatch(struct p2_loop *loop, int fd);

// ---- server --------------------------------------------------------------------------------------------------------
// Listens on address:port (port 0 picks one). Gives the port in *port_out. P2_ERR_IO when it cannot be bound.
enum p2_err p2_loop_listen(struct p2_loop *loop, const char *address, uint16_t port, uint16_t *port_out);
// New connections are refused from now on; open ones stay.
void p2_loop_stop_listening(struct p2_loop *loop);

// Answers GET on a path of the listening port. `body_out` is filled by the handler; returns the HTTP status.
// Path "/healthz" and the like; query strings are not passed. At most 8 routes.
typedef unsigned p2_http_handler(void *context, char *body_out, size_t capacity, const char **content_type_out);
bool p2_loop_route(struct p2_loop *loop, const char *path, p2_http_handler *handler, void *context);

// Web pages that may connect: origins ("https://game.example"), separated by commas or blanks; "*" for any. Whatever is
// said here, pages may whose origin is this machine (localhost, 127.0.0.0/8, [::1]), or the very numeric address they
// connect to. Who sends no Origin header is no page, and may. Copied; false when it is no such list.
bool p2_loop_allow_origins(struct p2_loop *loop, const char *list);
bool p2_origins_ok(const char *list); // is it of that form, and shorter than P2_ORIGINS_MAX?
bool p2_origin_allowed(const char *list, const char *origin, const char *host_header);

// ---- client --------------------------------------------------------------------------------------------------------
// Starts connecting to ws://host:port/ . The handle is live at once; `opened` or `closed` follows.
// P2_NO_HANDLE when the URL is not of that form or memory is short. Never blocks: a name is looked up on libuv's worker
// threads, which the first such dial of the process starts, and its addresses are tried one after the other. A numeric
// address needs no thread. p2_loop_destroy waits for a lookup that has begun.
p2_conn p2_dial(struct p2_loop *loop, const char *url);
bool p2_url_ok(const char *url); // is it of the form p2_dial takes?

// When to try again after `failures` in a row: 50 ms doubling to 10 s, with +-50 % jitter from `random`.
p2_ns p2_backoff(uint32_t failures, uint64_t random);

// ---- connection ----------------------------------------------------------------------------------------------------
// Queues one whole record: `head` (prefix and header) is copied, the payload slice is referenced until sent.
// Everything queued leaves in as few WebSocket messages as possible, at the end of the turn, at once when it is much,
// or when the socket takes more: lower lanes first, order kept inside a lane. P2_ERR_CLOSED for a dead handle;
// P2_ERR_SLOW_READER when over queue_bytes_max, which also cuts the connection; P2_ERR_NO_MEMORY.
enum p2_err p2_conn_send(struct p2_loop *loop, p2_conn c, unsigned lane, const uint8_t *head, size_t head_size,
                         struct p2_slice payload);
uint64_t p2_conn_room(struct p2_loop *loop, p2_conn c); // bytes that may be queued before room_bytes; 0 when dead

// Asks for one call of `writable`. Harmless when asked already or dead.
void p2_conn_want_room(struct p2_loop *loop, p2_conn c);

// Back-pressure on what we read from it: paused, its socket is not read. Beside this, and whatever is asked here, a
// connection that came to us is not read while its lane 0 holds more than 64 KiB, until it is down to half: who does
// not read our answers is asked nothing more. What has been read already, 256 KiB at most, is kept for then.
void p2_conn_pause(struct p2_loop *loop, p2_conn c, bool paused);

// Tells the handshake timer that the application accepted it (HELLO done).
void p2_conn_established(struct p2_loop *loop, p2_conn c);

// Sends what is queued, then closes; `closed` follows with `why`. At most stall_ns later it is cut.
void p2_conn_close(struct p2_loop *loop, p2_conn c, enum p2_err why);

struct p2_net_stats { // bytes of records; heads_out: of the WebSocket messages they left in
    uint64_t bytes_in, bytes_out, heads_out, records_out, messages_out, connections, connections_peak, refused;
};
void p2_loop_stats(const struct p2_loop *loop, struct p2_net_stats *out);
// What stands before a WebSocket message of that size, besides a mask.
static inline uint32_t p2_message_head_bytes(uint64_t size) { return size < 126 ? 2 : size < 65536 ? 4 : 10; }

#endif
