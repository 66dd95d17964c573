#!/usr/bin/env python3
"""Draws the textures of the sample scenes: tiles.png, a floor of four tiles that repeats; globe.png, a small world by
longitude and latitude; crate.png, a side of a box.

    textures.py [DIR]   (default: the folder textures beside this script)

Standard library only; the same bytes on every run.
"""
import math
import os
import random
import struct
import sys
import zlib


def save(path, width, height, at):
    rows = b''.join(b'\0' + bytes(max(0, min(255, int(c))) for x in range(width) for c in at(x, y))
                    for y in range(height))

    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    head = struct.pack('>2I5B', width, height, 8, 2, 0, 0, 0)
    with open(path, 'wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(rows, 9))
                   + chunk(b'IEND', b''))


class Noise:
    """Smooth noise on a torus of whole cells, -1 to 1 or so, in octaves."""

    def __init__(self, seed, cells):
        rng = random.Random(seed)
        self.layers = []
        for octave in range(4):
            n = cells << octave
            self.layers.append([[rng.uniform(-1, 1) for _ in range(n)] for _ in range(n)])

    def __call__(self, u, v):
        total, share = 0, 0.55
        for layer in self.layers:
            n = len(layer)
            x, y = u * n, v * n
            i, j = math.floor(x), math.floor(y)
            fx, fy = x - i, y - j
            fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
            top = layer[j % n][i % n] * (1 - fx) + layer[j % n][(i + 1) % n] * fx
            low = layer[(j + 1) % n][i % n] * (1 - fx) + layer[(j + 1) % n][(i + 1) % n] * fx
            total += share * (top * (1 - fy) + low * fy)
            share *= 0.5
        return total


def tiles(folder):
    side, grain = 128, Noise(1, 8)

    def at(x, y):
        i, j = x * 2 // side, y * 2 // side
        edge = min(x % 64, 63 - x % 64, y % 64, 63 - y % 64)
        base = (150, 146, 138) if (i + j) % 2 else (96, 104, 116)
        if edge < 1:
            base = (70, 68, 66)
        light = 1 + 0.16 * grain(x / side, y / side)
        return [c * light for c in base]

    save(os.path.join(folder, 'tiles.png'), side, side, at)


def globe(folder):
    width, height, land, relief = 256, 128, Noise(14, 3), Noise(8, 6)

    def at(x, y):
        longitude, latitude = (x + 0.5) / width * 2 * math.pi, (0.5 - (y + 0.5) / height) * math.pi
        ring = math.cos(latitude)
        # noise of a cylinder around the globe, narrower towards its poles, so that no seam is seen
        a, b = ring * math.cos(longitude), ring * math.sin(longitude)
        north = math.sin(latitude)
        up = land(a * 0.2 + 0.3 + 0.17 * north, b * 0.2 - 0.34 * north)
        up += 0.4 * relief(b * 0.3, a * 0.3 + latitude * 0.2)
        cold = abs(latitude) + 0.25 * up
        if cold > 1.15:
            return 232, 238, 244
        if up < 0:
            shallow = max(0, 1 + 8 * up)
            return 24 + 60 * shallow, 70 + 50 * shallow, 140
        green = max(0, min(1, 1.3 - 1.6 * abs(abs(latitude) - 0.45) - up))
        return 168 - 100 * green, 140 - 10 * green, 84 - 30 * green

    save(os.path.join(folder, 'globe.png'), width, height, at)


def crate(folder):
    side, grain = 96, Noise(16, 4)

    def at(x, y):
        frame = min(x, side - 1 - x, y, side - 1 - y) < 12
        across = frame and min(y, side - 1 - y) < min(x, side - 1 - x)
        along, beside = (x, y) if across else (y, x)
        board = beside % 12 == 0 if not frame else min(x, side - 1 - x, y, side - 1 - y) in (0, 11)
        light = (0.55 if board else 1) * (1.1 if frame else 0.92) * (1 + 0.25 * grain(along / side / 6, beside / side))
        return 172 * light, 122 * light, 70 * light

    save(os.path.join(folder, 'crate.png'), side, side, at)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'textures')
    os.makedirs(folder, exist_ok=True)
    for draw in tiles, globe, crate:
        draw(folder)


main()
