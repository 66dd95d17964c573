// One connection: its handshake, its role, its clock of pings and signs of life.
//
//   STRANGER --HELLO--> GREETED --PEER_REGISTER--> PEER
//                          |  \-GAMER_REGISTER--> CLIENT
//   from each: an error of theirs, silence, the end of the connection or ours --> GONE
#ifndef COORDINATOR_CORE_SESSION_H
#define COORDINATOR_CORE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ewma.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/slab.h"
#include "coordinator/core/note.h"
#include "msg/msg.h"

enum session_state { SESSION_STRANGER, SESSION_GREETED, SESSION_PEER, SESSION_CLIENT, SESSION_GONE };
#define SESSION_STATES 5

struct coord;
struct coord_event;

struct session {
    p2_handle self, conn;
    enum session_state state;
    enum p2_role role;
    uint64_t features; // agreed
    struct p2_id id;   // pseudonym of a peer, session of a client
    p2_handle who;     // its struct peer or struct client
    int64_t room;      // bytes it may still be sent; payloads wait when it is short
    bool room_asked;
    struct p2_list lanes[P2_CLASSES]; // outlets with something to send
    struct p2_list pumping;           // in coord.pumping when they should be looked at

    struct p2_heap_node timer; // never later than the next thing due
    p2_ns opened_ns, heard_ns, pinged_ns;
    uint64_t ping_token; // 0: no answer awaited
    struct p2_ewma rtt;  // ns
};

void session_open(struct coord *c, const struct coord_event *ev);
void session_closed(struct coord *c, struct session *s, enum p2_err why); // the connection has ended
struct session *session_find(const struct coord *c, p2_handle conn);      // NULL when not open
struct session *session_of_event(struct coord *c, p2_handle conn);        // the same, quick for who was heard last
void session_move(struct coord *c, struct session *s, enum session_state to);

void session_send(struct coord *c, const struct session *s, unsigned lane, const struct p2_msg *m);
// The same without a copy: a message for the caller to fill, whose content is as it happens to be, then what it borrows
// from. Nothing may be sent or noted between the two. NULL: nobody is there, and nothing is said.
struct p2_msg *session_say(struct coord *c, const struct session *s, unsigned lane, enum p2_msg_kind kind,
                           uint32_t stream);
void session_said(struct coord *c, struct p2_blob *payload, struct p2_blob *cargo); // either NULL: nothing
// Their fault, or our leaving: ERROR (unless code is P2_OK), CLOSE, and whatever hung on the connection is let go.
// `s` is gone afterwards.
void session_end(struct coord *c, struct session *s, enum coord_why why, enum p2_err code, const char *sentence);

void session_on_hello(struct coord *c, struct session *s, const struct p2_msg *m);
void session_on_ping(struct coord *c, struct session *s, const struct p2_msg *m);
void session_on_pong(struct coord *c, struct session *s, const struct p2_msg *m);
void session_rearm(struct coord *c, struct session *s); // something made its next due time earlier
// It was heard: a ping that would follow before long goes now.
void session_ping_soon(struct coord *c, struct session *s);
void session_tick(struct coord *c); // pings and silences that are due

#endif
