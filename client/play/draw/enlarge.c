#include "client/play/draw/enlarge.h"

#include <stdlib.h>
#include <string.h>

#define ROW (SCENE_W * 3u)
#define SAME 6  // levels that a pixel may differ by and still count as unchanged
#define REACH 2 // pixels around a change that a filter lets it be seen

// Three parts of the nearer row and one of the other.
static void blend(const uint8_t *restrict near, const uint8_t *restrict other, uint16_t *restrict out) {
    for (uint32_t i = 0; i < ROW; i++) out[i] = (uint16_t)(3 * near[i] + other[i]);
}

static void widen(const uint16_t *restrict row, uint8_t *restrict out) {
    for (uint32_t k = 0; k < 3; k++) {
        out[k] = (uint8_t)((row[k] * 4 + 8) >> 4);
        out[2 * ROW - 3 + k] = (uint8_t)((row[ROW - 3 + k] * 4 + 8) >> 4);
    }
    for (uint32_t x = 0; x + 1 < SCENE_W; x++) {
        for (uint32_t k = 0; k < 3; k++) {
            const uint32_t a = row[3 * x + k], b = row[3 * x + 3 + k];
            out[6 * x + 3 + k] = (uint8_t)((3 * a + b + 8) >> 4);
            out[6 * x + 6 + k] = (uint8_t)((a + 3 * b + 8) >> 4);
        }
    }
}

void enlarge(const uint8_t small[SCENE_BYTES], uint8_t big[BIG_BYTES]) {
    uint16_t row[ROW];
    for (uint32_t y = 0; y < SCENE_H; y++) {
        const uint8_t *at = small + y * ROW;
        blend(at, y ? at - ROW : at, row);
        widen(row, big + 2 * y * 2 * ROW);
        blend(at, y + 1 < SCENE_H ? at + ROW : at, row);
        widen(row, big + (2 * y + 1) * 2 * ROW);
    }
}

// 1 where a pixel of the row changed.
static void compare(const uint8_t *a, const uint8_t *b, uint8_t changed[SCENE_W]) {
    for (uint32_t x = 0; x < SCENE_W; x++) {
        const int r = abs(a[3 * x] - b[3 * x]), g = abs(a[3 * x + 1] - b[3 * x + 1]),
                  blue = abs(a[3 * x + 2] - b[3 * x + 2]);
        changed[x] = (uint8_t)((r > SAME) | (g > SAME) | (blue > SAME));
    }
}

// Runs of pixels with nothing changed near them, in both rows of the large picture.
static uint32_t copy_runs(const uint8_t near[SCENE_W], const uint8_t *from, uint8_t *to) {
    uint32_t copied = 0;
    for (uint32_t x = 0; x < SCENE_W;) {
        const uint32_t begin = x;
        while (x < SCENE_W && !near[x]) x++;
        memcpy(to + 6 * begin, from + 6 * begin, (size_t)6 * (x - begin));
        memcpy(to + 2 * ROW + 6 * begin, from + 2 * ROW + 6 * begin, (size_t)6 * (x - begin));
        copied += x - begin;
        while (x < SCENE_W && near[x]) x++;
    }
    return copied;
}

uint32_t enlarge_mend(const uint8_t now[SCENE_BYTES], const uint8_t then[SCENE_BYTES], const uint8_t cluster[BIG_BYTES],
                      uint8_t big[BIG_BYTES]) {
    uint8_t changed[SCENE_H][SCENE_W], down[SCENE_W], near[SCENE_W];
    uint32_t copied = 0;
    for (uint32_t y = 0; y < SCENE_H; y++) compare(now + y * ROW, then + y * ROW, changed[y]);
    for (uint32_t y = 0; y < SCENE_H; y++) {
        const uint32_t first = y > REACH ? y - REACH : 0, last = y + REACH < SCENE_H ? y + REACH : SCENE_H - 1;
        memset(down, 0, sizeof down);
        for (uint32_t row = first; row <= last; row++)
            for (uint32_t x = 0; x < SCENE_W; x++) down[x] |= changed[row][x];
        memcpy(near, down, sizeof near);
        for (uint32_t far = 1; far <= REACH; far++) {
            for (uint32_t x = far; x < SCENE_W; x++) near[x] |= down[x - far];
            for (uint32_t x = 0; x + far < SCENE_W; x++) near[x] |= down[x + far];
        }
        copied += copy_runs(near, cluster + 4 * y * ROW, big + 4 * y * ROW);
    }
    return copied;
}
