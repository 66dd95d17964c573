// The worker's insides, shared by its own files only.
#ifndef PEER_CORE_STATE_H
#define PEER_CORE_STATE_H

#include "base/arena.h"
#include "base/canary.h"
#include "base/list.h"
#include "base/rng.h"
#include "base/shelf.h"
#include "base/streams.h"
#include "base/timers.h"
#include "msg/flow.h"
#include "peer/core/worker.h"

#define NO_EXEC UINT32_MAX
#define RECORD_OVERHEAD 256u // bytes of prefix and header a record costs of the connection's room, rounded up
#define PUMP_MAX 128u        // result records in one step

enum link_state { LINK_WAITING, LINK_DIALING, LINK_GREETING, LINK_GREETED, LINK_JOINING, LINK_JOINED, LINK_CLOSING };
#define LINK_STATES 7

struct link {
    enum link_state state;
    p2_ns dial_at_ns;    // in WAITING
    p2_ns not_before_ns; // what the coordinator asked for
    p2_ns answer_by_ns;  // in DIALING, GREETING and JOINING
    p2_ns joined_ns;
    p2_ns beat_at_ns, beat_interval_ns; // in JOINED
    uint32_t failures;                  // connections in a row that came to nothing
    uint64_t room;
    bool room_asked;
    bool zstd, recall; // chosen in HELLO
    bool offers_changed;
};

enum exec_state { EXEC_DOWN, EXEC_STARTING, EXEC_BUILDING, EXEC_READY, EXEC_KILLING, EXEC_QUITTING };
#define EXEC_STATES 6

struct exec_offer {
    const struct p2_task_type *type;
    uint64_t units_per_second;
    p2_ns launch_ns_max; // the longest that was told
};

struct exec {
    enum exec_state state;
    struct worker_device device;
    uint32_t cells;
    p2_handle cell_job[WORD_CELLS_MAX];
    uint64_t cells_free; // a bit each
    p2_ns start_at_ns;   // in DOWN
    p2_ns heard_ns;      // in STARTING and BUILDING: when it last said something
    p2_ns ready_ns;      // in READY: since when
    p2_ns quit_by_ns;    // in QUITTING
    uint32_t crashes;    // in a row, none of them after a time of good service
    bool unusable;       // it said FAILED
    bool served;         // the last process was ready for a good while
    uint32_t handed;     // jobs in HANDED, RECALLING and CANCELLING
    struct exec_offer offers[P2_TYPES_MAX];
    uint32_t offer_count;
    p2_ns slot_busy_ns[WORKER_SLOTS_MAX]; // slot k counts as busy while more than k jobs are handed
    p2_ns busy_counted_ns;
    uint64_t allocations;
};

// A blob on this machine.
//
//   WANTED -> ASKED -> TAKING -> CHECKING -> HERE <- PROVING <- FOUND (it lay here at the start)
//      ^                                                |
//      +------------------------------------------------+ its bytes are wrong
enum keep_state { KEEP_WANTED, KEEP_ASKED, KEEP_TAKING, KEEP_CHECKING, KEEP_HERE, KEEP_FOUND, KEEP_PROVING };
#define KEEP_STATES 7

struct keep {
    struct p2_shelf_entry entry;
    enum keep_state state;
    struct p2_list wanted; // in worker.wanted while WANTED
    uint32_t stream;       // in TAKING
    struct p2_inflow in;
    uint64_t stored;
};

enum job_state { JOB_NEW, JOB_RECEIVING, JOB_HANDED, JOB_RECALLING, JOB_CANCELLING, JOB_SENDING, JOB_ENDED };
#define JOB_STATES 7

struct job {
    enum job_state state;
    p2_handle self;
    uint32_t stream;
    bool known; // to the coordinator, by its stream: it is told how the job ends
    struct p2_id id;
    uint32_t attempt;
    const struct p2_task_type *type;
    enum p2_class class_;
    uint32_t exec, cell;
    p2_ns deadline_ns;
    p2_ns taken_ns, handed_ns;
    struct p2_inflow in;
    uint64_t stored;
    struct p2_outflow out;
    bool result_begun; // TASK_RESULT has left
    struct p2_job_times times;
    struct p2_task_cost cost;
    struct p2_timer timer;              // in worker.timers, not behind due_ns
    p2_ns due_ns;                       // what happens then depends on the state: jobs.c
    struct p2_list sending;             // in worker.sending[class_] while SENDING
    p2_handle blobs[P2_TASK_BLOBS_MAX]; // pinned until its end
    uint32_t blob_count;
    uint8_t block[P2_BLOCK_MAX];
};

struct worker {
    struct worker_config config;
    p2_ns now;
    struct p2_rng rng;
    struct p2_arena arena; // texts and words of this step
    struct worker_actions *out;

    struct link link;
    struct exec execs[P2_DEVICES_MAX];
    struct p2_slab jobs;
    struct job spare;          // what is looked at when every cell is taken
    struct p2_streams streams; // of known jobs: stream -> slot
    struct p2_timers timers;
    bool more;       // the last step left its end to the next
    bool pump_again; // results wait only for the next step
    struct p2_list sending[P2_CLASSES];

    struct p2_shelf shelf; // of struct keep
    struct p2_list wanted; // not asked for yet
    uint32_t fetches;      // ASKED, TAKING and CHECKING
    uint32_t gone_count;
    struct p2_digest gone[WORKER_BLOBS_MAX], held[P2_DIGESTS_MAX]; // what SENDs of this step point to

    // Leaving: jobs go on until drain_by_ns, then (parting) executors and link have until drain_by_ns to end.
    bool draining, parting, left;
    p2_ns drain_by_ns;
    uint32_t receiving; // jobs in RECEIVING
    struct worker_stats stats;

    // What a SEND of this step points to.
    struct p2_msg_device reg_devices[P2_DEVICES_MAX];
    struct p2_msg_offer reg_offers[P2_TYPES_MAX];
    p2_ns beat_slots[P2_DEVICES_MAX * WORKER_SLOTS_MAX];
};

// ---- worker.c
struct worker_action *worker_act(struct worker *w,
                                 enum worker_action_kind kind); // zeroed, at the end of the step's list
struct worker_note *worker_note(struct worker *w, enum worker_note_kind kind);
void worker_send(struct worker *w, const struct p2_msg *m, unsigned lane);
struct word *worker_word(struct worker *w, uint32_t exec, enum word_kind kind); // an action; fill it

// ---- link.c
void worker_link_event(struct worker *w, const struct worker_event *ev);
void worker_link_msg(struct worker *w, const struct p2_msg *m);
void worker_link_fault(struct worker *w, enum p2_err code, const char *text); // says so and closes
void worker_link_settle(struct worker *w);                                    // dial, register, heartbeat as due
p2_ns worker_link_next(const struct worker *w);
void worker_drain(struct worker *w);
void worker_drain_settle(struct worker *w);

// ---- executors.c
void worker_exec_event(struct worker *w, const struct worker_event *ev);
void worker_exec_kill(struct worker *w, uint32_t exec, enum p2_err code, const struct p2_id *job, const char *text);
void worker_exec_count_busy(struct worker *w, uint32_t exec); // before `handed` changes
void worker_exec_settle(struct worker *w);
void worker_exec_quit_all(struct worker *w);
bool worker_exec_all_down(const struct worker *w);
bool worker_exec_serves(const struct worker *w, uint32_t exec); // ready, and offers something
bool worker_exec_any_serves(const struct worker *w);
bool worker_exec_offers(const struct worker *w, uint32_t exec, const struct p2_task_type *type);
void worker_text_clean(char *out, size_t capacity, const char *in); // printable ASCII; what does not fit is cut
p2_ns worker_exec_next(const struct worker *w);

// ---- jobs.c
void worker_job_move(struct worker *w, struct job *j, enum job_state to); // to ENDED: j is gone afterwards
void worker_job_settle(struct worker *w, struct job *j, p2_handle self);  // into the cell that was found for it
struct worker_note *worker_job_note(struct worker *w, enum worker_note_kind kind, const struct job *j);
void worker_job_fail(struct worker *w, struct job *j, enum p2_err code, const char *text); // ends it, and says so
void worker_job_cancelled(struct worker *w, struct job *j);                                // the same
struct job *worker_job_of_stream(const struct worker *w, uint32_t stream);                 // NULL: none
bool worker_job_with_executor(enum job_state s);
void worker_job_know(struct worker *w, struct job *j); // its stream stands for it from now on
void worker_job_cancel(struct worker *w, const struct p2_msg *m);
void worker_job_recall(struct worker *w, const struct p2_msg *m);
bool worker_job_runs(struct worker *w, uint32_t exec, uint32_t cell);     // false: a bad word
void worker_job_recalled(struct worker *w, struct job *j, bool returned); // says so
void worker_jobs_expire(struct worker *w);
void worker_jobs_drop_all(struct worker *w); // the link is lost: nobody wants them
void worker_jobs_fail_exec(struct worker *w, uint32_t exec, enum p2_err code, const char *text);
void worker_jobs_fail_all(struct worker *w, enum p2_err code, const char *text);

// ---- intake.c
void worker_job_assign(struct worker *w, const struct p2_msg *m);
void worker_job_chunk(struct worker *w, const struct p2_msg *m);
void worker_job_stored(struct worker *w, const struct worker_event *ev);

void worker_job_hand_if_whole(struct worker *w, struct job *j); // to its executor, when payload and blobs are there

// ---- blobs.c
enum p2_err worker_blobs_take(struct worker *w, struct job *j, const struct p2_msg_task_assign *a); // pins; fetches
void worker_blobs_drop(struct worker *w, struct job *j);
bool worker_blobs_ready(const struct worker *w, const struct job *j);
void worker_blobs_fill(const struct worker *w, const struct job *j, struct word_job *word);
void worker_blob_put(struct worker *w, const struct p2_msg *m);
bool worker_blob_chunk(struct worker *w, const struct p2_msg *m); // false: not of a blob
bool worker_blob_error(struct worker *w, const struct p2_msg *m); // the same
void worker_blob_have(struct worker *w, const struct p2_msg_blob_have *have);
void worker_blob_found(struct worker *w, const struct p2_blob_work *found);
void worker_blob_done(struct worker *w, const struct p2_blob_work *answer);
void worker_blobs_announce(struct worker *w);
void worker_blobs_link_lost(struct worker *w);
void worker_blobs_settle(struct worker *w); // asks for what is wanted, says what is gone
void worker_blobs_check(const struct worker *w);

// ---- results.c
bool worker_job_done(struct worker *w, uint32_t exec, const struct word_done *d, const char *text); // false: a bad word
void worker_job_window(struct worker *w, const struct p2_msg *m);
void worker_jobs_pump(struct worker *w);

// ---- tables, for check.c and tests
bool worker_link_may(enum link_state from, enum link_state to);
bool worker_exec_may(enum exec_state from, enum exec_state to);
bool worker_job_may(enum job_state from, enum job_state to);

#endif
