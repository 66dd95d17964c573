#!/usr/bin/env python3
"""Writes a hilly mesh of 102,152 triangles for the ray tracer: Wavefront OBJ, its materials, and hills.json beside
them.

    hills.py DIR        then: p2c2r raytrace DIR/hills.json -o hills.png

Standard library only; the same bytes on every run. About 8 MB, so it is made rather than kept.
"""
import math
import os
import shutil
import sys

SIDE, SPAN = 226, 100.0
MATERIALS = {'water': (0.15, 0.3, 0.4), 'grass': (0.25, 0.42, 0.14), 'rock': (0.42, 0.39, 0.35),
             'snow': (0.9, 0.9, 0.93)}


def height(x, z):
    return max(2.5 * math.sin(0.21 * x) * math.cos(0.17 * z) + 0.8 * math.sin(0.63 * x + 0.5 * z)
               + 0.25 * math.sin(1.7 * z - x) + 0.0018 * (x * x + z * z), -1.2)


def kind(h, slope):
    if h <= -1.15:
        return 'water'
    if slope > 0.85:
        return 'rock'
    return 'snow' if h > 5.5 else 'grass'


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    step = SPAN / SIDE
    with open(os.path.join(folder, 'hills.mtl'), 'w', encoding='ascii') as file:
        for name, colour in MATERIALS.items():
            file.write(f'newmtl {name}\nKd {colour[0]} {colour[1]} {colour[2]}\n')
    faces = {name: [] for name in MATERIALS}
    with open(os.path.join(folder, 'hills.obj'), 'w', encoding='ascii') as file:
        file.write('mtllib hills.mtl\n')
        for i in range(SIDE + 1):
            for j in range(SIDE + 1):
                x, z = j * step - SPAN / 2, i * step - SPAN / 2
                e = 0.05
                dx = (height(x + e, z) - height(x - e, z)) / (2 * e)
                dz = (height(x, z + e) - height(x, z - e)) / (2 * e)
                length = math.sqrt(dx * dx + 1 + dz * dz)
                file.write(f'v {x:.4f} {height(x, z):.4f} {z:.4f}\n'
                           f'vn {-dx / length:.4f} {1 / length:.4f} {-dz / length:.4f}\n')
                if i < SIDE and j < SIDE:
                    a = i * (SIDE + 1) + j + 1
                    b = a + SIDE + 1
                    faces[kind(height(x, z), math.hypot(dx, dz))] += [(a, b, a + 1), (a + 1, b, b + 1)]
        for name, triangles in faces.items():
            file.write(f'usemtl {name}\n')
            for t in triangles:
                file.write('f ' + ' '.join(f'{v}//{v}' for v in t) + '\n')
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'hills.json')
    target = os.path.join(folder, 'hills.json')
    if os.path.realpath(here) != os.path.realpath(target):
        shutil.copyfile(here, target)


main()
