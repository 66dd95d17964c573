// A task and the cache of results: is it known, is its result to be remembered?
//
// The payload's digest is the shell's work, done off its loop as the payload arrives: the core asks with COORD_HASH and
// is told the key with COORD_HASHED. Nobody waits for it, with one exception: a whole payload of at most MEMO_AT_ONCE
// bytes is hashed before the shell gives any other event, and the scheduler holds back for that. A key that comes while
// the task waits, or runs without a result yet, may still answer it from the cache; the run is then called off.
#ifndef COORDINATOR_CORE_MEMO_H
#define COORDINATOR_CORE_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "coordinator/core/spool.h"
#include "msg/task.h"

#define MEMO_AT_ONCE 4096u

struct coord;
struct coord_event;
struct course;
struct task;

struct memo {            // of a course
    bool hashing, keyed; // its key is on its way; is known
    bool at_once;        // it was to be hashed at once, and is awaited while coord.hash_round is this:
    uint64_t hash_round;
    bool cached;     // its result comes from the cache
    bool collecting; // the pieces of its result are kept in `collected`
    struct p2_digest key;
    struct spool collected;
    uint64_t collected_bytes;
};

struct memo_counts { // of one type
    uint64_t hits, misses;
};

void memo_begin(struct coord *c, struct task *t,
                const struct p2_msg_task_submit *m); // accepted, has a course, its first piece is here
void memo_piece(struct coord *c, struct task *t, const struct piece *p); // more of its payload
void memo_again(struct coord *c, struct task *t);                        // what it waited for is known, or not to come
void memo_hashed(struct coord *c, const struct coord_event *ev);
bool memo_awaits(struct coord *c); // is the answer of an at-once hash still to come?

void memo_result_begins(struct coord *c, struct task *t);
void memo_result_piece(struct coord *c, struct task *t, const struct piece *p);
void memo_result_whole(struct coord *c, struct task *t);
void memo_collect_end(struct coord *c, struct course *co); // whole, or not to come
void memo_rejected(struct coord *c, const struct task *t); // its result is not what it claims to be: forgotten
void memo_payload_again(struct coord *c, struct task *t);  // it is asked for once more: no key from half of it
void memo_end(struct coord *c, struct task *t);

#endif
