#include "client/core/stats.h"

#include <stdlib.h>
#include <string.h>

void p2_stats_init(struct stats *s, p2_ns now) {
    *s = (struct stats){.began_ns = now};
    for (uint32_t i = 0; i < STATS_SLOTS; i++) s->slots[i].number = -1;
}

// The slot of now, emptied when it was used for an earlier second.
static struct stats_slot *slot_at(struct stats *s, p2_ns now) {
    int64_t number = now / STATS_SLOT_NS;
    struct stats_slot *slot = &s->slots[(uint64_t)number % STATS_SLOTS];
    if (slot->number != number) *slot = (struct stats_slot){.number = number};
    return slot;
}

void p2_stats_submitted(struct stats *s, p2_ns now) {
    s->submitted++;
    slot_at(s, now)->submitted++;
}

p2_ns p2_stats_transfer(const struct session_ended *e) {
    int64_t elsewhere;
    bool absurd = __builtin_add_overflow(e->queue_ns, e->processing_ns, &elsewhere);
    return absurd || elsewhere > e->total_ns ? 0 : e->total_ns - elsewhere;
}

void p2_stats_ended(struct stats *s, p2_ns now, const struct session_ended *e) {
    struct stats_slot *slot = slot_at(s, now);
    s->ended[e->outcome]++;
    slot->ended[e->outcome]++;
    if (e->outcome != SESSION_DONE) return;
    s->cached += e->cached;
    slot->cached += e->cached;
    uint32_t at = (uint32_t)(s->sampled++ % STATS_SAMPLES);
    s->samples[at].at_ns = now;
    s->samples[at].times = (struct stats_times){e->total_ns, e->queue_ns, p2_stats_transfer(e), e->processing_ns};
}

void p2_stats_bytes(struct stats *s, p2_ns now, uint64_t bytes_in, uint64_t bytes_out) {
    if (bytes_in == s->bytes_in && bytes_out == s->bytes_out) return;
    struct stats_slot *slot = slot_at(s, now);
    slot->bytes_in += bytes_in - s->bytes_in;
    slot->bytes_out += bytes_out - s->bytes_out;
    s->bytes_in = bytes_in;
    s->bytes_out = bytes_out;
}

static int by_size(const void *a, const void *b) {
    p2_ns x = *(const p2_ns *)a, y = *(const p2_ns *)b;
    return (x > y) - (x < y);
}

static struct stats_spread spread(p2_ns *values, uint32_t count) {
    if (!count) return (struct stats_spread){0};
    qsort(values, count, sizeof *values, by_size);
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) sum += (double)values[i];
    return (struct stats_spread){(p2_ns)(sum / count), values[(count * 95 + 99) / 100 - 1]}; // nearest rank
}

static void view_times(const struct stats *s, p2_ns since, struct stats_view *out) {
    p2_ns total[STATS_SAMPLES], queue[STATS_SAMPLES], transfer[STATS_SAMPLES], processing[STATS_SAMPLES];
    uint32_t n = 0, kept = s->sampled < STATS_SAMPLES ? (uint32_t)s->sampled : STATS_SAMPLES;
    for (uint32_t i = 0; i < kept; i++) {
        if (s->samples[i].at_ns < since) continue;
        const struct stats_times *t = &s->samples[i].times;
        total[n] = t->total;
        queue[n] = t->queue;
        transfer[n] = t->transfer;
        processing[n++] = t->processing;
    }
    out->total = spread(total, n);
    out->queue = spread(queue, n);
    out->transfer = spread(transfer, n);
    out->processing = spread(processing, n);
}

void p2_stats_view(const struct stats *s, p2_ns now, struct stats_view *out) {
    int64_t newest = now / STATS_SLOT_NS, oldest = newest - (int64_t)STATS_SLOTS + 1;
    p2_ns since = p2_ns_max(oldest * STATS_SLOT_NS, s->began_ns);
    *out = (struct stats_view){.span_ns = now - since};
    for (uint32_t i = 0; i < STATS_SLOTS; i++) {
        const struct stats_slot *slot = &s->slots[i];
        if (slot->number < oldest || slot->number > newest) continue;
        out->submitted += slot->submitted;
        out->cached += slot->cached;
        out->bytes_in += slot->bytes_in;
        out->bytes_out += slot->bytes_out;
        for (uint32_t o = 0; o < STATS_OUTCOMES; o++) out->ended[o] += slot->ended[o];
    }
    view_times(s, since, out);
}
