// Tickets whose connection was lost after they were sent: kept, resumed on the next one, or started over.
#include "client/core/session_in.h"

#include "base/check.h"

static void lose_stream(struct session *s, struct ticket *t) {
    p2_streams_remove(&s->streams, t->stream);
    t->stream = 0;
    p2_list_remove(&t->link);
    p2_ticket_move(s, t, TICKET_QUEUED);
}

void p2_tickets_shelve(struct session *s) {
    for (uint32_t i = 0; i < s->config.tasks_max && s->in_flight; i++) {
        struct ticket *t = &s->tickets[i];
        if (t->state <= TICKET_QUEUED) continue;
        lose_stream(s, t);
        t->again = true;
        p2_list_push_back(&s->again, &t->link);
        p2_ticket_rearm(s, t);
    }
}

// As if it had never been sent, before those that have not been. Cancelled, it need not be sent at all.
static void start_over(struct session *s, struct ticket *t) {
    if (t->cancelled) {
        p2_ticket_end(s, t, &p2_ticket_cancelled_here);
        return;
    }
    t->again = false;
    p2_list_remove(&t->link);
    p2_list_push_front(&s->queued[t->task.class_], &t->link);
    p2_ticket_rearm(s, t);
}

void p2_tickets_start_over(struct session *s) {
    while (!p2_list_empty(&s->again)) {
        struct ticket *t = P2_CONTAINER_OF(s->again.prev, struct ticket, link);
        t->anew = true;
        start_over(s, t);
    }
}

void p2_ticket_unknown(struct session *s, struct ticket *t) {
    lose_stream(s, t);
    start_over(s, t);
}

// All of these in the lane that leaves first, so that no new task overtakes one. Payload is sent when it is asked for.
void p2_ticket_resume(struct session *s, struct ticket *t) {
    p2_ticket_open_stream(s, t);
    p2_outflow_begin(&t->out, 0, t->task.payload.size, 0);
    p2_session_act_send(s, 0, P2_MSG_TASK_RESUME, t->stream)->u.resume.id = t->task.id;
    if (t->cancelled) p2_session_act_send(s, 0, P2_MSG_TASK_CANCEL, t->stream)->u.cancel.id = t->task.id;
}

p2_ns p2_ticket_waits_until(const struct session *s, const struct ticket *t) {
    if (s->link == LINK_UP) return t->deadline_ns;
    p2_ns elsewhere = p2_link_several(s) ? s->config.connect_timeout_ns : 0; // it may be sent anew there
    p2_ns span = p2_ns_min(p2_ns_max(s->grace_ns, elsewhere), s->config.lost_timeout_ns);
    return p2_ns_min(t->deadline_ns, p2_ns_add(s->down_since_ns, span));
}
