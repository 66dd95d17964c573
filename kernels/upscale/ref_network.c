// What the network means. Its layers are convolutions (sums of products, nothing mirrored) with what is below zero cut
// off after each but the last; pictures are extended by their edge pixels, and maps beyond the edges are made of those.
// The twelve values of the last layer are added to the picture at twice the size by bicubic, before rounding. Levels
// are 0 to 255 throughout. Alpha is bicubic. Work goes tile by tile, so that memory does not grow with the picture.
#include <stdlib.h>

#include "kernels/upscale/upscale.h"

#define TILE 32
#define SIDE (TILE + 2 * (int32_t)UPSCALE_NET_HALO) // of a tile and all the pixels it depends on
#define MAPS ((int32_t)UPSCALE_NET_MAPS)

struct maps {
    double at[UPSCALE_NET_MAPS][SIDE][SIDE];
};

struct layer {
    int32_t inputs, square, outputs;
};

static int32_t clamp_index(int32_t i, int32_t count) { return i < 0 ? 0 : i >= count ? count - 1 : i; }

static uint8_t at(const struct upscale_block *b, const uint8_t *pixels, int32_t x, int32_t y, uint32_t channel) {
    size_t row = (size_t)clamp_index(y, (int32_t)b->in_h), column = (size_t)clamp_index(x, (int32_t)b->in_w);
    return pixels[(row * b->in_w + column) * b->channels + channel];
}

// One output of a layer whose square has its upper left corner at (x, y) of `in`.
static double sum_of(const struct layer *l, const float *weights, const struct maps *in, int32_t output, int32_t x,
                     int32_t y) {
    double sum = weights[output];
    const float *w = weights + l->outputs + output;
    for (int32_t i = 0; i < l->inputs; i++)
        for (int32_t r = 0; r < l->square; r++)
            for (int32_t c = 0; c < l->square; c++, w += l->outputs) sum += *w * in->at[i][y + r][x + c];
    return sum;
}

// All of a layer that `in`, of `side` x `side` values, is enough for. Returns the weights of the next.
static const float *apply(const struct layer *l, const float *weights, const struct maps *in, struct maps *out,
                          int32_t *side) {
    *side -= l->square - 1;
    for (int32_t o = 0; o < l->outputs; o++)
        for (int32_t y = 0; y < *side; y++)
            for (int32_t x = 0; x < *side; x++) out->at[o][y][x] = sum_of(l, weights, in, o, x, y);
    return weights + l->outputs * (1 + l->inputs * l->square * l->square);
}

static void cut_below_zero(struct maps *m) {
    for (int32_t o = 0; o < MAPS; o++)
        for (int32_t y = 0; y < SIDE; y++)
            for (int32_t x = 0; x < SIDE; x++)
                if (m->at[o][y][x] < 0) m->at[o][y][x] = 0;
}

static double bicubic(const struct upscale_block *b, const uint8_t *pixels, uint32_t x, uint32_t y, uint32_t channel) {
    struct p2_upscale_taps tx, ty;
    p2_upscale_taps(UPSCALE_BICUBIC, b->in_w, b->out_w, x, &tx);
    p2_upscale_taps(UPSCALE_BICUBIC, b->in_h, b->out_h, y, &ty);
    double sum = 0;
    for (int32_t j = 0; j < 4; j++)
        for (int32_t i = 0; i < 4; i++)
            sum += tx.weight[i] * ty.weight[j] * at(b, pixels, tx.first + i, ty.first + j, channel);
    return sum;
}

static uint8_t to_level(double v) { return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5); }

// The result of input pixels x0 .. and y0 .. from what the last layer says of them.
static void put_tile(const struct upscale_block *b, const uint8_t *pixels, const struct maps *last, uint32_t x0,
                     uint32_t y0, uint8_t *out) {
    for (uint32_t y = 2 * y0; y < 2 * (y0 + TILE) && y < b->out_h; y++)
        for (uint32_t x = 2 * x0; x < 2 * (x0 + TILE) && x < b->out_w; x++)
            for (uint32_t c = 0; c < b->channels; c++) {
                double v = bicubic(b, pixels, x, y, c);
                if (c < 3) v += last->at[4 * c + y % 2 * 2 + x % 2][y / 2 - y0][x / 2 - x0];
                out[((size_t)y * b->out_w + x) * b->channels + c] = to_level(v);
            }
}

static void tile(const struct upscale_block *b, const uint8_t *pixels, uint32_t x0, uint32_t y0,
                 struct maps in_out[static 2], uint8_t *out) {
    static const struct layer first = {3, 5, MAPS}, middle = {MAPS, 3, MAPS}, last = {MAPS, 3, UPSCALE_NET_OUT};
    struct maps *in = &in_out[0], *to = &in_out[1];
    int32_t halo = (int32_t)UPSCALE_NET_HALO, side = SIDE;
    for (uint32_t c = 0; c < 3; c++)
        for (int32_t y = 0; y < SIDE; y++)
            for (int32_t x = 0; x < SIDE; x++)
                in->at[c][y][x] = at(b, pixels, (int32_t)x0 - halo + x, (int32_t)y0 - halo + y, c);
    const float *weights = apply(&first, p2_upscale_weights, in, to, &side);
    for (uint32_t k = 0; k < UPSCALE_NET_MIDDLE; k++) {
        struct maps *made = to;
        cut_below_zero(made);
        weights = apply(&middle, weights, made, in, &side);
        to = in;
        in = made;
    }
    cut_below_zero(to);
    (void)apply(&last, weights, to, in, &side);
    put_tile(b, pixels, in, x0, y0, out);
}

enum p2_err p2_upscale_network(const struct upscale_block *b, const uint8_t *pixels, uint8_t *out) {
    struct maps *maps = calloc(2, sizeof *maps); // rows and columns that a layer leaves unused are looked at, not used
    if (!maps) return P2_ERR_NO_MEMORY;
    for (uint32_t y = 0; y < b->in_h; y += TILE)
        for (uint32_t x = 0; x < b->in_w; x += TILE) tile(b, pixels, x, y, maps, out);
    free(maps);
    return P2_OK;
}
