#include "client/core/session_in.h"

#include <stddef.h>

#include "base/check.h"

static void check_ticket(const struct session *s, const struct ticket *t, uint32_t slot) {
    bool sent = t->state > TICKET_QUEUED;
    P2_CHECK(t->state < TICKET_STATES);
    P2_CHECK((uint32_t)t->handle == slot && t->handle != 0);
    P2_CHECK(p2_timer_on(&t->due));
    P2_CHECK((t->stream != 0) == sent);
    P2_CHECK(!sent || s->link == LINK_UP); // no coordinator, no promise
    P2_CHECK(!sent || p2_ticket_of_stream(s, t->stream) == t);
    P2_CHECK(t->out.sent <= t->out.size && t->out.size <= t->task.payload.size);
    if (t->state == TICKET_QUEUED)
        P2_CHECK(p2_list_linked(&t->link) != t->task.withheld && (t->again || !t->cancelled));
    else
        P2_CHECK(p2_list_linked(&t->link) == (!t->cancelled && p2_outflow_next(&t->out) > 0));
    if (t->state == TICKET_ARRIVING) P2_CHECK(t->in.have < t->in.size && t->in.have <= t->in.granted);
}

static uint32_t check_again(const struct session *s) {
    uint32_t n = 0;
    P2_LIST_EACH (it, next, &s->again) {
        const struct ticket *t = P2_CONTAINER_OF(it, struct ticket, link);
        P2_CHECK(t->state == TICKET_QUEUED && t->again && !t->task.withheld);
        n++;
    }
    return n;
}

static uint32_t check_list(const struct p2_list *head, enum p2_class class_, bool queued) {
    uint32_t n = 0;
    for (const struct p2_list *it = head->next; it != head; it = it->next, n++) {
        const struct ticket *t =
            (const struct ticket *)(const void *)((const char *)it - offsetof(struct ticket, link));
        P2_CHECK(it->next->prev == it && t->task.class_ == class_);
        P2_CHECK((t->state == TICKET_QUEUED) == queued && !(queued && t->again));
    }
    return n;
}

void p2_session_check(const struct session *s) {
    uint32_t open = 0, in_flight = 0, listed = 0, linked = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->config.tasks_max; i++) {
        const struct ticket *t = &s->tickets[i];
        if (t->state == TICKET_NONE) continue;
        check_ticket(s, t, i);
        open++;
        if (p2_list_linked(&t->link)) linked++;
        if (t->state == TICKET_QUEUED) continue;
        in_flight++;
        bytes += t->task.payload.size;
    }
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        listed += check_list(&s->queued[i], (enum p2_class)i, true);
        listed += check_list(&s->flowing[i], (enum p2_class)i, false);
    }
    listed += check_again(s);
    P2_CHECK(open == s->open && in_flight == s->in_flight && bytes == s->in_flight_bytes);
    P2_CHECK(listed == linked);
    P2_CHECK(s->due.count == open && s->streams.count == in_flight);
    p2_questions_check(s);
    p2_put_check(s);
    p2_timeouts_check(&s->timeouts);
    p2_route_check(&s->route);
    P2_CHECK((s->route.places[s->address].state == ROUTE_TAKEN) == (s->link != LINK_DOWN));
    P2_CHECK(s->link != LINK_UP || s->hello_seen);
    P2_CHECK(s->link != LINK_DIALING || !s->hello_seen);
    P2_CHECK(s->link != LINK_CLOSING || s->link_due_ns == P2_NEVER);
    P2_CHECK(s->link == LINK_CLOSING || s->link_due_ns != P2_NEVER);
}
