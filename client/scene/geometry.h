// Vectors of three floats, and how things are placed in a scene.
#ifndef CLIENT_SCENE_GEOMETRY_H
#define CLIENT_SCENE_GEOMETRY_H

#include <stdbool.h>

float vec_dot(const float a[3], const float b[3]);
void vec_cross(const float a[3], const float b[3], float out[3]); // out is neither
bool vec_unit(float v[3]);                                        // to length 1; false and zeros: it has none

// Edges, 1 long, of a picture on a surface that looks along n: to the right and down as one who looks at it from the
// front sees it, on floors and ceilings with -z up.
void edges_by_normal(const float n[3], float u[3], float v[3]);

struct affine {
    float m[3][4]; // rows; the last column moves
};

struct placement {
    float scale, turn[3], move[3]; // turn: degrees about x, then y, then z
};

struct affine affine_of(const struct placement *p); // NULL: everything stays where it is
// w 1: a place; 0: a direction.
void affine_apply(const struct affine *t, const float v[3], float w, float out[3]);
// What turns normals when t turns surfaces: its cofactors.
struct affine affine_for_normals(const struct affine *t);

#endif
