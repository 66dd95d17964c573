#include "listing.h"

#include "coordinator/core/state.h"

static enum p2_open_state state_of(const struct task *t) {
    switch ((enum task_state)t->state) {
    case TASK_PLACED: return P2_OPEN_RUNNING;
    case TASK_RETURNING: return P2_OPEN_RETURNING;
    case TASK_JOINED: return P2_OPEN_JOINED;
    case TASK_KEPT: return P2_OPEN_KEPT;
    default: return P2_OPEN_QUEUED;
    }
}

static struct p2_msg_open_task row_of(const struct coord *c, const struct task *t, bool yours) {
    const struct course *co = course_of(c, t);
    const uint8_t *id = t->id.b;
    return (struct p2_msg_open_task){
        .id_head = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3],
        .type = p2_str(c->types[t->type].type->name),
        .class_ = (enum p2_class)t->class_,
        .where = state_of(t),
        .age_ns = c->now - t->accepted_ns,
        .left_ns = p2_ns_max(t->deadline_ns - c->now, 0),
        .attempts = t->attempt,
        .peer = co && t->attempt ? co->peer : (struct p2_id){{0}},
        .yours = yours,
    };
}

uint32_t listing_fill(const struct coord *c, const struct session *s, struct p2_msg_open_task *out, uint32_t max) {
    uint32_t n = 0;
    const struct client *own = s->state == SESSION_CLIENT ? client_of(c, s) : NULL;
    const struct p2_slots links = TASKS_IN_CLIENT(c);
    uint32_t slot = own ? p2_slot_list_first(&own->tasks) : P2_NO_SLOT;
    for (; slot != P2_NO_SLOT && n < max; slot = p2_slot_list_next(&links, slot))
        out[n++] = row_of(c, task_at(c, slot), true);
    // Those due first, nearly in order. Own ones there, which are skipped, are no more than are in the answer, unless
    // it is full.
    const struct p2_slots due = TASKS_BY_DEADLINE(c);
    slot = c->limits.list_tasks ? p2_slot_order_walk(&c->deadlines) : P2_NO_SLOT;
    for (; slot != P2_NO_SLOT && n < max; slot = p2_slot_order_next(&due, &c->deadlines, slot)) {
        const struct task *t = task_at(c, slot);
        if (task_client(c, t) != own) out[n++] = row_of(c, t, false);
    }
    return n;
}
