#include "plan.h"

#include "sim.h"
#include "stream.h"

static void choose_size(struct plan *p, uint64_t seed) {
    p->crowd = seed % 40 == 39;
    p->peers = 1 + below(chance(70) ? 8 : 40);
    p->clients = 1 + below(chance(70) ? 6 : 20);
    if (p->mode == PLAN_CALM && p->peers < 3) p->peers = 3;
    if (p->mode == PLAN_PEERS_FAIL && p->peers < 6) p->peers = 6;
    if (!p->crowd) return;
    p->peers = 100 + below(200);
    p->clients = 20 + below(80);
}

// Far deadlines and little to do: whatever ends late was forgotten.
static void choose_ease(struct plan *p) {
    p->deadline_min = 60 * P2_SEC;
    p->deadline_max = 120 * P2_SEC;
    p->work_max = between(20, 200) * P2_MS;
    p->task_every = (p2_ns)p->clients * between(300, 900) * P2_MS;
    if (p->large) p->task_every *= 2;
}

// Enough to do that timeouts are learned, and peers enough for it. Round trips of up to 80 ms, then 160, are what four
// priors allow for.
static void choose_doubling(struct plan *p) {
    p->crowd = p->tight = p->large = p->zstd = p->repeats = p->blobs = false;
    p->doubles = true;
    p->clients = 1 + below(2);
    p->peers = 4 + below(8);
    p->task_every = between(30, 60) * P2_MS;
    p->work_max = between(2, 60) * P2_MS;
    p->prior = 50 * P2_MS;
    p->delay_max = 20 * P2_MS;
    p->bandwidth_min = 5000000;
    p->payload_max = p->result_max = 20000;
    p->check_each = 256;
}

// Equal peers on a local network.
static void choose_stream(struct plan *p, const struct stream_wish *stream) {
    p->crowd = p->tight = p->large = p->zstd = p->repeats = p->blobs = false;
    p->stream = stream;
    p->clients = 1;
    p->peers = stream->peers;
    p->deadline_min = p->deadline_max = 10 * P2_SEC;
    p->delay_min = p->delay_max = P2_MS / 2;
    p->bandwidth_min = p->bandwidth_max = 125000000;
    p->payload_max = p->result_max = p->cell_bytes = UINT64_C(8) << 20;
    p->check_each = 2048;
}

void plan_make(struct plan *p, uint64_t seed, bool doubles, const struct stream_wish *stream) {
    static const enum plan_mode modes[] = {PLAN_CALM, PLAN_WILD, PLAN_PEERS_FAIL, PLAN_WILD, PLAN_WILD};
    *p = (struct plan){.mode = doubles || stream ? PLAN_CALM : modes[seed % 5],
                       .prior = 10 * P2_MS,
                       .delay_min = P2_MS / 10,
                       .delay_max = 120 * P2_MS,
                       .bandwidth_min = 200000,
                       .bandwidth_max = 20000000};
    choose_size(p, seed);
    p->tight = p->mode == PLAN_WILD && !p->crowd && chance(35);
    p->large = chance(30);
    p->zstd = chance(15);
    p->repeats = chance(40);
    p->blobs = !p->crowd && mix(seed + 4711) % 100 < 40;
    p->drains = chance(50);
    // After every step in a third of the seeds, else often enough to say roughly what was done when it broke.
    p->check_each = p->crowd ? 2048 : seed % 3 == 0 ? 1 : 64;
    p->work_max = between(20, 1000) * P2_MS;
    p->deadline_min = between(50, 500) * P2_MS;
    p->deadline_max = p->deadline_min + between(1, 20) * P2_SEC;
    p->task_every = (p2_ns)p->clients * between(100, 600) * P2_MS;
    p->fault_every_s = p->mode == PLAN_WILD ? 0.2 + 10 * p2_rng_unit(&sim.rng) : 3 + 20 * p2_rng_unit(&sim.rng);
    p->cell_bytes = UINT64_C(4) << 20;
    p->room_bytes = chance(30) ? 192 << 10 : 512 << 10;
    p->payload_max = p->large ? 3000000 : 200000;
    p->result_max = p->large ? 2000000 : 200000;
    if (p->mode != PLAN_WILD) choose_ease(p);
    if (doubles) choose_doubling(p);
    if (stream) choose_stream(p, stream);
    p->sessions = chance(75);
    p->resume_grace = between(P2_SEC, p2_ns_min(p->deadline_max, 30 * P2_SEC));
}
