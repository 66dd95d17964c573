#include "peer/executor/residents.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "os/os.h"

#define PART_ALIGN 64

bool residents_init(struct residents *r, const struct device *device, atomic_uint_fast64_t *allocations,
                    uint64_t budget_bytes) {
    *r = (struct residents){.device = device, .allocations = allocations, .budget_bytes = budget_bytes};
    r->entries = calloc(RESIDENTS_MAX, sizeof *r->entries);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&r->lock, NULL);
    return r->entries != NULL;
}

static void part_free(struct residents *r, struct resident_entry *e, uint32_t part) {
    struct exec_kept_part *p = &e->kept.parts[part];
    if (p->mem) clReleaseMemObject(p->mem);
    free(p->host);
    e->bytes -= p->size;
    r->bytes -= p->size;
    *p = (struct exec_kept_part){0};
}

// The one function that writes an entry's state. Called with the lock.
static void entry_move(struct residents *r, struct resident_entry *e, enum resident_state to) {
    static const unsigned moves[] = {
        [RESIDENT_FREE] = 1u << RESIDENT_BUILDING,
        [RESIDENT_BUILDING] = 1u << RESIDENT_READY | 1u << RESIDENT_FREE,
        [RESIDENT_READY] = 1u << RESIDENT_FREE,
    };
    P2_CHECK(moves[e->state] & 1u << to);
    e->state = to;
    if (to != RESIDENT_FREE) return;
    P2_CHECK(e->users == 0);
    for (uint32_t i = 0; i < EXEC_KEPT_PARTS; i++) part_free(r, e, i);
    *e = (struct resident_entry){0};
}

// The entry that nobody uses and that was used longest ago; NULL when all are in use.
static struct resident_entry *least_used(const struct residents *r) {
    struct resident_entry *least = NULL;
    for (uint32_t i = 0; i < RESIDENTS_MAX; i++) {
        struct resident_entry *e = &r->entries[i];
        if (e->state == RESIDENT_READY && e->users == 0 && (!least || e->used_at < least->used_at)) least = e;
    }
    return least;
}

static void evict_one(struct residents *r, struct resident_entry *e) {
    entry_move(r, e, RESIDENT_FREE);
    r->counts.evicted++;
}

// Down to the budget with `more` bytes added, as far as that goes.
static void make_room(struct residents *r, uint64_t more) {
    struct resident_entry *e;
    while ((r->bytes > r->budget_bytes || more > r->budget_bytes - r->bytes) && (e = least_used(r))) evict_one(r, e);
}

uint64_t residents_evict(struct residents *r, uint64_t bytes) {
    pthread_mutex_lock(&r->lock);
    uint64_t freed = 0;
    struct resident_entry *e;
    while (freed < bytes && (e = least_used(r))) {
        freed += e->bytes;
        evict_one(r, e);
    }
    pthread_mutex_unlock(&r->lock);
    return freed;
}

void residents_deinit(struct residents *r) {
    struct resident_entry *e;
    while (r->entries && (e = least_used(r))) entry_move(r, e, RESIDENT_FREE);
    P2_CHECK(r->bytes == 0);
    free(r->entries);
    r->entries = NULL;
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
}

void residents_wake(struct residents *r) {
    pthread_mutex_lock(&r->lock);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static struct resident_entry *find(const struct residents *r, const struct resident_key *key) {
    for (uint32_t i = 0; i < RESIDENTS_MAX; i++) {
        struct resident_entry *e = &r->entries[i];
        if (e->state != RESIDENT_FREE && !e->dropped && e->key.type_index == key->type_index &&
            e->key.exclusive == key->exclusive && p2_digest_equal(&e->key.digest, &key->digest)) {
            return e;
        }
    }
    return NULL;
}

static struct resident_entry *free_entry(struct residents *r) {
    for (uint32_t i = 0; i < RESIDENTS_MAX; i++) {
        if (r->entries[i].state == RESIDENT_FREE) return &r->entries[i];
    }
    struct resident_entry *least = least_used(r);
    if (least) evict_one(r, least);
    return least;
}

// Until something changed; false when the waiter has no time left. Called and returns with the lock.
static bool wait_for_change(struct residents *r, const struct resident_waiter *w) {
    if (w->cancelled && atomic_load(w->cancelled)) return false;
    if (w->deadline_ns == P2_NEVER) return pthread_cond_wait(&r->changed, &r->lock) == 0;
    if (p2_clock_now() >= w->deadline_ns) return false;
    const struct timespec at = {.tv_sec = w->deadline_ns / P2_SEC, .tv_nsec = w->deadline_ns % P2_SEC};
    pthread_cond_timedwait(&r->changed, &r->lock, &at);
    return true;
}

static enum p2_err start_building(struct residents *r, const struct resident_key *key, struct resident_entry **out) {
    struct resident_entry *e = free_entry(r);
    if (!e) return P2_ERR_DEVICE_MEMORY;
    e->key = *key;
    e->users = 1;
    entry_move(r, e, RESIDENT_BUILDING);
    *out = e;
    return P2_OK;
}

enum p2_err residents_acquire(struct residents *r, const struct resident_key *key, bool may_build,
                              const struct resident_waiter *waiter, struct resident_entry **out, bool *fresh_out) {
    enum p2_err result = P2_OK;
    *fresh_out = false;
    pthread_mutex_lock(&r->lock);
    struct resident_entry *e;
    while (result == P2_OK && (e = find(r, key)) && (e->state == RESIDENT_BUILDING || (key->exclusive && e->users))) {
        if (!wait_for_change(r, waiter)) result = P2_ERR_CANCELLED;
    }
    if (result == P2_OK && e) {
        e->users++;
        e->used_at = ++r->uses;
        r->counts.found++;
        *out = e;
    } else if (result == P2_OK) {
        result = may_build ? start_building(r, key, out) : P2_ERR_NOT_FOUND;
        *fresh_out = result == P2_OK;
    }
    pthread_mutex_unlock(&r->lock);
    return result;
}

void residents_built(struct residents *r, struct resident_entry *e, bool good) {
    pthread_mutex_lock(&r->lock);
    e->used_at = ++r->uses;
    if (good) {
        r->counts.built++;
        entry_move(r, e, RESIDENT_READY);
    } else {
        r->counts.failed++;
        e->users = 0;
        entry_move(r, e, RESIDENT_FREE);
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void residents_release(struct residents *r, struct resident_entry *e, bool whole) {
    pthread_mutex_lock(&r->lock);
    P2_CHECK(e->state == RESIDENT_READY && e->users > 0);
    e->users--;
    if (e->key.exclusive && !whole) e->dropped = true;
    if (e->users == 0 && e->dropped) entry_move(r, e, RESIDENT_FREE);
    make_room(r, 0);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

void residents_drop(struct residents *r, struct resident_entry *e) {
    pthread_mutex_lock(&r->lock);
    P2_CHECK(e->state == RESIDENT_READY && e->users > 0);
    e->dropped = true;
    pthread_mutex_unlock(&r->lock);
}

// Takes the part's place and makes room for it. Called with the lock.
static void part_begin(struct residents *r, struct resident_entry *e, uint32_t part, size_t size) {
    P2_CHECK(part < EXEC_KEPT_PARTS && size > 0);
    P2_CHECK(e->state == RESIDENT_BUILDING || (e->key.exclusive && e->users == 1));
    part_free(r, e, part);
    make_room(r, size);
}

static void part_end(struct residents *r, struct resident_entry *e, uint32_t part, size_t size) {
    e->kept.parts[part].size = size;
    e->bytes += size;
    r->bytes += size;
    atomic_fetch_add(r->allocations, 1);
}

cl_mem residents_buffer(struct residents *r, struct resident_entry *e, uint32_t part, size_t size,
                        struct p2_strbuf *why) {
    uint64_t limit = device_is_fake(r->device) ? 0 : r->device->info.facts.buffer_bytes_max;
    if (size > limit) {
        p2_strbuf_printf(why, "a buffer of %zu bytes to keep is more than the device gives (%llu)", size,
                         (unsigned long long)limit);
        return NULL;
    }
    cl_int error = CL_SUCCESS;
    pthread_mutex_lock(&r->lock);
    part_begin(r, e, part, size);
    cl_mem mem;
    struct resident_entry *least;
    while (!(mem = clCreateBuffer(r->device->context, CL_MEM_READ_WRITE, size, NULL, &error)) &&
           (least = least_used(r)))
        evict_one(r, least);
    e->kept.parts[part].mem = mem;
    if (mem) part_end(r, e, part, size);
    pthread_mutex_unlock(&r->lock);
    if (!mem) p2_strbuf_printf(why, "no device memory to keep %zu bytes (OpenCL error %d)", size, error);
    return mem;
}

uint8_t *residents_host(struct residents *r, struct resident_entry *e, uint32_t part, size_t size,
                        struct p2_strbuf *why) {
    pthread_mutex_lock(&r->lock);
    part_begin(r, e, part, size);
    size_t rounded;
    bool fits = !__builtin_add_overflow(size, PART_ALIGN - 1, &rounded);
    uint8_t *host = fits ? aligned_alloc(PART_ALIGN, rounded / PART_ALIGN * PART_ALIGN) : NULL;
    e->kept.parts[part].host = host;
    if (host) part_end(r, e, part, size);
    pthread_mutex_unlock(&r->lock);
    if (!host) p2_strbuf_printf(why, "no host memory to keep %zu bytes", size);
    return host;
}
