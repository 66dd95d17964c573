// The records waiting on a connection, one queue per lane, and how they become a message.
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "internal.h"

// A record of a class is this large as a whole. Nearly all heads (prefix and small header) fit the first two.
static const uint32_t class_bytes[RECORD_CLASSES] = {128, 384, 1024, 4096, 16384, MESSAGE_MAX + 4096};

// Small ones are copied whole, several into one: to refer to their payloads would cost more. The first into what is
// just enough, since most connections have little to say.
#define SMALL_MAX 512u // bytes of one
#define CLASS_SHARED 3u

struct small { // at the end of the record that holds them, the first last
    uint16_t head_size, size;
};

#define KEPT_BYTES_MAX (4u * 1024u * 1024u)
// A lane that got nothing in this many messages goes first once: strict priority must not be starvation.
#define PASSED_OVER_MAX 8u

static uint32_t class_of(size_t bytes) {
    uint32_t c = 0;
    while (class_bytes[c] < bytes) c++;
    return c;
}

static struct record *take(struct record_pool *pool, uint32_t c, size_t head_size) {
    struct record *r = pool->free[c];
    if (r) {
        pool->free[c] = r->next;
        pool->bytes_kept -= class_bytes[c];
    } else if (c + 1 == RECORD_CLASSES) {
        r = p2_malloc(sizeof *r + head_size); // rare and large: not kept afterwards
    } else {
        r = p2_malloc(class_bytes[c]);
    }
    if (r) *r = (struct record){.size_class = (uint8_t)c};
    return r;
}

static void fill(struct record *r, const uint8_t *head, size_t head_size, struct p2_slice payload) {
    r->head_size = (uint32_t)head_size;
    r->payload = payload;
    if (payload.blob) p2_blob_ref(payload.blob);
    memcpy(r->head, head, head_size);
}

struct record *p2_record_take(struct record_pool *pool, const uint8_t *head, size_t head_size,
                              struct p2_slice payload) {
    struct record *r = take(pool, class_of(sizeof *r + head_size), head_size);
    if (r) fill(r, head, head_size, payload);
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

static uint64_t cost_as(uint32_t size_class, size_t head_size) {
    return size_class + 1 == RECORD_CLASSES ? sizeof(struct record) + head_size : class_bytes[size_class];
}

// Not its bytes on the wire: what is queued counts as the memory it keeps.
static uint64_t cost(const struct record *r) { return cost_as(r->size_class, r->head_size) + r->payload.size; }

static size_t record_bytes(const struct record *r) { return (size_t)r->head_size + r->payload.size; }

// ---- in -------------------------------------------------------------------------------------------------------------

// Small ones lie together, unless each is to be a message.
static bool is_small(const struct p2_loop *loop, size_t head_size, size_t payload_size) {
    return loop->limits.batch && head_size + payload_size <= SMALL_MAX;
}

static struct small *small_at(struct record *r, uint32_t i) {
    return (struct small *)(void *)((uint8_t *)r + class_bytes[r->size_class]) - 1 - i;
}

static bool fits(const struct record *r, size_t bytes) {
    return r && r->count > 0 &&
           sizeof *r + r->head_size + bytes + (r->count + 1u) * sizeof(struct small) <= class_bytes[r->size_class];
}

static uint32_t class_for(const struct lane *l, bool small, size_t head_size, size_t payload_size) {
    if (!small) return class_of(sizeof(struct record) + head_size);
    return l->first ? CLASS_SHARED : class_of(sizeof(struct record) + sizeof(struct small) + head_size + payload_size);
}

uint64_t p2_queue_cost(const struct p2_loop *loop, const struct conn *c, unsigned lane, size_t head_size,
                       size_t payload_size) {
    const struct lane *l = &c->lanes[lane];
    bool small = is_small(loop, head_size, payload_size);
    if (small && fits(l->last, head_size + payload_size)) return 0;
    return cost_as(class_for(l, small, head_size, payload_size), head_size) + (small ? 0 : payload_size);
}

static void push(struct conn *c, unsigned lane, struct record *r) {
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

static void add_small(struct record *r, const uint8_t *head, size_t head_size, const struct p2_slice *payload) {
    uint8_t *to = r->head + r->head_size;
    memcpy(to, head, head_size);
    if (payload->size > 0) memcpy(to + head_size, p2_slice_data(payload), payload->size);
    *small_at(r, r->count++) = (struct small){(uint16_t)head_size, (uint16_t)(head_size + payload->size)};
    r->head_size += (uint32_t)(head_size + payload->size);
}

bool p2_queue_push(struct p2_loop *loop, struct conn *c, unsigned lane, const uint8_t *head, size_t head_size,
                   struct p2_slice payload) {
    const struct lane *l = &c->lanes[lane];
    bool small = is_small(loop, head_size, payload.size);
    if (!small || !fits(l->last, head_size + payload.size)) {
        uint32_t size_class = class_for(l, small, head_size, payload.size);
        struct record *r = take(&loop->records, size_class, small ? 0 : head_size);
        if (!r) return false;
        if (!small) fill(r, head, head_size, payload);
        push(c, lane, r);
    }
    if (small) add_small(l->last, head, head_size, &payload);
    return true;
}

// ---- out ------------------------------------------------------------------------------------------------------------

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

static void stamp(struct p2_loop *loop, struct conn *c, uint8_t *head, size_t head_size) {
    if (loop->handlers.stamp) loop->handlers.stamp(loop->handlers.context, c->handle, c->records_sent, head, head_size);
    c->records_sent++;
    loop->stats.records_out++;
}

// Appends the lane's first record, or the small ones that it is, to a message of `used` bytes if it fits; returns its
// size or 0.
static size_t append(struct p2_loop *loop, struct conn *c, unsigned lane, size_t used) {
    const struct record *waiting = c->lanes[lane].first;
    if (!waiting || used + record_bytes(waiting) > MESSAGE_MAX) return 0;
    struct record *r = pop(c, lane);
    size_t size = record_bytes(r);
    if (r->count == 0) stamp(loop, c, r->head, r->head_size);
    uint8_t *at = r->head;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct small *s = small_at(r, i);
        stamp(loop, c, at, s->head_size);
        at += s->size;
    }
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
    size_t used = 0, enough = loop->limits.batch ? c->message_bytes : 1;
    bool waited = false;
    if (c->passed_over >= PASSED_OVER_MAX) {
        used = append_favoured(loop, c);
        c->passed_over = 0;
    }
    for (unsigned lane = 0; lane < P2_LANES; lane++) {
        bool served = false;
        while (used < enough && !waited) {
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
