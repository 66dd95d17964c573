"""Pairs of frames: one of the full size, and three of half the size that stand for it.

What the network gets is made in three ways: by the mean of 2x2 pixels, by anti-aliased bicubic (a = -0.75 at twice the
width, eight taps), and by painting or rendering the scene once more at half the size. Training frames and held-out
frames are of disjoint seeds."""
import os
import pathlib
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from canvas import FRAME
from scenes import STYLES, paint
from traced import TRACED

TRAINING_SEEDS = range(1000, 1020)
HELD_OUT_SEEDS = range(5000, 5004)
WAYS = ("mean", "cubic", "drawn")
BUILD = pathlib.Path(os.environ.get("P2C2R_BUILD") or pathlib.Path(__file__).resolve().parents[3] / "build")


def cubic(x):
    a, x = -0.75, np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def along(picture, axis, first, weights):
    """Row i of the result is the sum of weights[k] times row first[i] + k, rows beyond the edges being the nearest."""
    rows = np.moveaxis(picture, axis, 0)
    total = sum(w * rows[np.clip(first + k, 0, len(rows) - 1)].T for k, w in enumerate(weights.T)).T
    return np.moveaxis(total, 0, axis)


def resample(picture, axis, size):
    """Bicubic to `size`, the kernel widened where that is smaller."""
    scale = picture.shape[axis] / size
    width = max(scale, 1.0)
    centre = (np.arange(size) + 0.5) * scale - 0.5
    first = np.floor(centre - 2 * width).astype(int) + 1
    weights = cubic((first[:, None] + np.arange(int(4 * width)) - centre[:, None]) / width)
    return along(picture, axis, first, weights / weights.sum(1, keepdims=True))


def levels(picture):
    return np.floor(np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


def twice(picture):
    """Bicubic to twice the size, neither rounded nor cut off."""
    picture = picture.astype(np.float64)
    return resample(resample(picture, 0, 2 * picture.shape[0]), 1, 2 * picture.shape[1])


def halves(frame):
    """The frame at half its size by each way that needs nothing but it."""
    f = frame.astype(np.float64)
    mean = (f[::2, ::2] + f[1::2, ::2] + f[::2, 1::2] + f[1::2, 1::2]) / 4
    small = resample(resample(f, 0, f.shape[0] // 2), 1, f.shape[1] // 2)
    return {"mean": levels(mean), "cubic": levels(small)}


def traced_path(style, seed, side):
    """Where render.py puts a frame."""
    return BUILD / "upscale-frames" / f"{style}-{seed}-{side}.ppm"


def draw(style, seed, side):
    if style in STYLES:
        return paint(style, seed, side, side)
    data = traced_path(style, seed, side).read_bytes()
    return np.frombuffer(data[-side * side * 3 :], np.uint8).reshape(side, side, 3)


def pair(style, seed, side=FRAME):
    """A frame and what stands for it, by way."""
    frame = draw(style, seed, side)
    return frame, {**halves(frame), "drawn": draw(style, seed, side // 2)}


def pairs(seeds):
    """(style, seed, frame, halves) of all styles, made two at a time."""
    wanted = [(style, seed) for style in (*STYLES, *TRACED) for seed in seeds]
    if not all(traced_path(*w, side).exists() for w in wanted if w[0] in TRACED for side in (FRAME, FRAME // 2)):
        raise SystemExit("frames are missing: render.py renders them")
    with ProcessPoolExecutor(2) as pool:
        for (style, seed), (frame, ways) in zip(wanted, pool.map(pair, *zip(*wanted))):
            yield style, seed, frame, ways
