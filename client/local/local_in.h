// What local.c, choose.c, child.c and check.c share. Nothing else includes it but their tests.
#ifndef CLIENT_LOCAL_LOCAL_IN_H
#define CLIENT_LOCAL_LOCAL_IN_H

#include "base/heap.h"
#include "base/list.h"
#include "client/local/estimate.h"
#include "client/local/local.h"

enum local_state { LOCAL_NONE, LOCAL_WATCHED, LOCAL_WANTED, LOCAL_RUNNING, LOCAL_STATES };

struct local_ticket {
    enum local_state state; // written by p2_local_ticket_move alone
    struct local_task task;
    p2_ns submitted_ns;
    bool alone;              // the cluster has ended it
    enum p2_err failed;      // a run here came to nothing, so: there is no second
    struct p2_heap_node due; // WATCHED: in watched, when it is wanted; WANTED: in wanted, the last moment
    struct p2_list link;     // in open
    uint32_t cell;           // RUNNING
};

struct local_cell {
    bool busy;
    uint64_t ticket; // 0: nobody wants its job any more
    struct local_kind kind;
    p2_ns handed_ns, likely_ns;
    p2_ns kill_at_ns; // of one that nobody wants
};

enum local_child { CHILD_DOWN, CHILD_STARTING, CHILD_BUILDING, CHILD_READY, CHILD_KILLING, CHILD_OVER, CHILD_STATES };

// What is known of one kind of task.
struct local_known {
    struct estimate estimate; // of runs here
    p2_ns shut_until_ns;      // the cluster does not take it before
};

struct local {
    struct local_config config;
    struct local_actions *out; // of the running step
    p2_ns now_ns;
    bool up;             // the link
    p2_ns down_since_ns; // P2_NEVER before the first step

    struct local_ticket *tickets; // by the low half of the handle
    struct p2_list open;
    uint32_t open_count;
    struct p2_heap watched, wanted;
    uint64_t arrivals;         // breaks ties
    struct local_known *known; // P2_SIZE_CLASSES of each type

    enum local_child child; // written by p2_local_child_move alone
    p2_ns start_at_ns;      // DOWN
    p2_ns started_ns, heard_ns, ready_ns;
    uint32_t crashes;           // in a row
    uint64_t *units_per_second; // of each type
    bool *offered;
    struct word_device device;
    struct local_cell cells[LOCAL_CELLS_MAX];
    uint32_t busy;
    bool used; // cells hold memory
    p2_ns idle_since_ns;
    char text[WORD_TEXT], why[WORD_TEXT + 64]; // of this step's actions
};

struct local_action *p2_local_act(struct local *l, enum local_action_kind kind);
void p2_local_note(struct local *l, enum local_note_kind kind, const char *text);

// ---- local.c
struct local_ticket *p2_local_find(const struct local *l, uint64_t ticket); // open, or NULL
void p2_local_ticket_move(struct local *l, struct local_ticket *t, enum local_state to);
struct local_action *p2_local_end(struct local *l, struct local_ticket *t, enum local_end how); // t is void after it
struct local_known *p2_local_known(const struct local *l, struct local_kind kind);
struct local_kind p2_local_kind(const struct local_ticket *t);

// ---- choose.c
void p2_local_watch(struct local *l, struct local_ticket *t);   // WATCHED, with its time
void p2_local_give_up(struct local *l, struct local_ticket *t); // not here: it waits for the cluster, or ends
void p2_local_choose(struct local *l);                          // what is wanted now, and handed to the child
void p2_local_rewatch(struct local *l);                         // the link has changed
p2_ns p2_local_choose_next(const struct local *l);
p2_ns p2_local_likely_ns(const struct local *l, const struct local_ticket *t); // of a run here

// ---- child.c
bool p2_local_child_may(enum local_child from, enum local_child to);
void p2_local_child_event(struct local *l, const struct local_event *ev);
void p2_local_child_settle(struct local *l);
p2_ns p2_local_child_next(const struct local *l);
p2_ns p2_local_ready_ns(const struct local *l);              // when it will be, at best; P2_NEVER: not again
void p2_local_hand(struct local *l, struct local_ticket *t); // to a cell that is free
void p2_local_leave_cell(struct local *l, const struct local_ticket *t); // RUNNING, and nobody wants it any more
#endif
