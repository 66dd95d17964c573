#include "flight.h"

#include <string.h>

#include "coordinator/core/state.h"

#define MEMBERS_MAX 1024u // more of the same are run by themselves

struct flight *flight_of(const struct coord *c, const struct task *t) {
    return t->flight ? p2_slab_in(&c->flights, t->flight - 1) : NULL;
}

// Whose place the run has: the queues order by client first, which says nothing of two tasks that are one.
static bool goes_before(const struct task *a, const struct task *b) {
    if (a->class_ != b->class_) return a->class_ < b->class_;
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->arrival < b->arrival;
}

static void lead(const struct coord *c, struct flight *f, struct task *t) {
    f->leader = task_handle(c, t);
    t->flight = (uint32_t)f->self + 1;
}

static void join(struct coord *c, struct flight *f, struct task *t) {
    struct p2_slots links = TASKS_IN_GROUP(c);
    const struct task *leader = p2_slab_get(&c->tasks, f->leader);
    t->flight = (uint32_t)f->self + 1;
    t->refresh = false; // what it waits for is computed anew
    task_move_of(c, t, TASK_JOINED, WHY_JOINED, &leader->id);
    p2_slot_list_push_back(&links, &f->members, task_slot(c, t));
    f->count++;
}

// With its key, which it had in its flight.
static void unlink_member(struct coord *c, struct flight *f, struct task *t) {
    struct p2_slots links = TASKS_IN_GROUP(c);
    course_have(c, t);
    p2_slot_list_remove(&links, &f->members, task_slot(c, t));
    t->flight = 0;
    f->count--;
}

static void close_flight(struct coord *c, struct flight *f) {
    p2_list_remove(&f->settling);
    p2_slab_free(&c->flights, f->self);
}

static void start(struct coord *c, struct task *t) {
    p2_handle h;
    const struct p2_digest *key = &course_of(c, t)->memo.key;
    struct p2_id half = p2_digest_half(key);
    if (p2_index_get(&c->by_flight, &half) != P2_NO_SLOT) return; // another key with the same half: run by itself
    struct flight *f = p2_slab_alloc(&c->flights, &h);
    if (!f) return;
    f->self = h;
    f->key = *key;
    p2_list_init(&f->settling);
    P2_CHECK(p2_index_put(&c->by_flight, (uint32_t)h));
    lead(c, f, t);
}

void flight_enter(struct coord *c, struct task *t) {
    if (t->alone || t->absent) return; // nobody is to wait for who is away
    const struct p2_digest *key = &course_of(c, t)->memo.key;
    struct p2_id half = p2_digest_half(key);
    struct flight *f = coord_at(&c->flights, p2_index_get(&c->by_flight, &half));
    if (!f || !p2_digest_equal(&f->key, key)) {
        start(c, t);
        return;
    }
    if (t->state != TASK_QUEUED || f->count >= MEMBERS_MAX) return; // it runs already, or they are many
    struct task *leader = p2_slab_get(&c->tasks, f->leader);
    if (leader->state == TASK_QUEUED && goes_before(t, leader)) {
        lead(c, f, t); // the run has the best place any of them has
        t = leader;
    }
    join(c, f, t);
}

static void stop(struct coord *c, struct flight *f) {
    P2_CHECK(p2_index_remove(&c->by_flight, (uint32_t)f->self));
    f->leader = P2_NO_HANDLE;
    if (f->count && P2_CANARY(joined_forgotten)) return;
    if (f->count)
        p2_list_push_back(&c->settling, &f->settling);
    else
        close_flight(c, f);
}

void flight_over(struct coord *c, struct task *leader, bool alone) {
    struct flight *f = flight_of(c, leader);
    if (!f) return;
    course_have(c, leader); // with its key
    leader->flight = 0;
    f->alone = alone;
    stop(c, f);
}

static void take_run(struct coord *c, const struct task *to, p2_handle run) {
    struct replica *r = p2_slab_get(&c->replicas, run);
    r->task = task_handle(c, to);
    next_job_passed(c, r, task_client(c, to));
    if (r->state == REPLICA_WAITING) r->id = to->id; // its peer has not heard of it
}

static void hand_payload(struct cargo *from, struct cargo *to) {
    if (!to) return; // of the same size: none
    spool_clear(&to->payload);
    to->payload = from->payload;
    from->payload = (struct spool){.table = NULL};
}

// Equal payloads: what of it the peer has, and what is here, is the new leader's from now on.
static void hand_over(struct coord *c, struct flight *f, struct task *from, struct task *to) {
    unlink_member(c, f, to);
    lead(c, f, to);
    struct course *out = course_of(c, from), *in = course_of(c, to);
    in->replica = out->replica;
    in->hedge = out->hedge;
    from->flight = 0;
    out->replica = out->hedge = P2_NO_HANDLE;
    if (from->cargo) hand_payload(from->cargo, to->cargo);
    in->dropped = out->dropped;
    to->attempt = from->attempt;
    in->recalls = out->recalls;
    for (uint32_t i = 0; i < out->tried_count && in->tried_count < COORD_ATTEMPTS_CEILING; i++) {
        in->tried[in->tried_count++] = out->tried[i];
    }
    in->placed_ns = out->placed_ns;
    take_run(c, to, in->replica);
    if (in->hedge != P2_NO_HANDLE) take_run(c, to, in->hedge);
    task_run_is(c, to, task_replica(c, to));
    task_move_of(c, to, TASK_PLACED, WHY_TOOK_OVER, &from->id);
}

// Its client may have seen part of a result under each number up to `attempt`: a run of such a number is not for it.
static bool may_take(const struct coord *c, const struct task *t, const struct course *from) {
    const struct replica *r = p2_slab_get(&c->replicas, from->replica),
                         *second = p2_slab_get(&c->replicas, from->hedge);
    return t->attempt < r->attempt && (!second || t->attempt < second->attempt);
}

static struct task *best_member(const struct coord *c, const struct flight *f, const struct course *from) {
    struct task *best = NULL;
    struct p2_slots links = TASKS_IN_GROUP(c);
    P2_SLOT_LIST_EACH (it, next, &links, &f->members) {
        struct task *t = task_at(c, it);
        if (may_take(c, t, from) && (!best || goes_before(t, best))) best = t;
    }
    return best;
}

void flight_leave(struct coord *c, struct task *t, const struct task_end *e) {
    struct flight *f = flight_of(c, t);
    if (!f) return;
    if (t->state == TASK_JOINED) {
        unlink_member(c, f, t);
        if (!f->count && p2_list_linked(&f->settling)) close_flight(c, f);
        return;
    }
    bool useful = e->last != TASK_EXPIRED; // else its peer gives it up too
    bool runs = t->state == TASK_PLACED && task_replica(c, t);
    struct task *best = useful && runs ? best_member(c, f, course_of(c, t)) : NULL;
    if (best) {
        hand_over(c, f, t, best);
        return;
    }
    if (e->last == TASK_FAILED && e->why == WHY_PEER_FAILED) f->code = e->code;
    flight_over(c, t, false);
}

static void let_go(struct coord *c, const struct flight *f, struct task *t) {
    if (f->code != P2_OK) {
        task_fail(c, t, WHY_PEER_FAILED, f->code, p2_err_sentence(f->code));
        return;
    }
    t->alone = f->alone;
    task_queue_again(c, t, false, WHY_RELEASED, P2_OK);
    memo_again(c, t);
}

void flight_tick(struct coord *c) {
    struct p2_list *first;
    while ((first = p2_list_first(&c->settling)) && !coord_step_full(c)) {
        struct flight *f = P2_CONTAINER_OF(first, struct flight, settling);
        struct task *t = task_at(c, p2_slot_list_first(&f->members));
        unlink_member(c, f, t);
        let_go(c, f, t);
        if (!f->count) close_flight(c, f);
    }
}

static void check_members(const struct coord *c, const struct flight *f) {
    struct p2_slots links = TASKS_IN_GROUP(c);
    P2_SLOT_LIST_EACH (it, next, &links, &f->members) {
        const struct task *t = coord_at(&c->tasks, it);
        P2_CHECK(t && t->state == TASK_JOINED && t->flight == (uint32_t)f->self + 1);
        const struct course *co = course_of(c, t);
        P2_CHECK(!co || (co->memo.keyed && p2_digest_equal(&co->memo.key, &f->key)));
    }
    P2_CHECK(p2_slot_list_check(&links, &f->members) == f->count && f->count <= MEMBERS_MAX);
}

void flight_check(const struct coord *c) {
    uint32_t open = 0, members = 0;
    for (uint32_t i = 0; i < c->flights.capacity; i++) {
        const struct flight *f = coord_at(&c->flights, i);
        if (!f) continue;
        const struct task *leader = p2_slab_get(&c->tasks, f->leader);
        struct p2_id half = p2_digest_half(&f->key);
        bool settling = p2_list_linked(&f->settling);
        check_members(c, f);
        P2_CHECK(settling ? f->count > 0 && !leader : leader && p2_index_get(&c->by_flight, &half) == i);
        P2_CHECK(!leader || (leader->flight == i + 1 && leader->state != TASK_JOINED));
        open += !settling;
        members += f->count;
    }
    P2_CHECK(open == c->by_flight.count && members == c->stats.tasks_joined);
    P2_CHECK(c->again || p2_list_empty(&c->settling));
}
