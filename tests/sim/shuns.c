#include "shuns.h"

#include <stdlib.h>

#include "book.h"
#include "coordinator/core/breaker.h"
#include "coordinator/core/flap.h"

struct shun { // of a peer and a type, on its present connection
    uint32_t failures;
    bool open, half;
    p2_ns until_ns;
    uint32_t probe; // task + 1
    bool said;      // the probe was
};

struct joins { // of a peer
    struct p2_id id;
    p2_handle conn; // its latest
    p2_ns last_ns[FLAP_JOINS];
    uint32_t count;
    bool held;
    p2_ns held_until_ns;
};

static struct {
    struct shun *all;
    struct joins *joins;
    uint32_t peers;
    struct joins *registering; // whose instance is just heard, or NULL
} shuns;

void shuns_open(uint32_t peers) {
    shuns.all = calloc((size_t)peers * SIM_TYPES, sizeof *shuns.all);
    shuns.joins = calloc(peers, sizeof *shuns.joins);
    P2_CHECK(shuns.all && shuns.joins);
    shuns.peers = peers;
}

void shuns_close(void) {
    free(shuns.all);
    free(shuns.joins);
}

// NULL: of a connection its peer has given up, or none of a peer.
static struct joins *joins_of(const struct link *l) {
    struct node *n = l ? link_node(l) : NULL;
    struct joins *j = n && n->kind == NODE_PEER ? &shuns.joins[peer_index(n)] : NULL;
    return j && j->conn == link_handle(l) ? j : NULL;
}

static struct shun *shun_of(const struct joins *j, uint32_t type) {
    return &shuns.all[(size_t)(j - shuns.joins) * SIM_TYPES + type];
}

static uint32_t type_of(uint32_t task) { return content_of(deed_of(task)->content)->type; }

void shuns_opened(const struct link *l, const struct p2_id *id) {
    struct node *n = link_node(l);
    if (!n || n->kind != NODE_PEER || n->link != l) return;
    struct joins *j = &shuns.joins[peer_index(n)];
    j->conn = link_handle(l);
    j->id = *id;
    j->held = false;
    for (uint32_t type = 0; type < SIM_TYPES; type++) *shun_of(j, type) = (struct shun){.open = false};
}

// Peer i has instance 1 + i, in two digits (peer_node.c).
void shuns_registering(const struct p2_id *instance) {
    bool says = !p2_id_is_zero(instance);
    shuns.registering = says ? &shuns.joins[instance->b[0] - 1 + 255 * instance->b[1]] : NULL;
}

void shuns_failed(const struct link *l, uint32_t task) {
    const struct joins *j = joins_of(l);
    if (j) shun_of(j, type_of(task))->failures++;
}

void shuns_said(const struct link *l, uint32_t task) {
    const struct joins *j = joins_of(l);
    struct shun *s = j ? shun_of(j, type_of(task)) : NULL;
    if (s && s->probe == task + 1) s->said = true;
}

void shuns_over(const struct link *l, uint32_t task) {
    const struct joins *j = joins_of(l);
    struct shun *s = j ? shun_of(j, type_of(task)) : NULL;
    if (s && s->probe == task + 1) s->probe = 0;
}

bool shuns_held_off(uint32_t peer, uint32_t content) {
    const struct joins *j = &shuns.joins[peer];
    const struct shun *s = shun_of(j, content_of(content)->type);
    p2_ns since = sim.now - 2 * P2_SEC;
    return (s->open && since < s->until_ns) || since < j->held_until_ns;
}

// As the coordinator knows it, also when its connection has ended there and not yet here.
static struct joins *joins_named(const struct p2_id *id) {
    for (uint32_t i = 0; i < shuns.peers; i++) {
        if (p2_id_equal(&shuns.joins[i].id, id)) return &shuns.joins[i];
    }
    return NULL;
}

// A probe that was never said may have been called off unheard.
void shuns_placed(const struct coord_note *note, uint32_t task) {
    const struct joins *j = joins_named(&note->peer);
    if (!j) return;
    SIM_CHECK(!j->held, "task %u went to a peer that is held back", task);
    struct shun *s = shun_of(j, type_of(task));
    if (!s->open) return;
    SIM_CHECK(s->half && sim.now >= s->until_ns, "task %u went to a peer whose breaker is open", task);
    SIM_CHECK(!s->probe || !s->said, "task %u went to a peer that has a probe, task %u", task, s->probe - 1);
    s->probe = task + 1;
    s->said = false;
}

// Also on a connection that its peer has given up meanwhile.
static void joined(struct joins *j, bool present) {
    p2_ns *oldest = &j->last_ns[j->count % FLAP_JOINS];
    // From here on it is wrong to give it work, unless it is said to be released.
    bool often = j->count >= FLAP_JOINS && sim.now - *oldest < FLAP_SPAN_NS;
    if (present) j->held = often || sim.now < j->held_until_ns;
    if (often) j->held_until_ns = p2_ns_max(j->held_until_ns, sim.now + FLAP_BACKOFF_NS);
    *oldest = sim.now;
    j->count++;
}

static void held(struct joins *j, p2_ns span_ns, bool present) {
    SIM_CHECK(!present || j->held, "a peer is held back that joined %u times", j->count);
    SIM_CHECK(span_ns <= FLAP_BACKOFF_NS_MAX, "a peer is held back for too long");
    j->held_until_ns = sim.now + span_ns;
}

static void released(struct joins *j) {
    SIM_CHECK(j->held && sim.now >= j->held_until_ns, "a peer is released too early");
    j->held = false;
}

// What is said on a connection that its peer has given up was not counted.
static void opened(struct shun *s, p2_ns span_ns, bool present) {
    SIM_CHECK(!present || s->failures >= (s->half ? 1 : BREAKER_IN_A_ROW), "a breaker opened after %u failures",
              s->failures);
    SIM_CHECK(span_ns >= BREAKER_BACKOFF_NS && span_ns <= BREAKER_BACKOFF_NS_MAX, "a breaker opened for %.3f s",
              (double)span_ns / (double)P2_SEC);
    *s = (struct shun){.open = true, .until_ns = sim.now + span_ns};
}

static struct shun *shun_named(const struct joins *j, struct p2_str type_name) {
    uint32_t type = 0;
    while (!p2_str_is(type_name, sim_types[type]->name)) type++;
    return shun_of(j, type);
}

void shuns_noted(const struct coord_note *note) {
    struct joins *j = joins_of(link_find(note->conn)), *who = shuns.registering;
    struct shun *s;
    if (who && note->kind == NOTE_PEER_JOINED) joined(who, j != NULL);
    if (who && note->kind == NOTE_PEER_HELD) held(who, note->span_ns, j != NULL);
    bool present = j != NULL;
    if (!j) j = joins_named(&note->peer);
    if (!j) return;
    switch (note->kind) {
    case NOTE_PEER_RELEASED: released(j); break;
    case NOTE_BREAKER_OPEN: opened(shun_named(j, note->text), note->span_ns, present); break;
    case NOTE_BREAKER_HALF_OPEN:
        s = shun_named(j, note->text);
        SIM_CHECK(s->open && !s->half && sim.now >= s->until_ns, "a breaker is half open too early");
        s->half = true;
        s->failures = 0;
        break;
    case NOTE_BREAKER_CLOSED:
        s = shun_named(j, note->text);
        SIM_CHECK(s->open && s->half, "a breaker closed that was not half open");
        *s = (struct shun){.open = false};
        break;
    default: break;
    }
}
