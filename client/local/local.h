// Which tasks run on the game's own machine, and when: event and time in, actions out. It watches the tickets of the
// session, and owns the life of one executor child, the program that also computes for p2c2r-peer. It reads no clock
// and touches no process; client/shell/local.c does.
//
// A ticket                                             The child
//
//          task                                             DOWN --(back-off over)--> STARTING --> BUILDING --> READY
//           |                  too late, or the child        ^                            |            |          |
//           v                  is gone and the cluster       +------ gone ------ KILLING <+------------+----------+
//        WATCHED <--------------------------------+          |                      (silence, a word out of place,
//           |  its time has come, or              |         OVER: LOCAL_CRASHES_MAX in a row       a job that will
//           v  the cluster will not do it         |                                                not end)
//        WANTED ---(a cell is free)---> RUNNING --+
//           |                              |
//           +---- ended, or over <---------+
//
// When a ticket is wanted here (the first that holds):
// - at once, when the coordinator has refused such tasks lately, for a reason that is not theirs, or answered that it
//   could not meet their deadline; or when the cluster usually takes longer than the deadline;
// - without a connection, when that has lasted LOCAL_PATIENCE_NS;
// - at the last moment from which a run here is done by the deadline, unless the cluster, as such tasks usually go, is
//   not late yet by then and will be in time.
// The cluster keeps it meanwhile, and whichever is first ends it. What the cluster ended without a result, for a reason
// that p2_local_stands_in, has this machine alone. Here it is tried once: a run that fails is the ticket's end, unless
// there is a connection and the cluster still has it.
#ifndef CLIENT_LOCAL_LOCAL_H
#define CLIENT_LOCAL_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "kernels/task_type.h"
#include "peer/core/words.h"

#define LOCAL_CELLS_MAX 16u
#define LOCAL_PATIENCE_NS (250 * P2_MS) // without a connection
#define LOCAL_TURN_NS (17 * P2_MS)      // a game looks once a frame: so much earlier than the last moment
#define LOCAL_START_NS (250 * P2_MS)    // what a child takes until it is ready, at best
#define LOCAL_SHUT_NS (500 * P2_MS)     // how long a refusal stands for all tasks of its kind, if it does not say
#define LOCAL_SHUT_MAX_NS (5 * P2_SEC)  // and at most
#define LOCAL_CANCEL_NS (2 * P2_SEC)    // for a job to end that nobody wants; then the child is killed
#define LOCAL_SILENCE_NS (120 * P2_SEC) // of a child that builds
#define LOCAL_CRASHES_MAX 5u            // in a row: no further child is started
#define LOCAL_SERVICE_NS (10 * P2_SEC)  // ready for so long, a crash is the first again
#define LOCAL_BACKOFF_NS (250 * P2_MS)  // before the second start in a row, then doubling
#define LOCAL_KEEP_PERCENT 10u          // of the device's memory, for scenes and models from task to task
#define LOCAL_IDLE_NS (30 * P2_SEC)     // without a job, until the cells' memory is given back

struct local;

struct local_config {
    uint32_t tasks_max; // a ticket's low 32 bits are below it
    uint32_t cells;     // jobs at once, 1 to LOCAL_CELLS_MAX
    uint64_t cell_bytes;
    const struct p2_task_type *const *types; // static storage
    uint32_t type_count;
};

struct local_task {
    uint64_t ticket; // never 0
    uint32_t type;   // its place among the types
    uint64_t payload_size;
    struct p2_task_cost cost;
    p2_ns deadline_ns;        // a time, not a span
    p2_ns usual_ns, worst_ns; // the cluster's, of such tasks, from now: mean, and at most; 0: not known
};

struct local_kind {
    uint32_t type, size_class;
};

enum local_event_kind {
    LOCAL_TASK = 1, // u.task: handed to the session too. A ticket that is known is our bug
    LOCAL_UNMET,    // u.unmet: the session ended it, for a reason that p2_local_stands_in. Gets one DO_END
    LOCAL_OVER,     // u.over: it has ended, or is not wanted any more. No DO_END follows
    LOCAL_FORECAST, // u.forecast: what the coordinator answered about such a task
    LOCAL_LINK,     // u.up
    LOCAL_STARTED,  // the child runs
    LOCAL_WORD,     // u.word, borrowed for the call
    LOCAL_GONE,     // the child has ended, or could not be started; u.text says how. Once for each DO_START
    LOCAL_TICK,
};

struct local_event {
    enum local_event_kind kind;
    p2_ns now_ns; // never goes back
    union {
        struct local_task task;
        struct {
            uint64_t ticket;
            enum p2_err code;
            p2_ns retry_after_ns; // 0: it did not say
        } unmet;
        struct {
            uint64_t ticket;
            bool done; // by the cluster
        } over;
        struct {
            struct local_kind kind;
            bool can;
            enum p2_err code;
            p2_ns retry_after_ns;
        } forecast;
        bool up;
        const struct word *word;
        const char *text;
    } u;
};

enum local_action_kind {
    LOCAL_DO_START = 1, // u.setup: how large its memory is
    LOCAL_DO_KILL,
    LOCAL_DO_SETUP,   // say it
    LOCAL_DO_JOB,     // u.job: its payload into the cell, then the word
    LOCAL_DO_CANCEL,  // u.cell: say it
    LOCAL_DO_END,     // u.end
    LOCAL_DO_RELEASE, // the cells' memory goes back to the system
    LOCAL_DO_NOTE,    // u.note
};

// How a ticket ends here.
enum local_end {
    LOCAL_END_DONE,    // the result is in the cell until the next action
    LOCAL_END_FAILED,  // it was tried: code and text say how
    LOCAL_END_EXPIRED, // it was being tried
    LOCAL_END_UNMET,   // as the cluster ended it: it cannot be done here in time either
};

enum local_note_kind {
    LOCAL_NOTE_STARTED = 1,
    LOCAL_NOTE_READY,
    LOCAL_NOTE_WITHHELD,
    LOCAL_NOTE_KILLED,
    LOCAL_NOTE_GONE,
    LOCAL_NOTE_OVER
};

// What an action points to is lent until the next step.
struct local_action {
    enum local_action_kind kind;
    union {
        struct word_setup setup;
        struct {
            uint64_t ticket;
            uint32_t cell;
            p2_ns deadline_ns;
        } job;
        uint32_t cell;
        struct { // queue_ns: waiting here included
            uint64_t ticket;
            enum local_end how;
            enum p2_err code;
            const char *text; // printable ASCII; "" when DONE
            uint32_t cell;
            uint64_t size;
            p2_ns queue_ns, processing_ns, kernel_ns;
        } end;
        struct {
            enum local_note_kind kind;
            const char *text;
        } note;
    } u;
};

struct local_actions {
    struct local_action *items;
    uint32_t count, capacity;
};

// May this machine do what the cluster ended with that code? Not what would end the same here.
bool p2_local_stands_in(enum p2_err code);

bool p2_local_actions_init(struct local_actions *a, const struct local_config *config); // false: memory is short
void p2_local_actions_deinit(struct local_actions *a);

struct local *p2_local_create(const struct local_config *config); // NULL when memory is short
void p2_local_destroy(struct local **l);

// Feeds one event; sets *out anew. Never fails: a child that says what it may not is killed.
void p2_local_step(struct local *l, const struct local_event *ev, struct local_actions *out);
p2_ns p2_local_next_ns(const struct local *l); // when to step with TICK if nothing else happens; P2_NEVER: not at all

bool p2_local_has(const struct local *l, uint64_t ticket);
const char *p2_local_note_name(enum local_note_kind k); // "local_ready"

// Asserts every invariant of the whole state.
void p2_local_check(const struct local *l);

#endif
