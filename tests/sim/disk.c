#include "disk.h"

#include <stdlib.h>
#include <string.h>

#include "book.h"

struct p2_digest sim_blob_digest(uint32_t number) {
    struct p2_digest d;
    for (uint32_t i = 0; i < sizeof d.b; i += 8) {
        uint64_t word = mix(number + 1 + ((uint64_t)i << 32));
        memcpy(d.b + i, &word, sizeof word);
    }
    return d;
}

uint32_t sim_blob_size(uint32_t number) {
    return 1 + (uint32_t)(mix(number + 77) % (number % 4 == 0 ? SIM_BLOB_BYTES_MAX : 60000));
}

uint64_t sim_blob_seed(uint32_t number) { return mix(number + 99) & ~UINT64_C(1); }

bool sim_blob_number(const struct p2_digest *digest, uint32_t *number_out) {
    for (uint32_t i = 0; i < SIM_BLOBS; i++) {
        const struct p2_digest d = sim_blob_digest(i);
        *number_out = i;
        if (p2_digest_equal(&d, digest)) return true;
    }
    return false;
}

// ---- works ----------------------------------------------------------------------------------------------------------

static uint32_t *stream(struct disk *d, p2_handle token, bool reading, bool make) {
    for (uint32_t i = 0; i < DISK_STREAMS; i++) {
        bool is = make ? d->streams[i].token == P2_NO_HANDLE
                       : d->streams[i].token == token && d->streams[i].reading == reading;
        if (!is) continue;
        d->streams[i].token = token;
        d->streams[i].reading = reading;
        return &d->streams[i].blob;
    }
    sim_fail(make ? "more blobs under way than a disk has streams" : "a work of a blob that was not begun");
}

static void end_stream(struct disk *d, p2_handle token, bool reading) {
    for (uint32_t i = 0; i < DISK_STREAMS; i++) {
        if (d->streams[i].token == token && d->streams[i].reading == reading) d->streams[i].token = P2_NO_HANDLE;
    }
}

static void begin(struct disk *d, struct p2_blob_work *w, uint32_t n) {
    struct disk_file *f = &d->files[n];
    SIM_CHECK(!f->whole, "blob %u is received though it is there", n);
    if (w->fresh || !f->there) f->have = 0;
    f->there = true;
    *stream(d, w->token, false, true) = n;
    w->offset = f->have;
}

static void write_bytes(struct disk *d, struct p2_blob_work *w) {
    uint32_t n = *stream(d, w->token, false, false);
    struct disk_file *f = &d->files[n];
    SIM_CHECK(w->slice.size <= sim_blob_size(n) - f->have, "more bytes than blob %u has", n);
    SIM_CHECK(bytes_right(p2_slice_data(&w->slice), sim_blob_seed(n), f->have, w->slice.size),
              "wrong bytes of blob %u at %llu", n, (unsigned long long)f->have);
    f->have += w->slice.size;
    w->offset = f->have;
}

static void commit(struct disk *d, struct p2_blob_work *w) {
    uint32_t n = *stream(d, w->token, false, false);
    SIM_CHECK(d->files[n].have == sim_blob_size(n), "blob %u is short", n);
    d->files[n].whole = true;
    end_stream(d, w->token, false);
}

static void read_bytes(struct disk *d, struct p2_blob_work *w) {
    uint32_t n = *stream(d, w->token, true, false);
    w->slice.blob = p2_blob_new(d->pool, w->slice.size);
    P2_CHECK(w->slice.blob);
    bytes_fill(w->slice.blob->data, sim_blob_seed(n), w->offset, w->slice.size);
}

// False: it is not answered.
static bool carry_out(struct disk *d, struct p2_blob_work *w) {
    uint32_t n;
    SIM_CHECK(sim_blob_number(&w->digest, &n) && w->size <= sim_blob_size(n), "a blob that nobody knows");
    switch (w->what) {
    case P2_BLOB_BEGIN: begin(d, w, n); return true;
    case P2_BLOB_WRITE: write_bytes(d, w); return true;
    case P2_BLOB_COMMIT: commit(d, w); return true;
    case P2_BLOB_OPEN:
        *stream(d, w->token, true, true) = n;
        w->why = d->files[n].whole ? P2_OK : P2_ERR_NOT_FOUND;
        return true;
    case P2_BLOB_READ: read_bytes(d, w); return true;
    case P2_BLOB_LEAVE: end_stream(d, w->token, false); return false;
    case P2_BLOB_CLOSE: end_stream(d, w->token, true); return false;
    case P2_BLOB_REMOVE: d->files[n] = (struct disk_file){.there = false}; return false;
    case P2_BLOB_NONE: break;
    }
    P2_UNREACHABLE();
}

static void on_timer(struct timer *t) {
    struct disk *d = P2_CONTAINER_OF(t, struct disk, timer);
    if (d->node->frozen_until > sim.now) {
        timer_at(t, d->node->frozen_until);
        return;
    }
    struct p2_blob_work w = d->works[d->first];
    d->first = (d->first + 1) % DISK_WORKS;
    d->count--;
    if (d->count) timer_at(t, sim.now + between(20 * P2_US, P2_MS));
    if (carry_out(d, &w)) d->answer(d, &w);
    p2_blob_unref(w.slice.blob);
}

void disk_do(struct disk *d, const struct p2_blob_work *w) {
    P2_CHECK(d->count < DISK_WORKS);
    d->works[(d->first + d->count++) % DISK_WORKS] = *w;
    if (w->slice.blob) p2_blob_ref(w->slice.blob);
    if (!timer_on(&d->timer)) timer_at(&d->timer, sim.now + between(20 * P2_US, P2_MS));
}

// ---- life -----------------------------------------------------------------------------------------------------------

void disk_init(struct disk *d, const struct node *node, struct p2_blob_pool *pool,
               void (*answer)(struct disk *, struct p2_blob_work *)) {
    *d = (struct disk){.node = node, .pool = pool, .answer = answer};
    d->works = sim.plan->blobs ? calloc(DISK_WORKS, sizeof *d->works) : NULL;
    P2_CHECK(d->works || !sim.plan->blobs);
    timer_init(&d->timer, on_timer);
}

void disk_process_ended(struct disk *d) {
    for (; d->count; d->count--) {
        p2_blob_unref(d->works[d->first].slice.blob);
        d->first = (d->first + 1) % DISK_WORKS;
    }
    memset(d->streams, 0, sizeof d->streams);
    timer_off(&d->timer);
}

void disk_wipe(struct disk *d) { memset(d->files, 0, sizeof d->files); }

void disk_deinit(struct disk *d) {
    disk_process_ended(d);
    free(d->works);
    d->works = NULL;
}
