// The core's actions, carried out.
#include <string.h>

#include "base/check.h"
#include "peer/shell/supervisor.h"

static void send(struct supervisor *s, const struct p2_msg *m, unsigned lane) {
    size_t size = p2_encode(m, s->head, sizeof s->head);
    P2_CHECK(size > 0); // always fits
    struct p2_msg copy = *m;
    struct p2_slice *payload = p2_msg_payload(&copy);
    struct p2_slice none = {0};
    enum p2_err err = p2_conn_send(s->loop, s->conn, lane, s->head, size, payload ? *payload : none);
    if (err == P2_ERR_NO_MEMORY) p2_conn_close(s->loop, s->conn, err);
}

static void put_payload(struct p2_msg *m, struct p2_slice payload, uint32_t raw_size, bool zstd) {
    if (m->kind == P2_MSG_TASK_RESULT) {
        m->u.result.payload = payload;
        m->u.result.raw_size = raw_size;
        m->u.result.payload_zstd = zstd;
    } else {
        m->u.chunk.payload = payload;
        m->u.chunk.raw_size = raw_size;
        m->u.chunk.payload_zstd = zstd;
    }
}

static void send_result(struct supervisor *s, const struct worker_action *a) {
    struct executor *e = &s->executors[a->exec];
    struct p2_msg m = a->u.msg;
    if (a->size == 0) {
        send(s, &m, a->lane);
        return;
    }
    struct p2_blob *bytes = cells_load(&e->cells, a->cell, a->offset, a->size, &s->pool);
    if (!bytes) { // without it the stream would have a hole
        p2_conn_close(s->loop, s->conn, P2_ERR_NO_MEMORY);
        return;
    }
    bool *dull = &e->dull[a->cell];
    if (a->offset == 0) *dull = false;
    struct p2_blob *small = a->zstd && !*dull ? p2_body_deflate(&s->codec, bytes->data, bytes->size) : NULL;
    if (!small) *dull = true;
    struct p2_blob *sent = small ? small : bytes;
    put_payload(&m, (struct p2_slice){sent, 0, sent->size}, a->size, small != NULL);
    send(s, &m, a->lane);
    p2_blob_unref(small);
    p2_blob_unref(bytes);
}

static void store(struct supervisor *s, const struct worker_action *a) {
    const struct cells_piece piece = {
        .cell = a->cell, .raw_size = a->size, .offset = a->offset, .zstd = a->zstd, .bytes = a->u.slice};
    struct worker_event ev = {.kind = WORKER_STORED, .job = a->job, .stored = a->size};
    ev.why = cells_store(&s->executors[a->exec].cells, &piece);
    supervisor_later(s, &ev);
}

static void start_exec(struct supervisor *s, uint32_t exec) {
    struct executor *e = &s->executors[exec];
    const struct p2_child_options o = {.program = s->settings.executor,
                                       .device = s->settings.seats.all[exec].argument,
                                       .cache = s->settings.cache,
                                       .blobs = s->blobs ? s->blob_dir : NULL,
                                       .nice = s->settings.nice,
                                       .unheard_max = WORDS_UNHEARD_MAX};
    struct worker_event ev = {.kind = WORKER_EXEC_STARTED, .exec = exec};
    if (p2_child_start(&e->child, &o, e->cells.fd) != P2_OK) {
        ev.kind = WORKER_EXEC_GONE;
        ev.text = "it could not be started";
    } else if (!supervisor_watch(s, exec)) {
        p2_child_drop(&e->child);
        ev.kind = WORKER_EXEC_GONE;
        ev.text = "no memory to watch it with";
    }
    supervisor_later(s, &ev);
}

static void say(struct supervisor *s, uint32_t exec, const struct word *word) {
    struct p2_child *c = &s->executors[exec].child;
    if (c->words < 0) return; // it has ended, and that is about to be heard
    if (!p2_child_say(c, word, sizeof *word)) p2_child_kill(c);
}

static void dial(struct supervisor *s) {
    s->conn = p2_dial(s->loop, s->settings.url);
    if (s->conn != P2_NO_HANDLE) return;
    const struct worker_event ev = {.kind = WORKER_LINK_DOWN, .why = P2_ERR_NO_MEMORY};
    supervisor_later(s, &ev);
}

void supervisor_carry(struct supervisor *s, const struct worker_action *a) {
    switch (a->kind) {
    case WORKER_ACT_DIAL: dial(s); break;
    case WORKER_ACT_SEND: send(s, &a->u.msg, a->lane); break;
    case WORKER_ACT_SEND_RESULT: send_result(s, a); break;
    case WORKER_ACT_WANT_ROOM: p2_conn_want_room(s->loop, s->conn); break;
    case WORKER_ACT_ESTABLISHED: p2_conn_established(s->loop, s->conn); break;
    case WORKER_ACT_CLOSE: p2_conn_close(s->loop, s->conn, a->why); break;
    case WORKER_ACT_STORE: store(s, a); break;
    case WORKER_ACT_BLOB: supervisor_blob(s, &a->u.work); break;
    case WORKER_ACT_START_EXEC: start_exec(s, a->exec); break;
    case WORKER_ACT_KILL_EXEC: p2_child_kill(&s->executors[a->exec].child); break;
    case WORKER_ACT_WORD: say(s, a->exec, a->u.word); break;
    case WORKER_ACT_NOTE: supervisor_note(s, &a->u.note); break;
    case WORKER_ACT_LEAVE:
        s->leaving = true;
        s->leave_why = a->why;
        break;
    }
}
