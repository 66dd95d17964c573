// What moves in the picture: balls, boxes, agents, their shadows, and the goal. Each is clipped to the picture, and
// hidden by what is nearer.
#ifndef CLIENT_PLAY_DRAW_SOLIDS_H
#define CLIENT_PLAY_DRAW_SOLIDS_H

#include "client/play/draw/scene.h"

void solids_shadow(struct scene *s, const float at[3], float radius); // on the floor
void solids_body(struct scene *s, const struct body_shape *shape, const struct body_motion *m);
void solids_agent(struct scene *s, const struct agent *a);
void solids_ring(struct scene *s, float x, float z, float phase); // on the floor; phase 0..1
void solids_beam(struct scene *s, float x, float z);

#endif
