// How the cluster does: the question, and its answer for the caller.
#include <stdio.h>
#include <string.h>

#include "client/shell/client.h"
#include "os/os.h"

_Static_assert(sizeof((p2c2r_terms *)0)->coordinator == CLIENT_URL_BYTES, "as long as one may be");
_Static_assert(sizeof((p2c2r_cluster *)0)->unmet / sizeof(p2c2r_unmet) == P2_UNMET_MAX, "all that may come");

static void copy_text(char *to, size_t capacity, struct p2_str from) {
    size_t n = from.n < capacity - 1 ? from.n : capacity - 1;
    if (n) memcpy(to, from.p, n);
    to[n] = 0;
}

static void keep_unmet(struct p2c2r_client *c, const struct p2_msg_status *m) {
    c->status.unmet_count = m->unmet_count < P2_UNMET_MAX ? m->unmet_count : P2_UNMET_MAX;
    for (uint32_t i = 0; i < c->status.unmet_count; i++) {
        const struct p2_msg_unmet *from = &m->unmet[i];
        p2c2r_unmet *to = &c->status.unmet[i];
        *to = (p2c2r_unmet){.version = from->version,
                            .missing = p2_missing_name(from->missing),
                            .memory_bytes = from->memory_bytes,
                            .kinds = from->kinds,
                            .count = from->count,
                            .last_us = (int64_t)p2_ns_to_us(from->last_ns)};
        copy_text(to->type, sizeof to->type, from->type);
    }
}

static void keep_open_tasks(struct p2c2r_client *c, const struct p2_msg_status *m) {
    c->open_task_count = m->task_count < P2_OPEN_TASKS_MAX ? m->task_count : P2_OPEN_TASKS_MAX;
    for (uint32_t i = 0; i < c->open_task_count; i++) {
        const struct p2_msg_open_task *from = &m->tasks[i];
        p2c2r_open_task *to = &c->open_tasks[i];
        *to = (p2c2r_open_task){.priority = (p2c2r_class)from->class_,
                                .where = p2_open_state_name(from->where),
                                .age_us = (int64_t)p2_ns_to_us(from->age_ns),
                                .left_us = (int64_t)p2_ns_to_us(from->left_ns),
                                .attempts = from->attempts,
                                .yours = from->yours};
        snprintf(to->id, sizeof to->id, "%08x", from->id_head);
        copy_text(to->type, sizeof to->type, from->type);
        if (!p2_id_is_zero(&from->peer)) p2_id_text(&from->peer, to->peer);
    }
}

void p2_status_keep(struct p2c2r_client *c, const struct p2_msg_status *m) {
    c->status = (p2c2r_cluster){
        .size = sizeof c->status,
        .peers = m->peers,
        .peers_ready = m->peers_ready,
        .clients = m->clients,
        .slots = m->slots,
        .slots_busy = m->slots_busy,
        .tasks_queued = m->tasks_queued,
        .tasks_running = m->tasks_running,
        .tasks_accepted = m->tasks_accepted,
        .tasks_completed = m->tasks_completed,
        .tasks_failed = m->tasks_failed,
        .tasks_expired = m->tasks_expired,
        .tasks_cancelled = m->tasks_cancelled,
        .tasks_refused = m->tasks_refused,
        .retries = m->attempts_retried,
        .hedges = m->attempts_hedged,
        .peers_held_back = m->peers_held_back,
        .uptime_us = m->uptime_ns / P2_US,
    };
    copy_text(c->status.version, sizeof c->status.version, m->version);
    keep_unmet(c, m);
    keep_open_tasks(c, m);
    c->status_seen = true;
}

void p2_status_ask(struct p2c2r_client *c, uint32_t tasks_max) {
    struct session_event ev = {.kind = SESSION_STATUS, .u.tasks_max = tasks_max};
    p2_client_feed(c, &ev);
}

// The answer to a question with as many rows of open tasks. The first round trip is measured beside it: it is worth the
// same wait.
static p2c2r_status ask(struct p2c2r_client *c, uint32_t tasks_max, int64_t timeout_us) {
    p2_ns now = p2_clock_now();
    p2_ns until = p2_ns_add(now, timeout_us > 0 ? p2_ns_from_us((uint64_t)timeout_us) : 0);
    c->status_seen = c->turned_away = false;
    p2_status_ask(c, tasks_max);
    while (!c->status_seen || p2_session_rtt_ns(c->session) == 0) {
        now = p2_clock_now();
        if (c->turned_away) return p2_client_fail(c, P2C2R_ECLOSED, "%s", c->away);
        if (now >= until) break;
        p2_client_turn(c, until - now);
    }
    if (c->status_seen) return P2C2R_OK;
    if (p2_client_is_up(c)) return p2_client_fail(c, P2C2R_ETIMEOUT, "the coordinator did not answer in that time");
    return p2_client_fail(c, P2C2R_EUNREACHABLE, "no coordinator answers at %s", c->url);
}

static p2c2r_status ask_cluster(struct p2c2r_client *c, p2c2r_cluster *out, int64_t timeout_us) {
    size_t size;
    memcpy(&size, out, sizeof size);
    if (size <= sizeof size || size > 16 * sizeof *out)
        return p2_client_fail(c, P2C2R_EINVAL, "set cluster.size to sizeof(p2c2r_cluster)");
    p2c2r_status status = ask(c, 0, timeout_us);
    if (status != P2C2R_OK) return status;
    c->status.rtt_us = (int64_t)p2_ns_to_us(p2_session_rtt_ns(c->session));
    p2_client_give(out, size, &c->status, sizeof c->status);
    return P2C2R_OK;
}

p2c2r_status p2c2r_cluster_wait(p2c2r_client *c, p2c2r_cluster *out, int64_t timeout_us) {
    if (!out || !p2_client_enter(c)) return P2C2R_EINVAL;
    return p2_client_leave(c, ask_cluster(c, out, timeout_us));
}

static p2c2r_status ask_tasks(struct p2c2r_client *c, p2c2r_open_task *out, uint32_t max, uint32_t *count,
                              int64_t timeout_us) {
    *count = 0;
    size_t size = sizeof *out;
    if (max) memcpy(&size, out, sizeof size);
    if (size <= sizeof size || size > 16 * sizeof *out)
        return p2_client_fail(c, P2C2R_EINVAL, "set tasks[0].size to sizeof(p2c2r_open_task)");
    p2c2r_status status = ask(c, max < P2_OPEN_TASKS_MAX ? max : P2_OPEN_TASKS_MAX, timeout_us);
    if (status != P2C2R_OK) return status;
    for (; *count < max && *count < c->open_task_count; (*count)++)
        p2_client_give((char *)out + *count * size, size, &c->open_tasks[*count], sizeof *c->open_tasks);
    return P2C2R_OK;
}

p2c2r_status p2c2r_tasks_wait(p2c2r_client *c, p2c2r_open_task *out, uint32_t max, uint32_t *count,
                              int64_t timeout_us) {
    if (!count || (max && !out) || !p2_client_enter(c)) return P2C2R_EINVAL;
    return p2_client_leave(c, ask_tasks(c, out, max, count, timeout_us));
}

static p2c2r_status tell_terms(struct p2c2r_client *c, p2c2r_terms *out) {
    static const struct {
        uint64_t bit;
        const char *name;
    } names[] = {{P2_FEATURE_ZSTD, "zstd"}, {P2_FEATURE_SESSIONS, "sessions"}};
    size_t size;
    memcpy(&size, out, sizeof size);
    if (size <= sizeof size || size > 16 * sizeof *out)
        return p2_client_fail(c, P2C2R_EINVAL, "set terms.size to sizeof(p2c2r_terms)");
    if (!p2_client_is_up(c)) return p2_client_fail(c, P2C2R_EUNREACHABLE, "no coordinator answers at %s", c->url);
    const struct p2_msg_gamer_registered *m = p2_session_terms(c->session);
    p2c2r_terms terms = {.size = size,
                         .protocol = P2_PROTOCOL_VERSION,
                         .tasks_in_flight_max = m->tasks_in_flight_max,
                         .payload_bytes_max = m->payload_bytes_max,
                         .bytes_in_flight_max = m->bytes_in_flight_max,
                         .keep_us = (int64_t)p2_ns_to_us(m->resume_grace_ns)};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (p2_session_features(c->session) & names[i].bit) terms.features[terms.feature_count++] = names[i].name;
    }
    memcpy(terms.coordinator, c->line->url, sizeof terms.coordinator);
    p2_client_give(out, size, &terms, sizeof terms);
    return P2C2R_OK;
}

p2c2r_status p2c2r_connection_terms(p2c2r_client *c, p2c2r_terms *out) {
    if (!out || !p2_client_enter(c)) return P2C2R_EINVAL;
    return p2_client_leave(c, tell_terms(c, out));
}
