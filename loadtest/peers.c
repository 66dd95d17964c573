#include "loadtest/peers.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "loadtest/exec.h"
#include "loadtest/hub.h"
#include "os/conf.h"
#include "os/os.h"
#include "peer/core/worker.h"

#define STARTING_MAX 32u // peers that have begun and are not registered yet
#define LATER_MAX 256u   // that follow from one event: a word for each cell, and around them
#define SAY_EACH (100 * P2_MS)
#define WINDOW_BYTES (UINT64_C(1) << 20)

enum peer_state { PEER_OUT, PEER_STARTING, PEER_UP, PEER_SILENT };

struct peer {
    struct hub_node node;
    struct peers *of;
    const struct scenario_group *group;
    enum peer_state state;
    struct worker *worker;
    struct exec exec;
    struct p2_rng rng;
    p2_ns change_ns; // when it vanishes, flaps, falls silent or comes back
    bool ready;
};

struct later {
    struct worker_event event;
    struct word word;
};

struct peers {
    struct hub hub;
    const struct scenario *scenario;
    struct peer *all;
    uint32_t count, started, starting;
    struct worker_actions actions;
    uint32_t actions_cells; // that they have room for
    struct later later[LATER_MAX];
    uint32_t later_count;
    struct exec_words words, ticked; // answers; of their own accord
    struct peers_said said;
    p2_ns gone_busy_ns; // of peers that have ended
    uint64_t gone_done, gone_failed;
    bool over, changing; // the run has begun: peers come and go
};

static struct peer *peer_of(struct hub_node *n) { return P2_CONTAINER_OF(n, struct peer, node); }

// ---- the worker's actions -------------------------------------------------------------------------------------------

static struct later *later(struct peer *p, enum worker_event_kind kind) {
    P2_CHECK(p->of->later_count < LATER_MAX);
    struct later *l = &p->of->later[p->of->later_count++];
    l->event = (struct worker_event){.kind = kind};
    return l;
}

// Most are short ones.
static void later_words(struct peer *p) {
    for (uint32_t i = 0; i < p->of->words.count; i++) {
        const struct word *said = &p->of->words.all[i];
        struct word *w = &later(p, WORKER_EXEC_WORD)->word;
        size_t size = said->kind == WORD_DONE ? offsetof(struct word, u.done) + sizeof said->u.done : sizeof *said;
        memcpy(w, said, size);
    }
}

static void send_result(struct peer *p, const struct worker_action *a) {
    struct p2_msg m = a->u.msg;
    struct p2_blob *b = a->size ? p2_blob_new(&p->of->hub.pool, a->size) : NULL;
    if (a->size && !b) {
        hub_close(&p->node, P2_ERR_NO_MEMORY);
        return;
    }
    if (b) {
        struct p2_slice payload = {b, 0, b->size};
        exec_load(&p->exec, a->cell, a->offset, b->data, a->size);
        *p2_msg_payload(&m) = payload;
        if (m.kind == P2_MSG_TASK_RESULT)
            m.u.result.raw_size = a->size;
        else
            m.u.chunk.raw_size = a->size;
    }
    struct p2_blob *packed = a->zstd && exec_thin(&p->exec, a->cell) ? hub_pack(&p->of->hub, &m) : NULL;
    hub_send(&p->node, &m, a->lane);
    p2_blob_unref(packed);
    p2_blob_unref(b);
}

static void store(struct peer *p, const struct worker_action *a) {
    struct later *l = later(p, WORKER_STORED);
    const uint8_t *bytes = hub_unpack(&p->of->hub, &a->u.slice, a->size, a->zstd);
    l->event.job = a->job;
    l->event.stored = a->size;
    l->event.why = bytes ? P2_OK : P2_ERR_BAD_RECORD;
    if (bytes) exec_store(&p->exec, a->cell, a->offset, bytes, a->size);
}

static void tell(struct peer *p, const struct word *w) {
    exec_hear(&p->exec, w, hub_now(&p->node), &p->rng, &p->of->words);
    later_words(p);
    if (exec_left(&p->exec)) later(p, WORKER_EXEC_GONE)->event.text = "it has quit";
}

static void note(struct peer *p, const struct worker_note *n) {
    if (n->kind == WORKER_NOTE_REGISTERED && p->state == PEER_STARTING) {
        p->state = PEER_UP;
        p->of->starting--;
    }
    bool ready = p->ready;
    if (n->kind == WORKER_NOTE_OFFERED) ready = n->value > 0;
    if (n->kind == WORKER_NOTE_LINK_LOST) ready = false;
    p->of->said.links_lost += n->kind == WORKER_NOTE_LINK_LOST;
    p->of->said.ready += ready - p->ready;
    p->ready = ready;
}

static void carry(struct peer *p, const struct worker_action *a) {
    switch (a->kind) {
    case WORKER_ACT_DIAL: hub_dial(&p->node); break;
    case WORKER_ACT_SEND: hub_send(&p->node, &a->u.msg, a->lane); break;
    case WORKER_ACT_SEND_RESULT: send_result(p, a); break;
    case WORKER_ACT_WANT_ROOM: p2_conn_want_room(p->of->hub.loop, p->node.conn); break;
    case WORKER_ACT_ESTABLISHED: p2_conn_established(p->of->hub.loop, p->node.conn); break;
    case WORKER_ACT_CLOSE: hub_close(&p->node, a->why); break;
    case WORKER_ACT_STORE: store(p, a); break;
    case WORKER_ACT_START_EXEC: later(p, WORKER_EXEC_STARTED); break;
    case WORKER_ACT_KILL_EXEC:
        exec_reset(&p->exec);
        later(p, WORKER_EXEC_GONE)->event.text = "it was killed";
        break;
    case WORKER_ACT_WORD: tell(p, a->u.word); break;
    case WORKER_ACT_NOTE: note(p, &a->u.note); break;
    case WORKER_ACT_LEAVE:       // nobody drains them
    case WORKER_ACT_BLOB: break; // none are kept
    }
}

static void step(struct peer *p, struct worker_event *ev) {
    ev->now_ns = hub_now(&p->node);
    ev->more = p->node.hearing;
    worker_step(p->worker, ev, &p->of->actions);
    for (uint32_t i = 0; i < p->of->actions.count; i++) carry(p, &p->of->actions.items[i]);
}

// With what follows from it.
static void feed(struct peer *p, struct worker_event *ev) {
    struct peers *all = p->of;
    step(p, ev);
    for (uint32_t i = 0; i < all->later_count; i++) {
        struct later *next = &all->later[i];
        if (next->event.kind == WORKER_EXEC_WORD) next->event.word = &next->word;
        step(p, &next->event);
    }
    all->later_count = 0;
    if (p->node.hearing) return;
    p2_ns next = p2_ns_min(worker_next_ns(p->worker), exec_next_ns(&p->exec));
    hub_wake(&p->node, p2_ns_min(next, p->change_ns));
}

static void on_opened(struct hub_node *n) {
    feed(peer_of(n), &(struct worker_event){.kind = WORKER_LINK_UP, .room = hub_room(n)});
}

static void on_message(struct hub_node *n, struct p2_msg *m) {
    feed(peer_of(n), &(struct worker_event){.kind = WORKER_MSG, .msg = m});
}

static void on_heard(struct hub_node *n) { feed(peer_of(n), &(struct worker_event){.kind = WORKER_TICK}); }

static void on_writable(struct hub_node *n) {
    feed(peer_of(n), &(struct worker_event){.kind = WORKER_WRITABLE, .room = hub_room(n)});
}

static void on_fault(struct hub_node *n, enum p2_err why) {
    feed(peer_of(n), &(struct worker_event){.kind = WORKER_LINK_FAULT, .why = why});
}

static void on_closed(struct hub_node *n, enum p2_err why) {
    feed(peer_of(n), &(struct worker_event){.kind = WORKER_LINK_DOWN, .why = why});
}

// ---- coming and going -----------------------------------------------------------------------------------------------

static double changes_a_minute(const struct scenario_group *g) { return g->vanish + g->flap + g->silence; }

static void plan_change(struct peer *p, p2_ns now) {
    double rate = changes_a_minute(p->group);
    p->change_ns = P2_NEVER;
    if (rate > 0 && p->of->changing) p->change_ns = now + (p2_ns)(-log(1 - p2_rng_unit(&p->rng)) / rate * 60e9);
}

static struct worker_config config_of(struct peer *p) {
    const struct scenario_group *g = p->group;
    struct worker_config c = worker_config_default();
    c.seed = p2_rng_next(&p->rng);
    const uint64_t id[2] = {p2_rng_next(&p->rng), p2_rng_next(&p->rng)};
    memcpy(&c.instance, id, sizeof c.instance);
    c.types = p2_task_types;
    c.type_count = p2_task_type_count;
    c.agent = "p2c2r-loadtest " P2_VERSION;
    c.devices[0] = (struct worker_device){.kind = P2_DEVICE_FAKE, .name = "synthetic", .slots = g->slots};
    c.device_count = 1;
    c.cpu_cores = g->slots;
    c.queue_depth = g->queue_depth;
    c.window_bytes = WINDOW_BYTES;
    return c;
}

// Actions are shared: all have room for the most that any of these workers says.
static bool room_for_actions(struct peers *all, const struct worker *w, uint32_t cells) {
    if (cells <= all->actions_cells) return true;
    worker_actions_deinit(&all->actions);
    all->actions_cells = cells;
    return worker_actions_init(&all->actions, w);
}

// Its node anew, also from inside one of the node's calls.
static void renew(struct peer *p) {
    uint32_t depth = p->node.depth;
    hub_node_deinit(&p->node);
    hub_node_init(&p->node, &p->of->hub);
    p->node.depth = depth;
}

static bool begin(struct peer *p) {
    const struct worker_config config = config_of(p);
    p->worker = worker_create(&config);
    if (!p->worker) return false;
    const struct word_setup setup = worker_setup(p->worker, 0);
    renew(p);
    p->node.lag_ns = p->group->rtt_ns;
    if (!exec_init(&p->exec, p->of->scenario, p->group, &setup)) return false;
    p->state = PEER_STARTING;
    p->of->starting++;
    plan_change(p, p2_clock_now());
    return true;
}

static void finish(struct peer *p) {
    if (p->state == PEER_OUT) return;
    if (p->state == PEER_STARTING) p->of->starting--;
    p->of->said.ready -= p->ready;
    p->of->gone_busy_ns += p->exec.busy_ns;
    p->of->gone_done += p->exec.done;
    p->of->gone_failed += p->exec.failed;
    p->ready = false;
    p->state = PEER_OUT;
    renew(p);
    exec_deinit(&p->exec);
    worker_destroy(&p->worker);
}

static bool start_some(struct peers *all) {
    while (all->started < all->count && all->starting < STARTING_MAX) {
        struct peer *p = &all->all[all->started++];
        if (!begin(p) || !room_for_actions(all, p->worker, p->exec.setup.cells)) return false;
        hub_wake(&p->node, 0);
    }
    return true;
}

static void vanish(struct peer *p, p2_ns now) {
    p->of->said.vanished++;
    finish(p);
    hub_wake(&p->node, p->change_ns = now + p->group->away_ns);
}

static void change(struct peer *p, p2_ns now) {
    const struct scenario_group *g = p->group;
    double luck = p2_rng_unit(&p->rng) * changes_a_minute(g);
    plan_change(p, now);
    if (luck < g->vanish) {
        vanish(p, now);
    } else if (luck < g->vanish + g->flap) {
        p->of->said.flapped++;
        if (p->node.conn != P2_NO_HANDLE) hub_close(&p->node, P2_ERR_INTERNAL);
    } else if (p->state == PEER_UP) {
        p->of->said.silenced++;
        p->state = PEER_SILENT;
        hub_deafen(&p->node, true);
        hub_wake(&p->node, p->change_ns = now + g->away_ns);
    }
}

static void on_due(struct hub_node *n) {
    struct peer *p = peer_of(n);
    p2_ns now = p2_clock_now();
    if (p->state == PEER_OUT && !begin(p)) {
        p->of->over = true; // memory is short
        return;
    }
    if (p->state == PEER_SILENT && p->change_ns <= now) {
        p->state = PEER_UP;
        hub_deafen(n, false);
        plan_change(p, now);
    } else if (p->change_ns <= now) {
        change(p, now);
    }
    if (p->state == PEER_OUT || p->state == PEER_SILENT) return;
    exec_tick(&p->exec, now, &p->rng, &p->of->ticked);
    for (uint32_t i = 0; i < p->of->ticked.count; i++)
        feed(p, &(struct worker_event){.kind = WORKER_EXEC_WORD, .word = &p->of->ticked.all[i]});
    feed(p, &(struct worker_event){.kind = WORKER_TICK});
}

static const struct hub_calls calls = {.opened = on_opened,
                                       .message = on_message,
                                       .heard = on_heard,
                                       .writable = on_writable,
                                       .fault = on_fault,
                                       .closed = on_closed,
                                       .due = on_due};

// ---- the process ----------------------------------------------------------------------------------------------------

static void say(struct peers *all, int words) {
    struct p2_net_stats net;
    p2_loop_stats(all->hub.loop, &net);
    struct peers_said s = all->said;
    s.at_ns = p2_clock_now();
    s.wire_bytes = hub_wire_bytes(&all->hub);
    s.payload_bytes = all->hub.payload_bytes;
    s.busy_ns = all->gone_busy_ns;
    s.done = all->gone_done;
    s.failed = all->gone_failed;
    s.connected = (uint32_t)net.connections;
    for (uint32_t i = 0; i < all->started; i++) {
        const struct peer *p = &all->all[i];
        s.busy_ns += p->exec.busy_ns;
        s.done += p->exec.done;
        s.failed += p->exec.failed;
    }
    (void)!send(words, &s, sizeof s, MSG_DONTWAIT | MSG_NOSIGNAL); // the next one says all of it again
}

// The run begins: until now all of them stayed, so that all of them could be waited for.
static void begin_changes(struct peers *all) {
    p2_ns now = p2_clock_now();
    all->changing = true;
    for (uint32_t i = 0; i < all->started; i++) {
        plan_change(&all->all[i], now);
        hub_wake(&all->all[i].node, now);
    }
}

static void on_words(void *context, int fd) {
    struct peers *all = context;
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    if (n == 1) begin_changes(all);
    if (n == 0) all->over = true;
}

static bool create(struct peers *all, const struct scenario *s, const char *url) {
    struct p2_rng rng;
    uint32_t at = 0;
    all->scenario = s;
    all->count = scenario_peers(s);
    all->all = calloc(all->count, sizeof *all->all);
    if (!all->all || !hub_init(&all->hub, !s->unbatched, url, all->count, &calls)) return false;
    p2_rng_init(&rng, s->seed ^ UINT64_C(0x7065657273)); // another sequence than the clients'
    for (uint32_t g = 0; g < s->group_count; g++) {
        all->said.slots += s->groups[g].count * s->groups[g].slots;
        for (uint32_t i = 0; i < s->groups[g].count; i++, at++) {
            all->all[at].of = all;
            all->all[at].group = &s->groups[g];
            p2_rng_init(&all->all[at].rng, p2_rng_next(&rng));
        }
    }
    return true;
}

int peers_run(const struct scenario *s, const char *url, int words) {
    struct peers *all = calloc(1, sizeof *all);
    bool ok = all && create(all, s, url) && p2_loop_watch(all->hub.loop, words, on_words, all);
    p2_ns say_ns = 0;
    while (ok && !all->over) {
        p2_ns now = p2_clock_now();
        if (now >= say_ns) {
            say(all, words);
            say_ns = now + SAY_EACH;
        }
        ok = start_some(all);
        hub_turn(&all->hub, p2_ns_max(say_ns - p2_clock_now(), 0));
    }
    for (uint32_t i = 0; all && i < all->started; i++) {
        finish(&all->all[i]);
        hub_node_deinit(&all->all[i].node);
    }
    if (all) {
        worker_actions_deinit(&all->actions);
        hub_deinit(&all->hub);
        free(all->all);
    }
    free(all);
    return ok ? P2_EXIT_OK : P2_EXIT_FAILED;
}
