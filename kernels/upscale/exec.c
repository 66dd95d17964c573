// One job: decode - pad - filter - encode. Raw pictures are read from and written to the cell itself.
#include "image/image.h"
#include "kernels/upscale/upscale_cl.h"
#include "kernels/upscale/work.h"

_Static_assert(UPSCALE_SIDE_MAX == P2_IMAGE_SIDE_MAX && UPSCALE_PIXELS_MAX == P2_IMAGE_PIXELS_MAX, "limits");
_Static_assert((int)UPSCALE_RAW == (int)P2_IMAGE_RAW && (int)UPSCALE_PNG == (int)P2_IMAGE_PNG &&
                   (int)UPSCALE_JPEG == (int)P2_IMAGE_JPEG && (int)UPSCALE_WEBP == (int)P2_IMAGE_WEBP &&
                   (int)UPSCALE_PPM == (int)P2_IMAGE_PPM,
               "formats");

static const char *const kernels[] = {"pad_row",
                                      "bilinear_strip",
                                      "bicubic_strip",
                                      "lanczos_strip",
                                      "bilinear_twice",
                                      "metric_strip",
                                      "adaptive_any",
                                      "adaptive_twice",
                                      "sharpen_strip",
                                      "network_strip",
                                      "pad_pixel",
                                      "bilinear_pixel",
                                      "bicubic_pixel",
                                      "lanczos_pixel",
                                      "metric_pixel",
                                      "adaptive_pixel",
                                      "sharpen_pixel",
                                      "network_first_pixel",
                                      "network_middle_pixel",
                                      "network_last_pixel",
                                      NULL};

// Output rows of a CPU's work-item: enough that resampling the rows around them again costs little.
#define BAND 64u
#define BAND_TWICE 16u // of bilinear x2, where a row around costs little and fewer pages at a time are worth more
// Output pixels of a launch at most: enough to make its start cheap. Slow devices take fewer.
#define LAUNCH_PIXELS (4u << 20)
#define LAUNCH_PIXELS_ADAPTIVE (1u << 20)

// ---- tables ----

static uint32_t common_divisor(uint32_t a, uint32_t b) {
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void put_entry(int32_t *words, size_t count, size_t index, const struct p2_upscale_taps *t, bool adaptive) {
    float *reals = (float *)(void *)(words + count);
    words[index] = adaptive ? t->base : t->first;
    if (adaptive) {
        reals[index] = (float)t->fraction;
        return;
    }
    for (size_t k = 0; k < 4; k++) {
        reals[4 * index + k] = k < t->count ? (float)t->weight[k] : 0;
        reals[4 * (count + index) + k] = k + 4 < t->count ? (float)t->weight[k + 4] : 0;
    }
}

// The table of one axis (layout.h) as a device buffer; NULL when there is no memory.
static cl_mem make_table(struct exec_slot *slot, uint32_t filter, uint32_t in, uint32_t out) {
    size_t count = out + UPSCALE_TABLE_TAIL, size = count * UPSCALE_TABLE_WORDS * sizeof(int32_t);
    int32_t *words = (int32_t *)(void *)exec_host(slot, size);
    if (!words) return NULL;
    // Columns repeat after `period`, moved by `step`: the sines are computed once.
    uint32_t divisor = common_divisor(in, out), period = out / divisor, step = in / divisor;
    struct p2_upscale_taps taps = {0};
    for (uint32_t phase = 0; phase < period; phase++) {
        p2_upscale_taps(filter, in, out, phase, &taps);
        for (uint32_t index = phase; index < out; index += period) {
            put_entry(words, count, index, &taps, filter == UPSCALE_ADAPTIVE);
            taps.base += (int32_t)step;
            taps.first += (int32_t)step;
        }
    }
    p2_upscale_taps(filter, in, out, out - 1, &taps);
    for (size_t index = out; index < count; index++) put_entry(words, count, index, &taps, filter == UPSCALE_ADAPTIVE);
    return exec_host_buffer(slot, words, size, true);
}

// ---- launches ----

enum p2_err upscale_args(struct work *w, cl_kernel k, const cl_mem *before, cl_uint count, const cl_mem *after,
                         cl_uint after_count) {
    cl_int e = CL_SUCCESS;
    for (cl_uint i = 0; i < count && !e; i++) e = clSetKernelArg(k, i, sizeof *before, &before[i]);
    if (!e) e = clSetKernelArg(k, count, sizeof w->shape, &w->shape);
    for (cl_uint i = 0; i < after_count && !e; i++) e = clSetKernelArg(k, count + 1 + i, sizeof *after, &after[i]);
    return exec_check(w->slot, e, "kernel argument");
}

// Launches one of a pair of kernels over w columns and h rows: strips of `strip` columns and bands of rows on a CPU,
// pixels elsewhere. Arguments are set.
static enum p2_err launch(struct work *w, bool pixels, cl_kernel k, size_t columns, size_t rows, size_t strip) {
    if (pixels) return exec_launch(w->slot, k, 2, (size_t[]){columns, rows}, (size_t[]){32, 8});
    return exec_launch(w->slot, k, 2, (size_t[]){upscale_groups(columns, strip), upscale_groups(rows, w->shape.band)},
                       (size_t[]){1, 1});
}

static enum p2_err pad(struct work *w) {
    w->padded = exec_buffer(w->slot, (size_t)w->shape.stride * w->shape.in_h * sizeof(cl_uint));
    if (!w->padded) return P2_ERR_DEVICE_MEMORY;
    bool pixels = upscale_by_pixels(w);
    cl_kernel k = exec_kernel(w->slot, pixels ? PAD_PIXEL : PAD_ROW);
    enum p2_err err = upscale_args(w, k, (cl_mem[]){w->in, w->padded}, 2, NULL, 0);
    if (err) return err;
    if (pixels) return exec_launch(w->slot, k, 2, (size_t[]){w->shape.stride, w->shape.in_h}, (size_t[]){32, 8});
    return exec_launch(w->slot, k, 1, (size_t[]){w->shape.in_h}, (size_t[]){1});
}

static uint32_t rows_of(const struct work *w, uint64_t pixels) {
    uint32_t rows = (uint32_t)(pixels / w->shape.out_w / BAND * BAND);
    return rows ? rows : BAND;
}

// Rows of the next launch of k that begins at row y.
static uint32_t rows_now(const struct work *w, cl_kernel k, uint64_t usual_pixels, uint32_t y) {
    uint32_t rows = rows_of(w, exec_share(w->slot, k, usual_pixels)), left = w->block->out_h - y;
    exec_launch_units(w->slot, (uint64_t)(rows < left ? rows : left) * w->block->out_w);
    return rows < left ? rows : left;
}

static enum p2_err separable(struct work *w) {
    const struct upscale_block *b = w->block;
    bool pixels = upscale_by_pixels(w);
    bool twice = b->filter == UPSCALE_BILINEAR && !pixels && b->out_w == 2 * b->in_w && b->out_h == 2 * b->in_h;
    uint32_t which = (pixels ? BILINEAR_PIXEL : BILINEAR_STRIP) + b->filter;
    cl_kernel k = exec_kernel(w->slot, twice ? BILINEAR_TWICE : which);
    enum p2_err err = P2_OK;
    if (twice) w->shape.band = BAND_TWICE;
    if (twice && b->channels == 4) {
        w->padded = w->in; // whose rows it reads as they are
        w->shape.stride = b->in_w;
    } else {
        err = pad(w);
    }
    if (err) return err;
    if (!twice) {
        w->columns = make_table(w->slot, b->filter, b->in_w, b->out_w);
        w->rows = make_table(w->slot, b->filter, b->in_h, b->out_h);
        if (!w->columns || !w->rows) return P2_ERR_DEVICE_MEMORY;
    }
    for (uint32_t y = 0; y < b->out_h; y = w->shape.row_end) {
        w->shape.row_begin = y;
        w->shape.row_end = y + rows_now(w, k, LAUNCH_PIXELS, y);
        err = upscale_args(w, k, (cl_mem[]){w->padded, w->out}, 2, (cl_mem[]){w->columns, w->rows}, twice ? 0 : 2);
        if (!err)
            err = launch(w, pixels, k, b->out_w, w->shape.row_end - y, twice ? UPSCALE_STRIP_TWICE : UPSCALE_STRIP);
        if (err) return err;
    }
    return P2_OK;
}

static cl_kernel adaptive_kernel(const struct work *w) {
    bool twice = w->shape.out_w == 2 * w->shape.in_w;
    return exec_kernel(w->slot, upscale_by_pixels(w) ? ADAPTIVE_PIXEL : twice ? ADAPTIVE_TWICE : ADAPTIVE_ANY);
}

static enum p2_err adaptive_band(struct work *w) {
    const struct upscale_shape *s = &w->shape;
    bool pixels = upscale_by_pixels(w);
    cl_kernel k = adaptive_kernel(w);
    enum p2_err err =
        upscale_args(w, k, (cl_mem[]){w->padded, w->metric, w->mid}, 3, (cl_mem[]){w->columns, w->rows}, 2);
    // and the columns beside the picture, which sharpening looks at
    if (!err) err = launch(w, pixels, k, s->out_w + (pixels ? 2 : 1), s->mid_end - s->mid_begin, UPSCALE_VECTOR);
    if (err) return err;
    k = exec_kernel(w->slot, pixels ? SHARPEN_PIXEL : SHARPEN_STRIP);
    err = upscale_args(w, k, (cl_mem[]){w->mid, w->out}, 2, NULL, 0);
    return err ? err : launch(w, pixels, k, s->out_w, s->row_end - s->row_begin, UPSCALE_VECTOR);
}

static enum p2_err adaptive(struct work *w) {
    const struct upscale_block *b = w->block;
    struct upscale_shape *s = &w->shape;
    uint32_t rows = rows_of(w, LAUNCH_PIXELS_ADAPTIVE);
    s->mid_stride = s->out_w + 2 * UPSCALE_MARGIN + UPSCALE_VECTOR;
    s->mid_rows = (rows < b->out_h ? rows : b->out_h) + 2;
    w->columns = make_table(w->slot, b->filter, b->in_w, b->out_w);
    w->rows = make_table(w->slot, b->filter, b->in_h, b->out_h);
    w->metric = exec_buffer(w->slot, (size_t)s->stride * (s->in_h + 2) * 3 * sizeof(float));
    w->mid = exec_buffer(w->slot, (size_t)s->mid_stride * s->mid_rows * 4 * sizeof(cl_ushort));
    if (!w->columns || !w->rows || !w->metric || !w->mid) return P2_ERR_DEVICE_MEMORY;

    bool pixels = upscale_by_pixels(w);
    cl_kernel k = exec_kernel(w->slot, pixels ? METRIC_PIXEL : METRIC_STRIP);
    enum p2_err err = pad(w);
    if (!err) err = upscale_args(w, k, (cl_mem[]){w->padded, w->metric}, 2, NULL, 0);
    if (!err) err = launch(w, pixels, k, s->in_w + 2, s->in_h + 2, UPSCALE_VECTOR);
    k = adaptive_kernel(w);
    for (uint32_t y = 0; y < b->out_h && !err; y = s->row_end) {
        s->row_begin = y;
        s->row_end = y + rows_now(w, k, LAUNCH_PIXELS_ADAPTIVE, y);
        s->mid_begin = y ? y - 1 : 0;
        s->mid_end = s->row_end < b->out_h ? s->row_end + 1 : b->out_h;
        err = adaptive_band(w);
    }
    return err;
}

// From the picture in w->in to the one in w->out, of the sizes and by the filter in w->block.
static enum p2_err filter(struct work *w) {
    const struct upscale_block *b = w->block;
    w->shape = (struct upscale_shape){
        .in_w = b->in_w,
        .in_h = b->in_h,
        .out_w = b->out_w,
        .out_h = b->out_h,
        .channels = b->channels,
        .stride = (b->in_w + UPSCALE_MARGIN + UPSCALE_TAIL + 15) / 16 * 16,
        .band = BAND,
        .peak = UPSCALE_PEAK * b->sharpness,
    };
    if (b->filter == UPSCALE_ADAPTIVE) return adaptive(w);
    if (b->filter != UPSCALE_NETWORK) return separable(w);
    enum p2_err err = pad(w);
    return err ? err : upscale_network(w);
}

// The network to twice the size and, where another is asked for, bicubic from there.
static enum p2_err network(struct work *w) {
    const struct upscale_block *whole = w->block;
    if (p2_upscale_is_twice(whole)) return filter(w);
    struct upscale_block first, second;
    p2_upscale_split(whole, &first, &second);
    cl_mem out = w->out;
    w->out = exec_buffer(w->slot, (size_t)first.out_w * first.out_h * first.channels);
    if (!w->out) return P2_ERR_DEVICE_MEMORY;
    w->block = &first;
    enum p2_err err = filter(w);
    w->in = w->out;
    w->out = out;
    w->block = &second;
    if (!err) err = filter(w);
    w->block = whole;
    return err;
}

// ---- jobs ----

static enum p2_err decode(struct exec_slot *slot, const struct upscale_block *b, const struct exec_job *job,
                          uint8_t *pixels, size_t size) {
    struct p2_image_info want = {
        .format = (enum p2_image_format)b->in_format, .width = b->in_w, .height = b->in_h, .channels = b->channels};
    enum p2_err err = p2_image_decode(job->in, job->in_size, &want, pixels, size);
    if (err == P2_OK) return P2_OK;
    exec_why(slot, "the payload is not a sound %s picture of %ux%u pixels: %s", p2_image_format_name(want.format),
             b->in_w, b->in_h, p2_err_sentence(err));
    return err == P2_ERR_NO_MEMORY ? P2_ERR_DEVICE_MEMORY : P2_ERR_BAD_PAYLOAD;
}

static enum p2_err encode(struct exec_slot *slot, const struct upscale_block *b, const struct exec_job *job,
                          const uint8_t *pixels, size_t *out_size) {
    if (exec_cancelled(slot)) return P2_ERR_CANCELLED;
    const struct p2_image_info what = {
        .format = (enum p2_image_format)b->out_format, .width = b->out_w, .height = b->out_h, .channels = b->channels};
    int effort = b->out_format == UPSCALE_PNG ? 1 : (int)b->jpeg_quality;
    enum p2_err err = p2_image_encode(&what, pixels, effort, job->out, job->out_capacity, out_size);
    if (err == P2_OK) return P2_OK;
    exec_why(slot, "the result cannot be encoded: %s", p2_err_sentence(err));
    return err == P2_ERR_RESULT_TOO_LARGE ? err : P2_ERR_EXECUTION_FAILED;
}

// Sizes of both raw pictures; false with a reason when the job's memory does not fit its block.
static enum p2_err sizes_of(struct exec_slot *slot, const struct exec_job *job, size_t *in, size_t *out) {
    const struct upscale_block *b = job->block;
    *in = (size_t)b->in_w * b->in_h * b->channels;
    *out = (size_t)b->out_w * b->out_h * b->channels;
    if (b->in_format == UPSCALE_RAW && job->in_size != *in) {
        exec_why(slot, "payload is %zu bytes, the picture %zu", job->in_size, *in);
        return P2_ERR_BAD_PAYLOAD;
    }
    return b->out_format == UPSCALE_RAW && job->out_capacity < *out ? P2_ERR_RESULT_TOO_LARGE : P2_OK;
}

static enum p2_err run(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct upscale_block *b = job->block;
    size_t in_bytes, out_bytes;
    enum p2_err err = sizes_of(slot, job, &in_bytes, &out_bytes);
    if (err) return err;
    bool raw_in = b->in_format == UPSCALE_RAW, raw_out = b->out_format == UPSCALE_RAW;
    uint8_t *in = raw_in ? (uint8_t *)(uintptr_t)job->in : exec_host(slot, in_bytes);
    uint8_t *out = raw_out ? job->out : exec_host(slot, out_bytes);
    if (!in || !out) return P2_ERR_DEVICE_MEMORY;
    if (!raw_in) err = decode(slot, b, job, in, in_bytes);
    if (err) return err;

    struct work w = {.slot = slot, .block = b};
    w.in = exec_host_buffer(slot, in, in_bytes, true);
    w.out = exec_host_buffer(slot, out, out_bytes, false);
    if (!w.in || !w.out) return P2_ERR_DEVICE_MEMORY;
    err = b->filter == UPSCALE_NETWORK ? network(&w) : filter(&w);
    if (!err) err = exec_download(slot, w.out, out, out_bytes);
    if (err) return err;
    if (!raw_out) return encode(slot, b, job, out, out_size);
    *out_size = out_bytes;
    return P2_OK;
}

static enum p2_err run_reference(struct exec_slot *slot, const struct exec_job *job, size_t *out_size) {
    const struct upscale_block *b = job->block;
    size_t in_bytes, out_bytes;
    enum p2_err err = sizes_of(slot, job, &in_bytes, &out_bytes);
    if (err) return err;
    bool raw_in = b->in_format == UPSCALE_RAW, raw_out = b->out_format == UPSCALE_RAW;
    uint8_t *decoded = raw_in ? NULL : exec_host(slot, in_bytes);
    uint8_t *out = raw_out ? job->out : exec_host(slot, out_bytes);
    if ((!raw_in && !decoded) || !out) return P2_ERR_DEVICE_MEMORY;
    if (!raw_in) err = decode(slot, b, job, decoded, in_bytes);
    if (!err) err = p2_upscale_reference(b, raw_in ? job->in : decoded, in_bytes, out, out_bytes, out_size);
    if (err || raw_out) return err;
    return encode(slot, b, job, out, out_size);
}

static bool raw_payload(const void *block) { return ((const struct upscale_block *)block)->in_format == UPSCALE_RAW; }

// A 540p frame to twice its size: what a slot is for.
#define BENCH_W 960
#define BENCH_H 540
static const struct p2_param bench_params[] = {
    P2_GIVEN_INTS("input_res", BENCH_W, BENCH_H),
    P2_GIVEN_INTS("output_res", 2 * BENCH_W, 2 * BENCH_H),
    P2_GIVEN_TEXT("quality", "balanced"),
    P2_GIVEN_INT("channels", 4),
};

// warm is NULL: the known answers launch every kernel.
const struct exec_type exec_type_upscale = {
    .type = &p2_type_upscale,
    .source = upscale_cl,
    .kernels = kernels,
    .kernels_by_device = true,
    .run = run,
    .run_reference = run_reference,
    .raw_payload = raw_payload,
    .bench_params = bench_params,
    .bench_param_count = sizeof bench_params / sizeof *bench_params,
    .bench_payload_size = BENCH_W * BENCH_H * 4,
};
