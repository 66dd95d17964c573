#include "next.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/core/share.h"
#include "coordinator/core/state.h"

#define DECISIONS_PER_STEP 1024
#define PARKED_MAX 64 // tasks passed over in one run because no free peer suits them

// ---- what a client waits for ----------------------------------------------------------------------------------------

static size_t account_index(const struct client *cl, enum p2_class class_) {
    return (size_t)(uint32_t)cl->self * P2_CLASSES + (size_t)class_;
}

struct flow *next_flow(const struct coord *c, const struct client *cl, uint32_t type, enum p2_class class_) {
    return &c->accounts[account_index(cl, class_)].flows[type];
}

static size_t account_count(const struct coord *c) { return (size_t)c->limits.clients_max * P2_CLASSES; }
static size_t flow_count(const struct coord *c) { return account_count(c) * (c->type_count ? c->type_count : 1); }

bool next_init(struct coord *c) {
    p2_list_init(&c->full_clients);
    c->accounts = calloc(account_count(c), sizeof *c->accounts);
    c->flows = calloc(flow_count(c), sizeof *c->flows);
    for (uint32_t i = 0; c->accounts && i < c->type_count; i++) queue_init(&c->types[i].queue, &c->tasks, c->accounts);
    return c->accounts && c->flows;
}

void next_deinit(struct coord *c) {
    free(c->accounts);
    free(c->flows);
}

size_t next_bytes(const struct coord *c) {
    return account_count(c) * sizeof *c->accounts + flow_count(c) * sizeof *c->flows;
}

// Its row is made here, so that rows of clients that never come cost no memory.
void next_client_came(struct coord *c, const struct client *cl) {
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        size_t at = account_index(cl, (enum p2_class)i);
        struct account *a = &c->accounts[at];
        *a = (struct account){.clock = &c->class_clock[i],
                              .flows = &c->flows[at * c->type_count],
                              .flow_count = c->type_count,
                              .weight = 1};
        for (uint32_t t = 0; t < c->type_count; t++) {
            a->flows[t] = (struct flow){.queue = &c->types[t].queue, .account = a, .class_ = (enum p2_class)i};
        }
    }
}

// ---- shares of slots ------------------------------------------------------------------------------------------------

static bool is_full(const struct coord *c, const struct client *cl) {
    return cl->jobs >= share_of_client(c->slots, &c->limits);
}

static void set_over(struct coord *c, const struct client *cl, bool over) {
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        struct account *a = &c->accounts[account_index(cl, (enum p2_class)i)];
        for (uint32_t t = 0; t < a->flow_count; t++) flow_set_over(&a->flows[t], over);
    }
}

static void fill(struct coord *c, struct client *cl) {
    if (p2_list_linked(&cl->full) || !is_full(c, cl)) return;
    p2_list_push_back(&c->full_clients, &cl->full);
    set_over(c, cl, true);
}

static void release(struct coord *c, struct client *cl) {
    if (!p2_list_linked(&cl->full) || is_full(c, cl)) return;
    p2_list_remove(&cl->full);
    set_over(c, cl, false);
}

void next_client_left(struct coord *c, struct client *cl) {
    (void)c;
    p2_list_remove(&cl->full);
}

// There are only as many full ones as shares fit into all places of all peers.
static void slots_changed(struct coord *c, uint32_t slots) {
    c->slots = slots;
    P2_LIST_EACH (it, next, &c->full_clients) release(c, P2_CONTAINER_OF(it, struct client, full));
}

void next_offer_added(struct coord *c, struct offer *o) {
    struct peer_device *d = &o->peer->devices[o->device];
    if (d->offers++ == 0) slots_changed(c, c->slots + d->slots);
}

static struct supply supply_of(const struct coord *c, const struct offer *o) {
    const struct peer_device *d = &o->peer->devices[o->device];
    if (!health_lets(c, o)) return (struct supply){.slots = 0};
    return (struct supply){.slots = d->slots,
                           .free = d->jobs < d->slots ? d->slots - d->jobs : 0,
                           .lower = d->jobs_lower,
                           .load_ns = d->load_ns};
}

void next_supply_update(struct coord *c, struct offer *o) {
    struct supply *s = &c->types[o->type].queue.supply, now = supply_of(c, o);
    s->slots += now.slots - o->counted.slots;
    s->free += now.free - o->counted.free;
    s->lower += now.lower - o->counted.lower;
    s->load_ns += now.load_ns - o->counted.load_ns;
    o->counted = now;
}

void next_offer_removed(struct coord *c, struct offer *o) {
    struct peer_device *d = &o->peer->devices[o->device];
    struct supply *s = &c->types[o->type].queue.supply;
    s->slots -= o->counted.slots;
    s->free -= o->counted.free;
    s->lower -= o->counted.lower;
    s->load_ns -= o->counted.load_ns;
    if (--d->offers == 0) slots_changed(c, c->slots - d->slots);
}

void next_job_taken(struct coord *c, struct peer *p, const struct replica *r) {
    struct client *cl = p2_slab_get(&c->clients, r->client);
    if (share_lower(r->class_)) p->devices[r->device].jobs_lower++;
    cl->jobs++;
}

static void give_back(struct coord *c, p2_handle client) {
    struct client *cl = p2_slab_get(&c->clients, client);
    if (!cl) return; // it left while its cancelled job lingered, or passed on its run
    cl->jobs--;
    release(c, cl);
}

void next_job_passed(struct coord *c, struct replica *r, struct client *to) {
    p2_handle from = r->client;
    r->client = to->self;
    to->jobs++;
    give_back(c, from);
}

void next_job_dropped(struct coord *c, struct peer *p, const struct replica *r) {
    if (share_lower(r->class_)) p->devices[r->device].jobs_lower--;
    give_back(c, r->client);
}

// ---- choosing -------------------------------------------------------------------------------------------------------

struct choice {
    struct type_state *ts;
    const struct flow *flow;
    bool over;
    uint32_t owed; // 0: its class is not due
};

static struct client *client_of_flow(const struct coord *c, const struct flow *f) {
    return task_client(c, flow_first(f));
}

// The first below its share: those that have reached it meanwhile are put with the others.
static const struct flow *first_flow(struct coord *c, const struct queue *q, enum p2_class class_, bool over) {
    struct flow *f;
    while ((f = queue_turn(q, class_, over)) && !over && is_full(c, client_of_flow(c, f))) {
        fill(c, client_of_flow(c, f));
    }
    return f;
}

static bool better(const struct choice *a, const struct choice *b) {
    if (!b->flow || a->over != b->over) return !b->flow || !a->over;
    if (a->owed != b->owed) return a->owed > b->owed;
    if (a->flow->class_ != b->flow->class_) return a->flow->class_ < b->flow->class_;
    return flow_before(a->flow, b->flow);
}

static void look_at(struct coord *c, struct type_state *ts, enum p2_class class_, struct choice *best) {
    const struct queue *q = &ts->queue;
    if (!q->count[class_] || !share_may_take(q, &c->limits, class_)) return;
    if (P2_CANARY(class_starved) && class_ == P2_CLASS_BACKGROUND) return;
    for (unsigned over = 0; over < 2; over++) {
        struct choice found = {ts, first_flow(c, q, class_, over), over, 0};
        if (!found.flow) continue;
        if (share_due(q, &c->limits, class_)) found.owed = q->debt[class_];
        if (better(&found, best)) *best = found;
        return; // those over their share are never better
    }
}

static struct choice choose(struct coord *c) {
    struct choice best = {NULL, NULL, false, 0};
    for (uint32_t i = 0; i < c->type_count; i++) {
        struct type_state *ts = &c->types[i];
        if (!queue_size(&ts->queue)) continue;
        sched_refresh(c, ts);
        for (unsigned k = 0; k < P2_CLASSES && !ts->blocked; k++) look_at(c, ts, (enum p2_class)k, &best);
    }
    return best;
}

// ---- placing --------------------------------------------------------------------------------------------------------

struct parked {
    struct task *tasks[PARKED_MAX];
    uint32_t count;
};

static void park(struct parked *p, struct type_state *ts, struct task *t) {
    if (p->count == PARKED_MAX) {
        ts->blocked = true;
        return;
    }
    queue_set_aside(&ts->queue, t);
    p->tasks[p->count++] = t;
}

static void unpark(struct coord *c, const struct parked *p) {
    for (uint32_t i = 0; i < p->count; i++) {
        struct type_state *ts = &c->types[p->tasks[i]->type];
        queue_wait_again(&ts->queue, p->tasks[i]);
        ts->blocked = true; // until an offer or a task changes
    }
}

void next_place(struct coord *c, struct task *t, struct offer *o) {
    struct course *co = course_have(c, t);
    const struct pick_for f = pick_for(c, t);
    bool charged = co->returned; // when it was placed before
    pick_chosen(c, &f, o);
    replica_place(c, t, o);
    co->returned = false;
    if (!charged) next_charge(c, t, task_replica(c, t));
}

void next_charge(struct coord *c, const struct task *t, const struct replica *r) {
    const struct peer *p = p2_slab_get(&c->peers, r->peer);
    // Nobody pays less for saying that it is little.
    p2_ns charged = t->weight_percent < 100 ? r->estimate_ns * 100 / t->weight_percent : r->estimate_ns;
    account_charge(queue_flow(&c->types[t->type].queue, t)->account, charged);
    P2_LIST_EACH (it, next, &p->offers) {
        const struct offer *other = P2_CONTAINER_OF(it, struct offer, in_peer);
        if (other->device == r->device) share_placed(&c->types[other->type].queue, &c->limits, r->class_);
    }
}

// One decision: the task is placed, set aside, or its type is blocked.
static void decide(struct coord *c, const struct choice *choice, struct parked *parked) {
    struct type_state *ts = choice->ts;
    struct task *t = flow_first(choice->flow);
    if (!pick_capable(&ts->pick, t->cost.device_kinds, t->cost.device_bytes)) {
        const struct unmet_row missing = unmet_of(c, t->type, &t->cost);
        unmet_add(c, &missing);
        queue_strand(&ts->queue, t, c->now);
    } else if (!ts->pick.free) {
        ts->blocked = true;
    } else {
        const struct pick_for f = pick_for(c, t);
        struct offer *o = pick_best(c, ts, &f);
        if (o && cargo_blob_count(t->cargo)) o = prefer_holder(c, &f, o);
        if (!o) {
            park(parked, ts, t);
            return;
        }
        next_place(c, t, o);
    }
}

void next_run(struct coord *c) {
    struct parked parked = {.count = 0};
    struct choice choice = choose(c);
    for (unsigned n = 0; choice.flow && replica_room(c) && !coord_step_full(c); n++) {
        if (n == DECISIONS_PER_STEP) {
            c->again = true;
            break;
        }
        decide(c, &choice, &parked);
        choice = choose(c);
    }
    unpark(c, &parked);
}

// ---- nobody left --------------------------------------------------------------------------------------------------

void next_tick(struct coord *c) {
    for (uint32_t i = 0; i < c->type_count; i++) {
        struct type_state *ts = &c->types[i];
        struct task *t;
        while ((t = queue_first_stranded(&ts->queue)) && t->stranded.since_ns + c->limits.no_peer_grace_ns <= c->now) {
            if (coord_step_full(c)) return;
            const char *text = p2_arena_printf(&c->out->texts, "no peer offers %s any more", ts->type->name);
            task_fail(c, t, WHY_NO_PEER, P2_ERR_NO_CAPABLE_PEER, text);
        }
    }
}

p2_ns next_due_ns(const struct coord *c) {
    p2_ns next = P2_NEVER;
    for (uint32_t i = 0; i < c->type_count; i++) {
        const struct task *t = queue_first_stranded(&c->types[i].queue);
        if (t) next = p2_ns_min(next, t->stranded.since_ns + c->limits.no_peer_grace_ns);
    }
    return next;
}

// ---- invariants -----------------------------------------------------------------------------------------------------

static void check_supply(const struct coord *c, const struct type_state *ts) {
    struct supply sum = {0, 0, 0, 0};
    P2_LIST_EACH (it, next, &ts->offers) {
        const struct offer *o = P2_CONTAINER_OF(it, struct offer, in_type);
        const struct supply part = supply_of(c, o);
        sum.slots += part.slots;
        sum.free += part.free;
        sum.lower += part.lower;
        sum.load_ns += part.load_ns;
    }
    const struct supply *s = &ts->queue.supply;
    P2_CHECK(sum.slots == s->slots && sum.free == s->free && sum.lower == s->lower && sum.load_ns == s->load_ns);
}

static void check_client(const struct coord *c, const struct client *cl) {
    bool full = p2_list_linked(&cl->full);
    P2_CHECK(!full || is_full(c, cl));
    for (unsigned i = 0; i < P2_CLASSES; i++) {
        const struct account *a = &c->accounts[account_index(cl, (enum p2_class)i)];
        for (uint32_t t = 0; t < a->flow_count; t++) {
            flow_check(&a->flows[t]);
            P2_CHECK(a->flows[t].over == full);
        }
    }
}

static void check_slots(const struct coord *c) {
    uint32_t slots = 0, lower[P2_DEVICES_MAX];
    for (uint32_t i = 0; i < c->peers.capacity; i++) {
        const struct peer *p = coord_at(&c->peers, i);
        if (!p) continue;
        memset(lower, 0, sizeof lower);
        P2_LIST_EACH (it, next, &p->replicas) {
            const struct replica *r = P2_CONTAINER_OF(it, struct replica, in_peer);
            lower[r->device] += share_lower(r->class_);
        }
        for (unsigned d = 0; d < P2_DEVICES_MAX; d++) {
            P2_CHECK(p->devices[d].jobs_lower == lower[d]);
            if (p->devices[d].offers) slots += p->devices[d].slots;
        }
    }
    P2_CHECK(slots == c->slots);
}

static void check_jobs(const struct coord *c, const struct client *cl) {
    uint32_t jobs = 0;
    for (uint32_t i = 0; i < c->replicas.capacity; i++) {
        const struct replica *r = coord_at(&c->replicas, i);
        jobs += r && r->client == cl->self;
    }
    P2_CHECK(jobs == cl->jobs);
}

// What waits of a type in a class: its flows, tasks and work.
static void check_waiting(const struct coord *c, uint32_t type, enum p2_class class_) {
    const struct queue *q = &c->types[type].queue;
    uint32_t flows = 0, count = 0;
    p2_ns work_ns = 0;
    for (uint32_t i = 0; i < c->clients.capacity; i++) {
        const struct client *cl = coord_at(&c->clients, i);
        const struct flow *f = cl ? next_flow(c, cl, type, class_) : NULL;
        flows += f && f->count;
        count += f ? f->count : 0;
    }
    struct p2_slots links = TASKS_IN_GROUP(c);
    P2_SLOT_LIST_EACH (it, next, &links, &c->queued[class_]) {
        const struct task *t = task_at(c, it);
        if (t->type == type) work_ns += (p2_ns)t->work_us * P2_US;
    }
    P2_CHECK(flows == q->flows[class_] && count == q->count[class_] && work_ns == q->work_ns[class_]);
}

void next_check(const struct coord *c) {
    for (uint32_t i = 0; i < c->type_count; i++) {
        check_supply(c, &c->types[i]);
        for (unsigned k = 0; k < P2_CLASSES; k++) check_waiting(c, i, (enum p2_class)k);
    }
    check_slots(c);
    for (uint32_t i = 0; i < c->clients.capacity; i++) {
        const struct client *cl = coord_at(&c->clients, i);
        if (!cl) continue;
        check_client(c, cl);
        check_jobs(c, cl);
    }
    struct p2_slots links = TASKS_IN_GROUP(c);
    for (unsigned k = 0; k < P2_CLASSES; k++) {
        P2_SLOT_LIST_EACH (it, next, &links, &c->queued[k]) {
            const struct task *t = coord_at(&c->tasks, it);
            P2_CHECK(t && t->state == TASK_QUEUED && t->class_ == k);
            queue_check_task(&c->types[t->type].queue, t);
        }
        P2_CHECK(p2_slot_list_check(&links, &c->queued[k]) == c->queued_in_class[k]);
    }
}
