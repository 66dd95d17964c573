#include "forecast.h"

#include "coordinator/core/share.h"
#include "coordinator/core/state.h"

// ---- who goes before it ---------------------------------------------------------------------------------------------

// Of its own client.
static uint64_t own_ahead(const struct flow *f, p2_ns deadline_ns) {
    const struct task *first = flow_first(f);
    if (!f->count) return 0;
    if (!first || deadline_ns >= f->last_deadline_ns) return f->count;
    if (deadline_ns < first->deadline_ns) return 0;
    double part = (double)(deadline_ns - first->deadline_ns) / (double)(f->last_deadline_ns - first->deadline_ns);
    return 1 + (uint64_t)(part * (double)(f->count - 1));
}

static bool would_be_next(const struct flow *f, p2_ns deadline_ns) {
    const struct flow *head = queue_turn(f->queue, f->class_, false);
    if (!head) return true;
    const struct account *a = f->account;
    p2_ns served = a->tasks ? a->served_ns : p2_ns_max(a->served_ns, *a->clock);
    p2_ns mine = served / FLOW_QUANTUM_NS, its = head->account->served_ns / FLOW_QUANTUM_NS;
    return mine != its ? mine < its : deadline_ns < flow_first(head)->deadline_ns;
}

// Of other clients in its class.
static uint64_t others_ahead(const struct flow *f, p2_ns deadline_ns, uint64_t own) {
    const struct queue *q = f->queue;
    uint64_t others = q->count[f->class_] - f->count, clients = q->flows[f->class_] - (f->count > 0);
    if (f->over) return others;
    if (own == 0 && would_be_next(f, deadline_ns)) return 0;
    uint64_t turns = clients * (own + 1);
    return turns < others ? turns : others;
}

struct ahead {
    uint64_t of_class[P2_CLASSES];
};

static struct ahead count_ahead(const struct coord *c, const struct flow *f, p2_ns deadline_ns) {
    const struct queue *q = f->queue;
    uint64_t floor = c->limits.class_floor_percent, own = own_ahead(f, deadline_ns);
    struct ahead ahead = {{0}};
    own += others_ahead(f, deadline_ns, own);
    ahead.of_class[f->class_] = own;
    // What better classes may put before it while its class gets its floor.
    uint64_t most = floor ? (own + 1) * (100 - floor) / floor : UINT64_MAX, upper = 0;
    for (unsigned k = 0; k < (unsigned)f->class_; k++) {
        uint64_t left = most - upper;
        ahead.of_class[k] = q->count[k] < left ? q->count[k] : left;
        upper += ahead.of_class[k];
    }
    for (unsigned k = (unsigned)f->class_ + 1; k < P2_CLASSES; k++) {
        uint64_t due = (own + upper) * floor / 100;
        ahead.of_class[k] = q->count[k] < due ? q->count[k] : due;
    }
    return ahead;
}

// ---- and how long that takes ----------------------------------------------------------------------------------------

static p2_ns wait_of(const struct coord *c, const struct queue *q, enum p2_class class_, const struct ahead *ahead) {
    const struct supply *s = &q->supply;
    uint32_t reserve = share_lower(class_) ? share_reserve(q, &c->limits) : 0;
    uint32_t slots = s->slots > reserve ? s->slots - reserve : 1, free = s->free > reserve ? s->free - reserve : 0;
    uint64_t count = 0;
    double work_ns = (double)s->load_ns / 2;
    for (unsigned k = 0; k < P2_CLASSES; k++) {
        count += ahead->of_class[k];
        if (q->count[k]) work_ns += (double)ahead->of_class[k] * ((double)q->work_ns[k] / (double)q->count[k]);
    }
    if (count < free) return 0;
    double wait_ns = work_ns / (double)slots;
    return wait_ns < (double)c->limits.deadline_ns_max ? (p2_ns)wait_ns : c->limits.deadline_ns_max;
}

struct forecast forecast(const struct coord *c, const struct client *cl, const struct forecast_of *of) {
    const struct flow *f = next_flow(c, cl, of->type, of->class_);
    const struct session *s = p2_slab_get(&c->sessions, cl->session);
    const struct ahead ahead = count_ahead(c, f, of->deadline_ns);
    struct forecast out = {.wait_ns = wait_of(c, f->queue, of->class_, &ahead)};
    uint64_t count = 0;
    for (unsigned k = 0; k < P2_CLASSES; k++) count += ahead.of_class[k];
    out.ahead = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    p2_ns p50 = estimate_service(c, of->type, of->cost), p95 = estimate_p95(c, of->type, of->cost->size_class);
    p2_ns before = p2_ns_add(out.wait_ns, s->rtt.samples ? s->rtt.mean : 0);
    out.p50_ns = p2_ns_add(before, p50);
    out.p95_ns = p2_ns_add(before, p2_ns_max(p95, p50)); // without samples both are the prior, which is an upper end
    return out;
}
