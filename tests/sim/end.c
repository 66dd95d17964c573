// An end as common/net makes it: records wait in lanes, leave in order of lane as messages of bounded size, arrive
// later as bytes in pieces of any size. Handlers are called from timers only, never from inside what a node does.
#include "end.h"

#include <stdlib.h>
#include <string.h>

#define PASSED_OVER_MAX 8u // a lane that got nothing in so many messages goes first once

struct record {
    struct record *next;
    struct p2_slice payload; // one reference
    uint32_t head_size;
    uint8_t head[];
};

struct segment {
    struct segment *next;
    p2_ns at;
    bool fin; // the other end closed in order
    uint32_t size;
    uint8_t bytes[];
};

static struct node *node_of(const struct end *e) { return e == &e->link->ends[FAR] ? &sim.coord_node : e->link->node; }
static struct end *other(const struct end *e) { return &e->link->ends[e == &e->link->ends[NEAR] ? FAR : NEAR]; }

static void record_free(struct record *r) {
    p2_blob_unref(r->payload.blob);
    free(r);
}

static struct record *record_new(const uint8_t *bytes, size_t size, struct p2_slice payload) {
    struct record *r = malloc(sizeof *r + size);
    P2_CHECK(r);
    *r = (struct record){.head_size = (uint32_t)size, .payload = payload};
    if (payload.blob) p2_blob_ref(payload.blob);
    memcpy(r->head, bytes, size);
    return r;
}

static uint32_t record_bytes(const struct record *r) { return r->head_size + r->payload.size; }

void end_clear_queue(struct end *e) {
    for (unsigned i = 0; i < LANES; i++) {
        while (e->first[i]) {
            struct record *r = e->first[i];
            e->first[i] = r->next;
            record_free(r);
        }
        e->last[i] = NULL;
    }
    e->queued = 0;
}

static void push(struct end *e, unsigned lane, struct record *r) {
    if (e->last[lane])
        e->last[lane]->next = r;
    else
        e->first[lane] = r;
    e->last[lane] = r;
    e->queued += record_bytes(r);
}

// ---- the ends of an end -------------------------------------------------------------------------------------------

void end_die(struct end *e) {
    e->state = END_DEAD;
    end_clear_queue(e);
    if (e->copy) record_free(e->copy);
    e->copy = NULL;
    while (e->in_first) {
        struct segment *s = e->in_first;
        e->in_first = s->next;
        free(s);
    }
    e->in_last = NULL;
    timer_off(&e->pump);
    timer_off(&e->arrive);
    timer_off(&e->cut);
    p2_reader_deinit(&e->reader);
}

static void tell_closed(struct end *e, enum p2_err why) {
    struct link *l = e->link;
    bool far = e == &l->ends[FAR], known = e->state != END_NONE || !far;
    end_die(e);
    if (!known) return;
    if (far) {
        coord_closed(l, why);
        return;
    }
    struct node *n = l->node;
    if (!n) return;
    l->node = NULL;
    if (n->link == l) n->link = NULL;
    if (n->kind == NODE_PEER)
        peer_closed(n, why);
    else
        client_closed(n, why);
}

static bool frozen(const struct end *e, struct timer *t) {
    const struct node *n = node_of(e);
    p2_ns until = p2_ns_max(n ? n->frozen_until : 0, t == &e->cut ? 0 : e->link->frozen_until);
    if (until <= sim.now) return false;
    timer_at(t, until);
    return true;
}

static void on_cut(struct timer *t) {
    struct end *e = P2_CONTAINER_OF(t, struct end, cut);
    if (e->state == END_DEAD || frozen(e, t)) return;
    struct end *o = other(e);
    if (!e->link->silent && o->state != END_DEAD && !timer_on(&o->cut)) {
        o->why = P2_ERR_CLOSED;
        timer_at(&o->cut, sim.now + e->link->delay);
    }
    timer_off(&e->link->open);
    tell_closed(e, e->why);
}

void end_cut_at(struct end *e, p2_ns at, enum p2_err why) {
    if (e->state == END_DEAD || (timer_on(&e->cut) && e->cut.node.key <= at)) return;
    e->why = why;
    timer_at(&e->cut, at);
}

// ---- arriving ------------------------------------------------------------------------------------------------------

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    struct end *e = context;
    sim.messages++;
    struct node *n = node_of(e);
    if (e == &e->link->ends[FAR]) return coord_heard(e->link, m);
    if (!n) return P2_ERR_CLOSED;
    enum p2_err err = n->kind == NODE_PEER ? peer_heard(n, m) : client_heard(n, m);
    return e->state == END_DEAD || e->link->node != n ? P2_ERR_CLOSED : err;
}

static void feed(struct end *e, const uint8_t *bytes, uint32_t size) {
    if (e->reader.failed != P2_OK) return;
    enum p2_err err = p2_reader_feed(&e->reader, bytes, size, on_msg, e);
    if (err == P2_OK || err == P2_ERR_CLOSED) return;
    if (e == &e->link->ends[FAR])
        coord_unreadable(e->link, err);
    else if (node_of(e)->kind == NODE_PEER)
        peer_unreadable(node_of(e), err);
    else
        client_unreadable(node_of(e), err);
}

static void deliver(struct end *e, const struct segment *s) {
    uint32_t at = 0;
    while (at < s->size && (e->state == END_OPEN || e->state == END_FLUSHING || e->state == END_PARTING)) {
        uint32_t left = s->size - at, piece = left;
        if (left > 1 && chance(25)) piece = 1 + below(chance(50) && left > 40 ? 40 : left - 1);
        feed(e, s->bytes + at, piece);
        at += piece;
    }
}

static void on_fin(struct end *e) {
    struct end *o = other(e);
    enum p2_err said = o->why < P2_ERR_AGAIN ? o->why : P2_ERR_CLOSED; // in its close frame
    enum p2_err why = e->state == END_OPEN ? said : e->why;
    if (o->state == END_PARTING) timer_at(&o->cut, sim.now + e->link->delay); // its goodbye is answered
    tell_closed(e, why);
}

static void on_arrive(struct timer *t) {
    struct end *e = P2_CONTAINER_OF(t, struct end, arrive);
    if (frozen(e, t)) return;
    struct segment *s = e->in_first;
    e->in_first = s->next;
    if (!e->in_first)
        e->in_last = NULL;
    else
        timer_at(t, e->in_first->at);
    if (!e->link->silent && s->fin)
        on_fin(e);
    else if (!e->link->silent)
        deliver(e, s);
    free(s);
}

// ---- leaving -------------------------------------------------------------------------------------------------------

static void put_segment(struct end *from, struct segment *s) {
    struct end *to = other(from);
    if (to->state == END_DEAD) {
        free(s);
        return;
    }
    if (to->in_last)
        to->in_last->next = s;
    else
        to->in_first = s;
    to->in_last = s;
    if (to->in_first == s) timer_at(&to->arrive, s->at);
}

static uint32_t append(struct end *e, struct segment *s, unsigned lane) {
    struct record *r = e->first[lane];
    if (!r || s->size + record_bytes(r) > MESSAGE_MAX) return 0;
    e->first[lane] = r->next;
    if (!r->next) e->last[lane] = NULL;
    uint32_t size = record_bytes(r);
    e->queued -= size;
    uint8_t *out = s->bytes + s->size;
    memcpy(out, r->head, r->head_size);
    if (r->payload.size) memcpy(out + r->head_size, p2_slice_data(&r->payload), r->payload.size);
    p2_prefix_stamp(out, e->sent++);
    s->size += size;
    r->next = NULL;
    if (e->copy) record_free(e->copy);
    e->copy = r;
    return size;
}

static void favour(struct end *e, struct segment *s) {
    e->passed_over = 0;
    for (unsigned i = 0; i < LANES; i++) {
        e->favoured = (e->favoured + 1) % LANES;
        if (!e->first[e->favoured]) continue;
        append(e, s, e->favoured);
        return;
    }
}

static void gather(struct end *e, struct segment *s) {
    bool waited = false;
    if (e->passed_over >= PASSED_OVER_MAX) favour(e, s);
    for (unsigned lane = 0; lane < LANES; lane++) {
        bool served = false;
        while (s->size < e->link->message_bytes && !waited && append(e, s, lane)) served = true;
        if (!e->first[lane]) continue;
        if (waited && !served) e->passed_over++;
        waited = true;
    }
}

static void transmit(struct end *e) {
    struct link *l = e->link;
    uint64_t most = e->queued < MESSAGE_MAX ? e->queued : MESSAGE_MAX;
    struct segment *s = malloc(sizeof *s + most);
    P2_CHECK(s);
    *s = (struct segment){.next = NULL};
    gather(e, s);
    e->busy_until = sim.now + (p2_ns)((uint64_t)s->size * (uint64_t)P2_SEC / l->bandwidth) + 1;
    s->at = e->busy_until + l->delay;
    put_segment(e, s);
}

static void say_goodbye(struct end *e) {
    struct segment *s = malloc(sizeof *s);
    P2_CHECK(s);
    *s = (struct segment){.fin = true, .at = p2_ns_max(sim.now, e->busy_until) + e->link->delay};
    e->state = END_PARTING;
    put_segment(e, s);
    if (other(e)->state == END_DEAD) timer_at(&e->cut, sim.now + e->link->delay);
}

static bool has_room(const struct end *e) { return 2 * e->queued <= sim.plan->room_bytes; }

static void answer_room(struct end *e) {
    struct link *l = e->link;
    e->room_wanted = false;
    if (e == &l->ends[FAR])
        coord_writable(l);
    else if (l->node && l->node->kind == NODE_PEER)
        peer_writable(l->node);
    else if (l->node)
        client_writable(l->node);
}

static void on_pump(struct timer *t) {
    struct end *e = P2_CONTAINER_OF(t, struct end, pump);
    if (frozen(e, t)) return;
    if (e->state != END_OPEN && e->state != END_FLUSHING) return;
    if (e->queued && sim.now >= e->busy_until && !e->link->broken) transmit(e);
    if (e->queued && !e->link->broken) timer_at(t, e->busy_until);
    if (!e->queued && e->state == END_FLUSHING) say_goodbye(e);
    if (e->room_wanted && e->state == END_OPEN && has_room(e)) answer_room(e);
}

void end_wake(struct end *e) {
    p2_ns at = p2_ns_max(sim.now, e->queued ? e->busy_until : 0);
    if (!timer_on(&e->pump) || e->pump.node.key > at) timer_at(&e->pump, at);
}

void end_put(struct end *e, unsigned lane, const uint8_t *head, size_t head_size, struct p2_slice payload) {
    push(e, lane, record_new(head, head_size, payload));
    end_wake(e);
}

void end_copy_again(struct end *e) {
    if (e->state != END_OPEN || !e->copy) return;
    end_put(e, below(LANES), e->copy->head, e->copy->head_size, e->copy->payload);
}

void end_init(struct link *l, int which, struct p2_codec *codec) {
    struct end *e = &l->ends[which];
    e->link = l;
    timer_init(&e->pump, on_pump);
    timer_init(&e->arrive, on_arrive);
    timer_init(&e->cut, on_cut);
    p2_reader_init(&e->reader, codec);
}
