#include "tables.h"

#include <string.h>

#include "coordinator/core/state.h"

struct p2_id table_pair_key(p2_handle h, uint32_t stream) {
    struct p2_id key = {{0}};
    memcpy(key.b, &h, sizeof h);
    memcpy(key.b + sizeof h, &stream, sizeof stream);
    return key;
}

struct p2_id table_own_key(const struct client *cl, const struct p2_id *id) {
    struct p2_id key;
    for (unsigned i = 0; i < sizeof key.b; i++) key.b[i] = id->b[i] ^ cl->salt.b[i];
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

static void recent_of(const void *context, uint32_t slot, struct p2_id *out) {
    const struct coord *c = context;
    *out = c->recent[slot].key;
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

bool tables_init(struct coord *c) {
    uint32_t tasks = c->limits.tasks_max;
    return init(c, &c->by_id, tasks, id_of) && init(c, &c->by_stream, tasks, stream_of) &&
           init(c, &c->by_job, tasks, job_of) && init(c, &c->recent_by_id, c->limits.recent_max, recent_of) &&
           init(c, &c->by_flight, tasks, half_of);
}

#define ALL(c)                                                                                                         \
    { &(c)->by_id, &(c)->by_stream, &(c)->by_job, &(c)->recent_by_id, &(c)->by_flight }
#define COUNT 5

void tables_deinit(struct coord *c) {
    struct p2_index *const all[COUNT] = ALL(c);
    for (unsigned i = 0; i < COUNT; i++) p2_index_deinit(all[i]);
}

size_t tables_bytes(const struct coord *c) {
    const struct p2_index *const all[COUNT] = ALL(c);
    size_t sum = 0;
    for (unsigned i = 0; i < COUNT; i++) sum += p2_index_bytes(all[i]);
    return sum;
}

void tables_check(const struct coord *c) {
    const struct p2_index *const all[COUNT] = ALL(c);
    p2_index_check(
        all[(c->arrivals + c->turns + c->timer_ties) % COUNT]); // by turns: all of them are half of what a check costs
    P2_CHECK(c->by_id.count == c->tasks.live && c->by_job.count == c->replicas.live);
}
