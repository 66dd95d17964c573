// The small picture at twice its size: done here, cheaply, or with what the cluster sent of an earlier frame.
#ifndef CLIENT_PLAY_DRAW_ENLARGE_H
#define CLIENT_PLAY_DRAW_ENLARGE_H

#include <stdint.h>

#include "client/play/draw/scene.h"

#define BIG_W (2 * SCENE_W)
#define BIG_H (2 * SCENE_H)
#define BIG_BYTES (4 * SCENE_BYTES)

// Bilinear, pixel centres aligned, edges continued: within one level of upscale's quality=fast.
void enlarge(const uint8_t small[SCENE_BYTES], uint8_t big[BIG_BYTES]);

// `big` is the enlarged frame `now`. Where nothing has changed since the frame `then`, puts in what the cluster made of
// that one: still ground is as fine as can be, and what moves is never late. Returns how many small pixels that were.
uint32_t enlarge_mend(const uint8_t now[SCENE_BYTES], const uint8_t then[SCENE_BYTES], const uint8_t cluster[BIG_BYTES],
                      uint8_t big[BIG_BYTES]);

#endif
