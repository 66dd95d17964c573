// Bands of a picture as tasks: handed in at once, again when it is worth it, put together as they come.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "os/os.h"
#include "raytrace.h"

#define BLOB_FROM ((size_t)16 << 10) // bytes of a scene that is brought once rather than sent with every task
#define PAUSE_NS (50 * P2_MS)        // before a band is handed in again
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
    set(p, "result_format", "png");
}

static p2c2r_status submit(struct frame *f, struct band *b) {
    struct params params = {.count = 0};
    char size[32], region[64];
    collect(f, &params);
    snprintf(size, sizeof size, "%ux%u", f->width, f->height);
    snprintf(region, sizeof region, "0,%u,%u,%u", b->y, f->width, b->height);
    set(&params, "resolution", size);
    set(&params, "region", region);
    if (!b->first_ns) b->first_ns = p2_clock_now();
    p2_ns left = p2_ns_max(f->s->deadline_ns - (p2_clock_now() - b->first_ns), P2_MS);
    p2c2r_task task = {.size = sizeof task,
                       .type = "raytracing",
                       .params = params.items,
                       .param_count = params.count,
                       .priority = cli_class(f->s->priority),
                       .deadline_ms = left / P2_MS,
                       .user = b,
                       .cache = f->s->no_cache ? P2C2R_CACHE_BYPASS : 0};
    if (f->by_digest) {
        task.blobs = &f->digest;
        task.blob_count = 1;
    } else {
        task.payload = f->scene->bytes;
        task.payload_size = f->scene->size;
    }
    p2c2r_ticket ticket;
    return p2c2r_submit(f->client, &task, &ticket);
}

// Rows of a band into the picture.
static bool put(struct frame *f, const struct band *b, const void *data, size_t size) {
    const struct p2_image_info want = {P2_IMAGE_PNG, f->width, b->height, 3};
    size_t row = (size_t)f->width * 3;
    return p2_image_decode(data, size, &want, f->pixels + b->y * row, b->height * row) == P2_OK;
}

static void take(struct frame *f, const p2c2r_result *r) {
    struct band *b = r->user;
    b->under_way = false;
    p2_ns tried = p2_clock_now() - b->first_ns;
    if (tried < f->s->deadline_ns && cli_again(r, f->left < f->band_count, tried, &f->s->common)) {
        b->again_ns = p2_ns_add(p2_clock_now(), p2_ns_max(PAUSE_NS, r->retry_after_us * P2_US));
        return;
    }
    if (r->outcome != P2C2R_DONE) {
        f->exit_code = cli_exit_of(r);
        if (cli_is_unreachable(r))
            cli_complain("%s at %s", r->reason, f->s->common.coordinator);
        else
            cli_complain("%s", r->reason);
        return;
    }
    if (!put(f, b, r->data, r->data_size)) {
        f->exit_code = P2_EXIT_FAILED;
        cli_complain("the answer is not the picture that was asked for");
        return;
    }
    b->done = true;
    f->left--;
    f->cached += r->cached != 0;
    f->processing_ms += (double)r->processing_us / 1e3;
    f->kernel_ms += (double)r->kernel_us / 1e3;
    memcpy(f->peer, r->peer, sizeof f->peer);
}

static void submit_all(struct frame *f) {
    p2_ns now = p2_clock_now();
    for (uint32_t i = 0; i < f->band_count && f->exit_code == P2_EXIT_OK; i++) {
        struct band *b = &f->bands[i];
        if (b->done || b->under_way || b->again_ns > now) continue;
        p2c2r_status status = submit(f, b);
        if (status == P2C2R_EAGAIN) return;
        if (status != P2C2R_OK) {
            cli_complain("%s", p2c2r_last_error(f->client));
            f->exit_code = status == P2C2R_EINVAL ? P2_EXIT_USAGE : P2_EXIT_FAILED;
        }
        b->under_way = status == P2C2R_OK;
    }
}

static void serve(struct frame *f) {
    while (f->left && f->exit_code == P2_EXIT_OK) {
        submit_all(f);
        p2c2r_result results[16] = {{.size = sizeof(p2c2r_result)}};
        uint32_t n = f->exit_code == P2_EXIT_OK ? p2c2r_poll(f->client, results, 16, PAUSE_NS / P2_US) : 0;
        for (uint32_t i = 0; i < n; i++) {
            if (f->exit_code == P2_EXIT_OK) take(f, &results[i]);
            p2c2r_release(f->client, &results[i]);
        }
    }
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
    f->client = cli_connect(&f->s->common, f->band_count, &f->exit_code);
    if (!f->client) return f->exit_code;
    bring(f);
    serve(f);
    f->total_ms = (double)(p2_clock_now() - began) / 1e6;
    p2c2r_destroy(&f->client);
    return f->exit_code;
}
