// Statistics for the caller.
#include "p2c2r/stats.h"

#include <string.h>

#include "client/shell/io.h"
#include "os/os.h"

void p2_client_count_bytes(struct p2c2r_client *c) {
    struct p2_net_stats n;
    p2_loop_stats(c->loop, &n);
    p2_client_lock(c);
    p2_stats_bytes(&c->stats, p2_clock_now(), n.bytes_in, n.bytes_out);
    p2_client_unlock(c);
}

static p2c2r_spread spread(const struct stats_spread *s) {
    return (p2c2r_spread){.mean_us = s->mean / P2_US, .p95_us = s->p95 / P2_US};
}

static void tell_second(const struct stats_view *v, p2c2r_stats *out) {
    double seconds = v->span_ns > 0 ? (double)v->span_ns / P2_SEC : 1;
    uint32_t done = v->ended[SESSION_DONE];
    uint32_t unmet =
        v->ended[SESSION_REFUSED] + v->ended[SESSION_FAILED] + v->ended[SESSION_EXPIRED] + v->ended[SESSION_LOST];
    out->span_us = v->span_ns / P2_US;
    out->submitted_per_s = v->submitted / seconds;
    out->done_per_s = done / seconds;
    out->unmet_per_s = unmet / seconds;
    out->cached_share = done ? (double)v->cached / done : 0;
    out->bytes_out_per_s = (double)v->bytes_out / seconds;
    out->bytes_in_per_s = (double)v->bytes_in / seconds;
    out->total = spread(&v->total);
    out->queue = spread(&v->queue);
    out->transfer = spread(&v->transfer);
    out->processing = spread(&v->processing);
}

p2c2r_status p2c2r_stats_get(p2c2r_client *c, p2c2r_stats *out) {
    if (!out || !p2_client_free(c)) return P2C2R_EINVAL;
    size_t size;
    memcpy(&size, out, sizeof size);
    if (size <= sizeof size || size > 16 * sizeof *out)
        return p2_client_fail(c, P2C2R_EINVAL, "set stats.size to sizeof(p2c2r_stats)");
    p2_client_lock(c);
    const struct stats *s = &c->stats;
    uint64_t ended = 0;
    for (unsigned i = 0; i < STATS_OUTCOMES; i++) ended += s->ended[i];
    uint32_t links = c->io ? c->io->seen.links : c->links;
    p2_ns rtt_ns = c->io ? c->io->seen.rtt_ns : p2_session_rtt_ns(c->session);
    p2c2r_stats whole = {.size = size,
                         .submitted = s->submitted,
                         .done = s->ended[SESSION_DONE],
                         .refused = s->ended[SESSION_REFUSED],
                         .failed = s->ended[SESSION_FAILED],
                         .expired = s->ended[SESSION_EXPIRED],
                         .cancelled = s->ended[SESSION_CANCELLED],
                         .lost = s->ended[SESSION_LOST],
                         .cached = s->cached,
                         .window_full = s->window_full,
                         .reconnects = links > 1 ? links - 1 : 0,
                         .connected = p2c2r_connected(c),
                         .in_flight = (uint32_t)(s->submitted - ended),
                         .rtt_us = rtt_ns / P2_US};
    struct stats_view v;
    p2_stats_view(s, p2_clock_now(), &v);
    p2_client_unlock(c);
    tell_second(&v, &whole);
    size_t n = size < sizeof whole ? size : sizeof whole;
    if (size > n) memset((char *)out + n, 0, size - n);
    memcpy(out, &whole, n);
    return P2C2R_OK;
}
