// What session.c, seek.c, ticket.c, again.c, put.c, on_msg.c and check.c share. Only they and their tests include it.
#ifndef CLIENT_CORE_SESSION_IN_H
#define CLIENT_CORE_SESSION_IN_H

#include "client/core/session.h"

#include "base/canary.h"
#include "base/ewma.h"
#include "base/list.h"
#include "base/rng.h"
#include "base/streams.h"
#include "base/timers.h"
#include "msg/flow.h"

enum ticket_state { TICKET_NONE, TICKET_QUEUED, TICKET_SENT, TICKET_ACCEPTED, TICKET_ARRIVING, TICKET_STATES };

struct ticket {
    session_ticket handle;
    enum ticket_state state; // written by ticket_move alone
    uint32_t stream;         // 0 until sent
    struct session_submit task;
    p2_ns submitted_ns, deadline_ns;
    struct p2_timer due; // in s->due while open
    struct p2_list link; // in queued[class], again, flowing[class], or none
    struct p2_outflow out;
    struct p2_inflow in;
    uint32_t attempts;                      // highest the coordinator told of
    bool accepted;                          // said on this stream
    bool cancelled;                         // TASK_CANCEL sent, or to be sent when it is resumed
    bool again;                             // was sent on a connection that is lost
    bool anew;                              // and is to be sent anew: an earlier session had it
    struct p2_msg_result_delivery delivery; // its numbers; the payload slice is not kept
};

struct question { // sent, and its answer not here
    uint64_t number;
    p2_ns due_ns;
    bool given_up; // answered here: what still comes is dropped
};

// A blob on its way to the coordinator. WAITING: not offered on this connection.
enum put_state { PUT_NONE, PUT_WAITING, PUT_OFFERED, PUT_SENDING, PUT_STATES };

struct put {
    enum put_state state; // written by put_move alone
    struct p2_digest digest;
    uint64_t size;
    uint32_t stream; // since OFFERED
    struct p2_outflow out;
};

struct session {
    struct session_config config;
    struct session_actions *out; // of the running step
    p2_ns now_ns;
    uint64_t room;          // left in this step
    enum session_link link; // written by link_move alone
    p2_ns link_due_ns;      // DOWN: seek; DIALING, GREETING: give up; UP: PING
    p2_ns down_since_ns;    // not UP since then
    p2_ns up_since_ns;      // UP: since then
    struct route route;
    uint32_t address;     // of the link, or of the last
    uint32_t silences;    // by which it was lost since it last brought a result
    p2_ns retry_after_ns; // not to be dialled for so long: the coordinator's own wish, or our caution
    bool hello_seen, draining, status_wanted, room_wanted, more;
    uint64_t features;
    uint64_t ping_token; // of the PING on its way; 0 none
    p2_ns ping_sent_ns;
    p2_ns heard_ns; // UP: when the coordinator last said something
    p2_ns grace_ns; // how long it keeps our tasks when this connection is lost
    struct p2_ewma rtt;
    uint32_t status_tasks_max;
    struct p2_msg_gamer_registered terms; // the coordinator's
    uint32_t in_flight_max;
    uint64_t in_flight_bytes_max;
    struct p2_rng rng;

    struct ticket *tickets;   // by the low half of the handle
    uint32_t open, in_flight; // all; those sent
    uint64_t in_flight_bytes; // payload bytes of those sent
    uint32_t next_stream;
    struct p2_streams streams; // of those sent: stream -> slot of tickets
    struct p2_timers due;
    struct p2_list queued[P2_CLASSES], flowing[P2_CLASSES];
    struct question questions[SESSION_QUESTIONS_MAX]; // a ring: answers come in the order of questions
    uint32_t question_first, question_count;
    struct p2_list again; // QUEUED, to be resumed before anything else is sent
    struct put put;
    struct timeouts timeouts;
    // By address: features agreed while it is probed; the session it gave, which is shown to it alone on reconnect.
    uint64_t probe_features[ROUTE_MAX];
    struct p2_id ids[ROUTE_MAX];
    char why[P2_TEXT_MAX + 1]; // sentence for endings of this step
};

// ---- actions
struct session_action *p2_session_act(struct session *s, enum session_action_kind kind);
struct p2_msg *p2_session_act_send(struct session *s, unsigned lane, enum p2_msg_kind kind, uint32_t stream);
void p2_session_act_note(struct session *s, enum session_note_kind kind, enum p2_err code, session_ticket t);

// ---- ticket.c
struct ending {
    enum session_outcome outcome;
    enum p2_err code;
    bool retryable;
    p2_ns retry_after_ns;
    struct p2_str sentence;
};

extern const struct ending p2_ticket_cancelled_here;

struct ticket *p2_ticket_find(const struct session *s, session_ticket handle); // open, or NULL
struct ticket *p2_ticket_of_stream(const struct session *s, uint32_t stream);  // sent, or NULL
void p2_ticket_submit(struct session *s, const struct session_submit *task);
void p2_ticket_end(struct session *s, struct ticket *t, const struct ending *how); // t is void after it
void p2_ticket_cancel(struct session *s, struct ticket *t);
void p2_ticket_drop(struct session *s, struct ticket *t, enum p2_err code);
void p2_ticket_move(struct session *s, struct ticket *t, enum ticket_state to);
void p2_ticket_tell_cancel(struct session *s, const struct ticket *t);
void p2_ticket_flow(struct session *s, struct ticket *t);        // lists it when it has payload to send
void p2_ticket_open_stream(struct session *s, struct ticket *t); // QUEUED to SENT
void p2_ticket_rearm(struct session *s, struct ticket *t);       // its timer, after something changed
void p2_tickets_rearm(struct session *s);                        // timers of the queued, after the link changed
void p2_tickets_expire(struct session *s);
void p2_tickets_pump(struct session *s); // submits and chunks, best class first, within room
// Tickets end: those sent now or once as LOST, those never sent as REFUSED. `code` and s->why say how.
enum which { WHICH_SENT = 1, WHICH_ONCE_SENT = 2, WHICH_NEVER_SENT = 4, WHICH_ALL = 7 };
void p2_tickets_end_all(struct session *s, unsigned which, enum p2_err code, bool retryable, p2_ns retry_after_ns);

// ---- again.c
void p2_tickets_shelve(struct session *s);                   // the link is lost: what was sent is to be resumed
void p2_tickets_start_over(struct session *s);               // the session is another: nothing can be resumed
void p2_ticket_unknown(struct session *s, struct ticket *t); // the coordinator never had it
void p2_ticket_resume(struct session *s, struct ticket *t);
p2_ns p2_ticket_waits_until(const struct session *s, const struct ticket *t);

uint32_t p2_session_next_stream(struct session *s);
void p2_session_spend(struct session *s, uint32_t bytes); // of the room of this step

// ---- question.c
void p2_question_ask(struct session *s, const struct p2_msg_can_meet *m);
void p2_question_answered(struct session *s, const struct p2_msg_can_meet_answer *m);
void p2_questions_expire(struct session *s);
void p2_questions_lost(struct session *s); // with the connection
p2_ns p2_questions_due_ns(const struct session *s);
void p2_questions_check(const struct session *s);

// ---- put.c
void p2_put_begin(struct session *s, const struct p2_digest *digest, uint64_t size);
void p2_put_stop(struct session *s);
void p2_put_link_lost(struct session *s);
bool p2_put_msg(struct session *s, const struct p2_msg *m); // false: not about it
void p2_put_pump(struct session *s);                        // offers it, sends of it what there is room for
void p2_put_check(const struct session *s);

// ---- seek.c
void p2_seek(struct session *s); // DOWN, and it is time
void p2_probe_opened(struct session *s, uint32_t address);
void p2_probe_msg(struct session *s, uint32_t address, const struct p2_msg *m);
void p2_probe_closed(struct session *s, uint32_t address, enum p2_err why);
void p2_hello_make(const struct session *s, struct p2_msg_hello *out);
enum p2_err p2_hello_check(const struct p2_msg_hello *m); // P2_OK: a coordinator we can talk to
bool p2_link_several(const struct session *s);            // there are others to go to
bool p2_link_leaving(const struct session *s);            // it drains, and there are others: nothing new is begun
bool p2_link_returns(const struct session *s, const struct p2_msg_error *m); // it keeps what it has of us, says this

// ---- session.c
void p2_link_move(struct session *s, enum session_link to);
void p2_link_up(struct session *s, const struct p2_msg_gamer_registered *m);
void p2_link_fault(struct session *s, enum p2_err code); // the coordinator broke the protocol
void p2_link_turned_away(struct session *s, const struct p2_msg_error *m);
void p2_link_begin(struct session *s, uint32_t address, enum session_link as); // DIALING, or GREETING when adopted
void p2_why_say(struct session *s, const struct p2_msg_error *m);              // its words, in s->why

// ---- on_msg.c
void p2_session_on_msg(struct session *s, const struct p2_msg *m);

#endif
