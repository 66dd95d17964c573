// What upscale means, pixel by pixel. A picture is extended on all sides by its edge pixels.
//
// Bilinear, bicubic and Lanczos are the separable filters of taps.c, rounded once at the end. Channels, alpha
// included, are filtered alike and straight (not premultiplied).
//
// The adaptive filter has two steps. First, every output pixel is a weighted mean of twelve input pixels around it (4x4
// without the corners). The weights fall off with distance, and distance is stretched by the direction of the
// picture there: along an edge pixels count as nearer, across a diagonal one as farther. The direction comes from the
// structure tensor of luma. The mean is kept between the least and the greatest of the four nearest pixels, so edges do
// not ring. Second, contrast with the four neighbours is raised, the less the closer the neighbourhood comes to black
// or white and the more contrast it has already. Alpha is not sharpened.
#include <math.h>
#include <stdlib.h>

#include "kernels/upscale/upscale.h"

struct picture {
    const uint8_t *pixels;
    int32_t w, h;
    uint32_t channels;
};

static int32_t clamp_index(int32_t i, int32_t count) { return i < 0 ? 0 : i >= count ? count - 1 : i; }

static double at(const struct picture *p, int32_t x, int32_t y, uint32_t channel) {
    size_t pixel = (size_t)clamp_index(y, p->h) * (size_t)p->w + (size_t)clamp_index(x, p->w);
    return p->pixels[pixel * p->channels + channel];
}

static uint8_t to_level(double v) { return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)(v + 0.5); }

// ---- separable filters ----

static double weighted(const struct picture *p, const struct p2_upscale_taps *tx, const struct p2_upscale_taps *ty,
                       uint32_t channel) {
    double sum = 0;
    for (int32_t j = 0; j < (int32_t)ty->count; j++) {
        double row = 0;
        for (int32_t i = 0; i < (int32_t)tx->count; i++)
            row += tx->weight[i] * at(p, tx->first + i, ty->first + j, channel);
        sum += ty->weight[j] * row;
    }
    return sum;
}

static void separable(const struct upscale_block *b, const struct picture *p, uint8_t *out) {
    for (uint32_t y = 0; y < b->out_h; y++) {
        struct p2_upscale_taps tx, ty;
        p2_upscale_taps(b->filter, b->in_h, b->out_h, y, &ty);
        for (uint32_t x = 0; x < b->out_w; x++) {
            p2_upscale_taps(b->filter, b->in_w, b->out_w, x, &tx);
            for (uint32_t c = 0; c < b->channels; c++) *out++ = to_level(weighted(p, &tx, &ty, c));
        }
    }
}

// ---- adaptive filter, first step ----

static double luma(const struct picture *p, int32_t x, int32_t y) {
    return at(p, x, y, 0) + 2 * at(p, x, y, 1) + at(p, x, y, 2);
}

// Squared distance as the filter sees it: a ux^2 + 2 b ux uy + c uy^2, for an offset (ux, uy) in pixels.
struct metric {
    double a, b, c;
};

static struct metric metric_at(const struct picture *p, int32_t x, int32_t y) {
    // The structure tensor: gradients between the pixels of the four 2x2 squares around (x, y), multiplied and summed.
    double xx = 0, xy = 0, yy = 0;
    for (int32_t j = y - 1; j <= y; j++) {
        for (int32_t i = x - 1; i <= x; i++) {
            double l00 = luma(p, i, j), l10 = luma(p, i + 1, j), l01 = luma(p, i, j + 1), l11 = luma(p, i + 1, j + 1);
            double gx = l10 + l11 - l00 - l01, gy = l01 + l11 - l00 - l10;
            xx += gx * gx;
            xy += gx * gy;
            yy += gy * gy;
        }
    }
    // Twice the angle of the gradient, and how clear it is: 1 on an edge, 0 where directions mix or nothing happens.
    double cosine = xx - yy, sine = 2 * xy, length = sqrt(cosine * cosine + sine * sine);
    double clear = length / (xx + yy + (double)UPSCALE_NOISE);
    cosine /= length > 1 ? length : 1;
    sine /= length > 1 ? length : 1;
    // Across a diagonal edge rows of pixels are nearer by up to sqrt(2), and squared distance grows to match.
    double across = 1 + clear * (2 / (1 + fabs(cosine)) - 1);
    double along = 1 - (double)UPSCALE_ALONG * clear;
    double mean = (across + along) / 2, half = (across - along) / 2;
    return (struct metric){.a = mean + half * cosine, .b = half * sine, .c = mean - half * cosine};
}

static struct metric mix(struct metric m, struct metric n, double t) {
    return (struct metric){m.a + (n.a - m.a) * t, m.b + (n.b - m.b) * t, m.c + (n.c - m.c) * t};
}

// Weight at squared distance d: 1 at 0, 0 at 1, negative up to 4, 0 beyond.
static double falloff(double d) {
    double t = d < 4 ? 1 - d / 4 : 0;
    return t * t * t * (4 * t - 3);
}

static void adapt(const struct picture *p, const struct p2_upscale_taps *tx, const struct p2_upscale_taps *ty,
                  double *out) {
    int32_t x = tx->base, y = ty->base;
    double fx = tx->fraction, fy = ty->fraction;
    struct metric m = mix(mix(metric_at(p, x, y), metric_at(p, x + 1, y), fx),
                          mix(metric_at(p, x, y + 1), metric_at(p, x + 1, y + 1), fx), fy);
    double sum[4] = {0}, weights = 0;
    for (int32_t j = -1; j <= 2; j++) {
        for (int32_t i = -1; i <= 2; i++) {
            if ((i == -1 || i == 2) && (j == -1 || j == 2)) continue;
            double ux = i - fx, uy = j - fy;
            double w = falloff(m.a * ux * ux + 2 * m.b * ux * uy + m.c * uy * uy);
            weights += w;
            for (uint32_t c = 0; c < p->channels; c++) sum[c] += w * at(p, x + i, y + j, c);
        }
    }
    for (uint32_t c = 0; c < p->channels; c++) {
        double n00 = at(p, x, y, c), n10 = at(p, x + 1, y, c), n01 = at(p, x, y + 1, c), n11 = at(p, x + 1, y + 1, c);
        double least = fmin(fmin(n00, n10), fmin(n01, n11)), greatest = fmax(fmax(n00, n10), fmax(n01, n11));
        out[c] = fmin(fmax(sum[c] / weights, least), greatest);
    }
}

// ---- adaptive filter, second step ----

static double brightness(const double *v) { return (v[0] + 2 * v[1] + v[2]) / 1020; } // 0..1

static void sharpen(const struct upscale_block *b, const double *const cross[5], uint8_t *out) {
    double least = 1, greatest = 0;
    for (int i = 0; i < 5; i++) {
        least = fmin(least, brightness(cross[i]));
        greatest = fmax(greatest, brightness(cross[i]));
    }
    double head = fmin(least, 1 - greatest);
    double room = head / (head + (greatest - least) + (double)UPSCALE_HEAD);
    double w = -(double)UPSCALE_PEAK * (double)b->sharpness * room;
    for (uint32_t c = 0; c < b->channels; c++) {
        double around = cross[1][c] + cross[2][c] + cross[3][c] + cross[4][c];
        out[c] = to_level(c < 3 ? (cross[0][c] + w * around) / (1 + 4 * w) : cross[0][c]);
    }
}

static void adapt_row(const struct upscale_block *b, const struct picture *p, uint32_t y, double *out) {
    struct p2_upscale_taps tx, ty;
    p2_upscale_taps(b->filter, b->in_h, b->out_h, y, &ty);
    for (uint32_t x = 0; x < b->out_w; x++) {
        p2_upscale_taps(b->filter, b->in_w, b->out_w, x, &tx);
        adapt(p, &tx, &ty, out + 4 * (size_t)x);
    }
}

static enum p2_err adaptive(const struct upscale_block *b, const struct picture *p, uint8_t *out) {
    int32_t w = (int32_t)b->out_w, h = (int32_t)b->out_h;
    double *rows = malloc(3 * (size_t)w * 4 * sizeof *rows); // of the first step; row y is the (y mod 3)rd
    if (!rows) return P2_ERR_NO_MEMORY;
    adapt_row(b, p, 0, rows);
    for (int32_t y = 0; y < h; y++) {
        if (y + 1 < h) adapt_row(b, p, (uint32_t)y + 1, rows + (size_t)((y + 1) % 3 * w) * 4);
        const double *row = rows + (size_t)(y % 3 * w) * 4;
        const double *above = rows + (size_t)(clamp_index(y - 1, h) % 3 * w) * 4;
        const double *below = rows + (size_t)(clamp_index(y + 1, h) % 3 * w) * 4;
        for (int32_t x = 0; x < w; x++, out += b->channels) {
            const double *cross[5] = {row + 4 * x, row + 4 * clamp_index(x - 1, w), row + 4 * clamp_index(x + 1, w),
                                      above + 4 * x, below + 4 * x};
            sharpen(b, cross, out);
        }
    }
    free(rows);
    return P2_OK;
}

static enum p2_err step(const struct upscale_block *b, const uint8_t *pixels, uint8_t *out) {
    struct picture p = {.pixels = pixels, .w = (int32_t)b->in_w, .h = (int32_t)b->in_h, .channels = b->channels};
    if (b->filter == UPSCALE_NETWORK) return p2_upscale_network(b, pixels, out);
    if (b->filter == UPSCALE_ADAPTIVE) return adaptive(b, &p, out);
    separable(b, &p, out);
    return P2_OK;
}

static enum p2_err two_steps(const struct upscale_block *b, const uint8_t *pixels, uint8_t *out) {
    struct upscale_block first, second;
    p2_upscale_split(b, &first, &second);
    uint8_t *between = malloc((size_t)first.out_w * first.out_h * first.channels);
    if (!between) return P2_ERR_NO_MEMORY;
    enum p2_err err = step(&first, pixels, between);
    if (!err) err = step(&second, between, out);
    free(between);
    return err;
}

enum p2_err p2_upscale_reference(const void *block, const uint8_t *payload, size_t payload_size, uint8_t *out,
                                 size_t out_capacity, size_t *out_size) {
    const struct upscale_block *b = block;
    if (payload_size != (size_t)b->in_w * b->in_h * b->channels) return P2_ERR_BAD_PAYLOAD;
    size_t size = (size_t)b->out_w * b->out_h * b->channels;
    if (size > out_capacity) return P2_ERR_RESULT_TOO_LARGE;
    bool direct = b->filter != UPSCALE_NETWORK || p2_upscale_is_twice(b);
    enum p2_err err = direct ? step(b, payload, out) : two_steps(b, payload, out);
    *out_size = err ? 0 : size;
    return err;
}
