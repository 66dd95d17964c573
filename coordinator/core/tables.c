#include "tables.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/core/state.h"

#define PLACES_MAX 4096u                    // in a row
#define ALL_PLACES_MAX (UINT64_C(32) << 20) // of a table; touched as they are used

struct p2_id table_pair_key(p2_handle h, uint32_t stream) {
    struct p2_id key = {{0}};
    memcpy(key.b, &h, sizeof h);
    memcpy(key.b + sizeof h, &stream, sizeof stream);
    return key;
}

struct p2_id table_own_key(const struct client *cl, const struct p2_id *id) {
    struct p2_id key;
    uint64_t words[2], salt[2];
    memcpy(words, id->b, sizeof words);
    memcpy(salt, cl->salt.b, sizeof salt);
    words[0] ^= salt[0];
    words[1] ^= salt[1];
    memcpy(key.b, words, sizeof words);
    return key;
}

// ---- keys of what is in -----------------------------------------------------------------------------------------

static const struct task *live_task(const struct coord *c, uint32_t slot) {
    const struct task *t = coord_at(&c->tasks, slot);
    P2_CHECK(t);
    return t;
}

static void id_of(const void *context, uint32_t slot, struct p2_id *out) {
    const struct coord *c = context;
    if (slot >= c->tasks.capacity) {
        *out = c->recent[slot - c->tasks.capacity].key;
        return;
    }
    const struct task *t = live_task(c, slot);
    *out = table_own_key(task_client(c, t), &t->id);
}

static void stream_of(const void *context, uint32_t slot, struct p2_id *out) {
    const struct task *t = live_task(context, slot);
    *out = table_pair_key(t->client, t->stream);
}

static void job_of(const void *context, uint32_t slot, struct p2_id *out) {
    const struct coord *c = context;
    const struct replica *r = coord_at(&c->replicas, slot);
    P2_CHECK(r);
    *out = table_pair_key(r->peer, r->stream);
}

static void half_of(const void *context, uint32_t slot, struct p2_id *out) {
    const struct coord *c = context;
    const struct flight *f = coord_at(&c->flights, slot);
    P2_CHECK(f);
    *out = p2_digest_half(&f->key);
}

// ---- all of them ------------------------------------------------------------------------------------------------

static bool init(struct coord *c, struct p2_index *ix, uint32_t capacity, p2_index_key *key) {
    const uint64_t seed[2] = {p2_rng_next(&c->rng), p2_rng_next(&c->rng)};
    return p2_index_init(ix, capacity, capacity, seed, key, c);
}

// As many places in a row as it may have open, if that is not too much for all rows.
static bool init_table(struct coord *c, struct table *t, uint32_t rows, uint32_t open_max, p2_index_key *key) {
    uint64_t size = 1;
    while (size < open_max && size < PLACES_MAX && 2 * size * rows <= ALL_PLACES_MAX) size *= 2;
    t->mask = (uint32_t)size - 1;
    t->places = calloc(size * rows, sizeof *t->places);
    return t->places && init(c, &t->rest, c->limits.tasks_max, key);
}

bool tables_init(struct coord *c) {
    const struct coord_limits *l = &c->limits;
    return init(c, &c->by_id, l->tasks_max + l->recent_max, id_of) &&
           init_table(c, &c->by_stream, l->clients_max, l->tasks_per_client_max, stream_of) &&
           init_table(c, &c->by_job, l->peers_max, 2 * l->jobs_per_peer_max, job_of) &&
           init(c, &c->by_flight, l->tasks_max, half_of);
}

#define ALL(c)                                                                                                         \
    { &(c)->by_id, &(c)->by_stream.rest, &(c)->by_job.rest, &(c)->by_flight }
#define COUNT 4

void tables_deinit(struct coord *c) {
    struct p2_index *const all[COUNT] = ALL(c);
    for (unsigned i = 0; i < COUNT; i++) p2_index_deinit(all[i]);
    free(c->by_stream.places);
    free(c->by_job.places);
}

size_t tables_bytes(const struct coord *c) {
    const struct p2_index *const all[COUNT] = ALL(c);
    size_t sum = 0;
    for (unsigned i = 0; i < COUNT; i++) sum += p2_index_bytes(all[i]);
    size_t places = c->limits.clients_max * (c->by_stream.mask + (size_t)1);
    places += c->limits.peers_max * (c->by_job.mask + (size_t)1);
    return sum + places * sizeof(struct table_place);
}

// ---- by number --------------------------------------------------------------------------------------------------

static struct table_place *place_of(const struct table *t, uint32_t row, uint32_t number) {
    return &t->places[(size_t)row * (t->mask + (size_t)1) + (number & t->mask)];
}

uint32_t table_get(const struct table *t, p2_handle row, uint32_t number) {
    const struct table_place *at = place_of(t, (uint32_t)row, number);
    if (at->link && at->number == number) return at->link - 1;
    if (!t->rest.count) return P2_NO_SLOT;
    struct p2_id key = table_pair_key(row, number);
    return p2_index_get(&t->rest, &key);
}

bool table_put(struct table *t, p2_handle row, uint32_t number, uint32_t slot) {
    struct table_place *at = place_of(t, (uint32_t)row, number);
    if (at->link && at->number == number) return false;
    if (t->rest.count && table_get(t, row, number) != P2_NO_SLOT) return false;
    if (at->link)
        P2_CHECK(p2_index_put(&t->rest, slot));
    else
        *at = (struct table_place){slot + 1, number};
    t->count++;
    return true;
}

void table_remove(struct table *t, p2_handle row, uint32_t number, uint32_t slot) {
    struct table_place *at = place_of(t, (uint32_t)row, number);
    if (at->link == slot + 1)
        *at = (struct table_place){.link = 0};
    else
        P2_CHECK(p2_index_remove(&t->rest, slot));
    t->count--;
}

void table_task_prefetch(const struct coord *c, const struct client *cl, const struct p2_id *id) {
    struct p2_id key = table_own_key(cl, id);
    p2_index_prefetch(&c->by_id, &key);
}

uint32_t table_task_known(const struct coord *c, const struct client *cl, const struct p2_id *id) {
    struct p2_id key = table_own_key(cl, id);
    return p2_index_get(&c->by_id, &key);
}

void tables_check(const struct coord *c) {
    const struct p2_index *const all[COUNT] = ALL(c);
    p2_index_check(
        all[(c->arrivals + c->turns + c->timer_ties) % COUNT]); // by turns: all of them are half of what a check costs
    uint32_t recent = 0;
    for (uint32_t i = 0; i < c->limits.recent_max; i++) recent += c->recent[i].used;
    P2_CHECK(c->by_id.count == c->tasks.live + recent && c->by_job.count == c->replicas.live);
}
