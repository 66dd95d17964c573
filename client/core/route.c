#include "client/core/route.h"

#include "base/check.h"

static void place_move(struct route_place *p, enum route_state to) {
    static const unsigned char legal[ROUTE_STATES] = {
        [ROUTE_RESTING] = 1u << ROUTE_CONNECTING | 1u << ROUTE_TAKEN,
        [ROUTE_CONNECTING] = 1u << ROUTE_GREETED | 1u << ROUTE_RESTING,
        [ROUTE_GREETED] = 1u << ROUTE_ANSWERED | 1u << ROUTE_RESTING,
        [ROUTE_ANSWERED] = 1u << ROUTE_TAKEN | 1u << ROUTE_RESTING,
        [ROUTE_TAKEN] = 1u << ROUTE_RESTING,
    };
    P2_CHECK(legal[p->state] & 1u << to);
    p->state = to;
}

static bool is_pending(const struct route_place *p) {
    return p->state == ROUTE_CONNECTING || p->state == ROUTE_GREETED;
}

// The first in a state, or count.
static uint32_t first_in(const struct route *r, enum route_state state) {
    uint32_t i = 0;
    while (i < r->count && r->places[i].state != state) i++;
    return i;
}

void p2_route_init(struct route *r, uint32_t count, uint64_t seed) {
    P2_CHECK(count >= 1 && count <= ROUTE_MAX);
    *r = (struct route){.count = count, .home = ROUTE_MAX, .compared_ns = P2_NEVER};
    p2_rng_init(&r->rng, seed);
}

void p2_route_seek(struct route *r, p2_ns now) {
    P2_CHECK(first_in(r, ROUTE_TAKEN) == r->count);
    r->began_ns = now;
    r->home_failed = false;
    r->compared_ns = P2_NEVER;
}

void p2_route_opened(struct route *r, uint32_t place, p2_ns now) {
    struct route_place *p = &r->places[place];
    place_move(p, ROUTE_GREETED);
    p->took_ns = now - p->from_ns; // so far
    p->from_ns = now;
}

void p2_route_answered(struct route *r, uint32_t place, p2_ns now) {
    struct route_place *p = &r->places[place];
    place_move(p, ROUTE_ANSWERED);
    p->rtt_ns = p2_ns_max(now - p->from_ns, 1);
    p->took_ns += p->rtt_ns;
    p2_ns wait = p2_ns_min(p2_ns_max(p->took_ns, ROUTE_COMPARE_MIN_NS), ROUTE_COMPARE_MAX_NS);
    r->compared_ns = p2_ns_min(r->compared_ns, p2_ns_add(now, wait));
}

void p2_route_failed(struct route *r, uint32_t place, p2_ns now, p2_ns at_least_ns) {
    struct route_place *p = &r->places[place];
    if (p->state == ROUTE_RESTING) return;
    uint32_t doublings = p->failures < 8 ? p->failures : 8;
    p2_ns most = p2_ns_min(ROUTE_BACKOFF_MIN_NS << doublings, ROUTE_BACKOFF_MAX_NS);
    p2_ns rest = 1 + (p2_ns)p2_rng_below(&r->rng, (uint64_t)most); // never at once
    p->due_ns = p2_ns_add(now, p2_ns_max(rest, at_least_ns));
    p->failures++;
    place_move(p, ROUTE_RESTING);
    if (place == r->home) r->home_failed = true;
    if (first_in(r, ROUTE_ANSWERED) == r->count) r->compared_ns = P2_NEVER;
}

void p2_route_up(struct route *r) {
    uint32_t taken = first_in(r, ROUTE_TAKEN);
    P2_CHECK(taken < r->count);
    r->home = taken;
    r->places[taken].failures = 0;
    for (uint32_t i = 0; i < r->count; i++) r->places[i].spurned = false;
}

void p2_route_doubt(struct route *r, uint32_t place, p2_ns now) {
    r->places[place].doubt_ns = p2_ns_add(now, ROUTE_DOUBT_NS);
    if (r->home == place) r->home = ROUTE_MAX;
}

bool p2_route_spurned(struct route *r, uint32_t place) {
    r->places[place].spurned = true;
    bool all = true;
    for (uint32_t i = 0; i < r->count; i++) all = all && r->places[i].spurned;
    return all;
}

// ---- what to do

// From when one that rests is to be tried.
static p2_ns start_ns(const struct route *r, uint32_t place) {
    p2_ns due = r->places[place].due_ns;
    if (r->home == ROUTE_MAX || r->home == place || r->home_failed) return due;
    return p2_ns_max(due, r->began_ns + ROUTE_HEAD_START_NS + 4 * r->places[r->home].rtt_ns);
}

// From when one of those that answered is to be taken: nobody is left to wait for, or it is who keeps our tasks.
static p2_ns take_ns(const struct route *r) {
    bool pending = false;
    for (uint32_t i = 0; i < r->count; i++) pending = pending || is_pending(&r->places[i]);
    bool at_home = r->home < r->count && r->places[r->home].state == ROUTE_ANSWERED;
    return r->compared_ns != P2_NEVER && (!pending || at_home) ? r->began_ns : r->compared_ns;
}

static bool is_better(const struct route_place *a, const struct route_place *b, p2_ns now) {
    bool doubted = a->doubt_ns > now, other = b->doubt_ns > now;
    return doubted == other ? a->rtt_ns < b->rtt_ns : other;
}

static uint32_t best(const struct route *r, p2_ns now) {
    if (r->home < r->count && r->places[r->home].state == ROUTE_ANSWERED) return r->home;
    uint32_t at = r->count;
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->places[i].state != ROUTE_ANSWERED) continue;
        if (at == r->count || is_better(&r->places[i], &r->places[at], now)) at = i;
    }
    return at;
}

static struct route_wish take(struct route *r, uint32_t place, enum route_wish_kind how) {
    place_move(&r->places[place], ROUTE_TAKEN);
    r->compared_ns = P2_NEVER;
    return (struct route_wish){how, place, false};
}

// Another was taken. These did nothing wrong.
static struct route_wish leave_others(struct route *r) {
    for (uint32_t i = 0; i < r->count; i++) {
        struct route_place *p = &r->places[i];
        if (!is_pending(p) && p->state != ROUTE_ANSWERED) continue;
        place_move(p, ROUTE_RESTING);
        p->due_ns = 0;
        return (struct route_wish){ROUTE_LEAVE, i, false};
    }
    return (struct route_wish){.kind = ROUTE_WAIT};
}

static struct route_wish try_one(struct route *r, uint32_t place, p2_ns now) {
    struct route_place *p = &r->places[place];
    if (r->count == 1) return take(r, place, ROUTE_DIAL);
    place_move(p, ROUTE_CONNECTING);
    p->from_ns = now;
    p->due_ns = p2_ns_add(now, ROUTE_ANSWER_NS);
    return (struct route_wish){ROUTE_PROBE, place, false};
}

struct route_wish p2_route_next(struct route *r, p2_ns now) {
    if (first_in(r, ROUTE_TAKEN) < r->count) return leave_others(r);
    for (uint32_t i = 0; i < r->count; i++) {
        if (!is_pending(&r->places[i]) || r->places[i].due_ns > now) continue;
        p2_route_failed(r, i, now, 0);
        return (struct route_wish){ROUTE_LEAVE, i, true};
    }
    if (take_ns(r) <= now) return take(r, best(r, now), ROUTE_TAKE);
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->places[i].state == ROUTE_RESTING && start_ns(r, i) <= now) return try_one(r, i, now);
    }
    return (struct route_wish){.kind = ROUTE_WAIT};
}

p2_ns p2_route_due_ns(const struct route *r) {
    if (first_in(r, ROUTE_TAKEN) < r->count) return P2_NEVER;
    p2_ns due = take_ns(r);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct route_place *p = &r->places[i];
        if (p->state == ROUTE_RESTING) due = p2_ns_min(due, start_ns(r, i));
        if (is_pending(p)) due = p2_ns_min(due, p->due_ns);
    }
    return due;
}

void p2_route_check(const struct route *r) {
    uint32_t taken = 0, answered = 0;
    P2_CHECK(r->count >= 1 && r->count <= ROUTE_MAX && (r->home < r->count || r->home == ROUTE_MAX));
    for (uint32_t i = 0; i < r->count; i++) {
        P2_CHECK(r->places[i].state < ROUTE_STATES && r->places[i].rtt_ns >= 0);
        taken += r->places[i].state == ROUTE_TAKEN;
        answered += r->places[i].state == ROUTE_ANSWERED;
    }
    P2_CHECK(taken <= 1 && (answered > 0 || r->compared_ns == P2_NEVER));
    P2_CHECK(taken == 0 || r->compared_ns == P2_NEVER);
}
