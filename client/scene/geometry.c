#include "geometry.h"

#include <math.h>

#define DEGREES 57.29577951308232
#define SHORTEST 1e-18f // below it squares lose their digits

float vec_dot(const float a[3], const float b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

void vec_cross(const float a[3], const float b[3], float out[3]) {
    for (int i = 0; i < 3; i++) out[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

bool vec_unit(float v[3]) {
    float length = sqrtf(vec_dot(v, v));
    bool sound = length > SHORTEST && isfinite(length);
    for (int i = 0; i < 3; i++) v[i] = sound ? v[i] / length : 0;
    return sound;
}

void edges_by_normal(const float n[3], float u[3], float v[3]) {
    const bool level = fabsf(n[1]) > 0.99f;
    const float up[3] = {0, level ? 0 : 1, level ? -1 : 0};
    vec_cross(up, n, u);
    vec_unit(u);
    vec_cross(u, n, v);
}

struct affine affine_of(const struct placement *p) {
    if (!p) return (struct affine){{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};
    float c[3], s[3];
    for (int a = 0; a < 3; a++) {
        c[a] = (float)cos((double)p->turn[a] / DEGREES);
        s[a] = (float)sin((double)p->turn[a] / DEGREES);
    }
    struct affine out = {{{c[1] * c[2], s[0] * s[1] * c[2] - c[0] * s[2], c[0] * s[1] * c[2] + s[0] * s[2], p->move[0]},
                          {c[1] * s[2], s[0] * s[1] * s[2] + c[0] * c[2], c[0] * s[1] * s[2] - s[0] * c[2], p->move[1]},
                          {-s[1], s[0] * c[1], c[0] * c[1], p->move[2]}}};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out.m[i][j] *= p->scale;
    return out;
}

void affine_apply(const struct affine *t, const float v[3], float w, float out[3]) {
    for (int i = 0; i < 3; i++) out[i] = t->m[i][0] * v[0] + t->m[i][1] * v[1] + t->m[i][2] * v[2] + t->m[i][3] * w;
}

struct affine affine_for_normals(const struct affine *t) {
    struct affine out = {0};
    for (int i = 0; i < 3; i++) {
        const float *p = t->m[(i + 1) % 3], *q = t->m[(i + 2) % 3];
        for (int j = 0; j < 3; j++) out.m[i][j] = p[(j + 1) % 3] * q[(j + 2) % 3] - p[(j + 2) % 3] * q[(j + 1) % 3];
    }
    return out;
}
