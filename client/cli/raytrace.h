// The parts of p2c2r raytrace: settings, what is asked for, the picture.
#ifndef CLIENT_CLI_RAYTRACE_H
#define CLIENT_CLI_RAYTRACE_H

#include "cli.h"
#include "image/image.h"
#include "scene.h"

struct raytrace_settings {
    struct common_settings common;
    const char *out, *pack, *size, *mode, *samples, *depth, *seed, *denoise, *exposure, *position, *direction, *fov;
    const char *priority;
    int64_t tiles;
    p2_ns deadline_ns;
    bool no_cache;
};

// A band of rows of the picture: one task.
struct band {
    uint32_t y, height;
    p2_ns first_ns, again_ns; // first handed in; not (again) before
    bool under_way, done;
};

#define BANDS_MAX 256

struct frame {
    const struct raytrace_settings *s;
    const struct scene *scene;
    uint32_t width, height;
    uint8_t *pixels; // RGB
    struct band bands[BANDS_MAX];
    uint32_t band_count, left; // not done
    p2c2r_client *client;
    p2c2r_digest digest;
    bool by_digest;                            // the scene is a blob there
    char peer[33];                             // of the last result
    double processing_ms, kernel_ms, total_ms; // sums over bands, and all of it
    uint32_t cached;
    int exit_code;
};

// ---- raytrace_run.c
// Brings the scene, renders all bands into f->pixels. An exit code; what went wrong has been said.
int frame_render(struct frame *f);

#endif
