#include "blob.h"

#include "check.h"
#include "mem.h"

#define CLASS_MIN 6u        // 64 bytes: smaller ones would cost more in headers than they save
#define CLASS_MAX 26u       // 64 MiB
#define AHEAD_CLASS_MAX 16u // 64 KiB, as records carry
#define AHEAD_SHARE 4u      // one for so many of a class in use
#define AHEAD_MAX 16u
#define DATA_OFFSET ((sizeof(struct p2_blob) + 15) / 16 * 16) // right behind: a small blob lies in two cache lines

void p2_blob_pool_init(struct p2_blob_pool *p, uint64_t bytes_live_max, uint64_t bytes_kept_max) {
    *p = (struct p2_blob_pool){.bytes_live_max = bytes_live_max, .bytes_kept_max = bytes_kept_max};
}

static uint32_t class_of(uint32_t size) { // not beyond 1 << CLASS_MAX
    return size <= UINT32_C(1) << CLASS_MIN ? CLASS_MIN : 32u - (uint32_t)__builtin_clz(size - 1);
}

static struct p2_blob *take_kept(struct p2_blob_pool *p, uint32_t size_class) {
    struct p2_blob *b = p->free[size_class];
    if (b) {
        p->free[size_class] = b->next_free;
        p->bytes_kept -= b->capacity;
        __builtin_prefetch(b->next_free, 1); // it has been out of use for long, and is what the next call will want
    }
    return b;
}

// Gives kept blobs of other classes back to the system, largest first, until `room` more bytes may be kept.
static void evict(struct p2_blob_pool *p, uint32_t room, uint32_t size_class) {
    for (uint32_t c = CLASS_MAX; c >= CLASS_MIN; c--) {
        while (c != size_class && p->free[c] && p->bytes_kept + room > p->bytes_kept_max) p2_free(take_kept(p, c));
    }
}

static void release_kept(struct p2_blob_pool *p) {
    for (uint32_t c = CLASS_MIN; c <= CLASS_MAX; c++) {
        while (p->free[c]) p2_free(take_kept(p, c));
    }
}

void p2_blob_pool_share(struct p2_blob_pool *p, void (*lock)(void *context), void (*unlock)(void *context),
                        void *context) {
    p->lock = lock;
    p->unlock = unlock;
    p->lock_context = context;
}

void p2_blob_pool_deinit(struct p2_blob_pool *p) {
    P2_CHECK(p->bytes_live == 0);
    release_kept(p);
    P2_CHECK(p->bytes_kept == 0);
}

static struct p2_blob *allocate(struct p2_blob_pool *p, uint32_t capacity) {
    struct p2_blob *b = p2_malloc(DATA_OFFSET + capacity);
    if (!b) {
        release_kept(p); // what waits for reuse may be what is missing
        b = p2_malloc(DATA_OFFSET + capacity);
        if (!b) return NULL;
    }
    p->allocations++;
    return b;
}

static void keep(struct p2_blob_pool *p, struct p2_blob *b, uint32_t size_class, uint32_t capacity) {
    b->capacity = capacity;
    b->size_class = size_class;
    b->next_free = p->free[size_class];
    p->free[size_class] = b;
    p->bytes_kept += capacity;
}

// More of a class are in use than ever before. Their number wavers, so that the next record is near: some more are put
// by at once, and traffic that goes on as it does soon allocates nothing.
static void allocate_ahead(struct p2_blob_pool *p, uint32_t size_class, uint32_t capacity) {
    if (size_class > AHEAD_CLASS_MAX) return;
    uint32_t count = p->live[size_class] / AHEAD_SHARE;
    if (count > AHEAD_MAX) count = AHEAD_MAX;
    for (uint32_t i = 0; i < count && p->bytes_kept + capacity <= p->bytes_kept_max; i++) {
        struct p2_blob *b = p2_malloc(DATA_OFFSET + capacity);
        if (!b) return; // nobody needs it yet
        p->allocations++;
        keep(p, b, size_class, capacity);
    }
}

static struct p2_blob *take(struct p2_blob_pool *p, uint32_t size) {
    if (size > UINT32_C(1) << CLASS_MAX) return NULL;
    uint32_t size_class = class_of(size);
    uint32_t capacity = UINT32_C(1) << size_class;
    if (p->bytes_live_max < capacity || p->bytes_live > p->bytes_live_max - capacity) return NULL;
    struct p2_blob *b = take_kept(p, size_class);
    if (!b) {
        b = allocate(p, capacity);
        if (!b) return NULL;
        allocate_ahead(p, size_class, capacity);
    }
    *b = (struct p2_blob){.pool = p, .refs = 1, .size = size, .capacity = capacity, .size_class = size_class};
    b->data = (uint8_t *)b + DATA_OFFSET;
    p->bytes_live += capacity;
    p->live[size_class]++;
    return b;
}

struct p2_blob *p2_blob_new(struct p2_blob_pool *p, uint32_t size) {
    if (p->lock) p->lock(p->lock_context);
    struct p2_blob *b = take(p, size);
    if (p->lock) p->unlock(p->lock_context);
    return b;
}

struct p2_blob *p2_blob_lend(struct p2_blob_pool *p, const uint8_t *bytes, uint32_t size) {
    struct p2_blob *b = p2_blob_new(p, 0);
    if (!b) return NULL;
    b->data = (uint8_t *)(uintptr_t)bytes; // nobody writes to what is shared
    b->size = size;
    return b;
}

struct p2_blob *p2_blob_ref(struct p2_blob *b) {
    P2_CHECK(b->refs > 0 && b->refs < UINT32_MAX);
    b->refs++;
    return b;
}

static void give(struct p2_blob_pool *p, struct p2_blob *b) {
    p->bytes_live -= b->capacity;
    p->live[b->size_class]--;
    // The blob just used is the likeliest to be wanted again, so room is made for it at the cost of other classes.
    if (p->bytes_kept + b->capacity > p->bytes_kept_max) {
        if (b->capacity <= p->bytes_kept_max) evict(p, b->capacity, b->size_class);
        if (p->bytes_kept + b->capacity > p->bytes_kept_max) {
            p2_free(b);
            return;
        }
    }
    keep(p, b, b->size_class, b->capacity);
}

void p2_blob_unref(struct p2_blob *b) {
    if (!b) return;
    P2_CHECK(b->refs > 0);
    if (--b->refs > 0) return;
    struct p2_blob_pool *p = b->pool;
    if (p->lock) p->lock(p->lock_context);
    give(p, b);
    if (p->lock) p->unlock(p->lock_context);
}
