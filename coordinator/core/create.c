// All memory is taken here, for the limits.
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/state.h"

static uint32_t sessions_max(const struct coord_limits *l) { return l->clients_max + l->peers_max + l->strangers_max; }

static bool make_types(struct coord *c, const struct coord_config *config) {
    P2_CHECK(config->type_count <= UINT8_MAX); // a task has its type in a byte
    c->types = calloc(config->type_count ? config->type_count : 1, sizeof *c->types);
    if (!c->types) return false;
    for (; c->type_count < config->type_count; c->type_count++) {
        struct type_state *ts = &c->types[c->type_count];
        ts->type = config->types[c->type_count];
        p2_list_init(&ts->offers);
        p2_list_init(&ts->changed);
    }
    return true;
}

static bool map(struct coord *c, struct p2_map *m, uint32_t capacity) {
    const uint64_t seed[2] = {p2_rng_next(&c->rng), p2_rng_next(&c->rng)};
    return p2_map_init(m, capacity, seed);
}

static bool make_cache(struct coord *c) {
    const uint64_t seed[2] = {p2_rng_next(&c->rng), p2_rng_next(&c->rng)};
    const struct coord_limits *l = &c->limits;
    if (!p2_slab_init(&c->flights, sizeof(struct flight), c->limits.tasks_max)) return false;
    return cache_init(&c->cache, l->cache_entries_max, l->cache_bytes_max, l->cache_ttl_ns, seed);
}

static bool make_tables(struct coord *c) {
    const struct coord_limits *l = &c->limits;
    return p2_slab_init(&c->sessions, sizeof(struct session), sessions_max(l)) &&
           p2_slab_init(&c->clients, sizeof(struct client), l->clients_max) &&
           p2_slab_init(&c->peers, sizeof(struct peer), l->peers_max) &&
           p2_slab_init(&c->offers, sizeof(struct offer), l->offers_max) &&
           p2_slab_init(&c->tasks, sizeof(struct task), l->tasks_max) &&
           p2_slab_init(&c->courses, sizeof(struct course), l->tasks_max) &&
           p2_slab_init(&c->replicas, sizeof(struct replica), l->tasks_max) && map(c, &c->by_conn, sessions_max(l)) &&
           map(c, &c->by_session, l->clients_max) && tables_init(c) && p2_heap_init(&c->timers, sessions_max(l)) &&
           make_cache(c) && (c->recent = calloc(l->recent_max, sizeof *c->recent));
}

struct coord *coord_create(const struct coord_config *config, p2_ns now_ns) {
    if (coord_limits_wrong(&config->limits)) return NULL;
    struct coord *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->limits = config->limits;
    c->pool = config->pool;
    c->unpack = config->unpack;
    c->terse = config->terse;
    c->pick = config->pick;
    pick_config_settle(&c->pick);
    c->start_ns = c->now = c->excused_ns = now_ns;
    c->planned_ns = c->steal_look_ns = P2_NEVER;
    budget_init(&c->retries, c->limits.retry_budget_percent, c->limits.retry_floor, now_ns);
    budget_init(&c->hedges, c->limits.hedge_percent, 0, now_ns);
    p2_rng_init(&c->rng, config->seed);
    p2_list_init(&c->pumping);
    p2_list_init(&c->lingering);
    p2_list_init(&c->awaited);
    p2_list_init(&c->looked_at);
    p2_list_init(&c->settling);
    p2_list_init(&c->away);
    p2_list_init(&c->reclaiming);
    p2_list_init(&c->stalling);
    p2_list_init(&c->kept);
    bool made = make_types(c, config) && make_tables(c) && next_init(c) && health_init(c) && estimate_init(c);
    if (!made || !blob_init(c)) coord_destroy(&c);
    return c;
}

static void drop_tasks(struct coord *c) {
    for (uint32_t i = 0; i < c->tasks.capacity; i++) {
        struct task *t = coord_at(&c->tasks, i);
        if (!t) continue;
        struct course *co = course_of(c, t);
        if (co) spool_clear(&co->result);
        if (co) spool_clear(&co->memo.collected);
        if (!t->cargo) continue;
        spool_clear(&t->cargo->payload);
        p2_blob_unref(t->cargo->memory);
    }
}

void coord_destroy(struct coord **at) {
    struct coord *c = *at;
    if (!c) return;
    *at = NULL;
    if (c->tasks.objects) drop_tasks(c);
    cache_deinit(&c->cache);
    p2_slab_deinit(&c->flights);
    tables_deinit(c);
    p2_map_deinit(&c->by_conn);
    struct p2_slab *const slabs[] = {&c->sessions, &c->clients, &c->peers,   &c->offers,
                                     &c->tasks,    &c->courses, &c->replicas};
    for (unsigned i = 0; i < sizeof slabs / sizeof *slabs; i++) p2_slab_deinit(slabs[i]);
    p2_map_deinit(&c->by_session);
    p2_heap_deinit(&c->timers);
    next_deinit(c);
    health_deinit(c);
    estimate_deinit(c);
    blob_deinit(c);
    free(c->types);
    free(c->recent);
    free(c);
}

static size_t map_bytes(const struct p2_map *m) { return !m->entries ? 0 : ((size_t)m->mask + 1) * sizeof *m->entries; }
static size_t heap_bytes(const struct p2_heap *h) { return h->capacity * sizeof(struct p2_heap_node *); }

size_t coord_memory_bytes(const struct coord *c) {
    const struct p2_slab *const slabs[] = {&c->sessions, &c->clients, &c->peers,    &c->offers,
                                           &c->tasks,    &c->courses, &c->replicas, &c->cache.entries};
    size_t sum = sizeof *c + p2_slab_bytes(&c->flights) + tables_bytes(c) + map_bytes(&c->by_conn) +
                 map_bytes(&c->by_session) + map_bytes(&c->cache.by_key) + c->limits.recent_max * sizeof *c->recent +
                 heap_bytes(&c->timers);
    for (unsigned i = 0; i < sizeof slabs / sizeof *slabs; i++) sum += p2_slab_bytes(slabs[i]);
    return sum + c->type_count * sizeof *c->types + next_bytes(c) + health_bytes(c) + estimate_bytes(c) + blob_bytes(c);
}
