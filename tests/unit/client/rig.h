// A session under test: its clock, its actions, and what a coordinator would say. Each test is one executable, so the
// helpers are static here.
#ifndef TESTS_UNIT_CLIENT_RIG_H
#define TESTS_UNIT_CLIENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/core/session_in.h"

#define RIG_TASKS 8u
#define ROOM (1u << 20)

struct rig {
    struct session *s;
    struct session_actions out;
    struct p2_blob_pool pool;
    p2_ns now;
    uint64_t room;
    uint32_t generation;
    struct p2_msg said; // the latest of rig_msg: actions may borrow from it
};

static inline void rig_open(struct rig *r, uint64_t seed) {
    *r = (struct rig){.now = P2_SEC, .room = ROOM};
    struct session_config config = {.tasks_max = RIG_TASKS,
                                    .connect_timeout_ns = 3 * P2_SEC,
                                    .lost_timeout_ns = P2_NEVER,
                                    .seed = seed,
                                    .agent = "test",
                                    .features = P2_FEATURE_ZSTD | P2_FEATURE_SESSIONS,
                                    .types = 1};
    p2_blob_pool_init(&r->pool, UINT64_MAX, 0);
    r->s = p2_session_create(&config);
    assert_non_null(r->s);
    assert_true(p2_session_actions_init(&r->out, RIG_TASKS));
}

// Every reference comes back: the pool checks it.
static inline void rig_shut(struct rig *r) {
    p2_session_destroy(&r->s);
    assert_null(r->s);
    p2_session_actions_deinit(&r->out);
    p2_blob_pool_deinit(&r->pool);
}

static inline void rig_step(struct rig *r, struct session_event ev) {
    ev.now_ns = r->now;
    ev.room = r->room;
    p2_session_step(r->s, &ev, &r->out);
    p2_session_check(r->s);
}

static inline void rig_tick(struct rig *r, p2_ns later) {
    r->now += later;
    rig_step(r, (struct session_event){.kind = SESSION_TICK});
}

static inline void rig_msg(struct rig *r, struct p2_msg m) {
    r->said = m;
    rig_step(r, (struct session_event){.kind = SESSION_MSG, .u.msg = &r->said});
}

static inline void rig_closed(struct rig *r) {
    rig_step(r, (struct session_event){.kind = SESSION_CLOSED, .u.why = P2_ERR_CLOSED});
}

// The nth action of a kind in the last step, or NULL.
static inline struct session_action *rig_did(struct rig *r, enum session_action_kind kind, uint32_t n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        if (r->out.items[i].kind == kind && n-- == 0) return &r->out.items[i];
    }
    return NULL;
}

// The nth record of a kind sent in the last step, or NULL.
static inline struct p2_msg *rig_sent(struct rig *r, enum p2_msg_kind kind, uint32_t n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        struct session_action *a = &r->out.items[i];
        if (a->kind == SESSION_DO_SEND && a->u.send.msg.kind == kind && n-- == 0) return &a->u.send.msg;
    }
    return NULL;
}

static inline struct session_ended *rig_ended(struct rig *r) {
    struct session_action *a = rig_did(r, SESSION_DO_ENDED, 0);
    return a ? &a->u.ended : NULL;
}

static inline bool rig_knows(const struct rig *r, session_ticket t) { return p2_ticket_find(r->s, t) != NULL; } // open

static inline void assert_ended(struct rig *r, session_ticket t, enum session_outcome outcome, enum p2_err code) {
    struct session_ended *e = rig_ended(r);
    assert_non_null(e);
    assert_int_equal(e->ticket, t);
    assert_int_equal(e->outcome, outcome);
    assert_int_equal(e->code, code);
    assert_true((e->sentence.n > 0) == (outcome != SESSION_DONE));
    assert_false(rig_knows(r, t));
    assert_null(rig_did(r, SESSION_DO_ENDED, 1));
}

static inline struct p2_msg hello_msg(uint32_t version) {
    return (struct p2_msg){.kind = P2_MSG_HELLO,
                           .u.hello = {.magic = P2_PROTOCOL_MAGIC,
                                       .version_min = version,
                                       .version_max = version,
                                       .features = P2_FEATURE_ZSTD,
                                       .role = P2_ROLE_COORDINATOR}};
}

// `all`: 0 as of a coordinator that does not say it.
static inline void rig_up_limited(struct rig *r, uint32_t tasks, uint64_t each, uint64_t all) {
    while (p2_session_link(r->s) != LINK_DIALING) {
        r->now = p2_ns_max(r->now, p2_session_next_ns(r->s));
        rig_tick(r, 0);
    }
    rig_step(r, (struct session_event){.kind = SESSION_OPENED});
    rig_msg(r, hello_msg(P2_PROTOCOL_VERSION));
    rig_msg(r, (struct p2_msg){.kind = P2_MSG_GAMER_REGISTERED,
                               .u.gamer_registered = {.session = {{1}},
                                                      .tasks_in_flight_max = tasks,
                                                      .payload_bytes_max = each,
                                                      .bytes_in_flight_max = all}});
    assert_int_equal(p2_session_link(r->s), LINK_UP);
}

static inline void rig_up(struct rig *r) { rig_up_limited(r, 100, UINT64_MAX, 0); }

static inline struct p2_id id_of(session_ticket t) {
    struct p2_id id = {{0}};
    for (unsigned i = 0; i < 8; i++) id.b[i] = (uint8_t)(t >> 8 * i);
    id.b[15] = 0xaa;
    return id;
}

static inline struct session_submit rig_task(struct rig *r, uint32_t slot, uint32_t payload_size) {
    session_ticket t = (uint64_t)++r->generation << 32 | slot;
    struct session_submit task = {.ticket = t,
                                  .id = id_of(t),
                                  .type = "echo",
                                  .version = 1,
                                  .deadline_ns = 10 * P2_SEC,
                                  .result_bytes_max = P2_TASK_PAYLOAD_MAX};
    if (payload_size) task.payload = (struct p2_slice){p2_blob_new(&r->pool, payload_size), 0, payload_size};
    return task;
}

static inline session_ticket rig_submit_as(struct rig *r, struct session_submit task) {
    rig_step(r, (struct session_event){.kind = SESSION_SUBMIT, .u.submit = task});
    return task.ticket;
}

static inline session_ticket rig_submit(struct rig *r, uint32_t slot, uint32_t payload_size) {
    return rig_submit_as(r, rig_task(r, slot, payload_size));
}

// ---- a coordinator's words about one ticket

static inline struct p2_msg accepted_msg(uint32_t stream, session_ticket t) {
    return (struct p2_msg){.kind = P2_MSG_TASK_ACCEPTED, .stream = stream, .u.accepted.id = id_of(t)};
}

static inline struct p2_msg ended_msg(uint32_t stream, session_ticket t, enum p2_err code) {
    return (struct p2_msg){.kind = P2_MSG_TASK_ENDED, .stream = stream, .u.ended = {.id = id_of(t), .code = code}};
}

// `first` bytes of a result of `size`; the slice is of any blob that large.
static inline struct p2_msg delivery_msg(uint32_t stream, session_ticket t, uint32_t attempt, uint64_t size,
                                         struct p2_slice first) {
    return (struct p2_msg){
        .kind = P2_MSG_RESULT_DELIVERY,
        .stream = stream,
        .u.delivery = {
            .id = id_of(t), .attempt = attempt, .payload_size = size, .raw_size = first.size, .payload = first}};
}

static inline struct p2_msg chunk_msg(uint32_t stream, uint32_t attempt, uint64_t offset, struct p2_slice part) {
    return (struct p2_msg){.kind = P2_MSG_CHUNK,
                           .stream = stream,
                           .u.chunk = {.offset = offset, .attempt = attempt, .raw_size = part.size, .payload = part}};
}

#endif
