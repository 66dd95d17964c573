#include "admit.h"

#include "coordinator/core/state.h"

// ---- rates ----------------------------------------------------------------------------------------------------------
// A bucket is one time: when it will be full again. What is taken moves it on by cost / rate.

static p2_ns time_of(uint64_t amount, uint64_t per_second) {
    double ns = per_second ? (double)amount * (double)P2_SEC / (double)per_second : 0;
    return ns < (double)(3600 * P2_SEC) ? (p2_ns)ns : 3600 * P2_SEC;
}

static p2_ns wait_for(const struct coord *c, p2_ns full_at_ns) {
    p2_ns wait = full_at_ns - c->now - c->limits.client_burst_ns;
    return p2_ns_max(wait, 0);
}

static p2_ns rates_wait(const struct coord *c, const struct client *cl) {
    p2_ns wait = wait_for(c, cl->tasks_full_ns);
    wait = p2_ns_max(wait, wait_for(c, cl->bytes_full_ns));
    return p2_ns_max(wait, wait_for(c, cl->device_full_ns));
}

static void take(const struct coord *c, p2_ns *full_at_ns, p2_ns cost) {
    *full_at_ns = p2_ns_add(p2_ns_max(*full_at_ns, c->now), cost);
}

static void charge(const struct coord *c, struct client *cl, const struct demand *d) {
    const struct coord_limits *l = &c->limits;
    take(c, &cl->tasks_full_ns, time_of(1, l->client_tasks_per_s));
    take(c, &cl->bytes_full_ns, time_of(d->payload_bytes, l->client_bytes_per_s));
    take(c, &cl->device_full_ns, l->client_device_s_per_s ? d->device_ns / l->client_device_s_per_s : 0);
}

// ---- room -----------------------------------------------------------------------------------------------------------

enum shortage { ENOUGH, CREDIT, CLASS, TASKS, MEMORY };

static enum shortage room_for(const struct coord *c, const struct client *cl, const struct demand *d, uint64_t *bytes) {
    const struct coord_limits *l = &c->limits;
    uint64_t budget = l->payload_budget_bytes;
    if (d->class_ >= P2_CLASS_BATCH)
        budget = budget / 100 * l->budget_high_percent + budget % 100 * l->budget_high_percent / 100;
    *bytes = 0;
    if (cl->task_count >= l->tasks_per_client_max) return CREDIT;
    if (cl->bytes + d->payload_bytes > l->client_bytes_max) return CREDIT;
    if (c->queued_in_class[d->class_] >= l->queue_per_class_max) return CLASS;
    uint64_t needed = c->reserved_bytes + d->reserved_bytes;
    if (needed > budget) *bytes = needed - budget;
    if (*bytes) return MEMORY;
    return c->tasks.live >= c->tasks.capacity ? TASKS : ENOUGH;
}

static bool say(struct refusal *r, enum coord_why why, enum p2_err code, const char *text) {
    *r = (struct refusal){why, code, text, 0};
    return false;
}

static bool refuse(struct refusal *r, const struct client *cl, const struct coord *c, enum shortage s) {
    switch (s) {
    case CREDIT:
        return say(r, WHY_QUOTA, P2_ERR_QUOTA_EXCEEDED,
                   cl->task_count >= c->limits.tasks_per_client_max ? "this client has as many tasks open as one may"
                                                                    : "this client has as many bytes open as one may");
    case CLASS: return say(r, WHY_LIMIT, P2_ERR_OVERLOADED, "as many tasks of this class wait as the queue takes");
    case TASKS: return say(r, WHY_LIMIT, P2_ERR_OVERLOADED, "the coordinator has as many tasks open as it takes");
    default: return say(r, WHY_LIMIT, P2_ERR_OVERLOADED, "the memory for payloads is spoken for");
    }
}

// ---- who makes it ---------------------------------------------------------------------------------------------------

// A client has at most tasks_per_client_max tasks; its streams have a few frames waiting.
static bool drop_older_frame(struct coord *c, const struct client *cl, const struct demand *d) {
    if (!d->series || d->class_ != P2_CLASS_REALTIME) return false;
    struct p2_slots links = TASKS_IN_CLIENT(c);
    P2_SLOT_LIST_EACH (it, next, &links, &cl->tasks) {
        struct task *t = task_at(c, it);
        if (t->state != TASK_QUEUED || t->series != d->series || t->class_ != d->class_) continue;
        task_fail(c, t, WHY_SUPERSEDED, P2_ERR_OVERLOADED, "a newer frame of its series took its place");
        return true;
    }
    return false;
}

struct victims {
    struct task *tasks[ADMIT_SHED_MAX];
    unsigned count;
};

// One task and at least so many reserved bytes of classes worse than that one. False: there are not as many.
static bool find_victims(const struct coord *c, enum p2_class better, uint64_t bytes, struct victims *v) {
    struct p2_slots links = TASKS_IN_GROUP(c);
    uint64_t freed = 0;
    v->count = 0;
    for (unsigned k = P2_CLASSES - 1; k > (unsigned)better; k--) {
        uint32_t it = p2_slot_list_last(&c->queued[k]);
        for (; it != P2_NO_SLOT; it = p2_slot_list_before(&links, it)) {
            if (v->count == ADMIT_SHED_MAX || (v->count && freed >= bytes)) break;
            v->tasks[v->count] = task_at(c, it);
            freed += v->tasks[v->count++]->reserved_bytes;
        }
    }
    return v->count && freed >= bytes;
}

static bool sheddable(enum shortage s) { return s == TASKS || s == MEMORY; }

static bool shed(struct coord *c, enum p2_class better, uint64_t bytes) {
    struct victims v;
    if (!find_victims(c, better, bytes, &v)) return false;
    for (unsigned i = 0; i < v.count; i++) {
        task_fail(c, v.tasks[i], WHY_SHED, P2_ERR_OVERLOADED, "given up for more urgent work");
    }
    return true;
}

static bool rates_allow(const struct coord *c, const struct client *cl, struct refusal *why) {
    p2_ns wait = rates_wait(c, cl);
    if (wait == 0) return true;
    *why =
        (struct refusal){WHY_QUOTA, P2_ERR_QUOTA_EXCEEDED, "this client asks for more per second than one may", wait};
    return false;
}

bool admit(struct coord *c, struct client *cl, const struct demand *d, struct refusal *why) {
    if (!rates_allow(c, cl, why)) return false;
    for (unsigned n = 0;; n++) {
        uint64_t bytes;
        enum shortage s = room_for(c, cl, d, &bytes);
        if (s == ENOUGH) break;
        if (n == ADMIT_SHED_MAX) return refuse(why, cl, c, s);
        if (drop_older_frame(c, cl, d)) continue;
        if (!sheddable(s) || !shed(c, d->class_, bytes)) return refuse(why, cl, c, s);
    }
    charge(c, cl, d);
    return true;
}

bool admit_would(struct coord *c, struct client *cl, const struct demand *d, struct refusal *why) {
    const struct demand nothing = {.payload_bytes = 0};
    struct victims v;
    uint64_t bytes;
    if (!rates_allow(c, cl, why)) return false;
    charge(c, cl, &nothing);
    enum shortage s = room_for(c, cl, d, &bytes);
    bool made = sheddable(s) && find_victims(c, d->class_, bytes, &v);
    return s == ENOUGH || made || refuse(why, cl, c, s);
}
