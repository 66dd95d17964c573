"""What training frames are painted with: a picture in unit coordinates, sampled on a grid finer than its pixels.

Everything is placed in units of the frame's height, so that the same calls paint the same scene at any size."""
import numpy as np

FRAME = 192  # pixels of a side of a training frame: what thin lines and cells of sprites are sized by
SAMPLES = 3  # of a pixel, across and down


def lattice(ix, iy, seed):
    """A pseudo-random value in 0..1 for each pair of whole numbers."""
    h = ix * np.uint32(374761393) + iy * np.uint32(668265263) + np.uint32(seed * 974634777 & 0xFFFFFFFF)
    h = (h ^ (h >> 13)) * np.uint32(1274126177)
    return (h >> 8).astype(np.float32) * np.float32(2**-24)


def whole(x):
    return x.astype(np.int32).view(np.uint32)


def noise(x, y, seed):
    """Smooth value noise of wavelength 1."""
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    ix, iy = np.floor(x), np.floor(y)
    fx, fy = x - ix, y - iy
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    ix, iy = whole(ix), whole(iy)
    a, b = lattice(ix, iy, seed), lattice(ix + np.uint32(1), iy, seed)
    c, d = lattice(ix, iy + np.uint32(1), seed), lattice(ix + np.uint32(1), iy + np.uint32(1), seed)
    return (a + (b - a) * fx) * (1 - fy) + (c + (d - c) * fx) * fy


def fractal(x, y, seed, octaves=5):
    """Noise of falling wavelengths, 0..1."""
    total, weight = 0, 0
    for k in range(octaves):
        total = total + noise(x * 2**k + 17 * k, y * 2**k, seed + k) * 0.55**k
        weight += 0.55**k
    return total / weight


class Canvas:
    """A frame while it is painted. Colours are 0..1, three to a sample."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.scale = height * SAMPLES
        self.data = np.zeros((height * SAMPLES, width * SAMPLES, 3), np.float32)
        self.aspect = width / height

    def grid(self, box=None):
        """Unit coordinates of the samples inside a box (x0, y0, x1, y1), and the slice that holds them."""
        rows, columns = self.data.shape[:2]
        x0, y0, x1, y1 = box or (0, 0, self.aspect, 1)
        left, right = max(int(x0 * self.scale), 0), min(int(x1 * self.scale) + 2, columns)
        top, bottom = max(int(y0 * self.scale), 0), min(int(y1 * self.scale) + 2, rows)
        where = (slice(top, max(bottom, top)), slice(left, max(right, left)))
        y, x = np.mgrid[where[0], where[1]].astype(np.float32)
        return (x + 0.5) / self.scale, (y + 0.5) / self.scale, where

    def put(self, where, inside, colour, alpha=1.0):
        """Colours the samples that are inside."""
        part = self.data[where]
        if part.size == 0:
            return
        colour = np.broadcast_to(np.asarray(colour, np.float32), part.shape)
        part[inside] += (colour[inside] - part[inside]) * np.float32(alpha)

    def ellipse(self, x, y, rx, ry, angle, colour, alpha=1.0):
        """Filled; shaded from the lower left to the upper right when colour is a pair."""
        r = max(rx, ry)
        gx, gy, where = self.grid((x - r, y - r, x + r, y + r))
        c, s = np.cos(angle), np.sin(angle)
        u, v = ((gx - x) * c + (gy - y) * s) / rx, ((gy - y) * c - (gx - x) * s) / ry
        if isinstance(colour, tuple):
            t = np.clip(0.5 + 0.5 * u, 0, 1)[..., None]
            colour = colour[0] * (1 - t) + colour[1] * t
        self.put(where, u * u + v * v < 1, colour, alpha)

    def line(self, x0, y0, x1, y1, width, colour, alpha=1.0):
        """With round ends."""
        w = width / 2
        gx, gy, where = self.grid((min(x0, x1) - w, min(y0, y1) - w, max(x0, x1) + w, max(y0, y1) + w))
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((gx - x0) * dx + (gy - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        self.put(where, (gx - x0 - t * dx) ** 2 + (gy - y0 - t * dy) ** 2 < w * w, colour, alpha)

    def polygon(self, points, colour, alpha=1.0):
        """Convex, in either turn."""
        points = np.asarray(points, np.float32)
        gx, gy, where = self.grid((*points.min(0), *points.max(0)))
        signs = [
            (bx - ax) * (gy - ay) - (by - ay) * (gx - ax) > 0
            for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, 0))
        ]
        self.put(where, np.all(signs, 0) | ~np.any(signs, 0), colour, alpha)

    def rectangle(self, x0, y0, x1, y1, colour, alpha=1.0):
        gx, gy, where = self.grid((x0, y0, x1, y1))
        self.put(where, (gx >= x0) & (gx < x1) & (gy >= y0) & (gy < y1), colour, alpha)

    def cells(self, x, y, cell, picture, palette):
        """A picture of palette indices, -1 for nothing, in square cells."""
        rows, columns = picture.shape
        gx, gy, where = self.grid((x, y, x + columns * cell, y + rows * cell))
        ix, iy = np.floor((gx - x) / cell).astype(int), np.floor((gy - y) / cell).astype(int)
        inside = (ix >= 0) & (ix < columns) & (iy >= 0) & (iy < rows)
        index = picture[np.clip(iy, 0, rows - 1), np.clip(ix, 0, columns - 1)]
        self.put(where, inside & (index >= 0), palette[np.maximum(index, 0)])

    def pixels(self):
        """The frame as 8-bit levels: means of the samples."""
        shape = (self.height, SAMPLES, self.width, SAMPLES, 3)
        mean = np.clip(self.data, 0, 1).reshape(shape).mean((1, 3))
        return np.floor(mean * 255 + 0.5).astype(np.uint8)
