// What libuv and libwebsockets allocate, once the process has an allocator of its own (base/mem.h).
//
// libuv aborts when it is refused memory for its table of descriptors, and lws 4.1 does not look at every answer. So
// what they ask for while memory is short comes from a small reserve, and no loop or connection is begun as long as
// half of it is in use. Each block says before its bytes how long it is, since one may have to move into the reserve.
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "internal.h"

// A context with its buffers and two connections; it costs nothing until it is touched.
#define RESERVE_BYTES (2u << 20)

struct block {
    _Alignas(16) size_t size;
    uint8_t bytes[];
};

static pthread_mutex_t reserve_lock = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(16) uint8_t reserve[RESERVE_BYTES];
static size_t reserve_used, reserve_blocks; // it is empty again when the last block has come back

static bool in_reserve(const struct block *b) {
    return (const uint8_t *)b >= reserve && (const uint8_t *)b < reserve + RESERVE_BYTES;
}

static struct block *from_reserve(size_t size) {
    struct block *b = NULL;
    pthread_mutex_lock(&reserve_lock);
    size_t room = (RESERVE_BYTES - reserve_used) & ~(size_t)15;
    if (size <= room - (room >= sizeof *b ? sizeof *b : room) && room > sizeof *b) {
        b = (struct block *)(void *)(reserve + reserve_used);
        reserve_used += (sizeof *b + size + 15) & ~(size_t)15;
        reserve_blocks++;
    }
    pthread_mutex_unlock(&reserve_lock);
    return b;
}

static void back_to_reserve(void) {
    pthread_mutex_lock(&reserve_lock);
    if (--reserve_blocks == 0) reserve_used = 0;
    pthread_mutex_unlock(&reserve_lock);
}

bool p2_net_memory_short(void) {
    pthread_mutex_lock(&reserve_lock);
    bool is_short = reserve_used > RESERVE_BYTES / 2;
    pthread_mutex_unlock(&reserve_lock);
    return is_short;
}

static struct block *block_of(void *p) {
    return (struct block *)(void *)((uint8_t *)p - offsetof(struct block, bytes));
}

static void *foreign_malloc(size_t size) {
    if (size > SIZE_MAX - sizeof(struct block)) return NULL;
    struct block *b = p2_malloc(sizeof *b + size);
    if (!b) b = from_reserve(size);
    if (!b) return NULL;
    b->size = size;
    return b->bytes;
}

static void *foreign_calloc(size_t count, size_t size) {
    size_t bytes;
    void *p = __builtin_mul_overflow(count, size, &bytes) ? NULL : foreign_malloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

static void foreign_free(void *p) {
    if (!p) return;
    if (in_reserve(block_of(p)))
        back_to_reserve();
    else
        p2_free(block_of(p));
}

static void *foreign_realloc(void *old, size_t size) {
    if (!old) return foreign_malloc(size);
    void *p = foreign_malloc(size);
    if (!p) return NULL;
    size_t had = block_of(old)->size;
    memcpy(p, old, had < size ? had : size);
    foreign_free(old);
    return p;
}

static void *lws_wants(void *old, size_t size, const char *reason) {
    (void)reason;
    if (size) return foreign_realloc(old, size);
    foreign_free(old);
    return NULL;
}

bool p2_net_use_mem(void) {
    if (uv_replace_allocator(foreign_malloc, foreign_realloc, foreign_calloc, foreign_free) != 0) return false;
    lws_set_allocator(lws_wants);
    return true;
}
