"""Training frames: scenes of several styles, each made from a seed and painted at any size.

paint(style, seed, width, height) gives the same scene for the same style and seed, anti-aliased, as an array of
height x width x 3 levels."""
import numpy as np

from canvas import FRAME, Canvas, fractal, noise


def colours(rng, count):
    """A palette whose colours go together: near two hues, from dark to light."""
    base = rng.uniform(0.1, 0.95, (2, 3))
    mix = rng.uniform(0, 1, (count, 1))
    return np.clip((base[0] * mix + base[1] * (1 - mix)) * rng.uniform(0.35, 1.3, (count, 1))
                   + rng.normal(0, 0.05, (count, 3)), 0, 1).astype(np.float32)


# ---- shaded solids ----


def texture(kind, u, v, palette, seed):
    """Colours of a surface at (u, v)."""
    a, b, c = palette[:3]
    if kind == 0:  # checks
        t = (np.floor(u) + np.floor(v)) % 2
    elif kind == 1:  # stripes
        t = (np.floor(u * 2 + v * 0.3) % 2)
    elif kind == 2:  # bricks
        row = np.floor(v * 2)
        t = ((u + 0.5 * (row % 2)) % 1 > 0.06) & ((v * 2) % 1 > 0.1)
        t = t * (0.7 + 0.3 * noise(np.floor(u + 0.5 * (row % 2)) * 7.1, row * 3.7, seed))
    elif kind == 3:  # grain
        t = fractal(u * 3, v * 3, seed)
    elif kind == 4:  # marble
        t = 0.5 + 0.5 * np.sin(6 * u + 9 * fractal(u, v, seed))
    else:
        t = np.zeros_like(u)
    t = np.asarray(t, np.float32)[..., None]
    grain = fractal(u * 5, v * 5, seed + 50, 4)[..., None] if kind % 2 else 0.5
    return (a * (1 - t) + b * t) * (0.8 + 0.4 * grain) + 0.05 * c


class Hits:
    """What is nearest along each ray so far."""

    def __init__(self, origin, rays):
        self.origin, self.rays = origin, rays
        shape = rays.shape[:2]
        self.far = np.full(shape, np.inf, np.float32)
        self.normal = np.zeros(rays.shape, np.float32)
        self.colour = np.zeros(rays.shape, np.float32)

    def take(self, t, valid):
        """Where something at distance t is nearer than all before it; distances and points there."""
        nearer = valid & (t < self.far)
        self.far[nearer] = t[nearer]
        return nearer, self.origin + self.rays[nearer] * t[nearer][:, None]

    def sphere(self, centre, radius, kind, scale, palette, seed):
        to = self.origin - centre
        b = self.rays @ to
        d = b * b - (to @ to - radius * radius)
        t = -b - np.sqrt(np.maximum(d, 0))
        at, points = self.take(t, (d > 0) & (t > 0.05))
        n = self.normal[at] = (points - centre) / radius
        u, v = np.arctan2(n[:, 0], n[:, 2]) * scale, np.arcsin(np.clip(n[:, 1], -1, 1)) * scale
        self.colour[at] = texture(kind, u, v, palette, seed)

    def plane(self, axis, at, kind, scale, palette, seed):
        t = (at - self.origin[axis]) / np.where(abs(self.rays[..., axis]) < 1e-6, 1e-6, self.rays[..., axis])
        at, points = self.take(t, (t > 0.05) & (t < 60))
        self.normal[at] = np.eye(3, dtype=np.float32)[axis] * -np.sign(self.rays[at][:, axis : axis + 1])
        i, j = [k for k in range(3) if k != axis]
        self.colour[at] = texture(kind, points[:, i] * scale, points[:, j] * scale, palette, seed)

    def box(self, low, high, kind, scale, palette, seed):
        safe = np.where(abs(self.rays) < 1e-6, 1e-6, self.rays)
        a, b = (low - self.origin) / safe, (high - self.origin) / safe
        first = np.minimum(a, b)
        t = first.max(-1)
        at, points = self.take(t, (t < np.maximum(a, b).min(-1)) & (t > 0.05))
        axis = first[at].argmax(-1)
        self.normal[at] = np.eye(3, dtype=np.float32)[axis] * -np.sign(self.rays[at])
        u, v = np.where(axis == 0, points[:, 2], points[:, 0]), np.where(axis == 1, points[:, 2], points[:, 1])
        self.colour[at] = texture(kind, u * scale, v * scale, palette, seed)


def camera(canvas, rng):
    x, y, where = canvas.grid()
    zoom, pitch = rng.uniform(0.7, 1.6), rng.uniform(-0.35, 0.1)
    rays = np.stack([x - canvas.aspect / 2, 0.5 - y, np.full_like(x, zoom)], -1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    c, s = np.cos(pitch), np.sin(pitch)
    roll = rng.uniform(-0.2, 0.2)
    turn = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return (rays @ (turn @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]))).astype(np.float32), where


def shade(canvas, rng, hits, where):
    light = rng.normal(0, 1, 3) + np.array([0, 1.2, -1])
    light = (light / np.linalg.norm(light)).astype(np.float32)
    diffuse = np.maximum(hits.normal @ light, 0)
    half = light - hits.rays
    half /= np.linalg.norm(half, axis=-1, keepdims=True)
    gloss = np.maximum((hits.normal * half).sum(-1), 0) ** rng.uniform(15, 120) * rng.uniform(0, 0.7)
    lit = hits.colour * (0.25 + 0.85 * diffuse)[..., None] + gloss[..., None]
    sky = colours(rng, 2)
    t = np.clip(0.5 + hits.rays[..., 1:2], 0, 1)
    back = sky[0] * t + sky[1] * (1 - t)
    fog = np.exp(-np.where(np.isinf(hits.far), 0, hits.far) * rng.uniform(0, 0.06))[..., None]
    seen = np.where(np.isinf(hits.far)[..., None], back, lit * fog + back * (1 - fog))
    canvas.put(where, np.ones(t.shape[:2], bool), seen)


def solids(canvas, rng):
    """Spheres and boxes on a plane under a sky."""
    rays, where = camera(canvas, rng)
    hits = Hits(np.array([0, rng.uniform(0.4, 1.5), 0], np.float32), rays)
    hits.plane(1, 0.0, rng.integers(6), rng.uniform(0.8, 4), colours(rng, 3), 1)
    for k in range(rng.integers(5, 14)):
        at = np.array([rng.uniform(-2.2, 2.2), 0, rng.uniform(1.5, 7)], np.float32)
        size = rng.uniform(0.15, 0.7)
        look = (rng.integers(6), rng.uniform(1, 6), colours(rng, 3), int(rng.integers(999)))
        if rng.random() < 0.55:
            hits.sphere(at + np.array([0, size * rng.uniform(0.8, 2), 0], np.float32), size, *look)
        else:
            half = rng.uniform(0.4, 1, 3).astype(np.float32) * size
            hits.box(at - half, at + half * np.array([1, 2.5, 1], np.float32), *look)
    shade(canvas, rng, hits, where)


def rooms(canvas, rng):
    """Inside textured walls."""
    rays, where = camera(canvas, rng)
    hits = Hits(np.array([rng.uniform(-0.5, 0.5), rng.uniform(0.5, 1.4), 0], np.float32), rays)
    wide = rng.uniform(1, 2.2)
    for axis, at in ((1, 0), (1, 2), (0, -wide), (0, wide), (2, rng.uniform(4, 12))):
        hits.plane(axis, at, rng.integers(6), rng.uniform(1, 5), colours(rng, 3), int(rng.integers(999)))
    for k in range(rng.integers(2, 7)):
        at = np.array([rng.uniform(-wide, wide), 0, rng.uniform(1.5, 5)], np.float32)
        half = rng.uniform(0.08, 0.4, 3).astype(np.float32)
        hits.box(at - half, at + half * 3, rng.integers(6), rng.uniform(1, 6), colours(rng, 3), int(rng.integers(999)))
    shade(canvas, rng, hits, where)


# ---- outdoors ----


def foliage(canvas, rng):
    """Leaves and blades in layers, the nearer the lighter."""
    x, y, where = canvas.grid()
    palette = colours(rng, 12)
    back = fractal(x * 6, y * 6, int(rng.integers(999)))[..., None]
    canvas.put(where, np.ones(x.shape, bool), palette[0] * 0.4 * back + palette[1] * 0.3 * (1 - back))
    blades = rng.random() < 0.4
    for k in range(420):
        light, colour = 0.35 + 0.65 * k / 420, palette[rng.integers(12)]
        px, py, angle = rng.uniform(0, canvas.aspect), rng.uniform(0, 1), rng.uniform(0, np.pi)
        size = rng.uniform(0.012, 0.06)
        if blades:
            tip = (px + rng.normal(0, 0.03), py - size * 3)
            canvas.polygon([(px, py), (px + size * 0.25, py), tip], colour * light)
        else:
            canvas.ellipse(px, py, size, size * rng.uniform(0.25, 0.6), angle, (colour * light * 0.6, colour * light))
            c, s = np.cos(angle) * size * 0.9, np.sin(angle) * size * 0.9
            canvas.line(px - c, py - s, px + c, py + s, 0.003, colour * light * 0.5)


def terrain(canvas, rng):
    """Ridges one behind another, clouds, grain."""
    x, y, where = canvas.grid()
    sky, seed = colours(rng, 3), int(rng.integers(9999))
    cloud = np.clip(fractal(x * 2, y * 4, seed) * 2.4 - 0.8, 0, 1)[..., None]
    clear = sky[0] * (1 - y[..., None]) + sky[1] * y[..., None]
    canvas.put(where, np.ones(x.shape, bool), clear * (1 - cloud) + 0.9 * cloud)
    levels = np.sort(rng.uniform(0.25, 0.95, 5))
    for k, level in enumerate(levels):
        edge = level + 0.25 * (fractal(x * (2 + k), np.zeros_like(x), seed + 20 * k, 6) - 0.5)
        low, high = colours(rng, 2)
        grain = fractal(x * (8 + 8 * k), y * (10 + 12 * k), seed + 9 * k, 6)[..., None]
        slope = fractal(x * (8 + 8 * k) + 0.1, y * (10 + 12 * k) + 0.1, seed + 9 * k, 6)[..., None] - grain
        canvas.put(where, y > edge, (low * grain + high * (1 - grain)) * (0.8 + 3 * slope))


# ---- drawn ----


def glyphs(rng, count):
    """Letters of an alphabet of its own: strokes between the points of a 3x5 grid."""
    def stroke():
        a = rng.integers(0, (3, 5))
        return a, np.clip(a + rng.integers(-2, 3, 2), 0, (2, 4))
    return [[stroke() for _ in range(rng.integers(3, 6))] for _ in range(count)]


def write(canvas, rng, alphabet, x, y, size, length, colour, weight):
    for k in range(length):
        if rng.random() < 0.15:
            continue
        for a, b in alphabet[rng.integers(len(alphabet))]:
            left = x + k * size * 0.75
            canvas.line(left + a[0] * size / 4, y + a[1] * size / 4, left + b[0] * size / 4, y + b[1] * size / 4,
                        size * weight, colour)


def hud(canvas, rng):
    """Panels, gauges and lines of text over a soft or a busy picture."""
    if rng.random() < 0.5:
        terrain(canvas, rng)
    else:
        x, y, where = canvas.grid()
        a, b = colours(rng, 2)
        t = fractal(x * 2, y * 2, int(rng.integers(999)), 3)[..., None]
        canvas.put(where, np.ones(x.shape, bool), a * t + b * (1 - t))
    alphabet = glyphs(rng, 24)
    for k in range(rng.integers(3, 7)):
        x, y = rng.uniform(0, canvas.aspect * 0.7), rng.uniform(0, 0.8)
        w, h = rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.35)
        dark, light = np.sort(colours(rng, 2), 0) * [[0.4], [1]] + [[0], [0.25]]
        if rng.random() < 0.3:
            dark, light = light, dark
        canvas.rectangle(x, y, x + w, y + h, dark, rng.uniform(0.5, 1))
        for a, b in (((x, y), (x + w, y)), ((x, y + h), (x + w, y + h)),
                     ((x, y), (x, y + h)), ((x + w, y), (x + w, y + h))):
            canvas.line(*a, *b, rng.choice([0.004, 0.008]), light)
        size, at = rng.uniform(0.025, 0.07), y + 0.02
        while at + size < y + h:
            if rng.random() < 0.25:
                canvas.rectangle(x + 0.02, at, x + w - 0.02, at + size * 0.7, dark * 0.5 + light * 0.2)
                canvas.rectangle(x + 0.02, at, x + 0.02 + (w - 0.04) * rng.random(), at + size * 0.7, light)
            else:
                length = int((w - 0.04) / (size * 0.75))
                write(canvas, rng, alphabet, x + 0.02, at, size, length, light, rng.uniform(0.1, 0.18))
            at += size * 1.5


def sprite(rng, side, palette):
    half = rng.integers(-1, palette, (side, (side + 1) // 2))
    solid = half[rng.integers(side)][None].repeat(side, 0) if rng.random() < 0.1 else half
    coarse = np.kron(rng.integers(-1, palette, ((side + 1) // 2, (side + 3) // 4)), np.ones((2, 2), int))
    coarse = coarse[:side, : (side + 1) // 2]
    mixed = np.where(rng.random(solid.shape) < 0.75, coarse, solid)
    return np.concatenate([mixed, mixed[:, ::-1][:, side % 2 :]], 1)


def pixels(canvas, rng):
    """Sprites of square cells on a floor of tiles, cells of 2 to 7 pixels."""
    palette = colours(rng, 10)
    cell = rng.choice([2, 3, 4, 5, 6, 7, 2.5, 3.3]) / FRAME
    tiles = [sprite(rng, 8, 4) for _ in range(4)]
    step = 8 * cell
    for j in range(int(1 / step) + 1):
        for i in range(int(canvas.aspect / step) + 1):
            canvas.cells(i * step, j * step, cell, np.maximum(tiles[rng.integers(4)], 0), palette[:4] * 0.7)
    for k in range(rng.integers(4, 16)):
        side = int(rng.choice([8, 12, 16]))
        at = np.floor(rng.uniform(0, 1, 2) * [canvas.aspect / cell, 1 / cell]) * cell
        canvas.cells(at[0], at[1], cell, sprite(rng, side, 6), palette[4:])


def lines(canvas, rng):
    """Drawings: strokes, rings, hatching, grids in perspective."""
    ground, *inks = colours(rng, 6)
    if rng.random() < 0.5:
        ground = 0.75 + 0.25 * ground
        inks = [ink * 0.4 for ink in inks]
    x, y, where = canvas.grid()
    canvas.put(where, np.ones(x.shape, bool), ground)
    for k in range(rng.integers(3, 8)):
        corner, size = rng.uniform(0, 1, 2) * [canvas.aspect, 1], rng.uniform(0.1, 0.4)
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        around = np.stack([np.cos(angles), np.sin(angles)], 1)
        canvas.polygon(corner + size * around, inks[rng.integers(5)], rng.uniform(0.4, 1))
    for k in range(rng.integers(15, 50)):
        a, ink = rng.uniform(-0.1, 1.1, 2) * [canvas.aspect, 1], inks[rng.integers(5)]
        b, width = a + rng.normal(0, 0.35, 2), rng.choice([0.5, 1, 1.5, 2, 3, 5]) / FRAME
        if rng.random() < 0.3:
            radius = rng.uniform(0.02, 0.2)
            gx, gy, part = canvas.grid((*(a - radius - width), *(a + radius + width)))
            canvas.put(part, abs(np.hypot(gx - a[0], gy - a[1]) - radius) < width / 2, ink)
        else:
            canvas.line(*a, *b, width, ink)
    if rng.random() < 0.5:
        vanish, ink = rng.uniform(0.2, 0.8) * canvas.aspect, inks[0]
        for k in range(24):
            canvas.line(vanish, 0.45, vanish + (k - 12) * 0.25, 1.2, 0.004, ink)
            canvas.line(0, 0.45 + 0.55 / (1 + 0.3 * k), canvas.aspect, 0.45 + 0.55 / (1 + 0.3 * k), 0.004, ink)
    if rng.random() < 0.5:
        corner, step = rng.uniform(0, 0.7, 2), rng.choice([3, 4, 6]) / FRAME
        for k in range(30):
            left = corner[0] + k * step
            canvas.line(left, corner[1], left + 0.15, corner[1] + 0.25, 1 / FRAME, inks[1])


STYLES = {"solids": solids, "rooms": rooms, "foliage": foliage, "terrain": terrain, "hud": hud, "pixels": pixels,
          "lines": lines}


def paint(style, seed, width, height):
    canvas = Canvas(width, height)
    STYLES[style](canvas, np.random.default_rng([seed, *style.encode()]))
    return canvas.pixels()
