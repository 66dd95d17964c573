// The connections to the addresses of the list: one is the link, others are probes while there is none. What comes in
// is the session's to judge.
#include <string.h>

#include "base/check.h"
#include "client/shell/client.h"

static uint32_t address_of(const struct line *l) { return (uint32_t)(l - l->client->lines); }

static bool is_link(const struct line *l) { return l->client->conn != P2_NO_HANDLE && l->client->conn == l->conn; }

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strncmp(address, "::ffff:127.", 11) == 0;
}

static void renew_reader(struct line *l) {
    p2_reader_deinit(&l->reader);
    p2_reader_init(&l->reader, &l->client->codec);
    l->renewed = false;
}

void p2_line_dial(struct line *l) {
    l->renewed = l->hearing; // its reader is at work: later
    if (!l->hearing) renew_reader(l);
    l->loopback = l->opened_waits = false;
    l->conn = p2_dial(l->client->loop, l->url);
    l->closed_waits = l->conn == P2_NO_HANDLE;
    l->closed_why = P2_ERR_UNREACHABLE;
}

void p2_line_probe_send(struct line *l, const struct p2_msg *m) {
    struct p2c2r_client *c = l->client;
    const struct p2_slice none = {0};
    size_t n = p2_encode(m, c->head, sizeof c->head);
    P2_CHECK(n > 0);
    enum p2_err e = p2_conn_send(c->loop, l->conn, 0, c->head, n, none);
    if (e == P2_ERR_NO_MEMORY) p2_conn_close(c->loop, l->conn, e);
}

void p2_line_probe_end(struct line *l, enum p2_err why) {
    p2_conn_close(l->client->loop, l->conn, why);
    l->conn = P2_NO_HANDLE;
    l->opened_waits = l->closed_waits = false;
}

void p2_line_adopt(struct line *l) {
    l->client->line = l;
    l->client->conn = l->conn;
    p2_conn_established(l->client->loop, l->conn);
    if (!l->closed_waits) return;
    l->closed_waits = false; // it has ended meanwhile
    l->client->closed_waits = true;
    l->client->closed_why = l->closed_why;
}

void p2_lines_deinit(struct p2c2r_client *c) {
    for (uint32_t i = 0; i < c->line_count; i++) p2_reader_deinit(&c->lines[i].reader);
}

// ---- in

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    struct line *l = context;
    const p2_conn conn = l->conn;
    struct session_event ev; // large, and mostly of no use here
    ev.kind = is_link(l) ? SESSION_MSG : SESSION_PROBE_MSG;
    ev.address = address_of(l);
    ev.u.msg = m;
    p2_client_feed(l->client, &ev);
    return l->conn == conn ? P2_OK : P2_ERR_CLOSED; // the rest is of a connection that is no more
}

static void unreadable(struct line *l, enum p2_err why) {
    struct p2c2r_client *c = l->client;
    if (is_link(l)) {
        c->fault_waits = true;
        c->fault_why = why;
    } else {
        p2_line_probe_end(l, why);
        l->closed_waits = true;
        l->closed_why = why;
    }
    p2_client_feed_waiting(c);
}

void p2_line_hear(struct line *l, const uint8_t *bytes, size_t size) {
    if (l->reader.failed != P2_OK) return;
    l->hearing = true;
    p2_client_at_once(l->client, true);
    enum p2_err e = p2_reader_feed(&l->reader, bytes, size, on_msg, l);
    p2_client_at_once(l->client, false);
    l->hearing = false;
    if (l->renewed)
        renew_reader(l);
    else if (e != P2_OK && e != P2_ERR_CLOSED)
        unreadable(l, e);
}

// ---- what the network calls

// NULL: of a connection that is no more.
static struct line *line_of(struct p2c2r_client *c, p2_conn conn) {
    for (uint32_t i = 0; i < c->line_count; i++) {
        if (c->lines[i].conn == conn) return &c->lines[i];
    }
    return NULL;
}

static void on_opened(void *context, p2_conn conn, const char *remote_address) {
    struct p2c2r_client *c = context;
    struct line *l = line_of(c, conn);
    if (!l) return;
    l->loopback = is_loopback(remote_address);
    *(is_link(l) ? &c->opened_waits : &l->opened_waits) = true;
    p2_client_feed_waiting(c);
}

static void on_received(void *context, p2_conn conn, const uint8_t *bytes, size_t size) {
    struct line *l = line_of(context, conn);
    if (!l) return;
    if (is_link(l))
        p2_client_heard(l->client, bytes, size);
    else
        p2_line_hear(l, bytes, size);
}

static void on_stamp(void *context, p2_conn conn, uint32_t n, uint8_t *head, size_t head_size) {
    (void)context;
    (void)conn;
    P2_CHECK(head_size >= P2_PREFIX_BYTES);
    p2_prefix_stamp(head, n);
}

static void on_writable(void *context, p2_conn conn, uint64_t room_bytes) {
    (void)room_bytes; // asked afresh at the step
    struct p2c2r_client *c = context;
    if (conn != c->conn) return;
    c->writable_waits = true;
    p2_client_feed_waiting(c);
}

static void on_closed(void *context, p2_conn conn, enum p2_err why) {
    struct p2c2r_client *c = context;
    struct line *l = line_of(c, conn);
    if (!l) return;
    if (is_link(l)) {
        p2_client_lost(c, why);
        return;
    }
    l->conn = P2_NO_HANDLE;
    l->closed_waits = true;
    l->closed_why = why;
    p2_client_feed_waiting(c);
}

const struct p2_net_handlers p2_client_handlers = {
    .opened = on_opened, .received = on_received, .stamp = on_stamp, .writable = on_writable, .closed = on_closed};
