#include "memo.h"

#include "coordinator/core/cache_key.h"
#include "coordinator/core/state.h"

// ---- the key ------------------------------------------------------------------------------------------------------

static bool ask_hash(struct coord *c, struct task *t, const struct piece *p, bool at_once) {
    struct coord_hash h = {.task = task_handle(c, t), .last = task_payload_whole(c, t), .at_once = at_once};
    if (h.last) {
        const struct p2_id everybody = {{0}};
        const struct p2_params params = cargo_params(t->cargo);
        uint8_t head[CACHE_HEAD_BYTES_MAX];
        h.head_size = cache_key_head(c->types[t->type].type, &params,
                                     t->private_ ? &task_client(c, t)->salt : &everybody, head, sizeof head);
        // Behind it, in the order the type knows them.
        size_t blobs = cargo_blob_count(t->cargo) * sizeof(struct p2_digest);
        uint8_t *kept = h.head_size ? p2_arena_alloc(&c->out->texts, h.head_size + blobs) : NULL;
        if (!kept) return false;
        memcpy(kept, head, h.head_size);
        if (blobs) memcpy(kept + h.head_size, t->cargo->digests, blobs);
        h.head = kept;
        h.head_size += blobs;
    }
    if (p) {
        h.payload = p->slice;
        h.raw_size = p->raw_size;
        h.zstd = p->zstd;
    }
    struct coord_action *a = coord_act(c, COORD_HASH, P2_NO_HANDLE);
    a->u.hash = h;
    if (p) a->payload_held = p2_blob_ref(p->slice.blob);
    return true;
}

static void stop_hashing(struct coord *c, const struct task *t) {
    struct course *co = course_of(c, t);
    if (!co->memo.hashing) return;
    co->memo.hashing = false;
    coord_act(c, COORD_UNHASH, P2_NO_HANDLE)->u.hash = (struct coord_hash){.task = task_handle(c, t)};
}

void memo_begin(struct coord *c, struct task *t, const struct p2_msg_task_submit *m) {
    if (!c->limits.cache_entries_max || !c->types[t->type].type->deterministic || m->no_cache) return;
    struct memo *memo = &course_of(c, t)->memo;
    memo->hashing = true;
    t->refresh = m->refresh;
    t->private_ = m->private_;
    bool whole = task_payload_whole(c, t), at_once = whole && m->payload_size <= MEMO_AT_ONCE;
    if (!whole && !m->raw_size) return; // its chunks are still to come
    if (!ask_hash(c, t, spool_at(cargo_payload(t->cargo), 0), at_once))
        memo->hashing = false;
    else if (at_once)
        c->hashes_awaited++;
    memo->at_once = at_once;
    memo->hash_round = c->hash_round;
}

void memo_piece(struct coord *c, struct task *t, const struct piece *p) {
    if (course_of(c, t)->memo.hashing && !ask_hash(c, t, p, false)) stop_hashing(c, t);
}

void memo_payload_again(struct coord *c, struct task *t) { stop_hashing(c, t); }

bool memo_awaits(struct coord *c) {
    if (c->hashes_awaited) c->again = true;
    return c->hashes_awaited > 0;
}

// ---- a known result -----------------------------------------------------------------------------------------------

// The pieces stay in memory until the task has ended, also when the cache lets them go: they are reserved for.
static bool reserve(struct coord *c, struct task *t, uint64_t bytes) {
    if (bytes <= t->reserved_bytes) return true;
    uint64_t more = bytes - t->reserved_bytes;
    if (more > c->limits.payload_budget_bytes - c->reserved_bytes) return false;
    t->reserved_bytes = (uint32_t)bytes;
    c->reserved_bytes += more;
    return true;
}

static bool copy(struct coord *c, const struct spool *from, struct spool *to) {
    for (uint32_t i = 0; i < from->count; i++) {
        if (spool_push(to, c->pool, spool_at(from, i)) == P2_OK) continue;
        spool_clear(to);
        return false;
    }
    return true;
}

static bool answer(struct coord *c, struct task *t, const struct cache_entry *e) {
    struct course *co = course_have(c, t);
    if (!reserve(c, t, cargo_bytes_here(t->cargo) + e->size) || !copy(c, &e->result, &co->result)) return false;
    task_call_off(c, t);
    if (t->state == TASK_QUEUED) {
        t->attempt++; // a number of its own: an earlier attempt may have delivered half a result
        co->placed_ns = c->now;
    }
    co->run_attempt = t->attempt;
    p2_inflow_begin(&co->result_in, t->attempt, e->size, e->size);
    co->result_in.have = e->size;
    p2_outflow_begin(&co->result_out, t->attempt, e->size, P2_STREAM_WINDOW);
    co->memo.cached = true;
    // All of it is here, and its bytes are spoken for.
    co->result_keep = task_client(c, t)->features & P2_FEATURE_SESSIONS;
    co->result_next = 0;
    co->peer = (struct p2_id){{0}};
    co->peer_rtt_ns = 0;
    co->times = (struct p2_job_times){0};
    co->latency_ns = c->now - t->accepted_ns;
    task_move(c, t, TASK_RETURNING, WHY_CACHED, P2_OK);
    relay_wake_result(c, t);
    return true;
}

static bool look_up(struct coord *c, struct task *t) {
    const struct cache_entry *e = t->refresh ? NULL : cache_find(&c->cache, &course_of(c, t)->memo.key, c->now);
    return e && answer(c, t, e);
}

void memo_hashed(struct coord *c, const struct coord_event *ev) {
    struct task *t = p2_slab_get(&c->tasks, ev->task);
    struct course *co = t ? course_of(c, t) : NULL;
    if (!co || !co->memo.hashing) return;
    course_look(c, t);
    if (co->memo.at_once && co->memo.hash_round == c->hash_round && c->hashes_awaited) c->hashes_awaited--;
    co->memo.hashing = false;
    co->memo.keyed = true;
    co->memo.key = ev->key;
    if (t->state == TASK_RETURNING || t->state == TASK_KEPT) return;
    bool hit = look_up(c, t);
    struct memo_counts *n = &c->types[t->type].memo;
    n->hits += hit;
    n->misses += !hit && !t->refresh;
    if (!hit) flight_enter(c, t);
}

void memo_again(struct coord *c, struct task *t) {
    if (!look_up(c, t)) flight_enter(c, t);
}

// ---- a result to remember -----------------------------------------------------------------------------------------

void memo_collect_end(struct coord *c, struct course *co) {
    c->collected_bytes -= co->memo.collected_bytes;
    spool_clear(&co->memo.collected);
    co->memo.collected_bytes = 0;
    co->memo.collecting = co->memo.cached = false;
}

void memo_rejected(struct coord *c, const struct task *t) {
    const struct memo *memo = &course_of(c, t)->memo;
    if (memo->keyed) cache_forget(&c->cache, &memo->key);
}

void memo_result_begins(struct coord *c, struct task *t) {
    struct course *co = course_of(c, t);
    if (!co->memo.hashing && !co->memo.keyed) return;
    co->memo.collecting = co->result_in.size <= c->limits.cache_result_bytes_max;
    if (!co->memo.collecting) flight_over(c, t, true);
}

void memo_result_piece(struct coord *c, struct task *t, const struct piece *p) {
    struct course *co = course_of(c, t);
    if (!co->memo.collecting) return;
    uint64_t bytes = cache_piece_bytes(p);
    co->memo.collected_bytes += bytes;
    c->collected_bytes += bytes;
    if (c->collected_bytes > c->limits.cache_bytes_max || spool_push(&co->memo.collected, c->pool, p) != P2_OK) {
        memo_collect_end(c, co);
        flight_over(c, t, true);
    }
}

void memo_result_whole(struct coord *c, struct task *t) {
    struct course *co = course_of(c, t);
    bool kept = co->memo.collecting && co->memo.keyed &&
                cache_put(&c->cache, &co->memo.key, &co->memo.collected, co->result_in.size, c->now);
    memo_collect_end(c, co);
    flight_over(c, t, !kept);
}

void memo_end(struct coord *c, struct task *t) {
    stop_hashing(c, t);
    memo_collect_end(c, course_of(c, t));
}
