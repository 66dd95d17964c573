// What is asked for: the scene brought, the picture rendered as one task or in bands.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "job.h"
#include "os/os.h"
#include "raytrace.h"

#define BLOB_FROM ((size_t)16 << 10) // bytes of a scene that is brought once rather than sent with every task
#define PARAMS_MAX 28

struct params {
    p2c2r_param items[PARAMS_MAX];
    uint32_t count;
};

static void set(struct params *p, const char *name, const char *value) {
    if (!value) return;
    uint32_t at = 0;
    while (at < p->count && strcmp(p->items[at].name, name) != 0) at++;
    if (at == PARAMS_MAX) return; // there are fewer names
    p->items[at] = (p2c2r_param){name, value};
    if (at == p->count) p->count++;
}

// What the scene says, then what the command line says.
static void collect(const struct frame *f, struct params *p) {
    const struct raytrace_settings *s = f->s;
    for (uint32_t i = 0; i < f->scene->setting_count; i++)
        set(p, f->scene->settings[i].name, f->scene->settings[i].value);
    set(p, "mode", s->mode);
    set(p, "samples_per_pixel", s->samples);
    set(p, "depth", s->depth);
    set(p, "seed", s->seed);
    set(p, "denoise", s->denoise);
    set(p, "exposure", s->exposure);
    set(p, "position", s->position);
    set(p, "direction", s->direction);
    set(p, "fov", s->fov);
}

static void failed(struct frame *f, const p2c2r_result *result) {
    f->exit_code = cli_exit_of(result);
    cli_complain_of(result, &f->s->common);
}

// ---- one task ----

struct whole {
    struct frame *frame;
    struct cli_job job;
    bool handed_in;
};

static struct cli_job *whole_next(void *context) {
    struct whole *w = context;
    struct cli_job *job = w->handed_in ? NULL : &w->job;
    w->handed_in = true;
    return job;
}

static void whole_ended(void *context, struct cli_job *job, const p2c2r_result *result, const char *wrong) {
    struct frame *f = ((struct whole *)context)->frame;
    if (!result) {
        cli_complain("%s", wrong);
        f->exit_code = P2_EXIT_USAGE;
        return;
    }
    if (result->outcome != P2C2R_DONE) {
        failed(f, result);
        return;
    }
    f->bands = 1;
    f->again = job->again;
    f->origin = result->origin;
    f->kernel_ms = (double)result->kernel_us / 1e3;
}

static void render_whole(struct frame *f) {
    struct params params = {.count = 0};
    char resolution[32];
    collect(f, &params);
    snprintf(resolution, sizeof resolution, "%ux%u", f->width, f->height);
    set(&params, "resolution", resolution);
    set(&params, "result_format", "rgb8");
    struct whole w = {.frame = f,
                      .job = {.task = {.type = "raytracing",
                                       .params = params.items,
                                       .param_count = params.count,
                                       .priority = cli_class(f->s->priority),
                                       .cache = f->s->no_cache ? P2C2R_CACHE_BYPASS : 0,
                                       .out = f->pixels,
                                       .out_capacity = (size_t)f->width * f->height * 3},
                              .deadline_ns = f->s->deadline_ns}};
    if (f->by_digest) {
        w.job.task.blobs = &f->digest;
        w.job.task.blob_count = 1;
    } else {
        w.job.task.payload = f->scene->bytes;
        w.job.task.payload_size = f->scene->size;
    }
    const struct cli_jobs jobs = {
        .common = &f->s->common, .in_flight_max = 1, .context = &w, .next = whole_next, .ended = whole_ended};
    cli_jobs_run(&jobs, f->client);
}

// ---- bands ----

static void render_bands(struct frame *f) {
    struct params params = {.count = 0};
    collect(f, &params);
    struct cli_bands b = {.options = {.kind = P2C2R_RAYTRACE,
                                      .width = f->width,
                                      .height = f->height,
                                      .params = params.items,
                                      .param_count = params.count,
                                      .tiles = (uint32_t)f->s->tiles,
                                      .priority = cli_class(f->s->priority),
                                      .cache = f->s->no_cache ? P2C2R_CACHE_BYPASS : 0},
                          .frame = {.out = f->pixels},
                          .deadline_ns = f->s->deadline_ns,
                          .common = &f->s->common};
    if (f->by_digest) {
        b.frame.scene = &f->digest;
    } else {
        b.frame.scene_bytes = f->scene->bytes;
        b.frame.scene_size = f->scene->size;
    }
    p2c2r_result result;
    p2c2r_status status = cli_bands_run(f->client, &b, &result);
    if (status != P2C2R_OK) {
        cli_complain("%s", p2c2r_last_error(f->client));
        f->exit_code = status == P2C2R_EINVAL ? P2_EXIT_USAGE : P2_EXIT_FAILED;
        return;
    }
    if (result.outcome != P2C2R_DONE) {
        failed(f, &result);
        return;
    }
    f->bands = b.done.tiles;
    f->origin = P2C2R_ORIGIN_PEER;
    f->hedged = b.done.tiles_hedged;
    f->again = b.again;
    f->kernel_ms = (double)result.kernel_us / 1e3;
}

// Large scenes are brought as a blob; where the coordinator keeps none they travel with every task.
static void bring(struct frame *f) {
    if (f->scene->size < BLOB_FROM || f->s->common.local) return; // a task that refers to blobs does not run here
    p2c2r_cluster cluster = {.size = sizeof cluster};
    if (p2c2r_cluster_wait(f->client, &cluster, f->s->common.connect_timeout_ns / P2_US) != P2C2R_OK) {
        cli_complain("%s", p2c2r_last_error(f->client));
        f->exit_code = P2_EXIT_UNREACHABLE;
        return;
    }
    p2c2r_status status =
        p2c2r_blob_put_wait(f->client, f->scene->bytes, f->scene->size, &f->digest, f->s->deadline_ns / P2_US);
    f->by_digest = status == P2C2R_OK;
    if (status == P2C2R_OK || status == P2C2R_EREFUSED) return;
    cli_complain("%s", p2c2r_last_error(f->client));
    f->exit_code = status == P2C2R_ETIMEOUT ? P2_EXIT_LATE : P2_EXIT_FAILED;
}

int frame_render(struct frame *f) {
    p2_ns began = p2_clock_now();
    f->client = cli_connect(&f->s->common, CLI_BANDS_TICKETS(f->s->tiles), &f->exit_code);
    if (!f->client) return f->exit_code;
    bring(f);
    if (f->exit_code == P2_EXIT_OK) (f->s->tiles == 1 ? render_whole : render_bands)(f);
    f->total_ms = (double)(p2_clock_now() - began) / 1e6;
    p2c2r_destroy(&f->client);
    return f->exit_code;
}
