// The denoiser, as denoise() of ref.c: colour is compressed, smoothed level by level, and brought back by the last
// step.

// Means of sums, and colours compressed, in place.
INLINE void NAME(compress)(__global float *sums, const struct raytrace_finish *f, size_t at) {
    REAL colour[3], most = 0;
    for (uint k = 0; k < RAYTRACE_PLANES; k++) {
        if (k == RAYTRACE_COVER) continue;
        REAL v = NAME(load)(sums + k * f->plane + at) * f->scale;
        if (k < 3)
            colour[k] = v;
        else
            NAME(store)(v, sums + k * f->plane + at);
        if (k < RAYTRACE_ALBEDO || k >= RAYTRACE_NORMAL) continue;
        colour[k - RAYTRACE_ALBEDO] /= v + RAYTRACE_ALBEDO_FLOOR;
        most = max(most, colour[k - RAYTRACE_ALBEDO]);
    }
    for (uint k = 0; k < 3; k++) NAME(store)(colour[k] / (1.0f + most), sums + k * f->plane + at);
}

INLINE REAL NAME(apart)(__global const float *planes, size_t plane, const REAL *here, uint count) {
    REAL sum = 0;
    for (uint k = 0; k < count; k++) {
        REAL d = NAME(load)(planes + k * plane) - here[k];
        sum += d * d;
    }
    return sum;
}

struct NAME(smoothing) {
    REAL colour[3], albedo[3], normal[3], distance[1];
    REAL inverse_distance;
    REAL sum[3], weights;
};

INLINE void NAME(add_tap)(struct NAME(smoothing) *s, __global const float *colours, __global const float *sums,
                          const struct raytrace_finish *f, float tap, MASK inside) {
    size_t plane = f->plane;
    REAL far = NAME(apart)(colours, plane, s->colour, 3) * f->inverse_colour;
    far += NAME(apart)(sums + RAYTRACE_NORMAL * plane, plane, s->normal, 3) *
           (1.0f / (RAYTRACE_SIGMA_NORMAL * RAYTRACE_SIGMA_NORMAL));
    far += NAME(apart)(sums + RAYTRACE_ALBEDO * plane, plane, s->albedo, 3) *
           (1.0f / (RAYTRACE_SIGMA_ALBEDO * RAYTRACE_SIGMA_ALBEDO));
    far += NAME(apart)(sums + RAYTRACE_DISTANCE * plane, plane, s->distance, 1) * s->inverse_distance;
    REAL weight = PICK((REAL)(0.0f), tap * exp(-far), inside);
    s->weights += weight;
    for (uint k = 0; k < 3; k++) s->sum[k] += PICK((REAL)(0.0f), weight * NAME(load)(colours + k * plane), inside);
}

// One level at column x of row y, which is `at`.
INLINE void NAME(smooth)(__global const float *colours, __global const float *sums, __global float *out,
                         const struct raytrace_finish *f, int x, int y, size_t at) {
    const float taps[5] = {0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f};
    struct NAME(smoothing) s;
    for (uint k = 0; k < 3; k++) {
        s.colour[k] = NAME(load)(colours + k * f->plane + at);
        s.albedo[k] = NAME(load)(sums + (RAYTRACE_ALBEDO + k) * f->plane + at);
        s.normal[k] = NAME(load)(sums + (RAYTRACE_NORMAL + k) * f->plane + at);
        s.sum[k] = 0;
    }
    s.distance[0] = NAME(load)(sums + RAYTRACE_DISTANCE * f->plane + at);
    REAL along = RAYTRACE_SIGMA_DISTANCE * (float)f->hole * s.distance[0];
    s.inverse_distance = 1.0f / (along * along + 1e-12f);
    s.weights = 0;
    for (int row = -2; row <= 2; row++) {
        int down = row * (int)f->hole;
        if (y + down < 0 || y + down >= (int)f->h) continue;
        for (int column = -2; column <= 2; column++) {
            int right = column * (int)f->hole;
            MASK inside = NAME(columns)(x + right, (int)f->w);
            size_t there = at + (size_t)((long)down * (long)f->stride + right);
            NAME(add_tap)(&s, colours + there, sums + there, f, taps[row + 2] * taps[column + 2], inside);
        }
    }
    for (uint k = 0; k < 3; k++) NAME(store)(s.sum[k] / s.weights, out + k * f->plane + at);
}

// Colour as it comes back: exposed but not yet curved.
INLINE VEC NAME(colour_of)(__global const float *colours, __global const float *sums, const struct raytrace_finish *f,
                           size_t at) {
    REAL c[3], most = 0;
    for (uint k = 0; k < 3; k++) {
        c[k] = NAME(load)(colours + k * f->plane + at);
        most = max(most, c[k]);
    }
    REAL scale = f->denoised ? 1.0f / max(1.0f - most, 1e-6f) : (REAL)(f->scale);
    for (uint k = 0; k < 3; k++) {
        c[k] *= scale;
        if (f->denoised) c[k] *= NAME(load)(sums + (RAYTRACE_ALBEDO + k) * f->plane + at) + RAYTRACE_ALBEDO_FLOOR;
    }
    return NAME(vec3)(c[0], c[1], c[2]);
}

// Linear light to the sRGB curve, within half a level of 8 bits.
INLINE WORD NAME(curved)(REAL x) {
    x = clamp(x, 0.0f, 1.0f);
    REAL a = sqrt(x), b = sqrt(a), c = sqrt(b);
    REAL y = 0.662002687f * a + 0.684122060f * b - 0.323583601f * c - 0.0225411470f * x;
    y = PICK(y, 12.92f * x, IF(x < 0.0031308f));
    return TO_WORD(TO_INT(clamp(y, 0.0f, 1.0f) * 255.0f + 0.5f));
}

// One word a pixel: R in its lowest byte; alpha is what share of the pixel is no sky.
INLINE WORD NAME(pixel)(__global const float *colours, __global const float *sums, const struct raytrace_finish *f,
                        size_t at) {
    VEC c = NAME(times)(NAME(colour_of)(colours, sums, f, at), (REAL)(f->exposure));
    REAL cover = clamp(NAME(load)(sums + RAYTRACE_COVER * f->plane + at) * f->scale, 0.0f, 1.0f);
    WORD alpha = TO_WORD(TO_INT(cover * 255.0f + 0.5f));
    return NAME(curved)(c.x) | NAME(curved)(c.y) << 8 | NAME(curved)(c.z) << 16 | alpha << 24;
}
