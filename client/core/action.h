// What a session asks of its shell.
#ifndef CLIENT_CORE_ACTION_H
#define CLIENT_CORE_ACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "msg/msg.h"

// A ticket's name, chosen by the shell: the low 32 bits are below tasks_max and no other open ticket's; never 0.
typedef uint64_t session_ticket;

// How a ticket ends. The numbers are p2c2r.h's.
enum session_outcome {
    SESSION_DONE = 1,
    SESSION_REFUSED = 2,
    SESSION_FAILED = 3,
    SESSION_EXPIRED = 4,
    SESSION_CANCELLED = 5,
    SESSION_LOST = 6,
};

enum session_action_kind {
    SESSION_DO_DIAL = 1,     // the only address
    SESSION_DO_PROBE,        // u.probe: dial this one of several, beside others
    SESSION_DO_PROBE_SEND,   // u.probe.msg, on its connection
    SESSION_DO_PROBE_END,    // u.probe.why: close it, unless that is what has been told
    SESSION_DO_ADOPT,        // u.probe: its connection is the link from now on
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
    NOTE_MEASURED, // rtt_ns
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
            uint32_t address;
            enum p2_err why;
            struct p2_msg msg;
        } probe;
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
            session_ticket ticket; // 0: of a connection
            uint32_t address;      // with whom
            bool hopeless;         // TURNED_AWAY, FAULT: and no other address is left
            p2_ns rtt_ns;
            struct p2_str sentence;
        } note;
    } u;
};

struct session_actions {
    struct session_action *items;
    uint32_t count, capacity;
};

#endif
