#include "pick.h"

#include <math.h>
#include <string.h>

#include "coordinator/core/state.h"

#define SCORE_ONE 1e9                // of a score's term
#define LATENCY_HALF_NS (50 * P2_MS) // a round trip that halves the latency term
#define COST_NS_MAX (24 * 3600 * P2_SEC)
#define IDLE_LOOKED_AT 64u // on a shelf that has busy ones too
#define MIXED 0u           // the shelf for what finds no other

static const char *const names[PICK_STRATEGIES] = {"finish-time", "score", "least-loaded", "round-robin", "random"};

const char *pick_strategy_name(enum pick_strategy s) { return names[s]; }

void pick_config_settle(struct pick_config *p) {
    if (p->history > 0 || p->free > 0 || p->latency > 0 || p->affinity > 0) return;
    p->history = 0.4;
    p->free = 0.3;
    p->latency = 0.2;
    p->affinity = 0.1;
}

struct pick_for pick_for(const struct coord *c, const struct task *t) {
    const struct course *co = course_of(c, t);
    return (struct pick_for){.type = t->type,
                             .cost = &t->cost,
                             .payload_bytes = cargo_payload_bytes(t->cargo),
                             .tried = co ? co->tried : NULL,
                             .tried_count = co ? co->tried_count : 0,
                             .runs_on = co ? co->peer_handle : P2_NO_HANDLE,
                             .cargo = t->cargo,
                             .id = t->id,
                             .attempt = t->attempt};
}

// ---- what an offer is like ----------------------------------------------------------------------------------------

static const struct peer_device *device_of(const struct offer *o) { return &o->peer->devices[o->device]; }

static p2_ns rtt_now(const struct coord *c, const struct offer *o) {
    const struct session *s = peer_session(c, o->peer);
    return s && s->rtt.samples ? s->rtt.mean : 0;
}

static p2_ns load_of(const struct offer *o) {
    const struct peer_device *d = device_of(o);
    return d->slots ? d->load_ns / d->slots : d->load_ns;
}

static bool busy(const struct offer *o) { return device_of(o)->jobs >= device_of(o)->slots; }

static uint8_t log2_of(uint64_t n) { return n ? (uint8_t)(63 - __builtin_clzll(n)) : 0; }

bool pick_is_idle(const struct offer *o) {
    const struct peer_device *d = device_of(o);
    return d->jobs + d->incoming < d->slots;
}

// Where its last job was of this type: size class + 1.
static uint8_t warm_of(const struct offer *o) {
    const struct peer_device *d = device_of(o);
    return d->last_type == o->type + 1 ? (uint8_t)(d->last_class + 1) : 0;
}

static uint64_t name_of(const struct coord *c, const struct offer *o) {
    const struct peer_device *d = device_of(o);
    uint64_t name = UINT64_C(1) << 63 | (uint64_t)log2_of(d->memory_bytes) << 48 | (uint64_t)d->kind << 56;
    if (c->pick.strategy == PICK_SCORE) return name | warm_of(o);
    if (c->pick.strategy != PICK_FINISH_TIME) return name;
    return name | (uint64_t)(uint16_t)o->pace.step | (uint64_t)(uint16_t)o->peer->byte_pace.step << 16 |
           (uint64_t)busy(o) << 32;
}

// ---- costs --------------------------------------------------------------------------------------------------------

static int64_t whole(double ns) { return ns >= (double)COST_NS_MAX ? COST_NS_MAX : (int64_t)ns; }

static double bytes_of(const struct pick_for *f) {
    return (double)f->payload_bytes + (double)f->cost->result_bytes_max;
}

// The part that depends on the task; the same for all of a shelf.
static p2_ns transfer_part(const struct pick_for *f, double ns_per_byte) { return whole(bytes_of(f) * ns_per_byte); }

static p2_ns run_part(const struct pick_for *f, double ns_per_unit) {
    if (ns_per_unit <= 0) return p2_ns_min(f->cost->timeout_prior_ns, COST_NS_MAX);
    return whole((double)f->cost->units * ns_per_unit);
}

static int64_t warm_part(const struct coord *c, const struct pick_for *f, uint8_t warm) {
    return warm == (uint8_t)(f->cost->size_class + 1) ? -(int64_t)(c->pick.affinity * SCORE_ONE) : 0;
}

static int64_t shelf_part(const struct coord *c, const struct pick_for *f, const struct shelf *s) {
    if (c->pick.strategy == PICK_SCORE)
        return s->mixed ? -(int64_t)(c->pick.affinity * SCORE_ONE) : warm_part(c, f, s->warm);
    if (c->pick.strategy != PICK_FINISH_TIME || s->mixed) return 0;
    return transfer_part(f, s->rate) + run_part(f, s->own);
}

static double history(const struct coord *c, const struct offer *o) {
    double all = c->types[o->type].pace, pace = o->pace.value, success = o->peer->success;
    return pace > 0 && all > 0 ? success * all / (all + pace) : success / 2;
}

// The part that does not depend on the task: what a shelf is ordered by.
static int64_t key_of(struct coord *c, const struct offer *o) {
    const struct pick_config *w = &c->pick;
    const struct peer_device *d = device_of(o);
    double score;
    switch (w->strategy) {
    case PICK_FINISH_TIME: return o->rtt_ns + (busy(o) ? d->free_at_ns : 0);
    case PICK_SCORE:
        score =
            w->history * history(c, o) + w->latency * (double)LATENCY_HALF_NS / (double)(LATENCY_HALF_NS + o->rtt_ns);
        if (d->jobs_max) score += w->free * (double)(d->jobs_max - d->jobs) / (double)d->jobs_max;
        return -(int64_t)(score * SCORE_ONE);
    case PICK_ROUND_ROBIN: return (int64_t)o->turn;
    // Times of a Poisson process forget what has passed: whoever comes next is equally likely anybody.
    case PICK_RANDOM: return c->random_time + (int64_t)(-log(1 - p2_rng_unit(&c->rng)) * SCORE_ONE);
    default: return load_of(o);
    }
}

// Among equals: less estimated work per slot, then fewer jobs, then longest idle.
static uint64_t tie_of(const struct coord *c, const struct offer *o) {
    uint64_t load_ms = (uint64_t)p2_ns_min(load_of(o) / P2_MS, (1 << 16) - 1);
    if (c->pick.strategy == PICK_LEAST_LOADED) load_ms = 0; // its key says it better
    uint64_t jobs = o->peer->jobs < 255 ? o->peer->jobs : 255;
    uint64_t idle_since_us = p2_ns_to_us(o->peer->idle_since_ns - c->start_ns) & ((UINT64_C(1) << 40) - 1);
    return load_ms << 48 | jobs << 40 | idle_since_us;
}

struct pick_terms pick_finish(const struct coord *c, const struct pick_for *f, const struct offer *o) {
    struct pick_terms terms = {.rtt_ns = o->rtt_ns,
                               .wait_ns = busy(o) ? p2_ns_max(0, device_of(o)->free_at_ns - c->now) : 0,
                               .transfer_ns = transfer_part(f, o->peer->byte_pace.rounded),
                               .run_ns = run_part(f, o->pace.rounded)};
    terms.cost = terms.rtt_ns + terms.wait_ns + terms.transfer_ns + terms.run_ns;
    return terms;
}

struct pick_terms pick_cost(const struct coord *c, const struct pick_for *f, const struct offer *o) {
    if (c->pick.strategy == PICK_FINISH_TIME) return pick_finish(c, f, o);
    struct pick_terms terms = {.cost = o->free.key};
    if (c->pick.strategy == PICK_SCORE) terms.cost += warm_part(c, f, warm_of(o));
    return terms;
}

// ---- shelves ------------------------------------------------------------------------------------------------------

static const struct pick_node *pick_node(const struct p2_meld_node *n) {
    return P2_CONTAINER_OF(n, struct pick_node, node);
}

static bool goes_before(const struct p2_meld_node *a, const struct p2_meld_node *b) {
    const struct pick_node *x = pick_node(a), *y = pick_node(b);
    return x->key != y->key ? x->key < y->key : x->tie < y->tie;
}

static void take_shelf(const struct coord *c, struct pick_index *x, uint32_t at, const struct offer *o) {
    bool warm = c->pick.strategy == PICK_SCORE;
    x->names[at] = name_of(c, o);
    x->shelves[at] = (struct shelf){.own = o->pace.rounded,
                                    .rate = o->peer->byte_pace.rounded,
                                    .warm = warm ? warm_of(o) : 0,
                                    .memory = log2_of(device_of(o)->memory_bytes),
                                    .kind = (uint8_t)device_of(o)->kind,
                                    .busy = c->pick.strategy == PICK_FINISH_TIME && busy(o)};
}

// The shelf of that name, or one for it: an empty one, a new one, or the mixed one.
static uint32_t shelf_for(const struct coord *c, struct pick_index *x, const struct offer *o) {
    uint64_t name = name_of(c, o);
    uint32_t empty = 0;
    if (!x->used) x->shelves[x->used++] = (struct shelf){.mixed = true};
    for (uint32_t i = MIXED + 1; i < x->used; i++) {
        if (x->names[i] == name) return i;
        if (!empty && !x->shelves[i].count) empty = i;
    }
    if (!empty && x->used < PICK_SHELVES) empty = x->used++;
    if (empty) take_shelf(c, x, empty, o);
    return empty;
}

static void unshelve(struct pick_index *x, struct offer *o) {
    if (!p2_meld_in(&o->free.node)) return;
    p2_meld_remove(&x->shelves[o->shelf].offers, &o->free.node, goes_before);
    x->shelves[o->shelf].count--;
    x->free--;
}

void pick_update(struct coord *c, struct offer *o) {
    struct pick_index *x = &c->types[o->type].pick;
    unshelve(x, o);
    if (!peer_device_free(o->peer, o->device) || !health_lets(c, o)) return;
    o->shelf = shelf_for(c, x, o);
    o->rtt_ns = rtt_now(c, o);
    int64_t key = key_of(c, o);
    // The mixed shelf holds idle ones too: its keys are the least that may be.
    if (o->shelf == MIXED && c->pick.strategy == PICK_FINISH_TIME) key = o->rtt_ns;
    o->free.key = key;
    o->free.tie = tie_of(c, o);
    p2_meld_push(&x->shelves[o->shelf].offers, &o->free.node, goes_before);
    x->shelves[o->shelf].count++;
    x->free++;
}

static uint32_t kind_of(const struct offer *o) { return o->kind; }

void pick_added(struct coord *c, struct offer *o) {
    struct pick_index *x = &c->types[o->type].pick;
    o->turn = c->turns;
    o->kind = (uint32_t)device_of(o)->kind % PICK_KINDS;
    o->by_memory.key = -(int64_t)(device_of(o)->memory_bytes >> 1);
    o->by_memory.tie = o->self;
    p2_meld_push(&x->by_memory[kind_of(o)], &o->by_memory.node, goes_before);
    x->offers++;
}

void pick_removed(struct coord *c, struct offer *o) {
    struct pick_index *x = &c->types[o->type].pick;
    unshelve(x, o);
    p2_meld_remove(&x->by_memory[kind_of(o)], &o->by_memory.node, goes_before);
    x->offers--;
}

// ---- who could ----------------------------------------------------------------------------------------------------

static bool kind_suits(uint32_t kinds, uint32_t kind) { return !kinds || kinds >> kind & 1; }

uint64_t pick_memory_max(const struct pick_index *x, uint32_t kinds) {
    uint64_t most = 0;
    for (uint32_t kind = 0; kind < PICK_KINDS; kind++) {
        const struct p2_meld_node *n = kind_suits(kinds, kind) ? p2_meld_peek(&x->by_memory[kind]) : NULL;
        if (!n) continue;
        uint64_t bytes = device_of(P2_CONTAINER_OF(n, struct offer, by_memory.node))->memory_bytes;
        if (bytes > most) most = bytes;
    }
    return most;
}

bool pick_capable(const struct pick_index *x, uint32_t kinds, uint64_t device_bytes) {
    for (uint32_t kind = 0; kind < PICK_KINDS; kind++) {
        const struct p2_meld_node *n = kind_suits(kinds, kind) ? p2_meld_peek(&x->by_memory[kind]) : NULL;
        if (n && device_of(P2_CONTAINER_OF(n, struct offer, by_memory.node))->memory_bytes >= device_bytes) return true;
    }
    return false;
}

static bool was_tried(const struct pick_for *f, const struct peer *p) {
    for (uint32_t i = 0; i < f->tried_count && !P2_CANARY(tried_forgotten); i++) {
        if (f->tried[i] == p->self) return true;
    }
    return false;
}

bool pick_suits(const struct pick_for *f, const struct offer *o, bool untried_only) {
    return device_of(o)->memory_bytes >= f->cost->device_bytes && kind_suits(f->cost->device_kinds, kind_of(o)) &&
           !(untried_only && was_tried(f, o->peer));
}

// Is there somebody let work, busy or not, whom this task has not tried? The walk ends below what has too little
// memory, so it meets at most the offers of tried peers and of those held off before the answer.
static bool has_untried(const struct coord *c, const struct pick_index *x, const struct pick_for *f) {
    for (uint32_t kind = 0; kind < PICK_KINDS; kind++) {
        const struct p2_meld_node *n =
            kind_suits(f->cost->device_kinds, kind) ? p2_meld_peek(&x->by_memory[kind]) : NULL;
        while (n) {
            const struct offer *o = P2_CONTAINER_OF(n, struct offer, by_memory.node);
            if (pick_suits(f, o, true) && health_lets(c, o)) return true;
            n = p2_meld_after(n, pick_suits(f, o, false));
        }
    }
    return false;
}

// ---- the best -----------------------------------------------------------------------------------------------------

struct search {
    const struct coord *c;
    const struct pick_for *f;
    bool untried_only, idle_only;
    bool elsewhere;             // not where it runs
    const struct offer *except; // passed over; NULL: nobody
    struct offer *best;
    int64_t cost;
};

static bool beaten(const struct search *s, int64_t cost, uint64_t tie) {
    return s->best && (cost > s->cost || (cost == s->cost && tie >= s->best->free.tie));
}

// No offer at or below a node with that key costs less.
static int64_t bound(const struct search *s, const struct shelf *shelf, int64_t key, int64_t part) {
    return (shelf->busy ? p2_ns_max(0, key - s->c->now) : key) + part;
}

static void search_shelf(struct search *s, const struct shelf *shelf) {
    int64_t part = shelf_part(s->c, s->f, shelf);
    uint32_t looked = 0;
    const struct p2_meld_node *n = p2_meld_peek(&shelf->offers);
    while (n) {
        struct offer *o = P2_CONTAINER_OF(n, struct offer, free.node);
        int64_t least = bound(s, shelf, o->free.key, part);
        bool below = !beaten(s, least, o->free.tie);
        bool suits = o != s->except && pick_suits(s->f, o, s->untried_only);
        if (s->idle_only && looked++ == IDLE_LOOKED_AT) return;
        if (s->elsewhere && o->peer->self == s->f->runs_on) suits = false;
        if (below && suits && (!s->idle_only || pick_is_idle(o))) {
            int64_t cost = pick_cost(s->c, s->f, o).cost;
            if (!beaten(s, cost, o->free.tie)) {
                s->best = o;
                s->cost = cost;
            }
            // Below it only what is equal in key can still win, where the cost is no more than the bound.
            below = cost > least;
        }
        n = p2_meld_after(n, below);
    }
}

static struct offer *search(struct search *s, const struct pick_index *x) {
    uint8_t memory = log2_of(s->f->cost->device_bytes);
    for (uint32_t i = 0; i < x->used; i++) {
        const struct shelf *shelf = &x->shelves[i];
        if (!shelf->count || (s->idle_only && shelf->busy)) continue;
        if (!shelf->mixed && (shelf->memory < memory || !kind_suits(s->f->cost->device_kinds, shelf->kind))) continue;
        search_shelf(s, shelf);
    }
    return s->best;
}

static struct offer *best(struct coord *c, const struct pick_index *x, const struct pick_for *f,
                          const struct offer *except) {
    struct search s = {.c = c, .f = f, .untried_only = true, .except = except};
    struct offer *o = search(&s, x);
    if (o || !f->tried_count || has_untried(c, x, f)) return o;
    s = (struct search){.c = c, .f = f, .except = except};
    return search(&s, x);
}

struct offer *pick_best(struct coord *c, struct type_state *ts, const struct pick_for *f) {
    return best(c, &ts->pick, f, NULL);
}

struct offer *pick_idle(struct coord *c, struct type_state *ts, const struct pick_for *f) {
    struct search s = {.c = c, .f = f, .untried_only = true, .idle_only = true};
    return search(&s, &ts->pick);
}

struct offer *pick_spare(struct coord *c, struct type_state *ts, const struct pick_for *f) {
    struct search s = {.c = c, .f = f, .untried_only = true, .idle_only = true, .elsewhere = true};
    return search(&s, &ts->pick);
}

// ---- why ----------------------------------------------------------------------------------------------------------

static void describe(struct coord *c, struct p2_strbuf *out, const struct pick_for *f, const struct offer *o) {
    const struct pick_terms p = pick_cost(c, f, o);
    char id[P2_ID_TEXT];
    p2_id_text(&o->peer->id, id);
    if (c->pick.strategy == PICK_FINISH_TIME) {
        p2_strbuf_printf(out, "%.8s device %u finish %lld us = round trip %lld + wait %lld + bytes %lld + run %lld", id,
                         o->device, (long long)(p.cost / P2_US), (long long)(p.rtt_ns / P2_US),
                         (long long)(p.wait_ns / P2_US), (long long)(p.transfer_ns / P2_US),
                         (long long)(p.run_ns / P2_US));
    } else if (c->pick.strategy == PICK_SCORE) {
        const struct peer_device *d = device_of(o);
        p2_strbuf_printf(out, "%.8s device %u score %.3f (history %.2f free %.2f latency %.2f affinity %d)", id,
                         o->device, (double)-p.cost / SCORE_ONE, history(c, o),
                         d->jobs_max ? (double)(d->jobs_max - d->jobs) / d->jobs_max : 0.0,
                         (double)LATENCY_HALF_NS / (double)(LATENCY_HALF_NS + o->rtt_ns),
                         warm_part(c, f, warm_of(o)) != 0);
    } else {
        p2_strbuf_printf(out, "%.8s device %u cost %lld", id, o->device, (long long)p.cost);
    }
}

static void explain(struct coord *c, const struct pick_for *f, struct offer *o) {
    char line[P2_TEXT_MAX];
    struct p2_strbuf text;
    p2_strbuf_init(&text, line, sizeof line);
    p2_strbuf_printf(&text, "%s: ", pick_strategy_name(c->pick.strategy));
    describe(c, &text, f, o);
    const struct offer *second = best(c, &c->types[f->type].pick, f, o);
    p2_strbuf_printf(&text, "; next ");
    if (second)
        describe(c, &text, f, second);
    else
        p2_strbuf_printf(&text, "nobody");
    struct coord_note *n = coord_note_add(c, NOTE_PICKED);
    n->task = f->id;
    n->peer = o->peer->id;
    n->attempt = f->attempt + 1;
    n->text = p2_str(p2_arena_printf(&c->out->texts, "%s", line));
}

void pick_chosen(struct coord *c, const struct pick_for *f, struct offer *o) {
    if (c->pick.explain) explain(c, f, o);
    if (c->pick.strategy == PICK_RANDOM) c->random_time = o->free.key;
    o->turn = ++c->turns;
    struct peer_device *d = &o->peer->devices[o->device];
    d->last_type = o->type + 1;
    d->last_class = f->cost->size_class;
}

// ---- invariants ---------------------------------------------------------------------------------------------------

void pick_check(const struct coord *c, const struct pick_index *x) {
    uint32_t free = 0, all = 0;
    for (uint32_t i = 0; i < x->used; i++) {
        const struct shelf *s = &x->shelves[i];
        uint32_t here = 0;
        for (struct p2_meld_node *n = p2_meld_peek(&s->offers); n; n = p2_meld_after(n, true)) {
            const struct offer *o = P2_CONTAINER_OF(n, struct offer, free.node);
            P2_CHECK(o->shelf == i && peer_device_free(o->peer, o->device) && health_lets(c, o));
            P2_CHECK(s->mixed || name_of(c, o) == x->names[i]);
            here++;
        }
        P2_CHECK(here == s->count);
        free += here;
    }
    for (uint32_t i = 0; i < PICK_KINDS; i++) {
        for (const struct p2_meld_node *n = p2_meld_peek(&x->by_memory[i]); n; n = p2_meld_after(n, true)) all++;
    }
    P2_CHECK(free == x->free && all == x->offers);
}
