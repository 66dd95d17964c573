// What the library keeps behind p2c2r_client. Not installed.
#ifndef CLIENT_SHELL_CLIENT_H
#define CLIENT_SHELL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/list.h"
#include "base/rng.h"
#include "base/slab.h"
#include "client/core/session.h"
#include "client/core/stats.h"
#include "client/shell/line.h"
#include "client/shell/placing.h"
#include "kernels/task_type.h"
#include "net/net.h"
#include "p2c2r/inspect.h"
#include "p2c2r/p2c2r.h"
#include "wire/wire.h"

#define CLIENT_TASKS_DEFAULT 4096u
#define CLIENT_TASKS_LIMIT 65536u
#define CLIENT_PAYLOAD_DEFAULT (256ull << 20)
#define CLIENT_CONNECT_DEFAULT_MS 10000
#define CLIENT_SPAN_MAX_MS (24ll * 3600 * 1000) // of any span in options and tasks
#define CLIENT_LOCAL_TASKS_DEFAULT 2u
#define CLIENT_LOCAL_TASKS_LIMIT 16u
#define CLIENT_WIRE_BYTES_MAX (64ull << 20) // records on their way in or compressed on their way out
#define CLIENT_HELD_BYTES_MAX (64ull << 20) // held back by fake lag before the socket is left unread
#define CLIENT_IDS 64u                      // of tasks, got from the system at once

//   FREE --> OPEN --> ENDED --> LENT      any --> freed, by release or with the client
enum record_state { RECORD_FREE, RECORD_OPEN, RECORD_ENDED, RECORD_LENT };
#define RECORD_STATES 4

// One ticket from submit to release.
struct record {
    p2c2r_ticket ticket;
    enum record_state state;
    struct p2_list link; // in client->ended while ENDED
    void *user, *out;
    size_t out_capacity;
    struct p2_blob *blob;   // result memory of ours, NULL when out serves or there is none
    uint8_t *data;          // the result
    uint32_t attempt;       // that fills data
    bool no_memory, broken; // the result has no place; does not unpack
    bool forgotten;         // nothing of it is kept
    struct window window;
    struct record_owner *owner; // NULL: the caller
    uint64_t tag;               // the owner's
    bool incompressible;        // its first bytes did not shrink: the rest is not tried
    struct p2_blob *lent, *job; // the caller's payload, NULL: copied; of local.c, NULL: it does not run on this machine
    bool held;                  // the cluster has ended it, as `end` says; this machine has it still
    uint32_t origin;            // P2C2R_ORIGIN_LOCAL, or not said yet
    struct session_ended end;   // its sentence is in reason
    const char *reason;         // "", or what is in client->reasons, of which most records use nothing
};

struct letter {          // what a caller wants for a record, by its slot
    struct p2_list link; // in client->mail while it waits for a turn
    p2c2r_ticket ticket;
    bool submit, cancel; // in this order
    struct session_submit task;
};

struct prepared { // a caller's task, read and found possible
    const struct p2_task_type *type;
    struct p2_param params[P2_PARAMS_MAX];
    uint32_t param_count;
    struct p2_task_cost cost;
    struct timeout_kind kind;
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    p2_ns deadline_ns; // 0: the timeout of its kind
};

struct asked {
    p2c2r_question number; // 0: free
    bool answered;
    struct timeout_kind kind;
    p2c2r_forecast answer;
};

struct p2c2r_client {
    struct io *io; // NULL: the caller's thread does everything; else io.h says who may touch what
    struct p2_loop *loop;
    p2_conn conn;                        // the link's
    struct line lines[ROUTE_MAX], *line; // the link's
    uint32_t line_count;
    struct session *session;
    struct session_actions actions;
    struct p2_slab records;
    char (*reasons)[P2_TEXT_MAX + 1]; // by slot
    struct p2_list ended, lent;       // lent: over, but their lent payload is still on its way out
    struct letter *letters;
    struct p2_list mail;
    struct p2_list streams; // frames.c
    uint32_t streams_made;
    struct local_side *local;                    // local.c; NULL: no task runs on this machine
    struct p2_blob_pool payloads, results, wire; // submitted; received; single records
    struct p2_codec codec;
    struct p2_rng rng;
    struct p2_id ids[CLIENT_IDS]; // random, used up from the end; under the door
    uint32_t ids_left;
    struct stats stats;
    uint32_t links;                         // connections that reached UP
    char url[ROUTE_MAX * CLIENT_URL_BYTES]; // the list, for sentences

    p2_ns now_ns; // when the clock was last read for a step
    bool at_once; // it holds for all steps until this ends
    // Events that arise while actions are carried out, fed when they are done.
    bool stepping, closed_waits, opened_waits, writable_waits, fault_waits;
    enum p2_err closed_why, fault_why;
    p2c2r_ticket drop_waits; // 0: none
    enum p2_err drop_why;

    struct held *held_first, **held_last;
    size_t held_bytes;
    bool paused;
    p2_ns fake_lag_ns;
    double fake_loss;

    struct asked asked[SESSION_QUESTIONS_MAX]; // by number
    p2c2r_question question_last;
    const uint8_t *put_bytes; // of the blob on its way; NULL: none
    bool put_ended;
    enum p2_err put_code;
    bool status_seen, turned_away; // since the last question; `away` says why
    p2c2r_cluster status;
    p2c2r_open_task open_tasks[P2_OPEN_TASKS_MAX]; // of the same answer
    uint32_t open_task_count;
    void (*log)(void *context, const char *line);
    void *log_context;
    char error[512], thread_error[512], away[P2_TEXT_MAX + 1]; // the caller's; of the library's thread
    uint8_t head[P2_PREFIX_BYTES + P2_HEADER_MAX];
};

// ---- address.c
// The list of p2c2r_options.coordinator: fills lines, line_count and url. False: it is none.
bool p2_client_addresses(struct p2c2r_client *c, const char *list);

// ---- link.c: events in, actions out
void p2_client_feed(struct p2c2r_client *c, struct session_event *ev); // sets its time and room
void p2_client_turn(struct p2c2r_client *c, p2_ns wait_ns);            // mail, network, timers, held words
p2_ns p2_client_now(struct p2c2r_client *c);
void p2_client_at_once(struct p2c2r_client *c, bool begins); // around steps that share one reading of the clock
p2_ns p2_client_next_ns(struct p2c2r_client *c);
void p2_client_drop_held(struct p2c2r_client *c);
void p2_client_feed_waiting(struct p2c2r_client *c); // what arose meanwhile, unless a step is under way
// What the link's connection says, or its end.
void p2_client_heard(struct p2c2r_client *c, const uint8_t *bytes, size_t size);
void p2_client_lost(struct p2c2r_client *c, enum p2_err why);

// ---- blob.c
void p2_client_send_blob(struct p2c2r_client *c, const struct session_action *a);
void p2_client_put_ended(struct p2c2r_client *c, const struct session_action *a);

// ---- result.c: records
void p2_record_begin(struct p2c2r_client *c, p2c2r_ticket ticket, uint32_t attempt, uint64_t size);
void p2_record_store(struct p2c2r_client *c, const struct session_action *a);
void p2_record_ended(struct p2c2r_client *c, const struct session_ended *e);
// The one function that writes a record's state; ENDED ones are in client->ended.
void p2_record_move(struct p2c2r_client *c, struct record *r, enum record_state to);
void p2_record_free(struct p2c2r_client *c, struct record *r);
bool p2_record_room(struct p2c2r_client *c, struct record *r, uint64_t size); // for a result; false: memory is short
void p2_record_say(struct p2c2r_client *c, struct record *r, struct p2_str sentence);
void p2_record_finish(struct p2c2r_client *c, struct record *r); // OPEN to ENDED, as r->end says, once nothing is lent
void p2_records_turn(struct p2c2r_client *c);                    // those that waited for that

struct record *p2_record_get(struct p2c2r_client *c, p2c2r_ticket ticket); // not freed, or NULL

// ---- submit.c
p2c2r_status p2_task_prepare(struct p2c2r_client *c, const p2c2r_task *task, struct prepared *out);
// ---- mail.c
bool p2_mail_init(struct p2c2r_client *c, uint32_t records);
void p2_mail_deinit(struct p2c2r_client *c);
void p2_mail_submit(struct p2c2r_client *c, const struct record *r,
                    const struct session_submit *task); // takes its refs
void p2_mail_cancel(struct p2c2r_client *c, const struct record *r);
void p2_mail_forget(struct p2c2r_client *c, const struct record *r); // what was still to be taken of it
bool p2_mail_waits(struct p2c2r_client *c);
void p2_mail_take(struct p2c2r_client *c); // all, to the session

// ---- memory.c, stats.c
void p2_memory_settle(void);                        // no allocator can be set any more
void p2_client_count_bytes(struct p2c2r_client *c); // those of the network so far

// ---- cluster.c
void p2_status_ask(struct p2c2r_client *c, uint32_t tasks_max); // the answer goes to client->status
void p2_status_keep(struct p2c2r_client *c, const struct p2_msg_status *m);

// ---- question.c
void p2_question_keep(struct p2c2r_client *c, const struct p2_msg_can_meet_answer *m);

// ---- io.c
// False, with a sentence, inside the log callback: a step is under way and cannot be entered again. Or without a
// client.
bool p2_client_free(struct p2c2r_client *c);
// Likewise; else the caller's thread has the whole client until it leaves, also when the library has a thread of its
// own.
bool p2_client_enter(struct p2c2r_client *c);
p2c2r_status p2_client_leave(struct p2c2r_client *c, p2c2r_status status); // the same status
// Around what both threads touch (io.h); may be nested.
void p2_client_lock(struct p2c2r_client *c);
void p2_client_unlock(struct p2c2r_client *c);
void p2_io_wake(struct p2c2r_client *c);         // there is mail
void p2_io_tell(struct p2c2r_client *c);         // something has ended: who waits for it looks again. Under the door
bool p2_io_serves(const struct p2c2r_client *c); // the calling thread is the library's
// Serves the network, or has the library's thread do so, until then or until something ended. Under the door.
void p2_io_wait_for_more(struct p2c2r_client *c, p2_ns until);

// ---- client.c
bool p2_client_is_up(const struct p2c2r_client *c); // for who has the whole client
p2c2r_status p2_client_fail(struct p2c2r_client *c, p2c2r_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
char *p2_client_why(struct p2c2r_client *c); // the sentence of the last failure, for whoever calls
// Copies a caller's struct of `from_size` bytes, as its size field says, into ours of to_size: what an older caller
// lacks is zero. False when it says less than a size field or more than ours and means it (bytes not zero).
bool p2_client_take(void *to, size_t to_size, const void *from, size_t from_size);
// The other way: of ours, what a caller's struct of to_size bytes has room for, with that size; what we do not know is
// zero.
void p2_client_give(void *to, size_t to_size, void *from, size_t from_size);

#include "client/shell/here.h"

#endif
