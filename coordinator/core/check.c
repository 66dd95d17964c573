// Every invariant of the whole state, for simulators, fuzzers and tests.
#include <string.h>

#include "coordinator/core/state.h"

static void check_payload(const struct task *t, const struct course *co) {
    uint64_t here = cargo_bytes_here(t->cargo), all = cargo_payload_bytes(t->cargo);
    const struct piece *first = spool_at(cargo_payload(t->cargo), 0);
    spool_check(cargo_payload(t->cargo));
    if (!co) {
        P2_CHECK(t->keep && here == all);
        return;
    }
    P2_CHECK(co->in.size == all && co->in.have <= co->in.size && co->in.have <= co->in.granted);
    P2_CHECK(here + co->dropped == co->in.have);
    P2_CHECK(!t->keep || co->dropped == 0);
    P2_CHECK(!first || first->offset == co->dropped);
    P2_CHECK(p2_list_linked(&co->awaited) == (t->stream && co->in.have < co->in.granted));
}

static void check_result(const struct task *t, const struct course *co, const struct replica *r) {
    spool_check(&co->result);
    if (t->state == TASK_KEPT) {
        P2_CHECK(!r && p2_outflow_done(&co->result_out) && p2_inflow_whole(&co->result_in));
        P2_CHECK(co->result.bytes == (co->result_keep ? co->result_in.size : 0));
        P2_CHECK(!p2_list_linked(&co->outlet.link));
        return;
    }
    if (t->state != TASK_RETURNING) {
        P2_CHECK(co->result.count == 0 && !p2_list_linked(&co->outlet.link) && !co->delivery_begun);
        return;
    }
    P2_CHECK(co->result_in.have == co->result.bytes + (co->result_keep ? 0 : co->result_out.sent));
    P2_CHECK((r != NULL) == !p2_inflow_whole(&co->result_in));
    P2_CHECK(!(co->delivery_begun && p2_outflow_done(&co->result_out))); // that one is DONE
    P2_CHECK(co->result_in.size <= t->cost.result_bytes_max);
}

static void check_memo(const struct coord *c, const struct task *t, const struct course *co) {
    const struct memo *m = &co->memo;
    spool_check(&m->collected);
    P2_CHECK(!(m->hashing && m->keyed));
    P2_CHECK(!m->collecting || (t->state == TASK_RETURNING && co->replica != P2_NO_HANDLE && !m->cached));
    P2_CHECK(m->collecting || (m->collected.count == 0 && m->collected_bytes == 0));
    P2_CHECK(!m->collecting || m->collected.bytes == co->result_in.have);
    P2_CHECK(!m->cached ||
             (m->keyed && (t->state == TASK_RETURNING || t->state == TASK_KEPT) && co->replica == P2_NO_HANDLE));
    P2_CHECK(!(m->hashing || m->keyed) || c->types[t->type].type->deterministic);
}

static void check_runs(const struct coord *c, const struct task *t, const struct course *co, const struct replica *r) {
    p2_handle self = task_handle(c, t);
    P2_CHECK(!r || (r->task == self && r->attempt <= t->attempt));
    const struct replica *second = p2_slab_get(&c->replicas, co->hedge);
    P2_CHECK((co->hedge != P2_NO_HANDLE) == (second != NULL));
    P2_CHECK(!second || (r && t->state == TASK_PLACED && t->keep && second->task == self));
    P2_CHECK(!second || (second->peer != r->peer && second->attempt != r->attempt && second->attempt <= t->attempt));
}

static void check_course(const struct coord *c, const struct task *t, const struct course *co) {
    const struct replica *r = p2_slab_get(&c->replicas, co->replica);
    P2_CHECK(co->task == task_handle(c, t) && p2_slab_get(&c->courses, co->self) == co);
    P2_CHECK(course_needed(c, t));
    check_runs(c, t, co, r);
    check_result(t, co, r);
    P2_CHECK(cargo_bytes_here(t->cargo) + co->result.bytes <= t->reserved_bytes);
    check_memo(c, t, co);
}

static void check_task(const struct coord *c, const struct task *t) {
    const struct client *cl = coord_at(&c->clients, t->client);
    const struct replica *r = task_replica(c, t);
    const struct course *co = course_of(c, t);
    bool queued = t->state == TASK_QUEUED;
    P2_CHECK(cl && p2_slot_list_linked(&t->in_client));
    bool joined = t->state == TASK_JOINED, kept = t->state == TASK_KEPT;
    P2_CHECK(queued || joined || kept || t->state == TASK_PLACED || t->state == TASK_RETURNING);
    P2_CHECK((t->is_stranded || p2_slot_order_in(&t->queued)) == (queued && !t->unready));
    P2_CHECK(!queued || t->unready == !task_payload_ready(c, t));
    P2_CHECK(p2_slot_list_linked(&t->in_group) == (queued || joined));
    bool timed = p2_slot_order_in(&t->deadline); // not what is in time: kept, and sent again
    task_check_deadline(c, t);
    P2_CHECK(kept ? !timed : timed || t->state == TASK_RETURNING);
    P2_CHECK(timed || (p2_inflow_whole(&co->result_in) && co->replica == P2_NO_HANDLE));
    P2_CHECK(task_by_id(c, cl, &t->id) == t && t->stream <= cl->stream_max);
    P2_CHECK(!t->stream || task_by_stream(c, cl, t->stream) == t);
    P2_CHECK(!task_recent(c, cl, &t->id));
    P2_CHECK(queued || joined || kept ? r == NULL : t->state == TASK_RETURNING || r != NULL);
    P2_CHECK(t->attempt <= c->limits.attempts_max && (!queued || t->attempt < c->limits.attempts_max));
    P2_CHECK(co || ((queued || joined) && t->attempt == 0));
    check_payload(t, co);
    if (co) check_course(c, t, co);
}

static void check_tasks(const struct coord *c) {
    uint64_t reserved = 0, collected = 0;
    uint32_t in_class[P2_CLASSES] = {0}, queued = 0, kept = 0, unbound = 0, courses = 0, timed = 0;
    for (uint32_t i = 0; i < c->tasks.capacity; i++) {
        const struct task *t = coord_at(&c->tasks, i);
        if (!t) continue;
        check_task(c, t);
        reserved += t->reserved_bytes;
        const struct course *co = course_of(c, t);
        courses += co != NULL;
        if (co) collected += co->memo.collected_bytes;
        kept += t->state == TASK_KEPT;
        timed += p2_slot_order_in(&t->deadline);
        unbound += t->stream == 0;
        if (t->state != TASK_QUEUED) continue;
        in_class[t->class_]++;
        queued++;
    }
    const struct coord_stats *s = &c->stats;
    P2_CHECK(reserved == c->reserved_bytes && reserved <= c->limits.payload_budget_bytes);
    P2_CHECK(collected == c->collected_bytes && collected <= c->limits.cache_bytes_max);
    P2_CHECK(memcmp(in_class, c->queued_in_class, sizeof in_class) == 0);
    P2_CHECK(s->tasks_queued == queued && s->tasks_kept == kept);
    P2_CHECK(s->tasks_running + queued + s->tasks_joined + kept == c->tasks.live);
    P2_CHECK(c->by_stream.count == c->tasks.live - unbound);
    P2_CHECK(c->deadlines.count == timed && c->courses.live == courses && p2_list_empty(&c->looked_at));
    P2_CHECK(s->tasks_accepted ==
             s->tasks_completed + s->tasks_failed + s->tasks_expired + s->tasks_cancelled + c->tasks.live);
}

static void check_types(const struct coord *c) {
    uint32_t queued = 0, offers = 0;
    for (uint32_t i = 0; i < c->type_count; i++) {
        const struct type_state *ts = &c->types[i];
        queued += queue_size(&ts->queue);
        P2_CHECK(p2_list_empty(&ts->changed));
        pick_check(c, &ts->pick);
        offers += ts->pick.offers;
    }
    P2_CHECK(queued == c->stats.tasks_queued && offers == c->offers.live);
}

static void check_replica(const struct coord *c, const struct replica *r) {
    const struct peer *p = p2_slab_get(&c->peers, r->peer);
    const struct task *t = p2_slab_get(&c->tasks, r->task);
    P2_CHECK(p && p2_list_linked(&r->in_peer) && table_get(&c->by_job, r->peer, r->stream) == (uint32_t)r->self);
    P2_CHECK((r->state == REPLICA_CANCELLING) == (t == NULL));
    P2_CHECK((r->state == REPLICA_CANCELLING) == p2_list_linked(&r->lingering));
    P2_CHECK(!hedge_watches(r) || r->state == REPLICA_WAITING || r->state == REPLICA_SENT);
    if (!t) return;
    const struct course *co = course_of(c, t);
    P2_CHECK((co->replica == r->self || co->hedge == r->self) && r->state != REPLICA_ENDED);
    P2_CHECK(!hedge_watches(r) || (co->replica == r->self && co->hedge == P2_NO_HANDLE && t->keep));
    P2_CHECK((r->state == REPLICA_RETURNING) == (t->state == TASK_RETURNING));
    P2_CHECK(r->state != REPLICA_RECALLING || (r->asked && t->keep && !p2_list_linked(&r->outlet.link)));
    P2_CHECK(r->out.size == co->in.size && r->out.sent <= r->out.limit && r->out.sent <= co->in.have);
    P2_CHECK(t->keep || r->out.sent == co->dropped || r->state == REPLICA_RETURNING);
}

static void check_peer(const struct coord *c, const struct peer *p) {
    uint32_t jobs[P2_DEVICES_MAX] = {0}, all = 0, offers = 0;
    p2_ns load[P2_DEVICES_MAX] = {0};
    P2_LIST_EACH (it, next, &p->replicas) {
        const struct replica *r = P2_CONTAINER_OF(it, struct replica, in_peer);
        check_replica(c, r);
        jobs[r->device]++;
        load[r->device] += r->estimate_ns;
        all++;
    }
    for (unsigned i = 0; i < P2_DEVICES_MAX; i++) {
        P2_CHECK(jobs[i] == p->devices[i].jobs && load[i] == p->devices[i].load_ns);
    }
    P2_LIST_EACH (it, next, &p->offers) {
        const struct offer *o = P2_CONTAINER_OF(it, struct offer, in_peer);
        P2_CHECK(p2_meld_in(&o->free.node) == (peer_device_free(p, o->device) && health_lets(c, o)));
        P2_CHECK(p2_meld_in(&o->by_memory.node));
        offers++;
    }
    P2_CHECK(all == p->jobs && offers == p->offer_count && (!p->draining || offers == 0));
}

static void check_peers(const struct coord *c) {
    uint32_t jobs = 0, lingering = 0;
    struct peer_share all = {.ready = 0};
    for (uint32_t i = 0; i < c->peers.capacity; i++) {
        const struct peer *p = coord_at(&c->peers, i);
        if (!p) continue;
        check_peer(c, p);
        jobs += p->jobs;
        const struct peer_share share = peer_share(p);
        P2_CHECK(memcmp(&share, &p->counted, sizeof share) == 0);
        all.ready += share.ready;
        all.slots += share.slots;
        all.slots_busy += share.slots_busy;
    }
    P2_CHECK(all.ready == c->stats.peers_ready && all.slots == c->stats.slots && all.slots_busy == c->stats.slots_busy);
    P2_CHECK(jobs == c->replicas.live);
    p2_ns before = 0;
    P2_LIST_EACH (it, next, &c->lingering) {
        const struct replica *r = P2_CONTAINER_OF(it, struct replica, lingering);
        P2_CHECK(r->state == REPLICA_CANCELLING && r->linger_until_ns >= before);
        before = r->linger_until_ns;
        lingering++;
    }
    P2_CHECK(lingering <= c->replicas.live);
}

static void check_clients(const struct coord *c) {
    uint32_t tasks = 0;
    struct p2_slots links = TASKS_IN_CLIENT(c);
    for (uint32_t i = 0; i < c->clients.capacity; i++) {
        const struct client *cl = coord_at(&c->clients, i);
        if (!cl) continue;
        uint32_t listed = p2_slot_list_check(&links, &cl->tasks);
        uint64_t bytes = 0;
        P2_SLOT_LIST_EACH (it, next, &links, &cl->tasks) bytes += cargo_payload_bytes(task_at(c, it)->cargo);
        P2_CHECK(listed == cl->task_count && listed <= c->limits.tasks_per_client_max);
        P2_CHECK(bytes == cl->bytes && bytes <= c->limits.client_bytes_max);
        tasks += listed;
    }
    P2_CHECK(tasks == c->tasks.live);
}

static void check_sessions(const struct coord *c) {
    uint32_t strangers = 0, peers = 0, clients = 0;
    for (uint32_t i = 0; i < c->sessions.capacity; i++) {
        const struct session *s = coord_at(&c->sessions, i);
        if (!s) continue;
        P2_CHECK(s->state != SESSION_GONE && p2_heap_in(&s->timer) && session_find(c, s->conn) == s);
        strangers += s->state == SESSION_STRANGER || s->state == SESSION_GREETED;
        peers += s->state == SESSION_PEER;
        clients += s->state == SESSION_CLIENT;
        P2_CHECK(s->state != SESSION_PEER || peer_of(c, s)->session == s->self);
        P2_CHECK(s->state != SESSION_CLIENT || client_of(c, s)->session == s->self);
    }
    P2_CHECK(strangers == c->strangers && strangers <= c->limits.strangers_max);
    P2_CHECK(peers == c->peers.live && clients + c->clients_away == c->clients.live);
    P2_CHECK(c->by_conn.count == c->sessions.live && c->timers.count == c->sessions.live);
    P2_CHECK(c->again || p2_list_empty(&c->pumping));
}

void coord_check(const struct coord *c) {
    budget_check(&c->retries);
    budget_check(&c->hedges);
    tables_check(c);
    check_tasks(c);
    check_types(c);
    check_peers(c);
    check_clients(c);
    check_sessions(c);
    next_check(c);
    steal_check(c);
    hedge_check(c);
    health_check(c);
    estimate_check(c);
    unmet_check(c);
    flight_check(c);
    cache_check(&c->cache, c->limits.cache_entries_max);
    resume_check(c);
    blob_check(c);
    P2_CHECK(!c->drained || (c->draining && c->sessions.live == 0));
}
