#include "loadtest/core/scenario.h"

#include <math.h>
#include <string.h>

#include "loadtest/core/synthetic.h"
#include "msg/limits.h"

#define NEED(condition, ...)                                                                                           \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            p2_strbuf_printf(why, __VA_ARGS__);                                                                        \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

static bool check_task(struct scenario_task *t, uint32_t i, struct p2_strbuf *why) {
    NEED(t->type, "tasks[%u] has no type", i);
    NEED(t->weight > 0 && t->weight <= 1e6, "tasks[%u].weight is above 0 and at most 1000000", i);
    NEED(t->payload_bytes >= SYNTHETIC_HEADER && t->payload_bytes <= P2_TASK_PAYLOAD_MAX,
         "tasks[%u].payload is %u B to %u MiB", i, SYNTHETIC_HEADER, P2_TASK_PAYLOAD_MAX >> 20);
    NEED(t->payload_bytes <= t->type->payload_bytes_max, "tasks[%u].payload: %s takes at most %llu bytes", i,
         t->type->name, (unsigned long long)t->type->payload_bytes_max);
    NEED(t->deadline_ns >= 0 && t->deadline_ns <= 3600 * P2_SEC, "tasks[%u].deadline is at most 1h", i);
    NEED(t->distinct <= 1000000, "tasks[%u].distinct is at most 1000000", i);
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    const struct p2_params params = {t->params, t->param_count};
    p2_strbuf_printf(why, "tasks[%u]: ", i);
    if (t->type->prepare(&params, t->payload_bytes, block, &t->cost, why) != P2_OK) return false;
    why->size = 0;
    why->text[0] = 0;
    uint64_t most = t->cost.result_bytes_max < P2_TASK_PAYLOAD_MAX ? t->cost.result_bytes_max : P2_TASK_PAYLOAD_MAX;
    if (t->result_bytes == 0) t->result_bytes = most;
    NEED(t->result_bytes >= SYNTHETIC_HEADER && t->result_bytes <= most,
         "tasks[%u].result is %u to %llu bytes for such a %s", i, SYNTHETIC_HEADER, (unsigned long long)most,
         t->type->name);
    return true;
}

static bool is_share(double x) { return x >= 0 && x <= 1; }

static bool check_group(const struct scenario_group *g, uint32_t i, struct p2_strbuf *why) {
    NEED(g->count <= SCENARIO_PEERS_MAX, "peers[%u].count is at most %u", i, SCENARIO_PEERS_MAX);
    NEED(g->slots >= 1 && g->slots <= 16, "peers[%u].slots is 1 to 16", i);
    NEED(g->queue_depth <= 3, "peers[%u].queue_depth is 0 to 3", i);
    NEED(g->speed >= 0.001 && g->speed <= 1000, "peers[%u].speed is 0.001 to 1000", i);
    NEED(g->rtt_ns >= 0 && g->rtt_ns <= 10 * P2_SEC, "peers[%u].rtt is at most 10s", i);
    NEED(g->away_ns >= P2_MS && g->away_ns <= 3600 * P2_SEC, "peers[%u].away is 1ms to 1h", i);
    NEED(is_share(g->error) && is_share(g->stall) && g->error + g->stall <= 1,
         "peers[%u].error and stall are shares, 1 at most together", i);
    NEED(g->vanish >= 0 && g->vanish <= 60 && g->flap >= 0 && g->flap <= 60 && g->silence >= 0 && g->silence <= 60,
         "peers[%u].vanish, flap and silence are at most 60 times a minute for each peer", i);
    return true;
}

static bool check_phase(const struct arrival_phase *p, uint32_t i, struct p2_strbuf *why) {
    NEED(p->rate >= 0 && p->rate <= ARRIVAL_RATE_MAX && p->rate_to >= 0 && p->rate_to <= ARRIVAL_RATE_MAX,
         "phases[%u]: a rate is at most %.0f tasks a second", i, ARRIVAL_RATE_MAX);
    NEED(p->burst <= 10000000, "phases[%u].burst is at most 10000000", i);
    NEED(p->duration_ns > 0 && p->duration_ns <= SCENARIO_DURATION_MAX,
         "phases[%u].duration is above 0 and at most 24h", i);
    return true;
}

static bool check_loop(const struct scenario *s, struct p2_strbuf *why) {
    for (uint32_t i = 0; i < s->phase_count; i++) {
        if (!check_phase(&s->phases[i], i, why)) return false;
    }
    if (scenario_open(s)) {
        NEED(s->closed_in_flight == 0, "a scenario has phases or is closed, not both");
        NEED(arrival_total(s->phases, s->phase_count) >= 1, "the phases ask for no task at all");
        NEED(scenario_span(s) <= SCENARIO_DURATION_MAX, "all phases together last at most 24h");
        NEED(s->warmup_ns < scenario_span(s), "warmup is as long as the run");
        return true;
    }
    NEED(s->closed_in_flight > 0, "a scenario needs phases, or closed");
    NEED(s->closed_in_flight <= SCENARIO_WINDOW_MAX, "closed.in_flight is at most %u", SCENARIO_WINDOW_MAX);
    NEED(s->closed_count > 0 || s->closed_duration_ns > 0, "closed needs a count or a duration");
    NEED(s->closed_count <= 1000000000, "closed.count is at most 1000000000");
    NEED(s->closed_duration_ns >= 0 && s->closed_duration_ns <= SCENARIO_DURATION_MAX,
         "closed.duration is at most 24h");
    NEED(!s->closed_duration_ns || s->warmup_ns < s->closed_duration_ns, "warmup is as long as the run");
    return true;
}

bool scenario_check(struct scenario *s, struct p2_strbuf *why) {
    NEED(s->name[0], "a scenario needs a name");
    NEED(s->clients >= 1 && s->clients <= SCENARIO_CLIENTS_MAX, "clients is 1 to %u", SCENARIO_CLIENTS_MAX);
    NEED(s->window >= 1 && s->window <= SCENARIO_WINDOW_MAX, "window is 1 to %u", SCENARIO_WINDOW_MAX);
    NEED(s->warmup_ns >= 0 && s->warmup_ns <= 3600 * P2_SEC, "warmup is at most 1h");
    NEED(s->grace_ns >= 0 && s->grace_ns <= 3600 * P2_SEC, "grace is at most 1h");
    if (!check_loop(s, why)) return false;
    NEED(s->task_count >= 1, "a scenario needs tasks");
    for (uint32_t i = 0; i < s->task_count; i++) {
        if (!check_task(&s->tasks[i], i, why)) return false;
    }
    for (uint32_t i = 0; i < s->group_count; i++) {
        if (!check_group(&s->groups[i], i, why)) return false;
    }
    NEED(scenario_peers(s) <= SCENARIO_PEERS_MAX, "all peers together are at most %u", SCENARIO_PEERS_MAX);
    return true;
}

bool scenario_open(const struct scenario *s) { return s->phase_count > 0; }

p2_ns scenario_span(const struct scenario *s) {
    if (scenario_open(s)) return arrival_span(s->phases, s->phase_count);
    return s->closed_duration_ns ? s->closed_duration_ns : P2_NEVER;
}

uint32_t scenario_peers(const struct scenario *s) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < s->group_count; i++) sum += s->groups[i].count;
    return sum;
}

void scenario_set_rate(struct scenario *s, double per_second) {
    double fastest = 0;
    for (uint32_t i = 0; i < s->phase_count; i++)
        fastest = fmax(fastest, fmax(s->phases[i].rate, s->phases[i].rate_to));
    if (fastest > 0) arrival_scale(s->phases, s->phase_count, per_second / fastest);
}

void scenario_set_duration(struct scenario *s, p2_ns duration) {
    if (!scenario_open(s)) {
        s->closed_duration_ns = duration;
        return;
    }
    double by = (double)duration / (double)scenario_span(s);
    for (uint32_t i = 0; i < s->phase_count; i++)
        s->phases[i].duration_ns = p2_ns_max((p2_ns)((double)s->phases[i].duration_ns * by), 1);
    s->warmup_ns = (p2_ns)((double)s->warmup_ns * fmin(by, 1));
}

void scenario_set_peers(struct scenario *s, uint32_t count) {
    uint64_t before = scenario_peers(s), seen = 0, given = 0;
    if (before == 0) return;
    for (uint32_t i = 0; i < s->group_count; i++) {
        seen += s->groups[i].count;
        uint64_t until = seen * count / before;
        s->groups[i].count = (uint32_t)(until - given);
        given = until;
    }
}

bool scenario_offers(const struct scenario_group *g, const struct p2_task_type *t) {
    uint32_t i = 0;
    while (p2_task_types[i] != t) i++;
    return g->types == 0 || g->types >> i & 1;
}

uint32_t scenario_pick(const struct scenario *s, struct p2_rng *r) {
    double sum = 0;
    for (uint32_t i = 0; i < s->task_count; i++) sum += s->tasks[i].weight;
    double at = p2_rng_unit(r) * sum;
    for (uint32_t i = 0; i + 1 < s->task_count; i++) {
        at -= s->tasks[i].weight;
        if (at < 0) return i;
    }
    return s->task_count - 1;
}
