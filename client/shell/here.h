// What local.c does for the rest of the shell. Included by client.h. Not installed.
#ifndef CLIENT_SHELL_HERE_H
#define CLIENT_SHELL_HERE_H

#include "client/shell/client.h"

// ---- local.c: tasks on this machine. All harmless without
bool p2_here_open(struct p2c2r_client *c, const p2c2r_options *o); // false: memory is short, or a name too long
void p2_here_close(struct p2c2r_client *c);
// What a run here would need, in references of its own.
void p2_here_keep(struct p2c2r_client *c, struct record *r, const struct prepared *p,
                  const struct session_submit *submit);
void p2_here_watch(struct p2c2r_client *c, p2c2r_ticket ticket);  // before the session gets it
void p2_here_cancel(struct p2c2r_client *c, p2c2r_ticket ticket); // after the session was told
// The session has ended it, as r->end says. True: it is not over; or is, but has been finished there.
bool p2_here_holds(struct p2c2r_client *c, struct record *r);
void p2_here_drop_job(struct record *r);
void p2_here_forecast(struct p2c2r_client *c, const struct timeout_kind *kind, const struct p2_msg_can_meet_answer *m);
void p2_here_link(struct p2c2r_client *c); // it may have changed
void p2_here_turn(struct p2c2r_client *c);
p2_ns p2_here_due_ns(const struct p2c2r_client *c);

#endif
