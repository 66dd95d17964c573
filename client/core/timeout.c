#include "client/core/timeout.h"

#include "base/check.h"
#include "base/mem.h"
#include "kernels/task_type.h"

#define MEAN_GAIN 8  // RFC 6298: alpha is 1/8
#define RISE 4       // and beta 1/4, upwards
#define FALL 256     // beta downwards
#define DEVIATIONS 4 // K

static p2_ns ceiling_of(const struct timeout_kind *kind) {
    return p2_ns_max(P2_MS, p2_ns_min(p2_task_patience(kind->prior_ns), TIMEOUT_MAX_NS));
}

static struct timeout *find(const struct timeouts *t, const struct timeout_kind *kind) {
    if (kind->type >= t->types) return NULL;
    uint32_t class_ = kind->size_class < P2_SIZE_CLASSES ? kind->size_class : P2_SIZE_CLASSES - 1;
    return &t->all[(size_t)kind->type * P2_SIZE_CLASSES + class_];
}

bool p2_timeouts_init(struct timeouts *t, uint32_t types) {
    *t = (struct timeouts){.types = types};
    if (types) t->all = p2_calloc((size_t)types * P2_SIZE_CLASSES, sizeof *t->all);
    return !types || t->all;
}

void p2_timeouts_deinit(struct timeouts *t) {
    p2_free(t->all);
    *t = (struct timeouts){0};
}

p2_ns p2_timeout_ns(const struct timeouts *t, const struct timeout_kind *kind) {
    p2_ns ceiling = ceiling_of(kind);
    const struct timeout *known = find(t, kind);
    if (!known || known->samples < P2_PRIOR_SAMPLES) return ceiling;
    p2_ns span = known->srtt_ns + p2_ns_max(known->srtt_ns, DEVIATIONS * known->rttvar_ns);
    return p2_ns_min(p2_ns_max(span, TIMEOUT_FLOOR_NS), ceiling);
}

bool p2_timeout_usual(const struct timeouts *t, const struct timeout_kind *kind, p2_ns *usual_ns, p2_ns *worst_ns) {
    const struct timeout *known = find(t, kind);
    if (!known || known->samples < TIMEOUT_USUAL_SAMPLES) return false;
    *usual_ns = known->srtt_ns;
    *worst_ns = known->srtt_ns + DEVIATIONS * known->rttvar_ns;
    return true;
}

void p2_timeout_took(struct timeouts *t, const struct timeout_kind *kind, p2_ns span_ns) {
    struct timeout *known = find(t, kind);
    if (!known) return;
    span_ns = p2_ns_max(0, p2_ns_min(span_ns, ceiling_of(kind)));
    if (known->samples == 0) { // 2.2; an expiry may have come before
        known->srtt_ns = span_ns;
        known->rttvar_ns = p2_ns_max(known->rttvar_ns, span_ns / 2);
    } else { // 2.3: RTTVAR first, from the SRTT before
        p2_ns off = span_ns - known->srtt_ns, distance = off < 0 ? -off : off;
        p2_ns more = distance - known->rttvar_ns;
        known->rttvar_ns += more / (more > 0 ? RISE : FALL);
        known->srtt_ns += off / MEAN_GAIN;
    }
    if (known->samples < UINT32_MAX) known->samples++;
}

void p2_timeout_expired(struct timeouts *t, const struct timeout_kind *kind, p2_ns span_ns) {
    struct timeout *known = find(t, kind);
    if (!known || span_ns < p2_timeout_ns(t, kind)) return;
    p2_ns ceiling = ceiling_of(kind);
    p2_ns twice = span_ns < ceiling / 2 ? 2 * span_ns : ceiling;
    p2_ns wanted = (twice - known->srtt_ns + DEVIATIONS - 1) / DEVIATIONS;
    known->rttvar_ns = p2_ns_max(known->rttvar_ns, wanted);
}

void p2_timeouts_check(const struct timeouts *t) {
    for (size_t i = 0; i < (size_t)t->types * P2_SIZE_CLASSES; i++) {
        const struct timeout *known = &t->all[i];
        P2_CHECK(known->srtt_ns >= 0 && known->srtt_ns <= TIMEOUT_MAX_NS);
        P2_CHECK(known->rttvar_ns >= 0 && known->rttvar_ns <= TIMEOUT_MAX_NS);
    }
}
