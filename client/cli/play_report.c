#include "play_report.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const sorts[OFFLOAD_SORTS] = {"upscale", "physics", "path"};

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }
static json_t *ms(p2_ns span) { return json_real((double)span / 1e6); }

static json_t *spread_of(const struct p2_hist *h) {
    json_t *o = json_object();
    json_object_set_new(o, "count", number(h->count));
    json_object_set_new(o, "mean", json_real(h->count ? (double)h->sum_us / (double)h->count / 1e3 : 0));
    json_object_set_new(o, "p50", ms(p2_hist_quantile(h, 0.5)));
    json_object_set_new(o, "p95", ms(p2_hist_quantile(h, 0.95)));
    json_object_set_new(o, "p99", ms(p2_hist_quantile(h, 0.99)));
    json_object_set_new(o, "p999", ms(p2_hist_quantile(h, 0.999)));
    json_object_set_new(o, "max", json_real((double)h->max_us / 1e3));
    return o;
}

static json_t *count_of(const struct offload_count *n) {
    json_t *o = json_object(), *origin = json_object();
    json_object_set_new(o, "submitted", number(n->submitted));
    json_object_set_new(o, "done", number(n->done));
    json_object_set_new(o, "late", number(n->late));
    json_object_set_new(o, "lost", number(n->lost));
    json_object_set_new(o, "refused", number(n->refused));
    json_object_set_new(o, "failed", number(n->failed));
    json_object_set_new(o, "cancelled", number(n->cancelled));
    for (uint32_t i = P2C2R_ORIGIN_PEER; i < OFFLOAD_ORIGINS; i++)
        json_object_set_new(origin, p2c2r_origin_name(i), number(n->origin[i]));
    json_object_set_new(o, "origin", origin);
    json_object_set_new(o, "took_ms", spread_of(&n->took));
    json_object_set_new(o, "gap_ms", ms(n->gap_ns));
    return o;
}

static json_t *quality_of(const struct play *p) {
    json_t *o = json_object(), *levels = json_object();
    for (uint32_t i = 0; i < OFFLOAD_LEVELS; i++)
        json_object_set_new(levels, p2c2r_quality_name(i), number(p->offload.levels[i]));
    json_object_set_new(o, "auto", json_boolean(p->offload.level < 0));
    json_object_set_new(o, "last", json_string(p2c2r_quality_name(offload_level(&p->offload))));
    json_object_set_new(o, "changes", number(p->offload.level_changes));
    json_object_set_new(o, "pictures", levels);
    return o;
}

static json_t *stats_of(const p2c2r_stats *s) {
    return json_pack("{s:b, s:f, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "connected",
                     s->connected, "rtt_ms", (double)s->rtt_us / 1e3, "in_flight", (json_int_t)s->in_flight,
                     "reconnects", (json_int_t)s->reconnects, "window_full", (json_int_t)s->window_full, "done_per_s",
                     s->done_per_s, "unmet_per_s", s->unmet_per_s, "cached_share", s->cached_share, "bytes_out_per_s",
                     s->bytes_out_per_s, "bytes_in_per_s", s->bytes_in_per_s, "total_ms",
                     (double)s->total.mean_us / 1e3, "total_p95_ms", (double)s->total.p95_us / 1e3, "queue_ms",
                     (double)s->queue.mean_us / 1e3, "transfer_ms", (double)s->transfer.mean_us / 1e3, "processing_ms",
                     (double)s->processing.mean_us / 1e3);
}

json_t *play_report(const struct play *p) {
    json_t *o = json_object(), *results = json_object();
    for (uint32_t i = 0; i < OFFLOAD_SORTS; i++) {
        json_t *sort = count_of(&p->offload.counts[i]);
        if (i == OFFLOAD_BODIES) json_object_set_new(sort, "whole_worlds", number(p->offload.wholes));
        json_object_set_new(results, sorts[i], sort);
    }
    json_object_set_new(o, "frames", number(p->frames));
    json_object_set_new(o, "ticks_skipped", number(p->ticks_skipped));
    json_object_set_new(o, "seconds", json_real((double)p->played_ns / 1e9));
    json_object_set_new(o, "lag_ms", number((uint64_t)p->offload.settings.lag_ms));
    json_object_set_new(o, "loss", json_real(p->offload.settings.loss));
    json_object_set_new(o, "frame_ms", spread_of(&p->frame));
    json_object_set_new(o, "work_ms", spread_of(&p->work));
    json_object_set_new(o, "cpu_ms", spread_of(&p->cpu));
    json_object_set_new(o, "beat_ms", spread_of(&p->beat));
    json_object_set_new(o, "picture_frames",
                        json_pack("{s:I, s:I, s:I}", "cluster", (json_int_t)p->sources[PLAY_CLUSTER], "mended",
                                  (json_int_t)p->sources[PLAY_MENDED], "here", (json_int_t)p->sources[PLAY_HERE]));
    json_object_set_new(o, "bodies_frames_remote", number(p->remote_bodies));
    json_object_set_new(o, "ways_frames_remote", number(p->remote_ways));
    json_object_set_new(o, "home", number(p->game.home));
    json_object_set_new(o, "results", results);
    json_object_set_new(o, "quality", quality_of(p));
    json_object_set_new(o, "stats", stats_of(&p->stats));
    return o;
}

void play_print(const struct play *p) {
    printf("%" PRIu64 " frames in %.1f s: p50 %.1f ms, p99 %.1f ms, longest %.1f ms; %" PRIu64
           " ticks without a frame\n",
           p->frames, (double)p->played_ns / 1e9, (double)p2_hist_quantile(&p->frame, 0.5) / 1e6,
           (double)p2_hist_quantile(&p->frame, 0.99) / 1e6, (double)p->frame.max_us / 1e3, p->ticks_skipped);
    for (uint32_t i = 0; i < OFFLOAD_SORTS; i++) {
        const struct offload_count *n = &p->offload.counts[i];
        printf("%s: %" PRIu64 " of %" PRIu64 " came, p50 %.1f ms; %" PRIu64 " late, %" PRIu64 " lost, %" PRIu64
               " refused or failed\n",
               sorts[i], n->done, n->submitted, (double)p2_hist_quantile(&n->took, 0.5) / 1e6, n->late, n->lost,
               n->refused + n->failed);
    }
}
