#include "upscale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "kernels/task_type.h"
#include "os/os.h"

#define JPEG_QUALITY 90
#define PNG_EFFORT 6

static int choose_size(struct picture *pic, const struct upscale_settings *s) {
    if (s->size) {
        if (cli_parse_size(s->size, &pic->out_width, &pic->out_height)) return P2_EXIT_OK;
        cli_complain("--size %s is not WIDTHxHEIGHT with sides of 1 to %u", s->size, P2_IMAGE_SIDE_MAX);
        return P2_EXIT_USAGE;
    }
    pic->out_width = (uint32_t)lround(pic->in.width * s->scale);
    pic->out_height = (uint32_t)lround(pic->in.height * s->scale);
    if (pic->out_width <= P2_IMAGE_SIDE_MAX && pic->out_height <= P2_IMAGE_SIDE_MAX) return P2_EXIT_OK;
    cli_complain("%s: would become larger than %u pixels a side", pic->path, P2_IMAGE_SIDE_MAX);
    return P2_EXIT_USAGE;
}

int pictures_open(struct pictures *p, const struct upscale_settings *s, char **paths, int count) {
    *p = (struct pictures){.items = calloc((size_t)count, sizeof *p->items), .count = (uint32_t)count};
    if (!p->items) {
        p->count = 0;
        cli_complain("memory is short");
        return P2_EXIT_FAILED;
    }
    int code = P2_EXIT_OK;
    for (uint32_t i = 0; i < p->count && code == P2_EXIT_OK; i++) {
        struct picture *pic = &p->items[i];
        const char *slash = strrchr(paths[i], '/');
        pic->path = paths[i];
        pic->name = slash ? slash + 1 : paths[i];
        code = picture_open(p, pic);
        if (code == P2_EXIT_OK) code = choose_size(pic, s);
        picture_unload(p, pic);
    }
    return code == P2_EXIT_OK ? outputs_open(p, s) : code;
}

void pictures_close(struct pictures *p) {
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->items[i].bytes);
        free(p->items[i].out_path);
    }
    free(p->items);
    *p = (struct pictures){0};
}

// ---- pixels

static bool write_converted(struct picture *pic, const void *data, size_t size) {
    const struct p2_image_info answer = {pic->answer, pic->out_width, pic->out_height, pic->in.channels};
    struct pixels from = picture_decode(data, size, &answer);
    const struct p2_image_info what = {pic->out_format, pic->out_width, pic->out_height, pic->in.channels};
    size_t bound = p2_image_encode_bound(what.format, what.width, what.height, what.channels), used = 0;
    uint8_t *file = from.p ? malloc(bound) : NULL;
    int quality = pic->out_format == P2_IMAGE_PNG ? PNG_EFFORT : JPEG_QUALITY;
    bool ok = file && p2_image_encode(&what, from.p, quality, file, bound, &used) == P2_OK;
    if (!ok) cli_complain("%s: the answer cannot be converted", pic->out_path);
    if (ok && p2_file_write(pic->out_path, file, used) != P2_OK) {
        cli_complain("%s: cannot be written", pic->out_path);
        ok = false;
    }
    free(file);
    free(from.p);
    return ok;
}

bool picture_write(struct picture *pic, const void *data, size_t size) {
    if (pic->written || pic->unwritable) return pic->written; // of an earlier repeat
    if (pic->answer != pic->out_format) {
        pic->written = write_converted(pic, data, size);
    } else {
        struct p2_image_info got;
        bool right = p2_image_probe(data, size, &got) == P2_OK && got.format == pic->answer &&
                     got.width == pic->out_width && got.height == pic->out_height;
        if (!right) cli_complain("%s: the answer is not the picture that was asked for", pic->out_path);
        pic->written = right && p2_file_write(pic->out_path, data, size) == P2_OK;
        if (right && !pic->written) cli_complain("%s: cannot be written", pic->out_path);
    }
    pic->unwritable = !pic->written;
    return pic->written;
}

// ---- PSNR

// The type's own reference at quality fast: bilinear.
static struct pixels bilinear(const struct picture *pic, const struct pixels *in, uint32_t channels) {
    const struct p2_task_type *type = p2_task_type_find(p2_str("upscale"));
    struct pixels out = {0};
    const struct p2_param params[] = {
        {p2_str("input_res"), P2_PARAM_INTS, 2, {.ints = {pic->in.width, pic->in.height}}},
        {p2_str("output_res"), P2_PARAM_INTS, 2, {.ints = {pic->out_width, pic->out_height}}},
        {p2_str("quality"), P2_PARAM_TEXT, 1, {.text = p2_str("fast")}},
        {p2_str("channels"), P2_PARAM_INT, 1, {.ints = {channels}}},
    };
    const struct p2_params all = {params, sizeof params / sizeof *params};
    char text[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    _Alignas(16) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    if (!type || type->prepare(&all, in->size, block, &cost, &why) != P2_OK) return out;
    size_t capacity = (size_t)cost.result_bytes_max;
    out.p = malloc(capacity);
    if (out.p && type->reference(block, in->p, in->size, out.p, capacity, &out.size) != P2_OK) {
        free(out.p);
        out.p = NULL;
    }
    return out;
}

static double psnr(const struct pixels *a, const struct pixels *b) {
    double sum = 0;
    for (size_t i = 0; i < a->size; i++) {
        double d = (double)a->p[i] - b->p[i];
        sum += d * d;
    }
    double mse = sum / (double)a->size;
    return mse > 0 ? fmin(10 * log10(255.0 * 255.0 / mse), PSNR_EQUAL) : PSNR_EQUAL;
}

double picture_psnr(struct pictures *p, struct picture *pic) {
    uint8_t *file = NULL;
    size_t size = 0;
    if (!pic->written || !picture_load(p, pic)) return -1;
    uint32_t channels = pic->out_format == P2_IMAGE_PNG || pic->out_format == P2_IMAGE_WEBP ? pic->in.channels : 3;
    struct p2_image_info in = pic->in, out = {pic->out_format, pic->out_width, pic->out_height, channels};
    in.channels = channels;
    struct pixels source = picture_decode(pic->bytes, pic->size, &in), plain = {0}, got = {0};
    if (source.p) plain = bilinear(pic, &source, channels);
    if (p2_file_read(pic->out_path, SIZE_MAX, &file, &size) == P2_OK) got = picture_decode(file, size, &out);
    double db = plain.p && got.p && plain.size == got.size ? psnr(&plain, &got) : -1;
    if (db < 0) cli_complain("%s: cannot be compared with plain bilinear", pic->out_path);
    free(file);
    free(source.p);
    free(plain.p);
    free(got.p);
    picture_unload(p, pic);
    return db;
}
