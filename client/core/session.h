// The client's half of the conversation with a coordinator: event and time in, actions out. It owns tickets from submit
// to their one end, the link and its reconnection, payload windows both ways, and every deadline. It reads no clock and
// touches no socket; client/shell does.
//
// The link                                          A ticket
//
//            back-off over                             submit
//     DOWN ---------------> DIALING                      |
//      ^ ^ \_ best of several  |  OPENED               QUEUED --(record sent)--> SENT --> ACCEPTED --> ARRIVING
//      | | CLOSED          \_  v                         |                        |          |           |
//      | +---------------- GREETING                      +------- ended ---------<+---------<+----------<+
//      | CLOSED                |  HELLO, REGISTERED
//     CLOSING <---- UP <-------+                       SENT may skip ACCEPTED; a higher attempt begins ARRIVING anew.
//       fault, bad news, silence
//
// Of several addresses route.h takes one: while DOWN each has a probe, a connection of its own on which HELLOs are
// exchanged; the probe of the best is adopted as the link.
//
// Sessions. When a link that was UP is lost and the coordinator keeps our tasks (PROTOCOL.md, "Come back"), or there
// are others, what was sent is QUEUED once more, to be resumed under its id on the next connection, or sent anew under
// it when the session is another. Each coordinator is shown the session that it gave, and no other's.
#ifndef CLIENT_CORE_SESSION_H
#define CLIENT_CORE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "client/core/action.h"
#include "client/core/route.h"
#include "client/core/timeout.h"
#include "msg/msg.h"

#define SESSION_PING_NS (5 * P2_SEC)             // between our PINGs
#define SESSION_SILENCE_NS (2 * SESSION_PING_NS) // UP without a word: the link is lost. With sessions or others only
#define SESSION_PING_LIST_NS (1 * P2_SEC)        // both where there are others to go to
#define SESSION_SILENCE_LIST_NS (3 * P2_SEC)
#define SESSION_GREETING_NS (5 * P2_SEC) // dial to REGISTERED, before the attempt is given up
#define SESSION_AWAY_NS (1 * P2_SEC)     // a coordinator that drains is let alone, where there are others
#define SESSION_GRACE_NS (250 * P2_MS)   // beside two round trips, what a coordinator may be late with bad news
#define SESSION_RESULT_WINDOW (8u << 20) // bytes of a result granted ahead of what has arrived; their place is there
#define SESSION_BROKEN_RESULT "The result's compressed bytes are not what they claim to be."
#define SESSION_QUESTIONS_MAX 16u      // on their way at once
#define SESSION_ANSWER_NS (5 * P2_SEC) // a question without an answer by then gets one here
#define SESSION_SENDS_MAX 128u         // payload records given out in one step; the rest at the next
#define SESSION_PUT_SENDS_MAX 16u      // of a blob beside them

struct session;

struct session_config {
    uint32_t addresses; // of coordinators, to ROUTE_MAX; 0: 1
    uint32_t tasks_max;
    p2_ns connect_timeout_ns; // a ticket not sent is LOST after so long without a coordinator
    p2_ns lost_timeout_ns;    // one that was sent likewise, or when the coordinator's own grace is over
    uint64_t seed;            // of the back-off's jitter
    const char *agent;        // in our HELLO; static storage
    uint64_t features;        // P2_FEATURE_* offered
    uint32_t types;           // how many there are; timeouts of each are learned
};

enum session_link { LINK_DOWN, LINK_DIALING, LINK_GREETING, LINK_UP, LINK_CLOSING };

struct session_submit {
    session_ticket ticket;
    struct p2_id id;  // random
    const char *type; // static storage
    uint32_t version; // 0: any
    enum p2_class class_;
    struct timeout_kind kind;         // whose timeout is learned from it
    p2_ns submitted_ns;               // when it was handed over, not after now; 0: now
    p2_ns deadline_ns;                // span from then; 0: the timeout of its kind
    uint64_t result_bytes_max;        // a longer result is not taken
    struct p2_params params;          // readable as long as params_blob lives
    struct p2_blob *params_blob;      // takes one reference; NULL when params are empty
    struct p2_slice payload;          // takes one reference
    struct p2_blob *blobs;            // takes one reference: digests of blobs it refers to; NULL: none
    bool no_cache, refresh, private_; // p2c2r_cache
    uint32_t series;                  // 0: none
    uint32_t weight_percent;          // of its units; 0: nothing is known
    bool withheld;                    // fake loss: never sent, so its deadline ends it
};

enum session_event_kind {
    SESSION_PROBE_OPENED = 1, // of `address`
    SESSION_PROBE_MSG,        // u.msg
    SESSION_PROBE_CLOSED,     // u.why; also a dial that failed, and what cannot be read
    SESSION_OPENED,           // the dialled connection stands
    SESSION_MSG,              // u.msg: borrowed for the call
    SESSION_WRITABLE,         // answers WANT_ROOM
    SESSION_CLOSED,           // u.why; also a dial that failed
    SESSION_TICK,
    SESSION_FAULT,  // u.why: what arrived cannot be read; the connection is to end
    SESSION_SUBMIT, // u.submit
    SESSION_CANCEL, // u.end.ticket; one that has ended is ignored
    SESSION_DROP,   // u.end: its result cannot be kept (NoMemory) or read (BadPayload); ends FAILED with the code
    SESSION_ASK, // u.question: would such a task be done in time? Gets one DO_ANSWERED, at once when it cannot be asked
    SESSION_PUT, // u.put: bring the coordinator a blob; one at a time. Goes on after a connection has ended
    SESSION_PUT_STOP, // it is not wanted any more; no PUT_ENDED follows
    SESSION_STATUS,   // ask for the cluster's numbers, now or as soon as there is a coordinator; u.tasks_max
};

struct session_event {
    enum session_event_kind kind;
    uint32_t address; // of a probe
    p2_ns now_ns;     // never goes back
    uint64_t room;    // bytes the connection takes now; 0 while there is none
    union {
        const struct p2_msg *msg;
        enum p2_err why;
        struct session_submit submit;
        uint32_t tasks_max;                     // rows of open tasks wanted beside the numbers
        const struct p2_msg_can_meet *question; // borrowed for the call; its number is the shell's and free
        struct {
            session_ticket ticket;
            enum p2_err code;
        } end;
        struct {
            struct p2_digest digest;
            uint64_t size; // above 0
        } put;
    } u;
};

// Room for what one step of such a session may ask. False when memory is short.
bool p2_session_actions_init(struct session_actions *a, uint32_t tasks_max);
void p2_session_actions_deinit(struct session_actions *a);

// NULL when memory is short. All memory but payloads and parameters is taken here.
struct session *p2_session_create(const struct session_config *config);
void p2_session_destroy(struct session **s); // open tickets vanish without an end; their references are returned

// Feeds one event; sets *out anew. Never fails: what a remote does wrong is an action against it.
void p2_session_step(struct session *s, const struct session_event *ev, struct session_actions *out);

// When to step with TICK if nothing else happens; P2_NEVER for not at all. A past time: at once, there is more to send.
p2_ns p2_session_next_ns(const struct session *s);

enum session_link p2_session_link(const struct session *s);
uint32_t p2_session_address(const struct session *s);                                  // of the link, or of the last
p2_ns p2_session_timeout_ns(const struct session *s, const struct timeout_kind *kind); // what deadline_ns 0 means now
// p2_timeout_usual of this session's tasks.
bool p2_session_usual(const struct session *s, const struct timeout_kind *kind, p2_ns *usual_ns, p2_ns *worst_ns);
p2_ns p2_session_rtt_ns(const struct session *s);                                // smoothed; 0 before the first PONG
uint64_t p2_session_features(const struct session *s);                           // agreed on this connection
const struct p2_msg_gamer_registered *p2_session_terms(const struct session *s); // of the last that was UP; lends
uint32_t p2_session_open(const struct session *s);                               // tickets not ended
const char *p2_session_note_name(enum session_note_kind k);                      // "turned_away"

// Asserts every invariant of the whole state.
void p2_session_check(const struct session *s);

#endif
