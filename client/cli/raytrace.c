// p2c2r raytrace: a scene from a file, rendered on the cluster into a picture.
#include "raytrace.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "os/os.h"

#define DEFAULT_SIZE "1280x720"
#define QUALITY_JPEG 90
#define EFFORT_PNG 6

static const char *const modes[] = {"primary", "path", NULL};

#define AT(field) offsetof(struct raytrace_settings, field)
#define TEXT(name_, field, value, text)                                                                                \
    { .name = name_, .kind = P2_OPT_TEXT, .value_name = value, .doc = text, .offset = AT(field) }

static const struct p2_option options[] = {
    {.name = "out",
     .kind = P2_OPT_TEXT,
     .value_name = "FILE",
     .doc = "Picture to write: .png, .jpg, .webp or .ppm.",
     .offset = AT(out),
     .letter = 'o'},
    TEXT("size", size, "WxH", "Size of the picture; of the scene's own when not given, or else 1280x720."),
    {.name = "mode",
     .kind = P2_OPT_TEXT,
     .choices = modes,
     .value_name = "primary|path",
     .doc = "primary: what is seen, with shadows; path: light over several surfaces.",
     .offset = AT(mode)},
    TEXT("samples", samples, "N", "Rays from the camera for each pixel."),
    TEXT("depth", depth, "N", "Surfaces a path meets at most."),
    TEXT("seed", seed, "N", "Of the random numbers."),
    TEXT("denoise", denoise, "0..5", "Levels of the denoiser."),
    TEXT("exposure", exposure, "FACTOR", "How bright light becomes."),
    TEXT("position", position, "X,Y,Z", "Where the camera is."),
    TEXT("direction", direction, "X,Y,Z", "Where it looks."),
    TEXT("fov", fov, "DEGREES", "Angle from the lower to the upper edge."),
    {.name = "tiles",
     .kind = P2_OPT_INT,
     .fallback = "1",
     .min = 1,
     .max = CLI_BANDS_MAX,
     .value_name = "N",
     .doc = "Bands of rows that different peers compute at once.",
     .offset = AT(tiles)},
    TEXT("pack", pack, "FILE", "Write the scene as peers see it, to be sent again later."),
    DEADLINE_OPTION(AT(deadline_ns), "10m", "it"),
    PRIORITY_OPTION(AT(priority)),
    NO_CACHE_OPTION(AT(no_cache)),
    LOCAL_OPTIONS(AT(common)),
    COMMON_OPTIONS(AT(common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r raytrace",
    .summary = "Renders a scene on the cluster.",
    .operands = "SCENE -o FILE",
    .details =
        "SCENE is our JSON (client/scene/README.md), a Wavefront OBJ or glTF 2.0 file, or one that --pack wrote. "
        "What it says of camera, size and samples holds unless an option says otherwise. A scene of more than "
        "16 KiB is brought to the coordinator once and referred to by its SHA-256 after that.",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
};

static bool write_picture(const struct frame *f) {
    const struct p2_image_info what = {p2_image_format_of_path(f->s->out), f->width, f->height, 3};
    size_t bound = p2_image_encode_bound(what.format, what.width, what.height, 3), used;
    uint8_t *file = malloc(bound);
    int quality = what.format == P2_IMAGE_PNG ? EFFORT_PNG : QUALITY_JPEG;
    bool ok = file && p2_image_encode(&what, f->pixels, quality, file, bound, &used) == P2_OK &&
              p2_file_write(f->s->out, file, used) == P2_OK;
    if (!ok) cli_complain("%s cannot be written", f->s->out);
    free(file);
    return ok;
}

static void report(const struct frame *f) {
    const struct scene *s = f->scene;
    if (!f->s->common.json) {
        printf("%s  %ux%u, %u triangles, %u spheres, scene of %zu bytes %s  %u band%s  %.1f ms, on devices %.1f\n",
               f->s->out, f->width, f->height, s->triangles, s->spheres, s->size,
               f->by_digest ? "by its digest" : "with the task", f->bands, f->bands == 1 ? "" : "s", f->total_ms,
               f->kernel_ms);
        return;
    }
    json_t *o =
        json_pack("{s:s%, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:b, s:s, s:f, s:f}", "file", f->s->out,
                  strlen(f->s->out), "width", (int)f->width, "height", (int)f->height, "tiles", (int)f->bands, "hedged",
                  (int)f->hedged, "resubmitted", (int)f->again, "triangles", (int)s->triangles, "spheres",
                  (int)s->spheres, "scene_bytes", (json_int_t)s->size, "by_digest", (int)f->by_digest, "origin",
                  p2c2r_origin_name(f->origin), "total_ms", f->total_ms, "kernel_ms", f->kernel_ms);
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(o);
}

static int render(const struct raytrace_settings *s, const struct scene *scene) {
    const char *size = s->size ? s->size : scene_setting(scene, "resolution");
    struct frame f = {.s = s, .scene = scene};
    bool good = cli_parse_size(size ? size : DEFAULT_SIZE, &f.width, &f.height);
    if (!good || (uint64_t)f.width * f.height > P2_IMAGE_PIXELS_MAX) {
        cli_complain("the size %s is not WIDTHxHEIGHT with sides of 1 to %u", size, P2_IMAGE_SIDE_MAX);
        return P2_EXIT_USAGE;
    }
    f.pixels = malloc((size_t)f.width * f.height * 3);
    int code = P2_EXIT_FAILED;
    if (!f.pixels)
        cli_complain("memory is short");
    else
        code = frame_render(&f);
    if (code == P2_EXIT_OK && !write_picture(&f)) code = P2_EXIT_FAILED;
    if (code == P2_EXIT_OK) report(&f);
    free(f.pixels);
    return code;
}

static int load_and_render(const struct raytrace_settings *s, const char *path) {
    char text[512];
    struct p2_strbuf why;
    struct scene scene;
    p2_strbuf_init(&why, text, sizeof text);
    if (!scene_load(path, &scene, &why)) {
        cli_complain("%s: %s", path, text);
        return P2_EXIT_FAILED;
    }
    int code = P2_EXIT_OK;
    if (s->pack && p2_file_write(s->pack, scene.bytes, scene.size) != P2_OK) {
        cli_complain("%s cannot be written", s->pack);
        code = P2_EXIT_FAILED;
    }
    if (code == P2_EXIT_OK && s->out) code = render(s, &scene);
    scene_free(&scene);
    return code;
}

static int start(int argc, char **argv) {
    struct raytrace_settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    int code = P2_EXIT_USAGE;
    if (!s.out && !s.pack)
        cli_complain("say where to write with -o FILE");
    else if (s.out && p2_image_format_of_path(s.out) == P2_IMAGE_RAW)
        cli_complain("%s: the name must end in .png, .jpg, .webp or .ppm", s.out);
    else if (s.tiles > 1 && s.common.local)
        cli_complain("--tiles go to peers: --local does not go with them");
    else
        code = load_and_render(&s, operands[0]);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_raytrace = {&program, start};
