#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "kernels/upscale/upscale.h"

static const char *const qualities[] = {"fast", "balanced", "quality", NULL};
static const char *const algorithms[] = {"bilinear", "bicubic", "lanczos", "adaptive", "ml", NULL};
static const char *const formats[] = {"raw", "png", "jpeg", "webp", "ppm", NULL}; // by UPSCALE_RAW ..

enum {
    INPUT_RES,
    OUTPUT_RES,
    QUALITY,
    ALGORITHM,
    CHANNELS,
    FORMAT,
    RESULT_FORMAT,
    JPEG_QUALITY,
    SHARPNESS,
};

static const struct p2_param_spec params[] = {
    [INPUT_RES] = {.name = "input_res",
                   .kind = P2_PARAM_INTS,
                   .count = 2,
                   .required = true,
                   .min = 1,
                   .max = UPSCALE_SIDE_MAX,
                   .unit = "px",
                   .doc = "Width and height of the picture that goes in."},
    [OUTPUT_RES] = {.name = "output_res",
                    .kind = P2_PARAM_INTS,
                    .count = 2,
                    .required = true,
                    .min = 1,
                    .max = UPSCALE_SIDE_MAX,
                    .unit = "px",
                    .doc =
                        "Width and height of the picture that comes back; each side is one to four times the input's."},
    [QUALITY] = {.name = "quality",
                 .kind = P2_PARAM_TEXT,
                 .choices = qualities,
                 .fallback = "balanced",
                 .unit = "",
                 .doc = "fast: bilinear; balanced: edge-adaptive and sharpened; quality: a convolutional network."},
    [ALGORITHM] = {.name = "algorithm",
                   .kind = P2_PARAM_TEXT,
                   .choices = algorithms,
                   .unit = "",
                   .doc = "A filter by name, in place of the one that quality chooses; ml is the network."},
    [CHANNELS] = {.name = "channels",
                  .kind = P2_PARAM_INT,
                  .count = 1,
                  .min = 3,
                  .max = 4,
                  .fallback = "3",
                  .unit = "",
                  .doc = "3: RGB; 4: RGBA, filtered straight, channel by channel."},
    [FORMAT] = {.name = "format",
                .kind = P2_PARAM_TEXT,
                .choices = formats,
                .fallback = "raw",
                .unit = "",
                .doc = "Of the payload; raw is rows of 8-bit pixels without padding."},
    [RESULT_FORMAT] = {.name = "result_format",
                       .kind = P2_PARAM_TEXT,
                       .choices = formats,
                       .unit = "",
                       .doc = "Of the result; as format when not given."},
    [JPEG_QUALITY] = {.name = "jpeg_quality",
                      .kind = P2_PARAM_INT,
                      .count = 1,
                      .min = 1,
                      .max = 100,
                      .fallback = "85",
                      .unit = "",
                      .doc = "Of a JPEG or WebP result; above 90 JPEG keeps full colour resolution."},
    [SHARPNESS] = {.name = "sharpness",
                   .kind = P2_PARAM_REAL,
                   .count = 1,
                   .min = 0,
                   .max = 1,
                   .fallback = "0.5",
                   .unit = "",
                   .doc = "How much balanced sharpens; 0 does not."},
    {.name = NULL},
};

// Work per output pixel relative to bilinear, kernels and codecs alike, so that one speed fits all tasks of a peer.
static const uint32_t filter_units[] = {[UPSCALE_BILINEAR] = 1,
                                        [UPSCALE_BICUBIC] = 3,
                                        [UPSCALE_LANCZOS] = 4,
                                        [UPSCALE_ADAPTIVE] = 22,
                                        [UPSCALE_NETWORK] = 110};
static const uint32_t decode_units[] = { // per input pixel
    [UPSCALE_RAW] = 0,
    [UPSCALE_PNG] = 60,
    [UPSCALE_JPEG] = 20,
    [UPSCALE_WEBP] = 60,
    [UPSCALE_PPM] = 25};
static const uint32_t encode_units[] = { // per output pixel
    [UPSCALE_RAW] = 0,
    [UPSCALE_PNG] = 100,
    [UPSCALE_JPEG] = 15,
    [UPSCALE_WEBP] = 170,
    [UPSCALE_PPM] = 3};

static enum p2_err read_sizes(const struct p2_params *given, struct upscale_block *b, struct p2_strbuf *why) {
    const struct p2_param *in = p2_params_find(given, params[INPUT_RES].name);
    const struct p2_param *out = p2_params_find(given, params[OUTPUT_RES].name);
    b->in_w = (unsigned)in->value.ints[0];
    b->in_h = (unsigned)in->value.ints[1];
    b->out_w = (unsigned)out->value.ints[0];
    b->out_h = (unsigned)out->value.ints[1];
    if (b->out_w < b->in_w || b->out_h < b->in_h || b->out_w > UPSCALE_RATIO_MAX * b->in_w ||
        b->out_h > UPSCALE_RATIO_MAX * b->in_h) {
        p2_strbuf_printf(why, "output_res %ux%u: each side must be 1 to %u times that of input_res %ux%u", b->out_w,
                         b->out_h, UPSCALE_RATIO_MAX, b->in_w, b->in_h);
        return P2_ERR_BAD_PARAMETER;
    }
    if ((uint64_t)b->out_w * b->out_h > UPSCALE_PIXELS_MAX) { // and so is the input, which is no larger
        p2_strbuf_printf(why, "output_res %ux%u has more than %u million pixels", b->out_w, b->out_h,
                         UPSCALE_PIXELS_MAX >> 20);
        return P2_ERR_TOO_LARGE;
    }
    return P2_OK;
}

bool p2_upscale_is_twice(const struct upscale_block *b) { return b->out_w == 2 * b->in_w && b->out_h == 2 * b->in_h; }

void p2_upscale_split(const struct upscale_block *b, struct upscale_block *first, struct upscale_block *second) {
    *first = *b;
    first->out_w = 2 * b->in_w;
    first->out_h = 2 * b->in_h;
    first->in_format = first->out_format = UPSCALE_RAW;
    *second = *first;
    second->filter = UPSCALE_BICUBIC;
    second->in_w = first->out_w;
    second->in_h = first->out_h;
    second->out_w = b->out_w;
    second->out_h = b->out_h;
}

// The network makes twice the size: worth it for results of at least one and a half times, where that picture is not
// above the limits of a picture.
static bool network_fits(const struct upscale_block *b) {
    uint64_t w = 2 * (uint64_t)b->in_w, h = 2 * (uint64_t)b->in_h;
    return 2 * b->out_w >= 3 * b->in_w && 2 * b->out_h >= 3 * b->in_h && w <= UPSCALE_SIDE_MAX &&
           h <= UPSCALE_SIDE_MAX && w * h <= UPSCALE_PIXELS_MAX;
}

static void read_filter(const struct p2_params *given, struct upscale_block *b) {
    static const unsigned by_quality[] = {UPSCALE_BILINEAR, UPSCALE_ADAPTIVE, UPSCALE_NETWORK};
    static const unsigned by_algorithm[] = {UPSCALE_BILINEAR, UPSCALE_BICUBIC, UPSCALE_LANCZOS, UPSCALE_ADAPTIVE,
                                            UPSCALE_NETWORK};
    int algorithm = p2_param_choice(given, &params[ALGORITHM]), quality = p2_param_choice(given, &params[QUALITY]);
    b->filter = algorithm >= 0 ? by_algorithm[algorithm] : by_quality[quality];
    if (b->filter == UPSCALE_NETWORK && !network_fits(b)) b->filter = UPSCALE_LANCZOS;
}

// Upper bound of an encoded picture, at least p2_image_encode_bound's (which this floor may not link).
static uint64_t encoded_max(const struct upscale_block *b) {
    uint64_t pixels = (uint64_t)b->out_w * b->out_h;
    uint64_t padded = ((uint64_t)b->out_w + 15) * ((uint64_t)b->out_h + 15);
    return b->out_format == UPSCALE_RAW ? pixels * b->channels : padded * 7 + 131072;
}

static enum p2_err check_bytes(const struct upscale_block *b, uint64_t payload_size, struct p2_strbuf *why) {
    uint64_t in = (uint64_t)b->in_w * b->in_h * b->channels, out = (uint64_t)b->out_w * b->out_h * b->channels;
    if (payload_size > UPSCALE_BYTES_MAX) {
        p2_strbuf_printf(why, "payload of %llu bytes is above the limit of %u", (unsigned long long)payload_size,
                         UPSCALE_BYTES_MAX);
        return P2_ERR_TOO_LARGE;
    }
    if (b->in_format == UPSCALE_RAW && payload_size != in) {
        p2_strbuf_printf(why, "payload of %llu bytes, but %ux%u raw pixels of %u channels are %llu",
                         (unsigned long long)payload_size, b->in_w, b->in_h, b->channels, (unsigned long long)in);
        return P2_ERR_BAD_PARAMETER;
    }
    if (payload_size == 0) {
        p2_strbuf_printf(why, "payload is empty: there is no picture");
        return P2_ERR_BAD_PARAMETER;
    }
    if (b->out_format == UPSCALE_RAW && out > UPSCALE_BYTES_MAX) {
        p2_strbuf_printf(why, "raw result of %llu bytes is above the limit of %u: ask for an encoded result_format",
                         (unsigned long long)out, UPSCALE_BYTES_MAX);
        return P2_ERR_TOO_LARGE;
    }
    if (b->out_format == UPSCALE_WEBP && (b->out_w >= UPSCALE_SIDE_MAX || b->out_h >= UPSCALE_SIDE_MAX)) {
        p2_strbuf_printf(why, "output_res %ux%u: a WebP picture ends at %u", b->out_w, b->out_h, UPSCALE_SIDE_MAX - 1);
        return P2_ERR_TOO_LARGE;
    }
    return P2_OK;
}

static void estimate(const struct upscale_block *b, struct p2_task_cost *cost) {
    uint64_t in = (uint64_t)b->in_w * b->in_h, out = (uint64_t)b->out_w * b->out_h;
    uint64_t bytes = encoded_max(b);
    uint64_t between = 0; // px of the picture that the network makes on the way to another size
    if (b->filter == UPSCALE_NETWORK && !p2_upscale_is_twice(b)) between = 4 * in;
    uint64_t work = between ? between * filter_units[UPSCALE_NETWORK] + out * filter_units[UPSCALE_BICUBIC]
                            : out * filter_units[b->filter];
    cost->units = work + out * encode_units[b->out_format] + in * decode_units[b->in_format];
    cost->result_bytes_max = bytes < UPSCALE_BYTES_MAX ? bytes : UPSCALE_BYTES_MAX;
    // Both pictures, padded input, its metric (three floats a pixel), and a band between the two adaptive steps.
    uint64_t padded = ((uint64_t)b->in_w + 128) * ((uint64_t)b->in_h + 2);
    cost->device_bytes = (in + out) * b->channels + padded * 4;
    if (b->filter == UPSCALE_ADAPTIVE) cost->device_bytes += padded * 12 + (32u << 20);
    if (b->filter == UPSCALE_NETWORK) cost->device_bytes += (96u << 20) + between * (4 + b->channels);
    cost->size_class = p2_size_class(cost->units);
    // 100 ms for each 1080p that is begun when it is fast, 1 s for others; codecs extra.
    p2_ns base = b->filter == UPSCALE_BILINEAR || b->filter == UPSCALE_BICUBIC ? 100 * P2_MS : P2_SEC;
    uint64_t frames = (out + 1920 * 1080 - 1) / (1920 * 1080);
    cost->timeout_prior_ns =
        base * (p2_ns)frames + (p2_ns)(in * decode_units[b->in_format] + out * encode_units[b->out_format]) * 4;
}

static enum p2_err prepare(const struct p2_params *given, uint64_t payload_size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    struct upscale_block b = {0};
    enum p2_err err = p2_params_check(given, params, why);
    if (!err) err = read_sizes(given, &b, why);
    if (err) return err;
    read_filter(given, &b);
    struct p2_param sharpness = {0};
    p2_param_value(given, &params[SHARPNESS], &sharpness);
    int result_format = p2_param_choice(given, &params[RESULT_FORMAT]);
    b.channels = (unsigned)p2_param_int(given, &params[CHANNELS]);
    b.in_format = (unsigned)p2_param_choice(given, &params[FORMAT]);
    b.out_format = result_format >= 0 ? (unsigned)result_format : b.in_format;
    b.jpeg_quality = (unsigned)p2_param_int(given, &params[JPEG_QUALITY]);
    b.sharpness = (float)sharpness.value.reals[0];
    err = check_bytes(&b, payload_size, why);
    if (err) return err;
    *(struct upscale_block *)block = b;
    estimate(&b, cost);
    return P2_OK;
}

static uint32_t common_divisor(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// Rows above and below a cut that the rows next to it depend on: ref.c and ref_network.c. The base of an output row may
// lie one input row above its band.
static uint32_t reach(const struct upscale_block *b) {
    switch (b->filter) {
    case UPSCALE_BILINEAR: return 1;
    case UPSCALE_BICUBIC: return 2;
    case UPSCALE_NETWORK: return p2_upscale_is_twice(b) ? UPSCALE_NET_HALO : UPSCALE_NET_HALO + 1; // then bicubic
    default: return 3;                                                                             // sharpened: 2 + 1
    }
}

// Only where rows in and out have a common measure do the rows of a band lie as they do in the whole.
static bool bands(const void *block, struct p2_task_bands *out) {
    const struct upscale_block *b = block;
    if (b->in_format != UPSCALE_RAW || b->out_format != UPSCALE_RAW) return false;
    // The whole has Lanczos for a network that is too high for it; its bands would not.
    if (b->filter == UPSCALE_LANCZOS && 2 * b->in_h > UPSCALE_SIDE_MAX) return false;
    uint32_t steps = common_divisor(b->in_h, b->out_h), in_step = b->in_h / steps;
    *out = (struct p2_task_bands){.in_step = in_step,
                                  .out_step = b->out_h / steps,
                                  .steps = steps,
                                  .ghost = (reach(b) + in_step - 1) / in_step,
                                  .in_row_bytes = (uint64_t)b->in_w * b->channels,
                                  .out_row_bytes = (uint64_t)b->out_w * b->channels};
    return true;
}

// Within one level, two where a picture that was rounded already is rounded again.
static bool equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    const struct upscale_block *of = block;
    int tolerance = of->filter == UPSCALE_NETWORK && !p2_upscale_is_twice(of) ? 2 : 1;
    if (a_size != b_size) return false;
    for (size_t i = 0; i < a_size; i++)
        if (abs(a[i] - b[i]) > tolerance) return false;
    return true;
}

// ---- known answers: a 7x5 picture with an edge, a ramp, a dot and alpha, through every filter ----

#define RGBA_7X5 P2_GIVEN_INTS("input_res", 7, 5), P2_GIVEN_INT("channels", 4)

static const struct p2_param fast_twice[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 14, 10),
                                             P2_GIVEN_TEXT("quality", "fast")};
static const struct p2_param fast_any[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 18, 7),
                                           P2_GIVEN_TEXT("quality", "fast")};
static const struct p2_param bicubic_twice[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 14, 10),
                                                P2_GIVEN_TEXT("algorithm", "bicubic")};
static const struct p2_param bicubic_any[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 18, 7),
                                              P2_GIVEN_TEXT("algorithm", "bicubic")};
static const struct p2_param lanczos_twice[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 14, 10),
                                                P2_GIVEN_TEXT("algorithm", "lanczos")};
static const struct p2_param lanczos_any[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 18, 7),
                                              P2_GIVEN_TEXT("algorithm", "lanczos")};
static const struct p2_param balanced_twice[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 14, 10),
                                                 P2_GIVEN_TEXT("quality", "balanced")};
static const struct p2_param balanced_any[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 18, 7),
                                               P2_GIVEN_TEXT("quality", "balanced")};
static const struct p2_param quality_twice[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 14, 10),
                                                P2_GIVEN_TEXT("quality", "quality")};
static const struct p2_param quality_any[] = {RGBA_7X5, P2_GIVEN_INTS("output_res", 18, 9),
                                              P2_GIVEN_TEXT("quality", "quality")};

static const uint8_t picture[7 * 5 * 4] = {
    0,   0,   0,   255, 0,   0,   0,   255, 10,  0,   0,   240, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 250, 240, 255, 255, 255, 255, 255, 0,   0,   0,   255, 0,   20,  0,   200, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 230, 255, 200, 128, 255, 255, 255, 255, 0,   0,   40,  160,
    255, 255, 255, 255, 255, 255, 255, 255, 12,  200, 12,  0,   255, 255, 255, 255, 255, 255, 255, 64,
    255, 255, 255, 0,   255, 255, 255, 255, 224, 192, 32,  120, 192, 160, 64,  120, 160, 128, 96,  120,
    128, 96,  128, 120, 96,  64,  160, 120, 64,  32,  192, 120, 0,   0,   0,   255, 51,  51,  51,  255,
    102, 102, 102, 255, 153, 153, 153, 255, 204, 204, 204, 255, 255, 255, 255, 255, 9,   8,   7,   6};

#define KNOWN(list)                                                                                                    \
    { .params = list, .param_count = sizeof list / sizeof *list, .payload = picture, .payload_size = sizeof picture }
static const struct p2_known_answer known_answers[] = {
    KNOWN(fast_twice),  KNOWN(fast_any),       KNOWN(bicubic_twice), KNOWN(bicubic_any),   KNOWN(lanczos_twice),
    KNOWN(lanczos_any), KNOWN(balanced_twice), KNOWN(balanced_any),  KNOWN(quality_twice), KNOWN(quality_any),
};

const struct p2_task_type p2_type_upscale = {
    .name = "upscale",
    .version = 2,
    .doc = "Enlarges a picture up to four times.",
    .unit = "px",
    .params = params,
    .block_bytes = sizeof(struct upscale_block),
    .criticality = P2_CRIT_LOW,
    .deterministic = true,
    .payload_bytes_max = UPSCALE_BYTES_MAX,
    .prepare = prepare,
    .reference = p2_upscale_reference,
    .equal = equal,
    .bands = bands,
    .known_answers = known_answers,
    .known_answer_count = sizeof known_answers / sizeof *known_answers,
};
