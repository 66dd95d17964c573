// A task, from accepted to its one end. States and legal moves: the picture in note.h.
//
// This is what each task costs, however many wait: links are slots, not pointers, and what only those need whose
// bytes move is in their course (course.h).
#ifndef COORDINATOR_CORE_TASK_H
#define COORDINATOR_CORE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slab.h"
#include "base/slot_list.h"
#include "base/slot_order.h"
#include "coordinator/core/note.h"
#include "kernels/task_type.h"
#include "msg/msg.h"

struct cargo;
struct client;
struct coord;
struct course;
struct replica;

struct task_stranded {
    struct p2_slot_node link; // in its type's queue, longest first
    p2_ns since_ns;
};

struct task {
    struct p2_id id;
    p2_ns accepted_ns, deadline_ns;
    uint64_t arrival; // kept for life: a task that comes back goes before those that came after it
    struct p2_task_cost cost;
    struct cargo *cargo; // takes; NULL: it brought nothing

    union { // QUEUED, with a place in its type's queue: of its flow, or set aside because nobody present can do it
        struct p2_slot_meld_node queued;
        struct task_stranded stranded;
    };
    struct p2_slot_node in_client;
    struct p2_slot_node in_group;      // QUEUED: of coord.queued, newest last; JOINED: of the members of its flight
    struct p2_slot_meld_node deadline; // coord.deadlines

    uint32_t client;         // slot
    uint32_t stream;         // the client's; 0: the connection it had is gone, and it was not resumed on another
    uint32_t series;         // 0: none
    uint32_t course;         // link; 0: it merely waits
    uint32_t flight;         // link; which it leads or has joined
    uint32_t reserved_bytes; // of the payload budget
    uint32_t work_us;        // device time, as estimated when it came

    uint8_t state;   // enum task_state
    uint8_t class_;  // enum p2_class
    uint8_t type;    // index into coord.types
    uint8_t attempt; // runs so far

    bool is_stranded : 1;
    bool unready : 1; // QUEUED, but not to be placed: its first bytes are not here, or not all of a kept payload
    bool absent : 1;  // not to be placed: nobody is there for a result that may be long
    bool keep : 1;    // its payload fits P2_STREAM_WINDOW: it stays here whole, so that another attempt needs no client
    // Its result and the cache: memo.h.
    bool refresh : 1, private_ : 1;
    bool alone : 1; // it joins no flight

    uint16_t weight_percent; // its client's word, which is in cost.units; 100: none
};

struct task_end {
    enum task_state last; // DONE, FAILED, EXPIRED or CANCELLED
    enum coord_why why;
    enum p2_err code; // told to the client unless DONE or EXPIRED
    bool retryable;
    struct p2_str text;
};

// The one place that changes a task's state: checks the table, moves lists and counters, notes it.
void task_move(struct coord *c, struct task *t, enum task_state to, enum coord_why why, enum p2_err code);
// The same for a move that has to do with an identical task.
void task_move_of(struct coord *c, struct task *t, enum task_state to, enum coord_why why, const struct p2_id *of);

// Moves to a last state, tells the client, returns all it held. `t` is gone afterwards.
void task_end(struct coord *c, struct task *t, const struct task_end *e);
void task_fail(struct coord *c, struct task *t, enum coord_why why, enum p2_err code, const char *sentence);

// Its course's peer, peer_handle and run_attempt are those of r from now on.
void task_run_is(struct coord *c, struct task *t, const struct replica *r);
// r is none of its runs any more; a second one, if there is one, takes its place. A why is noted when there is.
void task_drop_run(struct coord *c, struct task *t, const struct replica *r, enum coord_why why, enum p2_err code);
void task_call_off(struct coord *c, struct task *t); // all its runs

// Into the queue once more, to be placed when its payload is ready; owed: it is still to be asked for.
void task_queue_again(struct coord *c, struct task *t, bool owed, enum coord_why why, enum p2_err code);

// A run of it was dropped without a result. Nothing more when there is another; else it is queued again, or failed when
// no attempt is left or, where its peer is still there and failed it, no token of the retry budget. `tried` is not
// asked again.
void task_retry(struct coord *c, struct task *t, enum coord_why why, enum p2_err code, p2_handle tried);

// After its flow changed: does the client owe bytes of the payload? Bytes that bring nothing for long end the task.
void task_await(struct coord *c, struct task *t);
void task_ready(struct coord *c, struct task *t); // may it be placed now?
bool task_payload_ready(const struct coord *c, const struct task *t);
void task_stalled_due(struct coord *c); // payloads that stopped arriving
p2_ns task_stalled_next_ns(const struct coord *c);
bool task_before(const struct task *a, const struct task *b); // by deadline, then by arrival
void task_expire_due(struct coord *c);                        // deadlines that passed
p2_ns task_expire_next_ns(const struct coord *c);
void task_check_deadline(const struct coord *c, const struct task *t);

// These lend for as long as the task lives.
struct task *task_at(const struct coord *c, uint32_t slot); // of one that is there
uint32_t task_slot(const struct coord *c, const struct task *t);
p2_handle task_handle(const struct coord *c, const struct task *t);
struct client *task_client(const struct coord *c, const struct task *t);
struct session *task_session(const struct coord *c, const struct task *t); // where its client hears of it; or NULL
struct task *task_by_stream(const struct coord *c, const struct client *cl, uint32_t stream);
struct task *task_by_id(const struct coord *c, const struct client *cl, const struct p2_id *id);
struct recent_task;
// One that ended not long ago. Lends for the step; NULL: none of that id.
const struct recent_task *task_recent(const struct coord *c, const struct client *cl, const struct p2_id *id);
void task_bind(struct coord *c, struct task *t, uint32_t stream); // which is free
void task_unbind(struct coord *c, struct task *t);
void task_tell_accepted(struct coord *c, const struct task *t, uint32_t queue_position, p2_ns estimate_ns);
bool task_link(struct coord *c, struct client *cl, struct task *t); // into the tables; false: stream or id taken

// The tasks of a client, of a class that waits, of a flight.
#define TASKS_IN_CLIENT(c) p2_slots_of(&(c)->tasks, offsetof(struct task, in_client))
#define TASKS_BY_DEADLINE(c) p2_slots_of(&(c)->tasks, offsetof(struct task, deadline))
#define TASKS_IN_GROUP(c) p2_slots_of(&(c)->tasks, offsetof(struct task, in_group))

#endif
