// Bytes on their way out: payloads and blobs to peers, results to clients. An outlet is one such stream; those with
// something to send wait on their connection by class, round robin inside a class, and leave as the connection has
// room.
#ifndef COORDINATOR_CORE_RELAY_H
#define COORDINATOR_CORE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "msg/msg.h"

#define RELAY_RECORD_OVERHEAD 256 // bytes counted against a connection's room besides the payload

struct coord;
struct session;
struct task;
struct replica;
struct fetch;

enum outlet_kind { OUTLET_PAYLOAD, OUTLET_RESULT, OUTLET_BLOB }; // of a replica; of a course; of a fetch

struct outlet {
    struct p2_list link; // in session.lanes[class], or out
    enum outlet_kind kind;
};

void outlet_init(struct outlet *o, enum outlet_kind kind);
void outlet_close(struct outlet *o); // it has nothing to say any more

// More can perhaps be sent: bytes came, a window opened, a placement was made.
void relay_wake_payload(struct coord *c, struct replica *r); // NULL is fine
void relay_wake_result(struct coord *c, struct task *t);
void relay_wake_fetch(struct coord *c, struct session *s, struct fetch *f);
// Bytes were sent on: the sender may send more. Harmless when there is nothing to tell.
void relay_grant_payload(struct coord *c, struct task *t);
void relay_grant_result(struct coord *c, struct task *t);

void relay_room(struct coord *c, struct session *s, uint64_t room); // WRITABLE

// A record's payload must be non-empty and its sizes agree. P2_ERR_BAD_MESSAGE or P2_OK.
enum p2_err relay_piece_wrong(const struct p2_slice *payload, uint32_t raw_size, bool zstd);

void relay_flush(struct coord *c); // sends what can be sent; at the end of a step

#endif
