#include "blob.h"

#include <string.h>

#include "coordinator/core/state.h"

#define RATE_PRIOR_NS (20 * P2_MS) // for a MiB, until one has been brought

// ---- tables ---------------------------------------------------------------------------------------------------------

static uint32_t fetches_max(const struct coord_limits *l) { return l->peers_max * FETCHES_PER_PEER; }

static bool map(struct coord *c, struct p2_map *m, uint32_t capacity) {
    const uint64_t seed[2] = {p2_rng_next(&c->rng), p2_rng_next(&c->rng)};
    return p2_map_init(m, capacity, seed);
}

bool blob_init(struct coord *c) {
    const struct coord_limits *l = &c->limits;
    struct blobs *all = &c->blobs;
    const struct p2_shelf_limits shelf = {l->blobs_max, l->blob_budget_bytes, sizeof(struct blob)};
    const uint64_t seed[2] = {p2_rng_next(&c->rng), p2_rng_next(&c->rng)};
    p2_list_init(&all->awaited);
    return p2_shelf_init(&all->shelf, &shelf, seed) &&
           p2_slab_init(&all->uploads, sizeof(struct upload), l->blob_uploads_max) &&
           p2_slab_init(&all->fetches, sizeof(struct fetch), fetches_max(l)) &&
           p2_slab_init(&all->holdings, sizeof(struct holding), l->blob_holdings_max) &&
           map(c, &all->by_upload, l->blob_uploads_max) && map(c, &all->by_fetch, fetches_max(l)) &&
           map(c, &all->by_holding, l->blob_holdings_max);
}

void blob_deinit(struct coord *c) {
    struct blobs *all = &c->blobs;
    for (uint32_t i = 0; all->fetches.objects && i < all->fetches.capacity; i++) {
        struct fetch *f = coord_at(&all->fetches, i);
        if (f) p2_blob_unref(f->piece.slice.blob);
    }
    p2_shelf_deinit(&all->shelf);
    struct p2_slab *const slabs[] = {&all->uploads, &all->fetches, &all->holdings};
    for (unsigned i = 0; i < sizeof slabs / sizeof *slabs; i++) p2_slab_deinit(slabs[i]);
    struct p2_map *const maps[] = {&all->by_upload, &all->by_fetch, &all->by_holding};
    for (unsigned i = 0; i < sizeof maps / sizeof *maps; i++) p2_map_deinit(maps[i]);
}

size_t blob_bytes(const struct coord *c) {
    const struct blobs *all = &c->blobs;
    const struct p2_map *const maps[] = {&all->by_upload, &all->by_fetch, &all->by_holding};
    size_t sum = p2_shelf_memory_bytes(&all->shelf) + p2_slab_bytes(&all->uploads) + p2_slab_bytes(&all->fetches) +
                 p2_slab_bytes(&all->holdings);
    for (unsigned i = 0; i < sizeof maps / sizeof *maps; i++) {
        sum += ((size_t)maps[i]->mask + 1) * sizeof *maps[i]->entries;
    }
    return sum;
}

// ---- words ----------------------------------------------------------------------------------------------------------

struct p2_blob_work *blob_work(struct coord *c, enum p2_blob_what what, p2_handle token, const struct blob *b) {
    struct p2_blob_work *w = &coord_act(c, COORD_BLOB_WORK, P2_NO_HANDLE)->u.work;
    *w = (struct p2_blob_work){.what = what, .token = token, .digest = b->entry.digest, .size = b->entry.size};
    return w;
}

struct coord_note *blob_note(struct coord *c, enum coord_note_kind kind, const struct p2_digest *digest) {
    char text[P2_DIGEST_TEXT];
    p2_digest_text(digest, text);
    const char *kept = p2_arena_printf(&c->out->texts, "%.16s", text);
    struct coord_note *n = coord_note_add(c, kind);
    n->text = p2_str(kept);
    return n;
}

// ---- holders --------------------------------------------------------------------------------------------------------

static struct p2_id holding_key(const struct peer *p, const struct blob *b) {
    return table_pair_key(p->self, (uint32_t)b->entry.self);
}

static struct holding *holding_of(const struct coord *c, const struct peer *p, const struct blob *b) {
    struct p2_id key = holding_key(p, b);
    return p2_slab_get(&c->blobs.holdings, p2_map_get(&c->blobs.by_holding, &key));
}

bool blob_held(const struct coord *c, const struct peer *p, const struct blob *b) {
    return holding_of(c, p, b) != NULL;
}

static void holding_end(struct coord *c, struct holding *h) {
    struct p2_id key = table_pair_key(h->peer, (uint32_t)h->blob);
    P2_CHECK(p2_map_remove(&c->blobs.by_holding, &key));
    p2_list_remove(&h->in_blob);
    p2_list_remove(&h->in_peer);
    p2_slab_free(&c->blobs.holdings, h->self);
}

static void holding_begin(struct coord *c, struct peer *p, struct blob *b) {
    p2_handle self;
    struct holding *h = holding_of(c, p, b) ? NULL : p2_slab_alloc(&c->blobs.holdings, &self);
    if (!h) return;
    *h = (struct holding){.self = self, .blob = b->entry.self, .peer = p->self};
    p2_list_init(&h->in_blob);
    p2_list_init(&h->in_peer);
    p2_list_push_back(&b->holders, &h->in_blob);
    p2_list_push_back(&p->holdings, &h->in_peer);
    struct p2_id key = holding_key(p, b);
    P2_CHECK(p2_map_put(&c->blobs.by_holding, &key, self));
}

void blob_on_have(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_blob_have *have = &m->u.blob_have;
    struct peer *p = peer_of(c, s);
    for (uint32_t i = 0; i < have->digest_count; i++) {
        struct blob *b = blob_here(c, &have->digests[i]);
        if (!b) continue; // no task can refer to it
        struct holding *h = holding_of(c, p, b);
        if (!have->gone)
            holding_begin(c, p, b);
        else if (h)
            holding_end(c, h);
    }
}

void blob_peer_gone(struct coord *c, struct peer *p) {
    P2_LIST_EACH (it, next, &p->holdings) holding_end(c, P2_CONTAINER_OF(it, struct holding, in_peer));
}

p2_ns blob_transfer_ns(const struct coord *c, const struct peer *p, const struct cargo *g) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < cargo_blob_count(g); i++) {
        const struct blob *b = cargo_blob(c, g, i);
        if (b && !blob_held(c, p, b)) bytes += b->entry.size;
    }
    p2_ns mib_ns = c->blobs.mib_ns.samples ? c->blobs.mib_ns.mean : RATE_PRIOR_NS;
    return (p2_ns)(bytes >> 20) * mib_ns + (p2_ns)(bytes & 0xfffff) * mib_ns / (1 << 20);
}

// ---- entries --------------------------------------------------------------------------------------------------------

struct blob *blob_here(const struct coord *c, const struct p2_digest *digest) {
    struct blob *b = p2_shelf_find(&c->blobs.shelf, digest);
    return b && b->entry.state == P2_SHELF_HERE ? b : NULL;
}

static void forget(struct coord *c, struct blob *b) {
    P2_LIST_EACH (it, next, &b->holders) holding_end(c, P2_CONTAINER_OF(it, struct holding, in_blob));
    p2_shelf_remove(&c->blobs.shelf, &b->entry);
}

void blob_drop(struct coord *c, struct blob *b) {
    P2_CHECK(p2_list_empty(&b->uploads));
    blob_work(c, P2_BLOB_REMOVE, P2_NO_HANDLE, b);
    forget(c, b);
}

void blob_pin(struct coord *c, struct blob *b) { p2_shelf_pin(&c->blobs.shelf, &b->entry); }

void blob_unpin(struct coord *c, struct blob *b) {
    if (p2_shelf_unpin(&c->blobs.shelf, &b->entry)) forget(c, b);
}

void blob_lost(struct coord *c, struct blob *b, enum p2_err code) {
    struct coord_note *n = blob_note(c, NOTE_BLOB_LOST, &b->entry.digest);
    n->code = code;
    n->count = b->entry.size;
    c->stats.blobs_lost++;
    p2_shelf_move(&c->blobs.shelf, &b->entry, P2_SHELF_LOST);
}

static struct blob *add(struct coord *c, const struct p2_digest *digest, uint64_t size, enum p2_shelf_state state) {
    struct blob *b = p2_shelf_add(&c->blobs.shelf, digest, size, state);
    if (!b) return NULL;
    p2_list_init(&b->uploads);
    p2_list_init(&b->holders);
    return b;
}

static enum p2_err make_room(struct coord *c, uint64_t size) {
    enum p2_err e;
    while ((e = p2_shelf_room(&c->blobs.shelf, size)) == P2_ERR_AGAIN) {
        if (coord_step_full(c)) return P2_ERR_OVERLOADED; // so many that the rest is for the next one who asks
        struct blob *victim = p2_shelf_victim(&c->blobs.shelf);
        blob_note(c, NOTE_BLOB_EVICTED, &victim->entry.digest)->count = victim->entry.size;
        c->stats.blobs_evicted++;
        blob_drop(c, victim);
    }
    return e;
}

struct blob *blob_add(struct coord *c, const struct p2_digest *digest, uint64_t size, enum p2_err *why) {
    *why = make_room(c, size);
    struct blob *b = *why == P2_OK ? add(c, digest, size, P2_SHELF_COMING) : NULL;
    if (!b && *why == P2_OK) *why = P2_ERR_OVERLOADED;
    return b;
}

void blob_on_found(struct coord *c, const struct p2_blob_work *found) {
    struct blob *known = p2_shelf_find(&c->blobs.shelf, &found->digest);
    enum p2_shelf_state state = found->offset == found->size ? P2_SHELF_HERE : P2_SHELF_PART;
    if (known && (state == P2_SHELF_PART || known->entry.state == P2_SHELF_HERE)) return; // the whole one counts
    if (known) forget(c, known);
    bool fits = found->size > 0 && found->size <= c->limits.blob_bytes_max && make_room(c, found->size) == P2_OK;
    if (fits && add(c, &found->digest, found->size, state)) return;
    coord_act(c, COORD_BLOB_WORK, P2_NO_HANDLE)->u.work =
        (struct p2_blob_work){.what = P2_BLOB_REMOVE, .digest = found->digest, .size = found->size};
}

void blob_on_done(struct coord *c, const struct p2_blob_work *answer) {
    if (answer->what == P2_BLOB_OPEN || answer->what == P2_BLOB_READ)
        fetch_on_done(c, answer);
    else
        upload_on_done(c, answer);
}

// ---- what a task refers to ------------------------------------------------------------------------------------------

const struct p2_digest *blob_missing(const struct coord *c, const struct p2_msg_task_submit *m) {
    for (uint32_t i = 0; i < m->blob_count; i++) {
        if (!blob_here(c, &m->blobs[i])) return &m->blobs[i];
    }
    return NULL;
}

void coord_blob_status(const struct coord *c, struct coord_blob_status *out) {
    const struct coord_stats *st = &c->stats;
    *out = (struct coord_blob_status){.blobs = c->blobs.shelf.by_digest.count,
                                      .bytes = c->blobs.shelf.bytes,
                                      .stored = st->blobs_stored,
                                      .sent = st->blobs_sent,
                                      .evicted = st->blobs_evicted,
                                      .lost = st->blobs_lost};
}

// ---- invariants -----------------------------------------------------------------------------------------------------

static uint32_t pins_of(const struct coord *c, p2_handle blob) {
    uint32_t pins = 0;
    for (uint32_t i = 0; i < c->tasks.capacity; i++) {
        const struct task *t = coord_at(&c->tasks, i);
        const struct cargo *g = t ? t->cargo : NULL;
        for (uint32_t k = 0; k < cargo_blob_count(g); k++) pins += g->blobs[k] == blob;
    }
    for (uint32_t i = 0; i < c->blobs.fetches.capacity; i++) {
        const struct fetch *f = coord_at(&c->blobs.fetches, i);
        pins += f && f->blob == blob;
    }
    return pins;
}

static void check_blob(const struct coord *c, const struct blob *b, uint32_t *holders) {
    P2_CHECK(b->entry.size > 0 && (b->entry.state != P2_SHELF_COMING || b->entry.pins == 0));
    P2_CHECK(p2_list_empty(&b->uploads) == (b->entry.state != P2_SHELF_COMING));
    if (!P2_CANARY(pin_forgotten)) P2_CHECK(pins_of(c, b->entry.self) == b->entry.pins);
    P2_LIST_EACH (it, next, &b->holders) {
        const struct holding *h = P2_CONTAINER_OF(it, struct holding, in_blob);
        const struct peer *p = p2_slab_get(&c->peers, h->peer);
        P2_CHECK(h->blob == b->entry.self && p && holding_of(c, p, b) == h && p2_list_linked(&h->in_peer));
        ++*holders;
    }
}

void blob_check(const struct coord *c) {
    const struct blobs *all = &c->blobs;
    uint32_t holders = 0;
    p2_shelf_check(&all->shelf);
    for (uint32_t i = 0; all->shelf.entries.live && i < all->shelf.entries.capacity; i++) {
        const struct blob *b = coord_at(&all->shelf.entries, i);
        if (b) check_blob(c, b, &holders);
    }
    P2_CHECK(holders == all->holdings.live && holders == all->by_holding.count);
    upload_check(c);
    fetch_check(c);
}
