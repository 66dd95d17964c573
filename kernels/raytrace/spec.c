#include <math.h>
#include <string.h>

#include "kernels/raytrace/known.h"
#include "kernels/raytrace/raytrace.h"

static const char *const modes[] = {"primary", "path", NULL};
static const char *const forms[] = {"rgb8", "rgba8", "png", "jpeg", "float", NULL}; // by RAYTRACE_RGB8 ..
static const char *const aliases[] = {"raytrace", NULL};

enum {
    RESOLUTION,
    REGION,
    POSITION,
    DIRECTION,
    UP,
    FOV,
    MODE,
    SAMPLES,
    FIRST_SAMPLE,
    DEPTH,
    SEED,
    DENOISE,
    RESULT_FORMAT,
    JPEG_QUALITY,
    EXPOSURE,
    ALBEDO,
    NORMALS,
    DISTANCE,
};

#define VECTOR(n, by_default, text)                                                                                    \
    {                                                                                                                  \
        .name = n, .kind = P2_PARAM_REALS, .count = 3, .min = -1e6, .max = 1e6, .fallback = by_default, .unit = "",    \
        .doc = text                                                                                                    \
    }
static const struct p2_param_spec params[] = {
    [RESOLUTION] = {.name = "resolution",
                    .kind = P2_PARAM_INTS,
                    .count = 2,
                    .required = true,
                    .min = 1,
                    .max = RAYTRACE_SIDE_MAX,
                    .unit = "px",
                    .doc = "Width and height of the whole picture."},
    [REGION] = {.name = "region",
                .kind = P2_PARAM_INTS,
                .count = 4,
                .min = 0,
                .max = RAYTRACE_SIDE_MAX,
                .unit = "px",
                .doc = "x, y, width and height of the part that is rendered; the whole picture when not given."},
    [POSITION] = VECTOR("position", "0,0,0", "Where the camera is."),
    [DIRECTION] = VECTOR("direction", "0,0,-1", "Where it looks; of any length above 0."),
    [UP] = VECTOR("up", "0,1,0", "What is up in the picture; not along direction."),
    [FOV] = {.name = "fov",
             .kind = P2_PARAM_REAL,
             .count = 1,
             .min = 1,
             .max = 170,
             .fallback = "60",
             .unit = "degrees",
             .doc = "Angle from the lower to the upper edge of the picture."},
    [MODE] = P2_SPEC_CHOICE("mode", modes, "primary",
                            "primary: what is seen, with shadows; path: light over several surfaces, metal and glass."),
    [SAMPLES] =
        P2_SPEC_WHOLE("samples_per_pixel", 1, RAYTRACE_SAMPLES_MAX, "1", "Rays from the camera for each pixel."),
    [FIRST_SAMPLE] = P2_SPEC_WHOLE("first_sample", 0, 1e9, "0",
                                   "Number of the first of them: results of other numbers can be averaged."),
    [DEPTH] = P2_SPEC_WHOLE("depth", 1, RAYTRACE_DEPTH_MAX, "4", "Surfaces a path meets at most."),
    [SEED] = P2_SPEC_WHOLE("seed", 0, 1e9, "0", "Of all random numbers."),
    [DENOISE] =
        P2_SPEC_WHOLE("denoise", 0, RAYTRACE_LEVELS_MAX, "0", "Levels of the denoiser; each doubles how far it looks."),
    [RESULT_FORMAT] =
        P2_SPEC_CHOICE("result_format", forms, "rgb8",
                       "rgb8, rgba8: rows of 8-bit pixels, alpha is what share of a pixel is no sky; float: linear "
                       "RGB as 32-bit floats."),
    [JPEG_QUALITY] = P2_SPEC_WHOLE("jpeg_quality", 1, 100, "85", "Of a JPEG result."),
    [EXPOSURE] = {.name = "exposure",
                  .kind = P2_PARAM_REAL,
                  .count = 1,
                  .min = 0,
                  .max = 1000,
                  .fallback = "1",
                  .unit = "",
                  .doc = "Factor of light before it becomes 8 bits."},
    [ALBEDO] =
        P2_SPEC_WHOLE("albedo", 0, 1, "0", "1: a float result is followed by a plane of what surfaces reflect, RGB."),
    [NORMALS] = P2_SPEC_WHOLE("normals", 0, 1, "0", "1: then by a plane of surface normals, XYZ."),
    [DISTANCE] = P2_SPEC_WHOLE("distance", 0, 1, "0", "1: then by a plane of distances, 0 where there is sky."),
    {.name = NULL},
};

static unsigned whole_of(const struct p2_params *given, int which) {
    return (unsigned)p2_param_int(given, &params[which]);
}

static float real_of(const struct p2_params *given, int which) { return (float)p2_param_real(given, &params[which]); }

// p2_params_check() knows it to be one of them.
static unsigned choice_of(const struct p2_params *given, int which) {
    return (unsigned)p2_param_choice(given, &params[which]);
}

// Scales to length 1; false when there is none.
static bool make_unit(double *v) {
    double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int i = 0; i < 3; i++) v[i] /= length > 1e-9 ? length : 1;
    return length > 1e-9;
}

static void cross(const double *a, const double *b, double *out) {
    for (int i = 0; i < 3; i++) out[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

static enum p2_err read_camera(const struct p2_params *given, struct raytrace_block *b, struct p2_strbuf *why) {
    struct p2_param position, direction, up;
    double right[3] = {0}, down[3], half = real_of(given, FOV) * 3.14159265358979 / 360;
    p2_param_value(given, &params[POSITION], &position);
    p2_param_value(given, &params[DIRECTION], &direction);
    p2_param_value(given, &params[UP], &up);
    bool sound = make_unit(direction.value.reals) && make_unit(up.value.reals);
    if (sound) cross(direction.value.reals, up.value.reals, right);
    if (!sound || !make_unit(right)) {
        p2_strbuf_printf(why, "direction and up must have a length and not lie along each other");
        return P2_ERR_BAD_PARAMETER;
    }
    cross(direction.value.reals, right, down);
    double pixel = 2 * sin(half) / cos(half) / b->height;
    for (int i = 0; i < 3; i++) {
        b->camera.position[i] = (float)position.value.reals[i];
        b->camera.forward[i] = (float)direction.value.reals[i];
        b->camera.right[i] = (float)(right[i] * pixel);
        b->camera.down[i] = (float)(down[i] * pixel);
    }
    return P2_OK;
}

static enum p2_err read_region(const struct p2_params *given, struct raytrace_block *b, struct p2_strbuf *why) {
    const struct p2_param *resolution = p2_params_find(given, params[RESOLUTION].name);
    const struct p2_param *region = p2_params_find(given, params[REGION].name);
    b->w = b->width = (unsigned)resolution->value.ints[0];
    b->h = b->height = (unsigned)resolution->value.ints[1];
    if (!region) return P2_OK;
    b->x = (unsigned)region->value.ints[0];
    b->y = (unsigned)region->value.ints[1];
    b->w = (unsigned)region->value.ints[2];
    b->h = (unsigned)region->value.ints[3];
    if (b->w >= 1 && b->h >= 1 && b->x + b->w <= b->width && b->y + b->h <= b->height) return P2_OK;
    p2_strbuf_printf(why, "region %ux%u at %u,%u is not part of a picture of %ux%u", b->w, b->h, b->x, b->y, b->width,
                     b->height);
    return P2_ERR_BAD_PARAMETER;
}

// Pixels that are rendered, and rays of them without shadow rays.
static uint64_t pixels_of(const struct raytrace_block *b) {
    struct p2_raytrace_area a = p2_raytrace_rendered(b);
    return (uint64_t)a.w * a.h;
}

static enum p2_err check_size(const struct raytrace_block *b, uint64_t payload_size, struct p2_strbuf *why) {
    if (payload_size > RAYTRACE_BYTES_MAX) {
        p2_strbuf_printf(why, "scene of %llu bytes is above the limit of %u", (unsigned long long)payload_size,
                         RAYTRACE_BYTES_MAX);
        return P2_ERR_TOO_LARGE;
    }
    if (pixels_of(b) > RAYTRACE_PIXELS_MAX) {
        p2_strbuf_printf(why, "%llu pixels to render are above the limit of %u: ask for a smaller region",
                         (unsigned long long)pixels_of(b), RAYTRACE_PIXELS_MAX);
        return P2_ERR_TOO_LARGE;
    }
    uint64_t rays = pixels_of(b) * b->samples * b->depth * (1 + RAYTRACE_LIGHTS_MAX);
    if (rays > RAYTRACE_RAYS_MAX) {
        p2_strbuf_printf(why, "%llu rays are above the limit of %llu: ask for fewer samples or a smaller region",
                         (unsigned long long)rays, RAYTRACE_RAYS_MAX);
        return P2_ERR_TOO_LARGE;
    }
    if (p2_raytrace_raw_bytes(b) > RAYTRACE_BYTES_MAX) {
        p2_strbuf_printf(why, "result of %zu bytes is above the limit of %u: ask for a smaller region",
                         p2_raytrace_raw_bytes(b), RAYTRACE_BYTES_MAX);
        return P2_ERR_TOO_LARGE;
    }
    return P2_OK;
}

static enum p2_err check_planes(const struct raytrace_block *b, struct p2_strbuf *why) {
    if (b->form == RAYTRACE_FLOAT || !(b->albedo || b->normals || b->distance)) return P2_OK;
    p2_strbuf_printf(why, "albedo, normals and distance are planes of a float result: ask for result_format float");
    return P2_ERR_BAD_PARAMETER;
}

static void estimate(const struct raytrace_block *b, struct p2_task_cost *cost) {
    uint64_t pixels = pixels_of(b), raw = p2_raytrace_raw_bytes(b), encoded = (uint64_t)b->w * b->h;
    uint64_t padded = ((uint64_t)b->w + 15) * ((uint64_t)b->h + 15) * 7 + 131072; // as of upscale
    bool codec = b->form == RAYTRACE_PNG || b->form == RAYTRACE_JPEG;
    // A ray of a bundle counts 1, of a path 4, a pixel of a level of the denoiser 3, of a codec about 2.
    uint64_t rays = pixels * b->samples * 2 * b->depth;
    uint64_t units = rays * (b->path ? 4 : 1) + pixels * 3 * b->denoise + (codec ? encoded * 2 : 0);
    *cost = (struct p2_task_cost){
        .units = units,
        .result_bytes_max = !codec                        ? raw
                            : padded < RAYTRACE_BYTES_MAX ? padded
                                                          : RAYTRACE_BYTES_MAX,
        // planes, the scene with its tree, and what it becomes; of a blob the size is not known here
        .device_bytes = pixels * (RAYTRACE_PLANES + 3) * 4 + (b->payload_size ? 5ull * b->payload_size : 256ull << 20),
        .size_class = p2_size_class(units),
        .timeout_prior_ns = 2 * P2_SEC + (p2_ns)units * 50,
    };
}

static enum p2_err prepare(const struct p2_params *given, uint64_t payload_size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    struct raytrace_block b = {0};
    enum p2_err err = p2_params_check(given, params, why);
    if (!err) err = read_region(given, &b, why);
    if (!err) err = read_camera(given, &b, why);
    if (err) return err;
    b.path = choice_of(given, MODE);
    b.samples = whole_of(given, SAMPLES);
    b.first = whole_of(given, FIRST_SAMPLE);
    b.depth = b.path ? whole_of(given, DEPTH) : 1;
    b.seed = whole_of(given, SEED);
    b.denoise = whole_of(given, DENOISE);
    b.form = choice_of(given, RESULT_FORMAT);
    b.jpeg_quality = whole_of(given, JPEG_QUALITY);
    b.exposure = real_of(given, EXPOSURE);
    b.albedo = whole_of(given, ALBEDO);
    b.normals = whole_of(given, NORMALS);
    b.distance = whole_of(given, DISTANCE);
    err = check_planes(&b, why);
    if (!err) err = check_size(&b, payload_size, why);
    if (err) return err;
    b.payload_size = (unsigned)payload_size;
    memcpy(block, &b, sizeof b);
    estimate(&b, cost);
    return P2_OK;
}

// Differences of rounding send a few rays past an edge that others met, and change all that follows: almost all values
// must be equal, and the mean difference small.
static bool agree(size_t count, size_t off, double sum, bool path) {
    return off <= count / (path ? 16 : 64) && sum <= (path ? 0.006 : 0.004) * (double)count;
}

static bool equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    const struct raytrace_block *what = block;
    if (a_size != b_size) return false;
    size_t off = 0, step = what->form == RAYTRACE_FLOAT ? sizeof(float) : 1;
    double sum = 0;
    if (a_size % step) return false;
    for (size_t i = 0; i < a_size; i += step) {
        float x = a[i], y = b[i], scale = 255;
        if (step > 1) {
            memcpy(&x, a + i, sizeof x);
            memcpy(&y, b + i, sizeof y);
            scale = 1 + fmaxf(fabsf(x), fabsf(y));
        }
        float d = fabsf(x - y) / scale;
        if (!(d <= 0.008f)) off++; // nor NaN
        sum += d <= 1 ? d : 1;
    }
    return agree(a_size / step, off, sum, what->path);
}

static bool bands(const void *block, struct p2_task_bands *out) {
    const struct raytrace_block *b = block;
    bool rows = b->form == RAYTRACE_RGB8 || b->form == RAYTRACE_RGBA8;
    if (!rows && (b->form != RAYTRACE_FLOAT || b->albedo || b->normals || b->distance)) return false;
    *out = (struct p2_task_bands){.out_step = 1,
                                  .steps = b->h,
                                  .ghost = RAYTRACE_DENOISE_REACH(b->denoise), // rendered by each band's peer
                                  .out_row_bytes = p2_raytrace_raw_bytes(b) / b->h};
    return true;
}

const struct p2_task_type p2_type_raytrace = {
    .name = "raytracing",
    .aliases = aliases,
    .version = 1,
    .doc = "Renders a scene of spheres, planes and triangle meshes.",
    .unit = "ray",
    .params = params,
    .block_bytes = sizeof(struct raytrace_block),
    .criticality = P2_CRIT_LOW,
    .deterministic = true,
    .payload_bytes_max = RAYTRACE_BYTES_MAX,
    .blobs_max = 1,
    .prepare = prepare,
    .reference = p2_raytrace_reference,
    .equal = equal,
    .bands = bands,
    .known_answers = p2_raytrace_known_answers,
    .known_answer_count = RAYTRACE_KNOWN_ANSWERS,
};
