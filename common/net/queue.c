// The records waiting on a connection, one queue per lane, and how they become a message.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "internal.h"

// A record of a class is this large as a whole. Nearly all heads (prefix and small header) fit the first two.
static const uint32_t class_bytes[RECORD_CLASSES] = {128, 384, 1024, 4096, 16384, MESSAGE_MAX + 4096};

#define KEPT_BYTES_MAX (4u * 1024u * 1024u)
// A lane that got nothing in this many messages goes first once: strict priority must not be starvation.
#define PASSED_OVER_MAX 8u

static uint32_t class_of(size_t bytes) {
    uint32_t c = 0;
    while (class_bytes[c] < bytes) c++;
    return c;
}

struct record *p2_record_take(struct record_pool *pool, const uint8_t *head, size_t head_size,
                              struct p2_slice payload) {
    uint32_t c = class_of(sizeof(struct record) + head_size);
    struct record *r = pool->free[c];
    if (r) {
        pool->free[c] = r->next;
        pool->bytes_kept -= class_bytes[c];
    } else if (c + 1 == RECORD_CLASSES) {
        r = p2_malloc(sizeof *r + head_size); // rare and large: not kept afterwards
    } else {
        r = p2_malloc(class_bytes[c]);
    }
    if (!r) return NULL;
    *r = (struct record){.head_size = (uint32_t)head_size, .size_class = (uint16_t)c, .payload = payload};
    if (payload.blob) p2_blob_ref(payload.blob);
    memcpy(r->head, head, head_size);
    return r;
}

void p2_record_give(struct record_pool *pool, struct record *r) {
    p2_blob_unref(r->payload.blob);
    uint32_t c = r->size_class;
    if (c + 1 == RECORD_CLASSES || pool->bytes_kept + class_bytes[c] > KEPT_BYTES_MAX) {
        p2_free(r);
        return;
    }
    r->next = pool->free[c];
    pool->free[c] = r;
    pool->bytes_kept += class_bytes[c];
}

void p2_records_deinit(struct record_pool *pool) {
    for (uint32_t c = 0; c < RECORD_CLASSES; c++) {
        while (pool->free[c]) {
            struct record *r = pool->free[c];
            pool->free[c] = r->next;
            p2_free(r);
        }
    }
    pool->bytes_kept = 0;
}

// Not its bytes on the wire: a record of 20 bytes takes 128, and a flood of small ones is counted as what it is.
uint64_t p2_record_cost(size_t head_size, size_t payload_size) {
    size_t whole = sizeof(struct record) + head_size;
    uint32_t c = class_of(whole);
    return (c + 1 == RECORD_CLASSES ? whole : class_bytes[c]) + (uint64_t)payload_size;
}

static uint64_t cost(const struct record *r) { return p2_record_cost(r->head_size, r->payload.size); }

static size_t record_bytes(const struct record *r) { return (size_t)r->head_size + r->payload.size; }

void p2_queue_push(struct conn *c, unsigned lane, struct record *r) {
    struct lane *l = &c->lanes[lane];
    if (l->last) {
        l->last->next = r;
    } else {
        l->first = r;
    }
    l->last = r;
    l->bytes += cost(r);
    c->queued_bytes += cost(r);
}

static struct record *pop(struct conn *c, unsigned lane) {
    struct lane *l = &c->lanes[lane];
    struct record *r = l->first;
    l->first = r->next;
    if (!l->first) l->last = NULL;
    l->bytes -= cost(r);
    c->queued_bytes -= cost(r);
    return r;
}

void p2_queue_clear(struct p2_loop *loop, struct conn *c) {
    for (unsigned lane = 0; lane < P2_LANES; lane++) {
        while (c->lanes[lane].first) p2_record_give(&loop->records, pop(c, lane));
    }
}

// Appends the lane's first record to a message of `used` bytes if it fits; returns its size or 0.
static size_t append(struct p2_loop *loop, struct conn *c, unsigned lane, size_t used) {
    const struct record *waiting = c->lanes[lane].first;
    if (!waiting || used + record_bytes(waiting) > MESSAGE_MAX) return 0;
    struct record *r = pop(c, lane);
    size_t size = record_bytes(r);
    if (loop->handlers.stamp) {
        loop->handlers.stamp(loop->handlers.context, c->handle, c->records_sent, r->head, r->head_size);
    }
    c->records_sent++;
    loop->stats.records_out++;
    p2_going_push(c, r);
    return size;
}

// One record of a lane that was passed over too often, of another lane each time.
static size_t append_favoured(struct p2_loop *loop, struct conn *c) {
    for (unsigned i = 0; i < P2_LANES; i++) {
        c->favoured = (uint8_t)((c->favoured + 1) % P2_LANES);
        if (c->lanes[c->favoured].first) return append(loop, c, c->favoured, 0);
    }
    return 0;
}

size_t p2_queue_gather(struct p2_loop *loop, struct conn *c) {
    size_t used = 0;
    bool waited = false;
    if (c->passed_over >= PASSED_OVER_MAX) {
        used = append_favoured(loop, c);
        c->passed_over = 0;
    }
    for (unsigned lane = 0; lane < P2_LANES; lane++) {
        bool served = false;
        while (used < c->message_bytes && !waited) {
            size_t size = append(loop, c, lane, used);
            if (size == 0) break;
            served = true;
            used += size;
        }
        // What does not fit waits for the next message, and nothing of a later lane overtakes it.
        if (c->lanes[lane].first) {
            if (waited && !served) c->passed_over++;
            waited = true;
        }
    }
    return used;
}
