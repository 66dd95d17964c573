#include "course.h"

#include "coordinator/core/state.h"

struct course *course_of(const struct coord *c, const struct task *t) {
    return t->course ? p2_slab_in(&c->courses, t->course - 1) : NULL;
}

void course_look(struct coord *c, const struct task *t) {
    struct course *co = course_of(c, t);
    if (co && !p2_list_linked(&co->looked_at)) p2_list_push_back(&c->looked_at, &co->looked_at);
}

// A task without one has its payload here, whole, and its key in its flight.
static struct course *begin(struct coord *c, struct task *t) {
    p2_handle h;
    struct course *co = p2_slab_alloc(&c->courses, &h);
    P2_CHECK(co); // there are as many as tasks
    co->self = h;
    co->task = task_handle(c, t);
    p2_list_init(&co->looked_at);
    p2_list_init(&co->awaited);
    p2_list_init(&co->kept);
    outlet_init(&co->outlet, OUTLET_RESULT);
    uint64_t bytes = cargo_payload_bytes(t->cargo);
    p2_inflow_begin(&co->in, 1, bytes, P2_STREAM_WINDOW);
    co->in.have = cargo_bytes_here(t->cargo);
    const struct flight *f = flight_of(c, t);
    if (f) {
        co->memo.keyed = true;
        co->memo.key = f->key;
    }
    t->course = (uint32_t)h + 1;
    return co;
}

struct course *course_have(struct coord *c, struct task *t) {
    struct course *co = course_of(c, t);
    if (!co) co = begin(c, t);
    course_look(c, t);
    return co;
}

bool course_needed(const struct coord *c, const struct task *t) {
    const struct course *co = course_of(c, t);
    bool waits = t->state == TASK_QUEUED || t->state == TASK_JOINED;
    bool fresh = t->attempt == 0 && co->recalls == 0 && co->tried_count == 0;
    bool here = t->keep && p2_inflow_whole(&co->in);
    return !waits || !fresh || !here || co->memo.hashing || (co->memo.keyed && !t->flight);
}

void course_end(struct coord *c, struct task *t) {
    struct course *co = course_of(c, t);
    if (!co) return;
    p2_list_remove(&co->looked_at);
    p2_list_remove(&co->awaited);
    p2_list_remove(&co->kept);
    outlet_close(&co->outlet);
    memo_end(c, t);
    spool_clear(&co->result);
    p2_slab_free(&c->courses, co->self);
    t->course = 0;
}

void course_rest(struct coord *c) {
    P2_LIST_EACH (it, next, &c->looked_at) {
        const struct course *co = P2_CONTAINER_OF(it, struct course, looked_at);
        struct task *t = p2_slab_get(&c->tasks, co->task);
        p2_list_remove(it);
        if (!course_needed(c, t)) course_end(c, t);
    }
}

bool task_payload_whole(const struct coord *c, const struct task *t) {
    const struct course *co = course_of(c, t);
    return !co || p2_inflow_whole(&co->in);
}

struct replica *task_replica(const struct coord *c, const struct task *t) {
    const struct course *co = course_of(c, t);
    return co ? p2_slab_get(&c->replicas, co->replica) : NULL;
}
