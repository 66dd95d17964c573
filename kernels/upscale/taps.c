#include <math.h>

#include "kernels/upscale/upscale.h"

#define PI 3.14159265358979323846

static double bicubic(double x) {
    const double a = -0.75; // as OpenCV's INTER_CUBIC
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
    return 0;
}

static double sinc(double x) { return fabs(x) < 1e-9 ? 1 : sin(PI * x) / (PI * x); }

static double lanczos3(double x) { return fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0; }

void p2_upscale_taps(uint32_t filter, uint32_t in, uint32_t out, uint32_t index, struct p2_upscale_taps *taps) {
    // (index + 1/2) * in / out - 1/2, exactly
    int64_t over = 2 * (int64_t)out;
    int64_t above = (2 * (int64_t)index + 1) * in - (int64_t)out;
    int64_t base = above < 0 ? -1 : above / over;
    taps->base = (int32_t)base;
    taps->fraction = (double)(above - base * over) / (double)over;
    taps->count = filter == UPSCALE_LANCZOS ? 6 : filter == UPSCALE_BICUBIC ? 4 : 2;
    int32_t before = (int32_t)taps->count / 2 - 1;
    taps->first = taps->base - before;
    double sum = 0;
    for (uint32_t k = 0; k < taps->count; k++) {
        double distance = taps->fraction + before - k;
        double w = filter == UPSCALE_LANCZOS   ? lanczos3(distance)
                   : filter == UPSCALE_BICUBIC ? bicubic(distance)
                                               : 1 - fabs(distance);
        taps->weight[k] = w;
        sum += w;
    }
    for (uint32_t k = 0; k < taps->count; k++) taps->weight[k] /= sum;
}
