// Our peer core on a connection of common/net, as in p2c2r-peer; only the executors are pretended: a job's payload is
// its result, at once.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/lib.h"
#include "loadtest/hub.h"
#include "os/os.h"
#include "peer/core/worker.h"

#define JOBS_PER_SLOT 4u // one runs, three wait
#define LATER_MAX 256u   // events that follow from one
#define PAGE 4096u

struct later {
    struct worker_event event;
    struct word word;
};

struct echo_peer {
    struct hub hub;
    struct hub_node node;
    struct worker *worker;
    struct worker_actions actions;
    uint8_t *cells[P2_DEVICES_MAX]; // a result is its payload: both are in one place
    uint64_t cell_bytes;
    struct later later[LATER_MAX];
    uint32_t later_count, offered, devices;
    int ready; // -1: has been said
};

static struct later *later(struct echo_peer *p, enum worker_event_kind kind, uint32_t exec) {
    P2_CHECK(p->later_count < LATER_MAX);
    struct later *l = &p->later[p->later_count++];
    l->event = (struct worker_event){.kind = kind, .exec = exec};
    return l;
}

// ---- executors

static struct word *answer(struct echo_peer *p, uint32_t exec, enum word_kind kind) {
    struct word *w = &later(p, WORKER_EXEC_WORD, exec)->word;
    w->kind = kind;
    return w;
}

static void hear(struct echo_peer *p, uint32_t exec, const struct word *w) {
    if (w->kind == WORD_SETUP) {
        answer(p, exec, WORD_DEVICE)->u.device = (struct word_device){.kind = P2_DEVICE_FAKE, .name = "echo"};
        answer(p, exec, WORD_OFFER)->u.offer = (struct word_offer){.type = "echo", .version = 1};
        answer(p, exec, WORD_READY);
    } else if (w->kind == WORD_JOB) {
        answer(p, exec, WORD_DONE)->u.done =
            (struct word_done){.cell = w->u.job.cell, .result_size = w->u.job.payload_size, .processing_ns = P2_US};
    } // cancelled and recalled ones have been done
}

static uint8_t *cell_at(const struct echo_peer *p, const struct worker_action *a) {
    return p->cells[a->exec] + a->cell * p->cell_bytes + a->offset;
}

static void store(struct echo_peer *p, const struct worker_action *a) {
    const uint8_t *bytes = hub_unpack(&p->hub, &a->u.slice, a->size, a->zstd);
    if (!bytes) drive_fail("a payload that does not unpack");
    memcpy(cell_at(p, a), bytes, a->size);
    struct later *l = later(p, WORKER_STORED, 0);
    l->event.job = a->job;
    l->event.stored = a->size;
}

static void send_result(struct echo_peer *p, const struct worker_action *a) {
    struct p2_msg m = a->u.msg;
    struct p2_blob *b = p2_blob_new(&p->hub.pool, a->size);
    P2_CHECK(b);
    memcpy(b->data, cell_at(p, a), a->size);
    *p2_msg_payload(&m) = (struct p2_slice){b, 0, a->size};
    if (m.kind == P2_MSG_TASK_RESULT)
        m.u.result.raw_size = a->size;
    else
        m.u.chunk.raw_size = a->size;
    hub_send(&p->node, &m, a->lane);
    p2_blob_unref(b);
}

// ---- the worker

static void note(struct echo_peer *p, const struct worker_note *n) {
    if (n->kind == WORKER_NOTE_REFUSED || n->kind == WORKER_NOTE_FAULT || n->kind == WORKER_NOTE_JOB_REFUSED ||
        n->kind == WORKER_NOTE_JOB_FAILED)
        drive_fail("%s: %s", worker_note_name(n->kind), n->text ? n->text : "");
    if (n->kind == WORKER_NOTE_LINK_LOST) exit(0); // the broker is gone
    if (n->kind == WORKER_NOTE_OFFERED) p->offered = (uint32_t)n->value;
}

static void carry(struct echo_peer *p, const struct worker_action *a) {
    switch (a->kind) {
    case WORKER_ACT_DIAL: hub_dial(&p->node); break;
    case WORKER_ACT_SEND: hub_send(&p->node, &a->u.msg, a->lane); break;
    case WORKER_ACT_SEND_RESULT: send_result(p, a); break;
    case WORKER_ACT_WANT_ROOM: p2_conn_want_room(p->hub.loop, p->node.conn); break;
    case WORKER_ACT_ESTABLISHED: p2_conn_established(p->hub.loop, p->node.conn); break;
    case WORKER_ACT_CLOSE: hub_close(&p->node, a->why); break;
    case WORKER_ACT_STORE: store(p, a); break;
    case WORKER_ACT_START_EXEC: later(p, WORKER_EXEC_STARTED, a->exec); break;
    case WORKER_ACT_WORD: hear(p, a->exec, a->u.word); break;
    case WORKER_ACT_NOTE: note(p, &a->u.note); break;
    case WORKER_ACT_KILL_EXEC:
    case WORKER_ACT_LEAVE: drive_fail("the worker gives up"); // nothing here takes long or fails
    case WORKER_ACT_BLOB: break;                              // none are kept
    }
}

static void step(struct echo_peer *p, struct worker_event *ev) {
    ev->now_ns = hub_now(&p->node);
    ev->more = p->node.hearing;
    worker_step(p->worker, ev, &p->actions);
    for (uint32_t i = 0; i < p->actions.count; i++) carry(p, &p->actions.items[i]);
}

// With what follows from it.
static void feed(struct echo_peer *p, struct worker_event *ev) {
    step(p, ev);
    for (uint32_t i = 0; i < p->later_count; i++) {
        struct later *next = &p->later[i];
        if (next->event.kind == WORKER_EXEC_WORD) next->event.word = &next->word;
        step(p, &next->event);
    }
    p->later_count = 0;
    if (!p->node.hearing) hub_wake(&p->node, worker_next_ns(p->worker));
}

static struct echo_peer *peer_of(struct hub_node *n) { return P2_CONTAINER_OF(n, struct echo_peer, node); }

static void on_opened(struct hub_node *n) {
    feed(peer_of(n), &(struct worker_event){.kind = WORKER_LINK_UP, .room = hub_room(n)});
}

static void on_message(struct hub_node *n, struct p2_msg *m) {
    struct echo_peer *p = peer_of(n);
    const bool registered = m->kind == P2_MSG_PEER_REGISTERED;
    feed(p, &(struct worker_event){.kind = WORKER_MSG, .msg = m});
    if (!registered || p->offered < p->devices || p->ready < 0) return;
    if (write(p->ready, "", 1) != 1) drive_fail("nobody waits for this worker");
    p->ready = -1;
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

static void on_due(struct hub_node *n) { feed(peer_of(n), &(struct worker_event){.kind = WORKER_TICK}); }

static const struct hub_calls calls = {.opened = on_opened,
                                       .message = on_message,
                                       .heard = on_heard,
                                       .writable = on_writable,
                                       .fault = on_fault,
                                       .closed = on_closed,
                                       .due = on_due};

// ---- the process

static struct worker_config config_of(const struct echo_peer *p, uint32_t ahead) {
    const uint32_t slots = (ahead / p->devices + JOBS_PER_SLOT - 1) / JOBS_PER_SLOT;
    struct worker_config c = worker_config_default();
    c.types = p2_task_types;
    c.type_count = p2_task_type_count;
    c.agent = "p2c2r-bench " P2_VERSION;
    c.instance = p2_id_random();
    p2_entropy(&c.seed, sizeof c.seed);
    for (uint32_t i = 0; i < p->devices; i++)
        c.devices[i] = (struct worker_device){.kind = P2_DEVICE_FAKE, .name = "echo", .slots = slots};
    c.device_count = p->devices;
    c.cpu_cores = 1;
    c.queue_depth = JOBS_PER_SLOT - 1;
    c.cell_bytes = p->cell_bytes;
    return c;
}

void lib_ours_work(uint16_t port, uint32_t ahead, size_t payload_bytes, int ready) {
    static struct echo_peer peer;
    struct echo_peer *p = &peer;
    char url[32];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u", port);
    p->ready = ready;
    p->devices = (ahead + WORD_CELLS_MAX - 1) / WORD_CELLS_MAX;
    p->cell_bytes = (payload_bytes + PAGE - 1) / PAGE * PAGE;
    if (p->cell_bytes < P2_RECORD_PAYLOAD_MAX) p->cell_bytes = P2_RECORD_PAYLOAD_MAX;
    const struct worker_config config = config_of(p, ahead);
    p->worker = worker_create(&config);
    P2_CHECK(p->worker && worker_actions_init(&p->actions, p->worker) && hub_init(&p->hub, true, url, 1, &calls));
    for (uint32_t i = 0; i < p->devices; i++) {
        p->cells[i] = calloc(worker_setup(p->worker, i).cells, p->cell_bytes);
        P2_CHECK(p->cells[i]);
    }
    hub_node_init(&p->node, &p->hub);
    hub_wake(&p->node, 0);
    for (;;) hub_turn(&p->hub, P2_NEVER);
}
