#include "flight.h"

#include <string.h>

#include "coordinator/core/state.h"

#define MEMBERS_MAX 1024u // more of the same are run by themselves

static struct task *member(struct p2_list *link) { return P2_CONTAINER_OF(link, struct task, memo.in_flight); }

// Whose place the run has: the queues order by client first, which says nothing of two tasks that are one.
static bool goes_before(const struct task *a, const struct task *b) {
    if (a->class_ != b->class_) return a->class_ < b->class_;
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->arrival < b->arrival;
}

static void lead(struct flight *f, struct task *t) {
    f->leader = t->self;
    t->memo.flight = f->self;
}

static void join(struct coord *c, struct flight *f, struct task *t) {
    t->memo.flight = f->self;
    t->memo.refresh = false; // what it waits for is computed anew
    p2_list_push_back(&f->members, &t->memo.in_flight);
    f->count++;
    const struct task *leader = p2_slab_get(&c->tasks, f->leader);
    task_move_of(c, t, TASK_JOINED, WHY_JOINED, &leader->id);
}

static void unlink_member(struct flight *f, struct task *t) {
    p2_list_remove(&t->memo.in_flight);
    t->memo.flight = P2_NO_HANDLE;
    f->count--;
}

static void close_flight(struct coord *c, struct flight *f) {
    p2_list_remove(&f->settling);
    p2_slab_free(&c->flights, f->self);
}

static void start(struct coord *c, struct task *t) {
    p2_handle h;
    struct p2_id half = p2_digest_half(&t->memo.key);
    if (p2_index_get(&c->by_flight, &half) != P2_NO_SLOT) return; // another key with the same half: run by itself
    struct flight *f = p2_slab_alloc(&c->flights, &h);
    if (!f) return;
    f->self = h;
    f->key = t->memo.key;
    p2_list_init(&f->members);
    p2_list_init(&f->settling);
    P2_CHECK(p2_index_put(&c->by_flight, (uint32_t)h));
    lead(f, t);
}

void flight_enter(struct coord *c, struct task *t) {
    if (t->memo.alone || t->absent) return; // nobody is to wait for who is away
    struct p2_id half = p2_digest_half(&t->memo.key);
    struct flight *f = coord_at(&c->flights, p2_index_get(&c->by_flight, &half));
    if (!f || !p2_digest_equal(&f->key, &t->memo.key)) {
        start(c, t);
        return;
    }
    if (t->state != TASK_QUEUED || f->count >= MEMBERS_MAX) return; // it runs already, or they are many
    struct task *leader = p2_slab_get(&c->tasks, f->leader);
    if (leader->state == TASK_QUEUED && goes_before(t, leader)) {
        lead(f, t); // the run has the best place any of them has
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
    struct flight *f = p2_slab_get(&c->flights, leader->memo.flight);
    if (!f) return;
    leader->memo.flight = P2_NO_HANDLE;
    f->alone = alone;
    stop(c, f);
}

static void take_run(struct coord *c, const struct task *to, p2_handle run) {
    struct replica *r = p2_slab_get(&c->replicas, run);
    r->task = to->self;
    if (r->state == REPLICA_WAITING) r->id = to->id; // its peer has not heard of it
}

// Equal payloads: what of it the peer has, and what is here, is the new leader's from now on.
static void hand_over(struct coord *c, struct flight *f, struct task *from, struct task *to) {
    unlink_member(f, to);
    lead(f, to);
    to->replica = from->replica;
    to->hedge = from->hedge;
    from->memo.flight = from->replica = from->hedge = P2_NO_HANDLE;
    spool_clear(&to->payload);
    to->payload = from->payload;
    to->dropped = from->dropped;
    from->payload = (struct spool){.table = NULL};
    to->attempt = from->attempt;
    memcpy(to->tried, from->tried, sizeof to->tried);
    to->tried_count = from->tried_count;
    to->placed_ns = from->placed_ns;
    take_run(c, to, to->replica);
    if (to->hedge != P2_NO_HANDLE) take_run(c, to, to->hedge);
    task_run_is(c, to, p2_slab_get(&c->replicas, to->replica));
    task_move_of(c, to, TASK_PLACED, WHY_TOOK_OVER, &from->id);
}

void flight_leave(struct coord *c, struct task *t, const struct task_end *e) {
    struct flight *f = p2_slab_get(&c->flights, t->memo.flight);
    if (!f) return;
    if (t->state == TASK_JOINED) {
        unlink_member(f, t);
        if (!f->count && p2_list_linked(&f->settling)) close_flight(c, f);
        return;
    }
    struct task *best = NULL;
    P2_LIST_EACH (it, next, &f->members) {
        if (!best || goes_before(member(it), best)) best = member(it);
    }
    bool useful = e->last != TASK_EXPIRED; // else its peer gives it up too
    if (best && useful && t->state == TASK_PLACED && t->replica != P2_NO_HANDLE) {
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
    t->memo.alone = f->alone;
    t->absent = resume_absent(c, t);
    t->unready = !task_payload_ready(t);
    task_move(c, t, TASK_QUEUED, WHY_RELEASED, P2_OK);
    sched_task_waits(c, t);
    memo_again(c, t);
}

void flight_tick(struct coord *c) {
    struct p2_list *first;
    while ((first = p2_list_first(&c->settling)) && !coord_step_full(c)) {
        struct flight *f = P2_CONTAINER_OF(first, struct flight, settling);
        struct task *t = member(p2_list_first(&f->members));
        unlink_member(f, t);
        let_go(c, f, t);
        if (!f->count) close_flight(c, f);
    }
}

static void check_members(const struct coord *c, const struct flight *f) {
    uint32_t count = 0;
    P2_LIST_EACH (it, next, &f->members) {
        const struct task *t = member(it);
        P2_CHECK(t->state == TASK_JOINED && t->memo.flight == f->self && t->memo.keyed);
        P2_CHECK(p2_digest_equal(&t->memo.key, &f->key) && p2_slab_get(&c->tasks, t->self) == t);
        count++;
    }
    P2_CHECK(count == f->count && count <= MEMBERS_MAX);
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
        P2_CHECK(!leader || (leader->memo.flight == f->self && leader->state != TASK_JOINED));
        open += !settling;
        members += f->count;
    }
    P2_CHECK(open == c->by_flight.count && members == c->stats.tasks_joined);
    P2_CHECK(c->again || p2_list_empty(&c->settling));
}
