// The session's world: connections, records, and words held back.
#include "client/shell/client.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "os/os.h"

// ---- out

// Where a record says that its payload is compressed; NULL for kinds this side never compresses.
static bool *zstd_mark(struct p2_msg *m) {
    if (m->kind == P2_MSG_TASK_SUBMIT) return &m->u.submit.payload_zstd;
    if (m->kind == P2_MSG_CHUNK) return &m->u.chunk.payload_zstd;
    return NULL;
}

// Replaces the payload by its compression where that helps. Gives the blob to unreference once queued, or NULL.
static struct p2_blob *compress(struct p2c2r_client *c, struct p2_msg *m, p2c2r_ticket ticket) {
    struct p2_slice *payload = p2_msg_payload(m);
    struct record *r = ticket ? p2_record_get(c, ticket) : NULL;
    bool *mark = zstd_mark(m);
    bool agreed = p2_session_features(c->session) & P2_FEATURE_ZSTD;
    if (!agreed || c->line->loopback || !mark || !payload || !payload->size || !r || r->incompressible) return NULL;
    struct p2_blob *packed = p2_body_deflate(&c->codec, p2_slice_data(payload), payload->size);
    if (!packed) {
        r->incompressible = true;
        return NULL;
    }
    *payload = (struct p2_slice){packed, 0, packed->size};
    *mark = true;
    return packed;
}

static void send_record(struct p2c2r_client *c, struct session_action *a) {
    struct p2_msg *m = &a->u.send.msg;
    struct p2_blob *packed = compress(c, m, a->u.send.ticket);
    size_t n = p2_encode(m, c->head, sizeof c->head);
    P2_CHECK(n > 0);
    struct p2_slice *payload = p2_msg_payload(m);
    struct p2_slice none = {0};
    enum p2_err e = p2_conn_send(c->loop, c->conn, a->u.send.lane, c->head, n, payload ? *payload : none);
    p2_blob_unref(packed);
    // A record that is not queued leaves a hole in the conversation: it ends, and every ticket says so.
    if (e == P2_ERR_NO_MEMORY) p2_conn_close(c->loop, c->conn, e);
}

static void log_note(struct p2c2r_client *c, const struct session_action *a) {
    if (a->u.note.hopeless) {
        c->turned_away = true;
        struct p2_str said = a->u.note.sentence;
        if (!said.n) said = p2_str(p2_err_sentence(a->u.note.code));
        snprintf(c->away, sizeof c->away, "%.*s", (int)said.n, said.p);
    }
    if (a->u.note.kind == NOTE_UP) c->links++;
    if (!c->log) return;
    char line[P2_TEXT_MAX + 512];
    int n = snprintf(line, sizeof line, "%s coordinator=%s", p2_session_note_name(a->u.note.kind),
                     c->lines[a->u.note.address].url);
    size_t used = n > 0 ? (size_t)n : 0;
    if (a->u.note.code != P2_OK && used < sizeof line) {
        n = snprintf(line + used, sizeof line - used, " why=%s", p2_err_name(a->u.note.code));
        used += n > 0 ? (size_t)n : 0;
    }
    if (a->u.note.rtt_ns && used < sizeof line) {
        n = snprintf(line + used, sizeof line - used, " rtt_us=%llu",
                     (unsigned long long)p2_ns_to_us(a->u.note.rtt_ns));
        used += n > 0 ? (size_t)n : 0;
    }
    if (a->u.note.ticket && used < sizeof line) {
        n = snprintf(line + used, sizeof line - used, " ticket=%llu", (unsigned long long)a->u.note.ticket);
        used += n > 0 ? (size_t)n : 0;
    }
    if (a->u.note.sentence.n && used < sizeof line) {
        snprintf(line + used, sizeof line - used, " said=\"%.*s\"", (int)a->u.note.sentence.n, a->u.note.sentence.p);
    }
    c->log(c->log_context, line);
}

static void dial(struct p2c2r_client *c) {
    p2_client_drop_held(c);
    c->closed_waits = c->opened_waits = c->writable_waits = c->fault_waits = false;
    p2_line_dial(c->line);
    c->conn = c->line->conn;
    c->closed_waits = c->line->closed_waits;
    c->closed_why = c->line->closed_why;
    c->line->closed_waits = false;
}

static void adopt(struct p2c2r_client *c, uint32_t address) {
    p2_client_drop_held(c);
    c->closed_waits = c->opened_waits = c->writable_waits = c->fault_waits = false;
    p2_line_adopt(&c->lines[address]);
}

// One that does not answer would not see its connection out either: it is not waited for.
static void close_link(struct p2c2r_client *c, enum p2_err why) {
    p2_conn_close(c->loop, c->conn, why);
    if (why != P2_ERR_IDLE_TIMEOUT && why != P2_ERR_HANDSHAKE_TIMEOUT) return;
    p2_client_drop_held(c);
    c->closed_waits = true;
    c->closed_why = why;
}

static void perform(struct p2c2r_client *c, struct session_action *a) {
    switch (a->kind) {
    case SESSION_DO_DIAL: dial(c); break;
    case SESSION_DO_PROBE: p2_line_dial(&c->lines[a->u.probe.address]); break;
    case SESSION_DO_PROBE_SEND: p2_line_probe_send(&c->lines[a->u.probe.address], &a->u.probe.msg); break;
    case SESSION_DO_PROBE_END: p2_line_probe_end(&c->lines[a->u.probe.address], a->u.probe.why); break;
    case SESSION_DO_ADOPT: adopt(c, a->u.probe.address); break;
    case SESSION_DO_SEND: send_record(c, a); break;
    case SESSION_DO_CLOSE: close_link(c, a->u.why); break;
    case SESSION_DO_BEGIN_RESULT: p2_record_begin(c, a->u.begin.ticket, a->u.begin.attempt, a->u.begin.size); break;
    case SESSION_DO_STORE: p2_record_store(c, a); break;
    case SESSION_DO_ENDED: p2_record_ended(c, &a->u.ended); break;
    case SESSION_DO_WANT_ROOM: p2_conn_want_room(c->loop, c->conn); break;
    case SESSION_DO_ANSWERED: p2_question_keep(c, &a->u.answer); break;
    case SESSION_DO_SEND_BLOB: p2_client_send_blob(c, a); break;
    case SESSION_DO_PUT_ENDED: p2_client_put_ended(c, a); break;
    case SESSION_DO_STATUS: p2_status_keep(c, a->u.status); break;
    case SESSION_DO_ESTABLISHED: p2_conn_established(c->loop, c->conn); break;
    case SESSION_DO_NOTE: log_note(c, a); break;
    default: P2_UNREACHABLE();
    }
}

p2_ns p2_client_now(struct p2c2r_client *c) {
    if (!c->at_once) c->now_ns = p2_clock_now();
    return c->now_ns;
}

void p2_client_at_once(struct p2c2r_client *c, bool begins) {
    if (begins) c->now_ns = p2_clock_now();
    c->at_once = begins;
}

static void step(struct p2c2r_client *c, struct session_event *ev) {
    ev->now_ns = p2_client_now(c);
    ev->room = c->conn == P2_NO_HANDLE ? 0 : p2_conn_room(c->loop, c->conn);
    p2_session_step(c->session, ev, &c->actions);
    for (uint32_t i = 0; i < c->actions.count; i++) perform(c, &c->actions.items[i]);
    p2_here_link(c);
}

static bool take_waiting_probe(struct p2c2r_client *c, struct session_event *ev) {
    for (uint32_t i = 0; i < c->line_count; i++) {
        struct line *l = &c->lines[i];
        if (!l->opened_waits && !l->closed_waits) continue;
        ev->address = i;
        ev->kind = l->opened_waits ? SESSION_PROBE_OPENED : SESSION_PROBE_CLOSED;
        ev->u.why = l->closed_why;
        *(l->opened_waits ? &l->opened_waits : &l->closed_waits) = false;
        return true;
    }
    return false;
}

static bool any_waits(const struct p2c2r_client *c) {
    bool any = c->drop_waits || c->fault_waits || c->opened_waits || c->writable_waits || c->closed_waits;
    for (uint32_t i = 0; i < c->line_count; i++) any |= c->lines[i].opened_waits || c->lines[i].closed_waits;
    return any;
}

// The next event that arose meanwhile. A ticket to drop first: its bytes may be in what follows.
static bool take_waiting(struct p2c2r_client *c, struct session_event *ev) {
    if (!any_waits(c)) return false;
    *ev = (struct session_event){0};
    if (c->drop_waits) {
        ev->kind = SESSION_DROP;
        ev->u.end.ticket = c->drop_waits;
        ev->u.end.code = c->drop_why;
        c->drop_waits = 0;
    } else if (c->fault_waits) {
        ev->kind = SESSION_FAULT;
        ev->u.why = c->fault_why;
        c->fault_waits = false;
    } else if (c->opened_waits) {
        ev->kind = SESSION_OPENED;
        c->opened_waits = false;
    } else if (c->writable_waits) {
        ev->kind = SESSION_WRITABLE;
        c->writable_waits = false;
    } else if (c->closed_waits) {
        ev->kind = SESSION_CLOSED;
        ev->u.why = c->closed_why;
        c->closed_waits = false;
        c->conn = c->line->conn = P2_NO_HANDLE;
    }
    return ev->kind != 0 || take_waiting_probe(c, ev);
}

void p2_client_feed_waiting(struct p2c2r_client *c) {
    if (c->stepping) return;
    c->stepping = true;
    struct session_event ev;
    while (take_waiting(c, &ev)) step(c, &ev);
    c->stepping = false;
}

void p2_client_feed(struct p2c2r_client *c, struct session_event *ev) {
    P2_CHECK(!c->stepping);
    c->stepping = true;
    step(c, ev);
    c->stepping = false;
    p2_client_feed_waiting(c);
}

// ---- in

static void hear_end(struct p2c2r_client *c, enum p2_err why) {
    c->closed_waits = true;
    c->closed_why = why;
    p2_client_feed_waiting(c);
}

// False when memory is short.
static bool hold(struct p2c2r_client *c, const uint8_t *bytes, size_t size) {
    struct held *h = p2_malloc(sizeof *h + size);
    if (!h) return false;
    *h = (struct held){.due_ns = p2_ns_add(p2_clock_now(), c->fake_lag_ns), .size = size};
    if (size) memcpy(h->bytes, bytes, size);
    *c->held_last = h;
    c->held_last = &h->next;
    c->held_bytes += size;
    if (c->held_bytes > CLIENT_HELD_BYTES_MAX && !c->paused) {
        c->paused = true;
        p2_conn_pause(c->loop, c->conn, true);
    }
    return true;
}

static struct held *take_held(struct p2c2r_client *c) {
    struct held *h = c->held_first;
    c->held_first = h->next;
    if (!c->held_first) c->held_last = &c->held_first;
    c->held_bytes -= h->size;
    return h;
}

void p2_client_drop_held(struct p2c2r_client *c) {
    while (c->held_first) p2_free(take_held(c));
    c->paused = false;
}

static void hear_held(struct p2c2r_client *c) {
    p2_conn conn = c->conn;
    while (c->held_first && c->conn == conn && c->held_first->due_ns <= p2_clock_now()) {
        struct held *h = take_held(c);
        if (h->end)
            hear_end(c, h->why);
        else
            p2_line_hear(c->line, h->bytes, h->size);
        p2_free(h);
    }
    if (c->paused && c->held_bytes <= CLIENT_HELD_BYTES_MAX / 2) {
        c->paused = false;
        p2_conn_pause(c->loop, c->conn, false);
    }
}

void p2_client_heard(struct p2c2r_client *c, const uint8_t *bytes, size_t size) {
    if (!c->fake_lag_ns) {
        p2_line_hear(c->line, bytes, size);
    } else if (!hold(c, bytes, size)) {
        c->fault_waits = true; // a gap in the stream of bytes
        c->fault_why = P2_ERR_NO_MEMORY;
        p2_client_feed_waiting(c);
    }
}

void p2_client_lost(struct p2c2r_client *c, enum p2_err why) {
    if (c->held_first && hold(c, NULL, 0)) { // its last words come first
        struct held *h = c->held_first;
        while (h->next) h = h->next;
        h->end = true;
        h->why = why;
    } else {
        hear_end(c, why);
    }
}

// ---- time

p2_ns p2_client_next_ns(struct p2c2r_client *c) {
    if (p2_mail_waits(c)) return 0;
    p2_ns next = p2_ns_min(p2_session_next_ns(c->session), p2_loop_next_ns(c->loop));
    next = p2_ns_min(next, p2_streams_next_ns(c));
    next = p2_ns_min(next, p2_here_due_ns(c));
    return c->held_first ? p2_ns_min(next, c->held_first->due_ns) : next;
}

void p2_client_turn(struct p2c2r_client *c, p2_ns wait_ns) {
    p2_mail_take(c);
    p2_ns until_next = p2_ns_max(p2_client_next_ns(c) - p2_clock_now(), 0);
    p2_loop_turn(c->loop, p2_ns_min(wait_ns, until_next));
    hear_held(c);
    // Each step sends what there is room for; a few per turn keep one call short.
    for (int i = 0; i < 8 && p2_session_next_ns(c->session) <= p2_clock_now(); i++) {
        struct session_event ev = {.kind = SESSION_TICK};
        p2_client_feed(c, &ev);
    }
    p2_records_turn(c);
    p2_streams_turn(c);
    p2_here_turn(c);
    p2_client_count_bytes(c);
}
