#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "os/os.h"
#include "upscale.h"

void report_begin(struct report *r, const struct upscale_settings *s, uint64_t total) {
    *r = (struct report){.s = s, .total = total, .began_ns = p2_clock_now()};
    cli_bar_begin(&r->bar, &s->common);
}

static void draw(struct report *r) {
    double seconds = cli_bar_seconds(&r->bar);
    cli_bar_draw(&r->bar, (double)r->frames / (double)r->total, "%" PRIu64 "/%" PRIu64 "  %.1f fps", r->frames,
                 r->total, seconds > 0 ? (double)r->ok / seconds : 0);
}

void report_sent(struct report *r, uint32_t in_flight) {
    if (in_flight > r->in_flight_most) r->in_flight_most = in_flight;
}

void report_count(struct report *r, const struct job *j) {
    r->frames++;
    r->again += j->again;
    if (j->outcome == P2C2R_DONE) {
        r->ok++;
        p2_hist_add(&r->total_hist, (p2_ns)(j->total_ms * 1e6));
    }
    r->ended_ns = p2_clock_now();
    draw(r);
}

static void print_json(const struct picture *pic, const struct job *j) {
    json_t *o = json_object();
    bool ok = j->outcome == P2C2R_DONE;
    json_object_set_new(o, "name", json_string(pic->name));
    json_object_set_new(o, "repeat", json_integer(j->repeat));
    json_object_set_new(o, "ok", json_boolean(ok));
    json_object_set_new(o, "width_in", json_integer(pic->in.width));
    json_object_set_new(o, "height_in", json_integer(pic->in.height));
    json_object_set_new(o, "width_out", json_integer(pic->out_width));
    json_object_set_new(o, "height_out", json_integer(pic->out_height));
    json_object_set_new(o, "outcome", json_string(p2c2r_outcome_name(j->outcome)));
    if (!ok) {
        json_object_set_new(o, "code", json_string(j->code_name));
        json_object_set_new(o, "reason", json_string(j->reason));
    }
    json_object_set_new(o, "origin", json_string(p2c2r_origin_name(j->origin)));
    if (j->peer[0]) json_object_set_new(o, "peer", json_string(j->peer));
    if (ok) json_object_set_new(o, "output", json_string(pic->out_path));
    json_object_set_new(o, "resubmitted", json_integer(j->again));
    if (j->tiles) {
        json_object_set_new(o, "tiles", json_integer(j->tiles));
        json_object_set_new(o, "hedged", json_integer(j->hedged));
    } else {
        json_object_set_new(o, "attempts", json_integer(j->attempts));
        json_object_set_new(o, "cached", json_boolean(j->cached));
        json_object_set_new(o, "queue_ms", json_real(j->queue_ms));
        json_object_set_new(o, "transfer_ms", json_real(j->transfer_ms));
        json_object_set_new(o, "processing_ms", json_real(j->processing_ms));
    }
    json_object_set_new(o, "kernel_ms", json_real(j->kernel_ms));
    json_object_set_new(o, "total_ms", json_real(j->total_ms));
    if (j->psnr_db >= 0) json_object_set_new(o, "psnr_db", json_real(j->psnr_db));
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(o);
}

static void print_times(const struct job *j) {
    if (j->tiles) {
        printf("%u band%s, %u sent twice, kernels %.1f, %.1f ms", j->tiles, j->tiles == 1 ? "" : "s", j->hedged,
               j->kernel_ms, j->total_ms);
        return;
    }
    if (j->origin == P2C2R_ORIGIN_LOCAL)
        printf("this machine  ");
    else
        printf("peer %.8s  ", j->peer);
    printf("queue %.1f + transfer %.1f + processing %.1f (kernel %.1f) = ", j->queue_ms, j->transfer_ms,
           j->processing_ms, j->kernel_ms);
    // what the last try took, which is the sum, and what came before it
    if (j->again) printf("%.1f ms, try %u, ", j->queue_ms + j->transfer_ms + j->processing_ms, j->again + 1);
    printf("%.1f ms", j->total_ms);
}

static void print_text(const struct picture *pic, const struct job *j) {
    printf("%-24s %ux%u -> %ux%u  ", pic->name, pic->in.width, pic->in.height, pic->out_width, pic->out_height);
    if (j->outcome != P2C2R_DONE) {
        printf("%s: %s\n", p2c2r_outcome_name(j->outcome), j->reason);
        return;
    }
    print_times(j);
    if (j->again) printf(" in all");
    if (j->psnr_db >= PSNR_EQUAL)
        printf("  PSNR equal to bilinear");
    else if (j->psnr_db >= 0)
        printf("  PSNR %.2f dB", j->psnr_db);
    putchar('\n');
}

void report_line(struct report *r, const struct picture *pic, const struct job *j) {
    cli_bar_clear(&r->bar);
    if (r->s->common.json)
        print_json(pic, j);
    else
        print_text(pic, j);
    if (r->frames < r->total) draw(r);
}

void report_end(struct report *r) {
    cli_bar_clear(&r->bar);
    double seconds = (double)(r->ended_ns - r->began_ns) / 1e9, fps = seconds > 0 ? (double)r->ok / seconds : 0;
    double p50 = (double)p2_hist_quantile(&r->total_hist, 0.5) / 1e6;
    double p99 = (double)p2_hist_quantile(&r->total_hist, 0.99) / 1e6;
    if (r->s->common.json) {
        json_t *o = json_pack("{s:{s:I, s:I, s:I, s:I, s:f, s:i, s:f, s:f, s:f}}", "summary", "frames",
                              (json_int_t)r->frames, "ok", (json_int_t)r->ok, "failed", (json_int_t)(r->frames - r->ok),
                              "resubmitted", (json_int_t)r->again, "wall_ms", seconds * 1e3, "in_flight_most",
                              (int)r->in_flight_most, "fps", fps, "total_ms_p50", p50, "total_ms_p99", p99);
        json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(o);
        return;
    }
    printf("%" PRIu64 " frame%s, %" PRIu64 " ok, %" PRIu64 " failed in %.2f s", r->frames, r->frames == 1 ? "" : "s",
           r->ok, r->frames - r->ok, seconds);
    // those in flight together share that time: their own overlap and do not add up to it
    if (r->ok)
        printf(": %.1f fps, at most %u in flight; submit to result p50 %.1f ms, p99 %.1f ms", fps, r->in_flight_most,
               p50, p99);
    putchar('\n');
}
