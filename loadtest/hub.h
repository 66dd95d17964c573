// One loop with many connections of ours to one coordinator: bytes to messages and back, timers, added round trips.
// What is said is for the node behind each: a client (clients.c) or a synthetic peer (peers.c).
#ifndef LOADTEST_HUB_H
#define LOADTEST_HUB_H

#include <stdbool.h>

#include "base/heap.h"
#include "base/list.h"
#include "loadtest/core/scenario.h"
#include "net/net.h"
#include "wire/wire.h"

#define HUB_URL_MAX 256u

struct hub_node;

// Each is called when the node is in no other of them; closed is the last of its connection.
struct hub_calls {
    void (*opened)(struct hub_node *n);
    void (*message)(struct hub_node *n, struct p2_msg *m); // borrowed for the call
    void (*writable)(struct hub_node *n);
    void (*fault)(struct hub_node *n, enum p2_err why); // what arrived cannot be read
    void (*closed)(struct hub_node *n, enum p2_err why);
    void (*heard)(struct hub_node *n); // after the messages of one read
    void (*due)(struct hub_node *n);   // hub_wake's time has come
};

struct hub {
    struct p2_loop *loop;
    struct p2_blob_pool pool; // payloads both ways
    struct p2_codec codec;
    const struct hub_calls *calls;
    struct hub_node **by_slot; // of connections
    uint32_t connections_max;
    struct p2_heap timers;
    uint64_t tie;
    p2_ns now;              // when the clock was last read
    uint64_t heads_in;      // bytes of WebSocket messages' heads
    uint64_t payload_bytes; // of records both ways, as they travel
    char url[HUB_URL_MAX];
    uint8_t head[P2_PREFIX_BYTES + P2_HEADER_MAX];
    uint8_t scratch[P2_RECORD_PAYLOAD_MAX];
};

struct hub_held;

struct hub_node {
    struct hub *hub;
    p2_conn conn; // P2_NO_HANDLE: none
    struct p2_reader reader;
    bool reading;
    bool hearing;           // messages of one read: `heard` follows
    uint64_t message_bytes; // of the message that arrives
    uint32_t depth;         // of calls
    bool opened_waits, writable_waits, fault_waits, closed_waits;
    enum p2_err fault_why, closed_why;
    struct p2_heap_node wake, release; // release: of what is held
    p2_ns lag_ns;                      // what the coordinator says is heard so much later
    struct hub_held *held_first, **held_last;
    bool deaf;
};

// batch: records leave together (p2_net_limits). False: the system has no memory or descriptors for so many; deinit all
// the same.
bool hub_init(struct hub *h, bool batch, const char *url, uint32_t nodes, const struct hub_calls *calls);
void hub_deinit(struct hub *h); // fine with zeroes; nodes must have been deinitialised
p2_ns hub_next_ns(const struct hub *h);
void hub_turn(struct hub *h, p2_ns wait_ns); // waits at most so long, then serves what is ready and due

void hub_node_init(struct hub_node *n, struct hub *h);
void hub_node_deinit(struct hub_node *n); // forgets its connection, which is cut; fine with zeroes

// For use inside calls, or between hub_enter and hub_leave.
p2_ns hub_now(struct hub_node *n); // one reading of the clock for all messages of one read
void hub_enter(struct hub_node *n);
void hub_leave(struct hub_node *n); // what arose meanwhile is called
void hub_dial(struct hub_node *n);  // a failure is `closed`
void hub_send(struct hub_node *n, const struct p2_msg *m, unsigned lane);
void hub_close(struct hub_node *n, enum p2_err why);
void hub_wake(struct hub_node *n, p2_ns at);  // in place of what was asked before; P2_NEVER: not at all
uint64_t hub_wire_bytes(const struct hub *h); // so far, both ways, with what WebSocket adds
uint64_t hub_room(const struct hub_node *n);
void hub_deafen(struct hub_node *n, bool deaf); // deaf: nothing is heard, and no timer comes, until it is not

// Compresses what m carries where that helps, and marks it. Gives the blob to unreference once m is sent; NULL: as it
// was.
struct p2_blob *hub_pack(struct hub *h, struct p2_msg *m);
// The bytes of a record's payload as they are before zstd: borrowed until the next call; NULL when they are broken.
const uint8_t *hub_unpack(struct hub *h, const struct p2_slice *s, uint32_t raw_size, bool zstd);

#endif
