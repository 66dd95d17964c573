#!/usr/bin/env python3
"""Draws the sample frames of this folder: four game-like pictures, each stressing something else about upscaling.

    render.py [DIR]     writes corridor.png forest.png hud.png spheres.png (default: beside this script)

Standard library only; the same bytes on every run.
"""
import math
import os
import random
import struct
import sys
import zlib

WIDTH, HEIGHT, SUPER = 480, 270, 2

GLYPHS = {  # 5x7, one row per hex pair of digits, most significant of five bits on the left
    'A': '0e11111f111111', 'B': '1e11111e11111e', 'C': '0e11101010110e', 'D': '1e11111111111e', 'E': '1f10101e10101f',
    'F': '1f10101e101010', 'G': '0e11101713110f', 'H': '1111111f111111', 'I': '0e04040404040e', 'J': '0702020202120c',
    'K': '11121418141211',
    'L': '1010101010101f', 'M': '111b1515111111', 'N': '11191513111111', 'O': '0e11111111110e', 'P': '1e11111e101010',
    'Q': '0e11111115120d', 'R': '1e11111e141211', 'S': '0f10100e01011e', 'T': '1f040404040404', 'U': '1111111111110e',
    'V': '11111111110a04', 'W': '1111111515150a', 'X': '11110a040a1111', 'Y': '11110a04040404', 'Z': '1f01020408101f',
    '0': '0e11131519110e', '1': '040c040404040e', '2': '0e11010204081f', '3': '1f02040201110e', '4': '02060a121f0202',
    '5': '1f101e0101110e', '6': '0608101e11110e', '7': '1f010204080808', '8': '0e11110e11110e', '9': '0e11110f01020c',
    ':': '000c0c000c0c00', '/': '01010204081010', '.': '00000000000c0c', '-': '0000001f000000', ' ': '00000000000000',
}


class Canvas:
    """A picture at SUPER times the size, box-filtered down when saved."""

    def __init__(self):
        self.w, self.h = WIDTH * SUPER, HEIGHT * SUPER
        self.pixels = bytearray(self.w * self.h * 3)

    def put(self, x, y, color):
        if 0 <= x < self.w and 0 <= y < self.h:
            i = (y * self.w + x) * 3
            self.pixels[i:i + 3] = bytes(max(0, min(255, int(c))) for c in color)

    def shade(self, function):
        """Every pixel from function(u, v), u and v in 0..1."""
        for y in range(self.h):
            for x in range(self.w):
                self.put(x, y, function((x + 0.5) / self.w, (y + 0.5) / self.h))

    def disc(self, cx, cy, radius_x, radius_y, angle, color):
        reach = int(max(radius_x, radius_y)) + 1
        c, s = math.cos(angle), math.sin(angle)
        for y in range(int(cy) - reach, int(cy) + reach + 1):
            for x in range(int(cx) - reach, int(cx) + reach + 1):
                dx, dy = x - cx, y - cy
                if ((dx * c + dy * s) / radius_x) ** 2 + ((dy * c - dx * s) / radius_y) ** 2 <= 1:
                    self.put(x, y, color)

    def line(self, x0, y0, x1, y1, width, color):
        steps = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
        for i in range(steps + 1):
            t = i / steps
            x, y = x0 + (x1 - x0) * t, y0 + (y1 - y0) * t
            for oy in range(-(width // 2), width - width // 2):
                for ox in range(-(width // 2), width - width // 2):
                    self.put(int(x) + ox, int(y) + oy, color)

    def rect(self, x0, y0, x1, y1, color):
        for y in range(int(y0), int(y1)):
            for x in range(int(x0), int(x1)):
                self.put(x, y, color)

    def text(self, x, y, words, dot, color):
        for letter in words:
            rows = GLYPHS[letter]
            for row in range(7):
                bits = int(rows[row * 2:row * 2 + 2], 16)
                for column in range(5):
                    if bits >> (4 - column) & 1:
                        self.rect(x + column * dot, y + row * dot, x + (column + 1) * dot, y + (row + 1) * dot, color)
            x += 6 * dot

    def save(self, path):
        rows = []
        for y in range(HEIGHT):
            row = bytearray([0])
            for x in range(WIDTH):
                for channel in range(3):
                    total = sum(self.pixels[((y * SUPER + j) * self.w + x * SUPER + i) * 3 + channel]
                                for j in range(SUPER) for i in range(SUPER))
                    row.append(total // (SUPER * SUPER))
            rows.append(row)
        write_png(path, rows)


def write_png(path, rows):
    """rows: 1 filter byte, then RGB. Each is stored with whichever of none, sub, up and average looks smallest."""
    out, above = bytearray(), bytearray(WIDTH * 3)
    for row in rows:
        raw = row[1:]
        left = bytearray(3) + raw[:-3]
        tries = [raw,
                 bytearray((a - b) & 255 for a, b in zip(raw, left)),
                 bytearray((a - b) & 255 for a, b in zip(raw, above)),
                 bytearray((a - (b + c) // 2) & 255 for a, b, c in zip(raw, left, above))]
        best = min(range(4), key=lambda k: sum(min(v, 256 - v) for v in tries[k]))
        out.append(best)
        out += tries[best]
        above = raw

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    with open(path, 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', WIDTH, HEIGHT, 8, 2, 0, 0, 0)) +
                   chunk(b'IDAT', zlib.compress(bytes(out), 9)) + chunk(b'IEND', b''))


def mix(a, b, t):
    return tuple(p + (q - p) * t for p, q in zip(a, b))


def corridor(canvas):
    """Brick walls and tiles running away from the camera: straight edges at every slope, fading light."""
    def pixel(u, v):
        x, y = (u - 0.5) * 3.2, (v - 0.5) * 1.8
        side, height = abs(x) / 1.0, abs(y) / 0.55
        depth = 1 / max(side, height, 1e-3)
        fog = math.exp(-0.22 * max(0, depth - 1))
        if side > height:
            a, b = depth * 2.0, y * depth * 4
            row = math.floor(b)
            a += 0.5 * (row & 1)
            mortar = (a % 1) < 0.06 or (b % 1) < 0.1
            tone = 0.8 + 0.2 * ((math.floor(a) * 7 + row * 13) % 5) / 4
            base = (70, 66, 62) if mortar else (150 * tone, 84 * tone, 60 * tone)
            lamp = max(0, 1 - abs((depth * 0.5) % 1 - 0.5) * 5) * max(0, 1 - abs(y * depth + 0.25) * 4)
            base = mix(base, (255, 226, 150), lamp)
        elif y > 0:
            dark = (math.floor(x * depth * 3) + math.floor(depth * 3)) & 1
            base = (58, 62, 70) if dark else (176, 180, 184)
        else:
            beam = (depth * 1.5) % 1 < 0.16
            base = (46, 34, 24) if beam else (96, 78, 60)
        return mix((18, 22, 34), base, fog)
    canvas.shade(pixel)
    canvas.disc(canvas.w * 0.5, canvas.h * 0.52, 13, 22, 0, (235, 238, 255))


def forest(canvas):
    """Sky gradient, trunks, thousands of leaves and blades: detail near the limit of the grid."""
    rng = random.Random(7)
    canvas.shade(lambda u, v: mix((96, 148, 214), (246, 214, 170), min(1, v * 1.5)) if v < 0.66
                 else mix((70, 96, 44), (34, 56, 24), (v - 0.66) * 3))
    canvas.disc(canvas.w * 0.76, canvas.h * 0.2, 34, 34, 0, (255, 246, 216))
    for layer in range(3):
        for _ in range(7):
            x = rng.uniform(0, canvas.w)
            base, top, width = canvas.h * (0.66 + 0.1 * layer), canvas.h * rng.uniform(0.05, 0.25), 3 + layer * 5
            tone = 0.45 + 0.25 * layer
            canvas.line(x, base, x + rng.uniform(-18, 18), top, width, (82 * tone, 58 * tone, 40 * tone))
            for _ in range(260):
                spread = 26 + 24 * layer
                lx, ly = rng.gauss(x, spread), rng.gauss(top + 44, spread * 0.8)
                green = rng.uniform(0.5, 1.1) * (0.6 + 0.2 * layer)
                canvas.disc(lx, ly, rng.uniform(2.2, 4.6) + layer, rng.uniform(1, 1.9), rng.uniform(0, math.pi),
                            (64 * green, 142 * green, 48 * green))
    for _ in range(2600):
        x, y = rng.uniform(0, canvas.w), canvas.h * rng.uniform(0.7, 1.02)
        tall, light = rng.uniform(8, 26) * (y / canvas.h), rng.uniform(0.6, 1.25)
        canvas.line(x, y, x + rng.uniform(-7, 7), y - tall, 1, (88 * light, 150 * light, 54 * light))


def hud(canvas):
    """Text from large to tiny over a star field, bars, a minimap: what upscalers smear first."""
    rng = random.Random(11)
    canvas.shade(lambda u, v: mix(mix((10, 12, 34), (44, 18, 66), u), (4, 22, 44), v))
    for _ in range(420):
        glow = rng.uniform(80, 255)
        canvas.put(rng.randrange(canvas.w), rng.randrange(canvas.h), (glow, glow, min(255, glow * 1.2)))
    cx, cy = canvas.w * 0.5, canvas.h * 0.52
    for ring in range(3):
        radius = 60 + ring * 26
        for step in range(720):
            angle = step * math.pi / 360
            if ring != 1 or step % 24 < 14:
                canvas.rect(cx + math.cos(angle) * radius, cy + math.sin(angle) * radius,
                            cx + math.cos(angle) * radius + 2, cy + math.sin(angle) * radius + 2, (90, 230, 255))
    canvas.line(cx - 130, cy, cx + 130, cy, 1, (90, 230, 255))
    canvas.line(cx, cy - 130, cx, cy + 130, 1, (90, 230, 255))
    canvas.text(24, 20, 'SECTOR 7 - HOLD THE GATE', 4, (255, 214, 90))
    canvas.text(24, 60, 'WAVE 12/20   NEXT IN 00:34', 2, (220, 230, 240))
    canvas.text(24, 82, 'PING 23 MS  LOSS 0.1  FPS 60', 1, (160, 255, 160))
    canvas.text(24, 96, 'THE QUICK FOX JUMPS OVER THE LAZY DOG 0123456789', 1, (255, 255, 255))
    for index, (name, share, color) in enumerate((('SHIELD', 0.82, (80, 170, 255)), ('HULL', 0.47, (255, 120, 80)),
                                                  ('FUEL', 0.64, (150, 230, 90)))):
        y = canvas.h - 92 + index * 26
        canvas.text(24, y, name, 2, (220, 220, 230))
        canvas.rect(120, y, 320, y + 14, (30, 34, 48))
        canvas.rect(122, y + 2, 122 + 196 * share, y + 12, color)
    mx, my = canvas.w - 180, canvas.h - 170
    canvas.rect(mx, my, mx + 150, my + 150, (12, 30, 26))
    for i in range(0, 151, 15):
        canvas.line(mx + i, my, mx + i, my + 150, 1, (26, 74, 60))
        canvas.line(mx, my + i, mx + 150, my + i, 1, (26, 74, 60))
    for _ in range(26):
        canvas.disc(mx + rng.uniform(8, 142), my + rng.uniform(8, 142), 2.5, 2.5, 0,
                    (255, 70, 70) if rng.random() < 0.4 else (120, 255, 160))


def spheres(canvas):
    """Ray-traced balls on a chequered floor with a mirror bounce: smooth gradients beside hard silhouettes."""
    balls = [((0, 1, 4), 1.0, (230, 60, 50), 0.25), ((-2.1, 0.7, 3.2), 0.7, (60, 130, 235), 0.35),
             ((1.9, 0.6, 2.8), 0.6, (245, 205, 70), 0.15), ((0.75, 0.32, 2.2), 0.32, (90, 215, 120), 0.2),
             ((-0.8, 0.28, 2.1), 0.28, (200, 200, 210), 0.7), ((3.4, 1.3, 6), 1.3, (150, 90, 210), 0.3)]
    sun = (0.48, 0.72, -0.5)

    def hit(origin, way):
        best, found = 1e9, None
        for center, radius, color, mirror in balls:
            o = tuple(a - b for a, b in zip(origin, center))
            b = sum(p * q for p, q in zip(o, way))
            disc = b * b - sum(p * p for p in o) + radius * radius
            if disc > 0 and 1e-3 < -b - math.sqrt(disc) < best:
                best = -b - math.sqrt(disc)
                point = tuple(p + q * best for p, q in zip(origin, way))
                found = (point, tuple((p - c) / radius for p, c in zip(point, center)), color, mirror)
        if way[1] < -1e-4 and 1e-3 < -origin[1] / way[1] < best:
            best = -origin[1] / way[1]
            point = tuple(p + q * best for p, q in zip(origin, way))
            tile = (math.floor(point[0] * 1.5) + math.floor(point[2] * 1.5)) & 1
            found = (point, (0, 1, 0), (235, 232, 224) if tile else (60, 64, 74), 0.12)
        return found

    def trace(origin, way, bounces):
        sky = mix((214, 228, 244), (72, 122, 200), max(0, way[1]))
        found = hit(origin, way)
        if not found:
            return sky
        point, normal, color, mirror = found
        light = max(0, sum(p * q for p, q in zip(normal, sun)))
        if light > 0 and hit(point, sun):
            light = 0
        shade = mix(tuple(c * (0.22 + 0.78 * light) for c in color), sky,
                    1 - math.exp(-0.03 * max(0, point[2] - 3)))
        if bounces == 0 or mirror == 0:
            return shade
        d = 2 * sum(p * q for p, q in zip(way, normal))
        return mix(shade, trace(point, tuple(p - d * q for p, q in zip(way, normal)), bounces - 1), mirror)

    def pixel(u, v):
        x, y, z = (u - 0.5) * 1.78, 0.42 - v * 0.98, 1.05
        n = math.sqrt(x * x + y * y + z * z)
        return trace((0, 1.15, -1.2), (x / n, y / n, z / n), 1)
    canvas.shade(pixel)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for draw in (corridor, forest, hud, spheres):
        canvas = Canvas()
        draw(canvas)
        canvas.save(os.path.join(folder, draw.__name__ + '.png'))


if __name__ == '__main__':
    main()
