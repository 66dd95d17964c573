// The client's half of the conversation with a coordinator: event and time in, actions out. It owns tickets from submit
// to their one end, the link and its reconnection, payload windows both ways, and every deadline. It reads no clock and
// touches no socket; client/shell does.
//
// The link                                          A ticket
//
//            back-off over                             submit
//     DOWN ---------------> DIALING                      |
//      ^ ^                     |  OPENED               QUEUED --(record sent)--> SENT --> ACCEPTED --> ARRIVING
//      | | CLOSED              v                         |                        |          |           |
//      | +---------------- GREETING                      +------- ended ---------<+---------<+----------<+
//      | CLOSED                |  HELLO, REGISTERED
//     CLOSING <---- UP <-------+                       SENT may skip ACCEPTED; a higher attempt begins ARRIVING anew.
//       fault, bad news, silence
//
// Sessions. When a link that was UP is lost and the coordinator keeps our tasks (PROTOCOL.md, "Come back"), what was
// sent is QUEUED once more, to be resumed under its id on the next connection, or sent anew when the session is
// another.
#ifndef CLIENT_CORE_SESSION_H
#define CLIENT_CORE_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "client/core/timeout.h"
#include "msg/msg.h"

#define SESSION_PING_NS (5 * P2_SEC)             // between our PINGs
#define SESSION_SILENCE_NS (2 * SESSION_PING_NS) // UP without a word: the link is lost. With sessions only
#define SESSION_GREETING_NS (5 * P2_SEC)         // dial to REGISTERED, before the attempt is given up
#define SESSION_GRACE_NS (250 * P2_MS)           // beside two round trips, what a coordinator may be late with bad news
#define SESSION_BACKOFF_MIN_NS (50 * P2_MS)
#define SESSION_BACKOFF_MAX_NS (10 * P2_SEC)
#define SESSION_RESULT_WINDOW (1u << 20) // bytes of a result granted ahead of what has arrived
#define SESSION_BROKEN_RESULT "The result's compressed bytes are not what they claim to be."
#define SESSION_QUESTIONS_MAX 16u      // on their way at once
#define SESSION_ANSWER_NS (5 * P2_SEC) // a question without an answer by then gets one here
#define SESSION_SENDS_MAX 128u         // payload records given out in one step; the rest at the next
#define SESSION_PUT_SENDS_MAX 16u      // of a blob beside them

struct session;

// A ticket's name, chosen by the shell: the low 32 bits are below tasks_max and no other open ticket's; never 0.
typedef uint64_t session_ticket;

struct session_config {
    uint32_t tasks_max;
    p2_ns connect_timeout_ns; // a ticket not sent is LOST after so long without a coordinator
    p2_ns lost_timeout_ns;    // one that was sent likewise, or when the coordinator's own grace is over
    uint64_t seed;            // of the back-off's jitter and of hashing
    const char *agent;        // in our HELLO; static storage
    uint64_t features;        // P2_FEATURE_* offered
    uint32_t types;           // how many there are; timeouts of each are learned
};

enum session_link { LINK_DOWN, LINK_DIALING, LINK_GREETING, LINK_UP, LINK_CLOSING };

// How a ticket ends. The numbers are p2c2r.h's.
enum session_outcome {
    SESSION_DONE = 1,
    SESSION_REFUSED = 2,
    SESSION_FAILED = 3,
    SESSION_EXPIRED = 4,
    SESSION_CANCELLED = 5,
    SESSION_LOST = 6,
};

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
    SESSION_OPENED = 1, // the dialled connection stands
    SESSION_MSG,        // u.msg: borrowed for the call
    SESSION_WRITABLE,   // answers WANT_ROOM
    SESSION_CLOSED,     // u.why; also a dial that failed
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
    p2_ns now_ns;  // never goes back
    uint64_t room; // bytes the connection takes now; 0 while there is none
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

enum session_action_kind {
    SESSION_DO_DIAL = 1,
    SESSION_DO_SEND,         // u.send
    SESSION_DO_CLOSE,        // u.why
    SESSION_DO_BEGIN_RESULT, // u.begin: make room; what a lower attempt stored is void
    SESSION_DO_STORE,        // u.store: contiguous bytes of the result last begun
    SESSION_DO_ENDED,        // u.ended: the one end of a ticket
    SESSION_DO_WANT_ROOM,    // give WRITABLE when the connection takes more
    SESSION_DO_SEND_BLOB,    // u.part: a CHUNK of these bytes of the blob that is being put
    SESSION_DO_PUT_ENDED,    // u.put_ended
    SESSION_DO_STATUS,       // u.status: borrowed from the event
    SESSION_DO_ANSWERED,     // u.answer: the one answer to a question; codes of ours too (Unreachable, Again, ...)
    SESSION_DO_ESTABLISHED,  // the coordinator has answered: link is UP
    SESSION_DO_NOTE,         // u.note: for the log
};

enum session_note_kind {
    NOTE_DIALING = 1,
    NOTE_UP,
    NOTE_DOWN,        // code: why
    NOTE_DRAINING,    // the coordinator will leave
    NOTE_FAULT,       // the coordinator broke the protocol; code: how
    NOTE_TURNED_AWAY, // it ended the connection with an ERROR; code and sentence are its own
    NOTE_RESEND,      // it asks for a payload again
    NOTE_RESTART,     // a result starts anew from another attempt
};

struct session_ended {
    session_ticket ticket;
    enum session_outcome outcome;
    enum p2_err code; // P2_OK when DONE
    bool retryable;
    p2_ns retry_after_ns;
    struct p2_str sentence; // empty when DONE
    uint32_t attempts;
    bool cached;
    struct p2_id peer;
    uint64_t result_size;
    p2_ns total_ns, queue_ns, processing_ns, kernel_ns;
};

// What an action points to is lent until the next step.
struct session_action {
    enum session_action_kind kind;
    union {
        struct {
            unsigned lane;
            session_ticket ticket; // whose payload it carries; 0: none
            struct p2_msg msg;     // payloads unpacked; the shell may compress
        } send;
        enum p2_err why;
        struct {
            session_ticket ticket;
            uint32_t attempt;
            uint64_t size;
        } begin;
        struct {
            session_ticket ticket;
            uint32_t attempt;
            uint64_t offset;
            struct p2_slice slice; // borrowed from the event
            uint32_t raw_size;
            bool zstd;
        } store;
        struct session_ended ended;
        struct {
            uint32_t stream, size;
            uint64_t offset;
        } part;
        struct {
            enum p2_err code; // P2_OK: the coordinator has it
            bool retryable;
            struct p2_str sentence; // empty when P2_OK
        } put_ended;
        const struct p2_msg_status *status;
        struct p2_msg_can_meet_answer answer; // its sentence is borrowed from the event
        struct {
            enum session_note_kind kind;
            enum p2_err code;
            session_ticket ticket; // 0: of the link
            struct p2_str sentence;
        } note;
    } u;
};

struct session_actions {
    struct session_action *items;
    uint32_t count, capacity;
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
p2_ns p2_session_timeout_ns(const struct session *s, const struct timeout_kind *kind); // what deadline_ns 0 means now
p2_ns p2_session_rtt_ns(const struct session *s);                                // smoothed; 0 before the first PONG
uint64_t p2_session_features(const struct session *s);                           // agreed on this connection
const struct p2_msg_gamer_registered *p2_session_terms(const struct session *s); // of the last that was UP; lends
uint32_t p2_session_open(const struct session *s);                               // tickets not ended
const char *p2_session_note_name(enum session_note_kind k);                      // "turned_away"

// Asserts every invariant of the whole state.
void p2_session_check(const struct session *s);

#endif
