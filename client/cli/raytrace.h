// The parts of p2c2r raytrace: settings, what is asked for, the picture.
#ifndef CLIENT_CLI_RAYTRACE_H
#define CLIENT_CLI_RAYTRACE_H

#include "bands.h"
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

struct frame {
    const struct raytrace_settings *s;
    const struct scene *scene;
    uint32_t width, height;
    uint8_t *pixels; // RGB
    p2c2r_client *client;
    p2c2r_digest digest;
    bool by_digest;                // the scene is a blob there
    uint32_t bands, hedged, again; // of them sent twice; times it was handed in after the first
    uint32_t origin;               // P2C2R_ORIGIN_
    double kernel_ms, total_ms;    // on devices, all bands together; all of it
    int exit_code;
};

// ---- raytrace_run.c
// Brings the scene, has the picture rendered into f->pixels. An exit code; what went wrong has been said.
int frame_render(struct frame *f);

#endif
