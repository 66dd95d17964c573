// A game without a game: frames through a stream, one after another, each compared with what one machine makes of the
// whole. Prints a JSON line for each. test_frames.py starts it and does things to the cluster meanwhile.
//
//     frames_probe URL upscale|raytrace tiles=N frames=N deadline=MS [spatial|temporal] [pace=MS]
#include <p2c2r/frames.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/task_type.h"
#include "os/os.h"

#define IN_W 160u
#define IN_H 90u
#define OUT_W 320u
#define OUT_H 180u
#define OUT_BYTES ((size_t)OUT_W * OUT_H * 3)
#define IN_FLIGHT 3u
#define PATIENCE_US 60000000

struct probe {
    p2c2r_client *client;
    p2c2r_stream *stream;
    bool raytrace, temporal;
    uint32_t tiles, frames;
    int64_t deadline_ms, pace_ms;
    const uint8_t *scene; // of the type's known answers
    size_t scene_size;
    uint8_t pixels[IN_W * IN_H * 3], whole[OUT_BYTES], out[IN_FLIGHT][OUT_BYTES];
    bool busy[IN_FLIGHT];
};

static _Noreturn void die(const struct probe *p, const char *what) {
    fprintf(stderr, "%s: %s\n", what, p->client ? p2c2r_last_error(p->client) : "");
    exit(1);
}

static const p2c2r_param upscale_params[] = {
    {"quality", "balanced"}, {"input_res", "160x90"}, {"output_res", "320x180"}, {"format", "raw"}};
static const p2c2r_param raytrace_params[] = {{"samples_per_pixel", "2"},
                                              {"denoise", "1"},
                                              {"position", "0,1,6"},
                                              {"resolution", "320x180"},
                                              {"result_format", "rgb8"}};

static void render_whole(struct probe *p) {
    p2c2r_task task = {.size = sizeof task,
                       .type = p->raytrace ? "raytracing" : "upscale",
                       .params = p->raytrace ? raytrace_params : upscale_params,
                       .param_count = p->raytrace ? 5 : 4,
                       .payload = p->raytrace ? p->scene : p->pixels,
                       .payload_size = p->raytrace ? p->scene_size : sizeof p->pixels,
                       .deadline_ms = PATIENCE_US / 1000};
    p2c2r_ticket ticket;
    p2c2r_result r = {.size = sizeof r};
    if (p2c2r_submit(p->client, &task, &ticket) != P2C2R_OK ||
        p2c2r_wait(p->client, ticket, &r, PATIENCE_US) != P2C2R_OK)
        die(p, "the whole");
    if (r.outcome != P2C2R_DONE || r.data_size != OUT_BYTES) die(p, r.reason);
    memcpy(p->whole, r.data, OUT_BYTES);
    p2c2r_release(p->client, &r);
}

static void open_stream(struct probe *p) {
    const p2c2r_stream_options o = {.size = sizeof o,
                                    .kind = p->raytrace ? P2C2R_RAYTRACE : P2C2R_UPSCALE,
                                    .width = OUT_W,
                                    .height = OUT_H,
                                    .in_width = IN_W,
                                    .in_height = IN_H,
                                    .params = p->raytrace ? raytrace_params : upscale_params,
                                    .param_count = p->raytrace ? 3 : 1, // sizes and formats are the stream's
                                    .tiles = p->tiles,
                                    .frames_max = IN_FLIGHT,
                                    .deadline_ms = p->deadline_ms,
                                    .mode = p->temporal ? P2C2R_TEMPORAL : P2C2R_SPATIAL,
                                    .ordered = 1,
                                    .refuse = 1,
                                    .cache = P2C2R_CACHE_BYPASS};
    p->stream = p2c2r_stream_create(p->client, &o);
    if (!p->stream) die(p, "the stream");
}

// False: there is no room for it.
static bool submit(struct probe *p) {
    uintptr_t slot = 0;
    while (slot < IN_FLIGHT && p->busy[slot]) slot++;
    if (slot == IN_FLIGHT) return false;
    p2c2r_frame frame = {.size = sizeof frame, .out = p->out[slot], .user = (void *)slot};
    if (p->raytrace) {
        frame.scene_bytes = p->scene;
        frame.scene_size = p->scene_size;
    } else {
        frame.pixels = p->pixels;
    }
    memset(p->out[slot], 0, OUT_BYTES);
    uint64_t number;
    if (p2c2r_stream_submit(p->stream, &frame, &number) != P2C2R_OK) die(p, "a frame");
    p->busy[slot] = true;
    return true;
}

static void report(struct probe *p, const p2c2r_frame_done *d) {
    bool same = memcmp(d->out, p->whole, OUT_BYTES) == 0;
    printf("{\"number\": %llu, \"outcome\": \"%s\", \"dropped\": %s, \"tiles\": %u, \"hedged\": %u, \"filled\": %u, "
           "\"same\": %s, \"latency_ms\": %.3f, \"kernel_ms\": %.3f, \"reason\": \"%s\"}\n",
           (unsigned long long)d->number, p2c2r_outcome_name(d->outcome), d->dropped ? "true" : "false", d->tiles,
           d->tiles_hedged, d->tiles_filled, same ? "true" : "false", (double)d->latency_us / 1e3,
           (double)d->kernel_us / 1e3, d->reason);
    fflush(stdout);
    p->busy[(uintptr_t)d->user] = false;
}

static void run(struct probe *p) {
    uint32_t sent = 0, ended = 0;
    p2_ns next = p2_clock_now();
    while (ended < p->frames) {
        p2_ns now = p2_clock_now();
        if (sent < p->frames && now >= next && submit(p)) {
            sent++;
            next = p2_ns_max(next + p->pace_ms * P2_MS, now);
        }
        p2_ns wait = sent < p->frames ? p2_ns_max(next - p2_clock_now(), P2_MS) : P2_SEC;
        p2c2r_frame_done done[IN_FLIGHT] = {{.size = sizeof *done}};
        uint32_t n = p2c2r_stream_poll(p->stream, done, IN_FLIGHT, wait / P2_US);
        for (uint32_t i = 0; i < n; i++, ended++) report(p, &done[i]);
    }
}

static bool take(struct probe *p, const char *word) {
    unsigned long long n;
    if (strcmp(word, "raytrace") == 0) return p->raytrace = true;
    if (strcmp(word, "temporal") == 0) return p->temporal = true;
    if (strcmp(word, "upscale") == 0 || strcmp(word, "spatial") == 0) return true;
    if (sscanf(word, "tiles=%llu", &n) == 1)
        p->tiles = (uint32_t)n;
    else if (sscanf(word, "frames=%llu", &n) == 1)
        p->frames = (uint32_t)n;
    else if (sscanf(word, "deadline=%llu", &n) == 1)
        p->deadline_ms = (int64_t)n;
    else if (sscanf(word, "pace=%llu", &n) == 1)
        p->pace_ms = (int64_t)n;
    else
        return false;
    return true;
}

int main(int argc, char **argv) {
    static struct probe p = {.frames = 10, .deadline_ms = 10000};
    bool good = argc >= 3;
    for (int i = 2; i < argc; i++) good = good && take(&p, argv[i]);
    if (!good) return 2;
    const struct p2_known_answer *known = &p2_task_type_find(p2_str("raytracing"))->known_answers[0];
    p.scene = known->payload;
    p.scene_size = known->payload_size;
    for (uint32_t i = 0; i < sizeof p.pixels; i++) p.pixels[i] = (uint8_t)((i / 3 % IN_W) * (i % 3 + 1) + i / 480 * 7);
    p2c2r_options options = {.size = sizeof options, .coordinator = argv[1]};
    p.client = p2c2r_create(&options);
    if (!p.client) return 2;
    render_whole(&p);
    open_stream(&p);
    printf("{\"ready\": true}\n");
    fflush(stdout);
    run(&p);
    p2c2r_destroy(&p.client);
    return 0;
}
