#include "loadtest/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "os/os.h"

#define POOL_LIVE_MAX (UINT64_C(8) << 30)
#define POOL_KEPT_MAX (UINT64_C(256) << 20)
#define WAKE 1u            // in the tie of a timer: it is a node's wake, and else its release
#define CALLS_AT_ONCE 1024 // timers of one turn before the sockets have theirs

struct hub_held {
    struct hub_held *next;
    p2_ns due_ns;
    size_t size;
    uint8_t bytes[];
};

static void set_timer(struct hub *h, struct p2_heap_node *timer, p2_ns at, unsigned kind) {
    if (p2_heap_in(timer) && timer->key == at) return;
    p2_heap_remove(&h->timers, timer);
    h->tie += 2;
    if (at != P2_NEVER) p2_heap_push(&h->timers, timer, at, h->tie | kind);
}

// ---- calls ----------------------------------------------------------------------------------------------------------

static void settle(struct hub_node *n) {
    const struct hub_calls *calls = n->hub->calls;
    while (n->depth == 0 && !n->deaf && (n->fault_waits || n->opened_waits || n->writable_waits || n->closed_waits)) {
        n->depth++;
        if (n->fault_waits) {
            n->fault_waits = false;
            calls->fault(n, n->fault_why);
        } else if (n->opened_waits) {
            n->opened_waits = false;
            calls->opened(n);
        } else if (n->writable_waits) {
            n->writable_waits = false;
            calls->writable(n);
        } else {
            n->closed_waits = false;
            n->conn = P2_NO_HANDLE;
            calls->closed(n, n->closed_why);
        }
        n->depth--;
    }
}

void hub_enter(struct hub_node *n) { n->depth++; }

p2_ns hub_now(struct hub_node *n) {
    if (!n->hearing) n->hub->now = p2_clock_now();
    return n->hub->now;
}

void hub_leave(struct hub_node *n) {
    P2_CHECK(n->depth > 0);
    n->depth--;
    settle(n);
}

static void count_payload(struct hub *h, const struct p2_msg *m) {
    struct p2_slice payload = p2_encode_payload(m);
    h->payload_bytes += payload.size;
}

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    struct hub_node *n = context;
    if (n->conn == P2_NO_HANDLE) return P2_ERR_CLOSED; // given up in the middle
    count_payload(n->hub, m);
    n->hub->calls->message(n, m);
    return P2_OK;
}

static void hear(struct hub_node *n, const uint8_t *bytes, size_t size) {
    if (!n->reading || n->reader.failed) return;
    hub_enter(n);
    n->hub->now = p2_clock_now();
    n->hearing = true;
    enum p2_err err = p2_reader_feed(&n->reader, bytes, size, on_msg, n);
    n->hearing = false;
    n->hub->calls->heard(n);
    if (err != P2_OK && err != P2_ERR_CLOSED) {
        n->fault_waits = true;
        n->fault_why = err;
    }
    hub_leave(n);
}

// ---- what the network says ------------------------------------------------------------------------------------------

static struct hub_node *node_of(struct hub *h, p2_conn c) {
    struct hub_node *n = (uint32_t)c < h->connections_max ? h->by_slot[(uint32_t)c] : NULL;
    return n && n->conn == c ? n : NULL;
}

static void on_opened(void *context, p2_conn c, const char *remote_address) {
    (void)remote_address;
    struct hub_node *n = node_of(context, c);
    if (!n) return;
    n->opened_waits = true;
    settle(n);
}

static void hold(struct hub_node *n, const uint8_t *bytes, size_t size) {
    struct hub_held *held = malloc(sizeof *held + size);
    P2_CHECK(held);
    *held = (struct hub_held){.due_ns = p2_ns_add(p2_clock_now(), n->lag_ns), .size = size};
    memcpy(held->bytes, bytes, size);
    *n->held_last = held;
    n->held_last = &held->next;
    if (!p2_heap_in(&n->release)) set_timer(n->hub, &n->release, held->due_ns, 0);
}

static void on_message_end(void *context, p2_conn c) {
    struct hub_node *n = node_of(context, c);
    if (!n) return;
    n->hub->heads_in += p2_message_head_bytes(n->message_bytes);
    n->message_bytes = 0;
}

static void on_received(void *context, p2_conn c, const uint8_t *bytes, size_t size) {
    struct hub_node *n = node_of(context, c);
    if (!n) return;
    n->message_bytes += size;
    if (n->lag_ns || n->held_first || n->deaf)
        hold(n, bytes, size);
    else
        hear(n, bytes, size);
}

static void on_stamp(void *context, p2_conn c, uint32_t count, uint8_t *head, size_t head_size) {
    (void)context, (void)c, (void)head_size;
    p2_prefix_stamp(head, count);
}

static void on_writable(void *context, p2_conn c, uint64_t room) {
    (void)room; // asked afresh
    struct hub_node *n = node_of(context, c);
    if (!n) return;
    n->writable_waits = true;
    settle(n);
}

static void drop_held(struct hub_node *n) {
    while (n->held_first) {
        struct hub_held *next = n->held_first->next;
        free(n->held_first);
        n->held_first = next;
    }
    n->held_last = &n->held_first;
    p2_heap_remove(&n->hub->timers, &n->release);
}

static void on_closed(void *context, p2_conn c, enum p2_err why) {
    struct hub_node *n = node_of(context, c);
    if (!n) return;
    drop_held(n); // who is lagging misses the last words
    n->closed_waits = true;
    n->closed_why = why;
    settle(n);
}

// ---- time -----------------------------------------------------------------------------------------------------------

static void hear_held(struct hub_node *n) {
    p2_ns now = p2_clock_now();
    while (n->held_first && n->held_first->due_ns <= now && !n->deaf) {
        struct hub_held *held = n->held_first;
        n->held_first = held->next;
        if (!n->held_first) n->held_last = &n->held_first;
        hear(n, held->bytes, held->size);
        free(held);
    }
    if (n->held_first && !n->deaf) set_timer(n->hub, &n->release, n->held_first->due_ns, 0);
}

p2_ns hub_next_ns(const struct hub *h) {
    const struct p2_heap_node *first = p2_heap_peek(&h->timers);
    return first ? first->key : P2_NEVER;
}

static void fire(struct hub *h, struct p2_heap_node *timer) {
    if (!(timer->tie & WAKE)) {
        hear_held(P2_CONTAINER_OF(timer, struct hub_node, release));
        return;
    }
    struct hub_node *n = P2_CONTAINER_OF(timer, struct hub_node, wake);
    hub_enter(n);
    h->calls->due(n);
    hub_leave(n);
}

void hub_turn(struct hub *h, p2_ns wait_ns) {
    p2_ns next = hub_next_ns(h);
    p2_ns until = next == P2_NEVER ? P2_NEVER : p2_ns_max(next - p2_clock_now(), 0);
    p2_loop_turn(h->loop, p2_ns_min(wait_ns, until));
    p2_ns now = p2_clock_now();
    for (int i = 0; i < CALLS_AT_ONCE && hub_next_ns(h) <= now; i++) fire(h, p2_heap_pop(&h->timers));
}

void hub_wake(struct hub_node *n, p2_ns at) { set_timer(n->hub, &n->wake, at, WAKE); }

// ---- what nodes ask for ---------------------------------------------------------------------------------------------

void hub_dial(struct hub_node *n) {
    struct hub *h = n->hub;
    drop_held(n);
    if (n->reading) p2_reader_deinit(&n->reader);
    p2_reader_init(&n->reader, &h->codec);
    n->reading = true;
    n->opened_waits = n->writable_waits = n->fault_waits = n->closed_waits = false;
    n->message_bytes = 0;
    n->conn = p2_dial(h->loop, h->url);
    if (n->conn == P2_NO_HANDLE) {
        n->closed_waits = true;
        n->closed_why = P2_ERR_UNREACHABLE;
    } else {
        h->by_slot[(uint32_t)n->conn] = n;
    }
}

void hub_send(struct hub_node *n, const struct p2_msg *m, unsigned lane) {
    struct hub *h = n->hub;
    size_t size = p2_encode(m, h->head, sizeof h->head);
    P2_CHECK(size > 0);
    count_payload(h, m);
    enum p2_err err = p2_conn_send(h->loop, n->conn, lane, h->head, size, p2_encode_payload(m));
    if (err == P2_ERR_NO_MEMORY) p2_conn_close(h->loop, n->conn, err);
}

uint64_t hub_wire_bytes(const struct hub *h) {
    struct p2_net_stats net;
    p2_loop_stats(h->loop, &net);
    return net.bytes_in + net.bytes_out + net.heads_out + h->heads_in;
}

void hub_close(struct hub_node *n, enum p2_err why) { p2_conn_close(n->hub->loop, n->conn, why); }

uint64_t hub_room(const struct hub_node *n) {
    return n->conn == P2_NO_HANDLE ? 0 : p2_conn_room(n->hub->loop, n->conn);
}

void hub_deafen(struct hub_node *n, bool deaf) {
    n->deaf = deaf;
    if (n->conn != P2_NO_HANDLE) p2_conn_pause(n->hub->loop, n->conn, deaf);
    set_timer(n->hub, &n->release, !deaf && n->held_first ? p2_clock_now() : P2_NEVER, 0);
}

static bool *zstd_mark(struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_TASK_SUBMIT: return &m->u.submit.payload_zstd;
    case P2_MSG_TASK_RESULT: return &m->u.result.payload_zstd;
    case P2_MSG_CHUNK: return &m->u.chunk.payload_zstd;
    default: return NULL;
    }
}

struct p2_blob *hub_pack(struct hub *h, struct p2_msg *m) {
    bool *mark = zstd_mark(m);
    struct p2_slice *payload = p2_msg_payload(m);
    if (!mark || !payload || !payload->size) return NULL;
    struct p2_blob *packed = p2_body_deflate(&h->codec, p2_slice_data(payload), payload->size);
    if (!packed) return NULL;
    *payload = (struct p2_slice){packed, 0, packed->size};
    return *mark = true, packed;
}

const uint8_t *hub_unpack(struct hub *h, const struct p2_slice *s, uint32_t raw_size, bool zstd) {
    if (!zstd) return p2_slice_data(s);
    if (raw_size > sizeof h->scratch) return NULL;
    return p2_body_inflate(&h->codec, p2_slice_data(s), s->size, h->scratch, raw_size) == P2_OK ? h->scratch : NULL;
}

// ---- lifetime -------------------------------------------------------------------------------------------------------

bool hub_init(struct hub *h, bool batch, const char *url, uint32_t nodes, const struct hub_calls *calls) {
    const struct p2_net_handlers handlers = {.context = h,
                                             .opened = on_opened,
                                             .received = on_received,
                                             .message_end = on_message_end,
                                             .stamp = on_stamp,
                                             .writable = on_writable,
                                             .closed = on_closed};
    struct p2_net_limits limits = p2_net_limits_default();
    limits.batch = batch;
    limits.connections_max = 2 * nodes + 16; // and those before them that are not quite gone
    h->calls = calls;
    h->connections_max = limits.connections_max;
    p2_blob_pool_init(&h->pool, POOL_LIVE_MAX, POOL_KEPT_MAX);
    size_t n = strlen(url);
    if (n >= sizeof h->url) return false;
    memcpy(h->url, url, n + 1);
    h->by_slot = calloc(h->connections_max, sizeof *h->by_slot);
    h->loop = p2_loop_create(&limits, &handlers);
    return h->by_slot && h->loop && p2_heap_init(&h->timers, 2 * nodes) && p2_codec_init(&h->codec, &h->pool);
}

void hub_deinit(struct hub *h) {
    if (!h->calls) return;
    p2_loop_destroy(&h->loop); // first: what it has queued refers to blobs
    p2_codec_deinit(&h->codec);
    p2_heap_deinit(&h->timers);
    free(h->by_slot);
    p2_blob_pool_deinit(&h->pool);
    h->calls = NULL;
}

void hub_node_init(struct hub_node *n, struct hub *h) {
    *n = (struct hub_node){.hub = h};
    n->held_last = &n->held_first;
    p2_heap_node_init(&n->wake);
    p2_heap_node_init(&n->release);
}

void hub_node_deinit(struct hub_node *n) {
    if (!n->hub) return;
    drop_held(n);
    hub_wake(n, P2_NEVER);
    if (n->reading) p2_reader_deinit(&n->reader);
    if (n->conn != P2_NO_HANDLE) {
        if (n->hub->by_slot[(uint32_t)n->conn] == n) n->hub->by_slot[(uint32_t)n->conn] = NULL;
        p2_conn_close(n->hub->loop, n->conn, P2_ERR_CLOSED);
    }
    n->hub = NULL;
}
