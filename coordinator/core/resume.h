// Sessions: a client with P2_FEATURE_SESSIONS keeps its tasks when its connection is lost.
//
// Away. Its struct client stays for resume_grace_ns after the connection has gone otherwise than in order (and not for
// a broken rule). Its tasks go on, without a stream: what waits is placed, what runs is computed. A result that fits
// stream_window_bytes is kept whole in the bytes its task has reserved; a longer one cannot be, so a task that may have
// one is not placed meanwhile, and one that is under way gives its slot back after a tenth of the grace, to be computed
// anew for a client that is there. A result of which part has gone the same way as the connection: likewise, at once.
//
// Back. GAMER_REGISTER with the session's token, on any connection, finds the client; a connection it may still seem to
// have is closed first. TASK_RESUME gives a task its new stream: what has ended says so again, a result starts from its
// first byte, of a payload what is missing is asked for. What the client has not resumed when it submits a new task, or
// after another grace, is let go.
//
// Kept. A result is DONE when the client has acknowledged it. From the last byte given to the connection until then
// (at most resume_grace_ns on one connection) its task is KEPT.
//
// A full table of clients gives up who has been away longest. Draining, nobody is waited for.
#ifndef COORDINATOR_CORE_RESUME_H
#define COORDINATOR_CORE_RESUME_H

#include <stdbool.h>

#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "coordinator/core/note.h"
#include "msg/msg.h"

struct coord;
struct client;
struct session;
struct task;

// The connection of `cl` is gone: does it stay?
bool resume_stays(const struct coord *c, const struct client *cl, enum coord_why why, enum p2_err code);
void resume_park(struct coord *c, struct client *cl, enum p2_err code);

// The client of that session, without a connection now; NULL when there is none.
struct client *resume_find(struct coord *c, const struct p2_id *session);
void resume_back(struct coord *c, struct client *cl);   // it has a connection again
void resume_leave(struct coord *c, struct client *cl);  // it is gone for good
void resume_claimed(struct client *cl);                 // one of its tasks without a stream got one, or ended
bool resume_make_room(struct coord *c);                 // gives up who has been away longest; false: nobody is
void resume_forget(struct coord *c, struct client *cl); // lets go what it has not resumed

void resume_on_task(struct coord *c, struct session *s, const struct p2_msg *m);
void resume_on_ack(struct coord *c, struct session *s, const struct p2_msg *m);

bool resume_absent(const struct coord *c, const struct task *t); // nobody is there for a result that may be long
// A result of `size` has begun. False: nobody can take it, and its job has been told so.
bool resume_takes(struct coord *c, struct task *t, uint64_t size);

void resume_tick(struct coord *c);
p2_ns resume_next_ns(const struct coord *c);
void resume_check(const struct coord *c);

#endif
