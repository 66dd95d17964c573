#include "client/core/fill.h"

#include "base/check.h"

#define ONE 256u // fixed point of weights

struct place { // between two rows or columns
    uint32_t a, b;
    uint32_t weight; // of b, of ONE
};

// (index + 1/2) * in / out - 1/2, kept inside.
static struct place place_of(uint32_t index, uint32_t in, uint32_t out) {
    int64_t over = 2 * (int64_t)out, above = (2 * (int64_t)index + 1) * in - (int64_t)out;
    if (above < 0) return (struct place){0, 0, 0};
    uint32_t a = (uint32_t)(above / over);
    if (a + 1 >= in) return (struct place){in - 1, in - 1, 0};
    return (struct place){a, a + 1, (uint32_t)((above % over * ONE + out) / over)};
}

static void fill_row(const struct fill *f, struct place y, uint8_t *out) {
    const uint8_t *top = f->in + (size_t)y.a * f->in_w * f->channels;
    const uint8_t *bottom = f->in + (size_t)y.b * f->in_w * f->channels;
    for (uint32_t i = 0; i < f->out_w; i++) {
        struct place x = place_of(i, f->in_w, f->out_w);
        size_t a = (size_t)x.a * f->channels, b = (size_t)x.b * f->channels;
        for (uint32_t c = 0; c < f->channels; c++) {
            uint32_t above = top[a + c] * (ONE - x.weight) + top[b + c] * x.weight;
            uint32_t below = bottom[a + c] * (ONE - x.weight) + bottom[b + c] * x.weight;
            *out++ = (uint8_t)((above * (ONE - y.weight) + below * y.weight + ONE * ONE / 2) / (ONE * ONE));
        }
    }
}

void p2_fill_rows(const struct fill *f, uint32_t first, uint32_t rows, uint8_t *out) {
    P2_CHECK(first + rows <= f->out_h);
    for (uint32_t y = first; y < first + rows; y++, out += (size_t)f->out_w * f->channels)
        fill_row(f, place_of(y, f->in_h, f->out_h), out);
}

void p2_fill_between(uint8_t *picture, size_t row_bytes, struct fill_gap gap) {
    P2_CHECK(gap.above != FILL_NONE || gap.below != FILL_NONE);
    const uint8_t *a = picture + (gap.above == FILL_NONE ? gap.below : gap.above) * row_bytes;
    const uint8_t *b = picture + (gap.below == FILL_NONE ? gap.above : gap.below) * row_bytes;
    uint32_t span = a == b ? 1 : gap.below - gap.above;
    for (uint32_t y = gap.first; y < gap.first + gap.rows; y++) {
        uint32_t weight = a == b ? 0 : (y - gap.above) * ONE / span;
        uint8_t *out = picture + y * row_bytes;
        for (size_t i = 0; i < row_bytes; i++)
            out[i] = (uint8_t)((a[i] * (ONE - weight) + b[i] * weight + ONE / 2) / ONE);
    }
}
