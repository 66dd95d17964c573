// What happened and why. The core never logs: the shell prints notes, traces compare them, statistics count them.
#ifndef COORDINATOR_CORE_NOTE_H
#define COORDINATOR_CORE_NOTE_H

#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "base/slab.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "msg/msg.h"

// Life of a task.
//
//              +--------------------+                   its result is known
//              |                    v
//   NEW --> QUEUED --> PLACED --> RETURNING --> DONE
//    |        ^ |        | |          | |
//    |        +-|--------+-|----------+ |          peer lost or failed: again elsewhere
//    v          v          v            v
//  REFUSED    FAILED, EXPIRED or CANCELLED
//
// From QUEUED a task may become JOINED, waiting for the result of an identical one, and comes back to QUEUED when that
// is there or will not come, or to PLACED when it takes the run over. It may FAIL, EXPIRE or be CANCELLED there too.
//
// With sessions a task is KEPT between RETURNING and DONE, until the client has said that it has the result; it does
// not expire there. For a client that comes back it is RETURNING once more. When the connection breaks and the result
// cannot be kept, it is QUEUED again, or FAILED without an attempt left (resume.h).
//
// REFUSED was never accepted. Of the others each task has exactly one as its last.
enum task_state {
    TASK_NEW,
    TASK_QUEUED,    // waits for a peer
    TASK_PLACED,    // a peer has it
    TASK_RETURNING, // its result flows back
    TASK_JOINED,    // waits for the result of an identical one
    TASK_KEPT,      // all of it has left; the client has not acknowledged it
    TASK_DONE,
    TASK_FAILED,
    TASK_EXPIRED,
    TASK_CANCELLED,
    TASK_REFUSED,
    TASK_STATES
};

enum coord_why {
    WHY_NONE,
    WHY_SUBMITTED,
    WHY_PICKED,      // by the scheduler
    WHY_RESULT,      // the peer has a result
    WHY_DELIVERED,   // the whole result went to the client's connection
    WHY_PEER_LOST,   // its connection ended
    WHY_PEER_FAILED, // it reported a failure
    WHY_PEER_BROKE,  // it sent what is not allowed
    WHY_CLIENT_ASKED,
    WHY_CLIENT_LOST,
    WHY_DEADLINE,
    WHY_NO_PEER,     // nobody offers it any more
    WHY_ATTEMPTS,    // no attempt left
    WHY_MEMORY,      // no memory to keep its bytes
    WHY_BAD_REQUEST, // unknown type, bad parameter, too large
    WHY_DUPLICATE,
    WHY_LIMIT, // a limit of ours is reached
    WHY_DRAINING,
    WHY_SILENT,       // no sign of life
    WHY_LEFT,         // said goodbye
    WHY_QUOTA,        // a limit of one client is reached
    WHY_SHED,         // given up for more urgent work
    WHY_SUPERSEDED,   // a newer frame of its series took its place
    WHY_CACHED,       // its result is known
    WHY_JOINED,       // an identical one is on its way
    WHY_TOOK_OVER,    // the run of an identical one that has ended
    WHY_RELEASED,     // what it had joined is over
    WHY_RECALLED,     // its peer gave it back before it had started
    WHY_RESUMED,      // its client came back
    WHY_NOT_RESUMED,  // its client came back and did not want it any more
    WHY_ACKNOWLEDGED, // the client has the whole result
    WHY_BLOB,         // a blob it refers to is not here
    WHY_FLAPPING,     // joined too often
    WHY_BUDGET,       // too much fails: no token for another attempt
    WHY_CODES
};

enum coord_note_kind {
    NOTE_TASK,          // moved to `to` because of `why`
    NOTE_PICKED,        // which peer, and why it and not the next best; text
    NOTE_HEDGED,        // a second run began: on which peer
    NOTE_RUN_LOST,      // one of two runs is over without a result that counts: why, code
    NOTE_TASK_RESEND,   // its payload is asked for again
    NOTE_TASK_RECALL,   // it is asked back from that peer, for an idle slot elsewhere
    NOTE_PEER_JOINED,   // count: slots
    NOTE_PEER_CHANGED,  // registered anew: count: slots
    NOTE_PEER_HELD,     // registered, but without work for span_ns: why
    NOTE_PEER_RELEASED, // that is over
    NOTE_PEER_DRAINING,
    NOTE_PEER_LOST,         // why, code; count: jobs it had
    NOTE_BREAKER_OPEN,      // it fails: no work of the type in text for span_ns
    NOTE_BREAKER_HALF_OPEN, // one job, to see
    NOTE_BREAKER_CLOSED,    // as usual again
    NOTE_OFFER_IGNORED,     // text: the type; code says why
    NOTE_CLIENT_JOINED,
    NOTE_CLIENT_LOST,    // code; count: tasks it had open
    NOTE_CLIENT_AWAY,    // its connection is lost and its tasks stay: code; count: those tasks
    NOTE_CLIENT_RESUMED, // and back; count: tasks it finds
    NOTE_TASK_RESUMED,   // goes on on this connection
    NOTE_CONN_REFUSED,   // code
    NOTE_CONN_ERROR,     // it broke a rule: code, text
    NOTE_REMOTE_ERROR,   // it says so of us: code
    NOTE_LATE,           // a message about a job or task already ended was dropped; text: which message
    NOTE_BLOB_STORED,    // count: bytes; conn: of the client. text of all these: the first digits of its digest
    NOTE_BLOB_REFUSED,   // conn, code
    NOTE_BLOB_EVICTED,   // count: bytes; to make room
    NOTE_BLOB_LOST,      // count: bytes; code: its bytes are wrong, or cannot be read
    NOTE_BLOB_SENT,      // count: bytes; to a peer, which took span_ns
    NOTE_STALL,          // this process did not run for span_ns; peers get a fresh chance
    NOTE_DRAIN,          // count: tasks still open
    NOTE_DRAINED,
    NOTE_KINDS
};

// Fields not meant by a kind are zero.
struct coord_note {
    enum coord_note_kind kind;
    enum task_state to;
    enum coord_why why;
    enum p2_err code;
    enum p2_class class_;
    p2_handle conn;
    struct p2_id task, peer; // a client has no name here: its session is a secret, conn tells it apart
    struct p2_id of;         // NOTE_TASK: the identical one it joined, or whose run it took over
    uint32_t attempt;
    uint64_t count;
    p2_ns span_ns;      // NOTE_TASK: time since accepted
    struct p2_str text; // valid as long as the action
};

const char *task_state_name(enum task_state s);                          // "queued"
const char *coord_why_name(enum coord_why w);                            // "peer lost"
const char *coord_note_name(enum coord_note_kind k);                     // "peer_joined"
void coord_note_text(const struct coord_note *n, struct p2_strbuf *out); // one line, "key=value" after the name

#endif
