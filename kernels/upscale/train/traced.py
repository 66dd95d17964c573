"""Training scenes for the project's own ray tracer: several styles, each made from a seed.

scene(style, seed, folder) writes the JSON of client/scene/README.md and the pictures its surfaces carry, which are
painted as frames are; the same style and seed give the same scene. render.py makes frames of them."""
import json
import pathlib

import numpy as np

from canvas import fractal
from scenes import colours, paint, texture

SIDE = 256       # pixels of a painted texture
EXACT = 400      # rays to a pixel where every ray is exact
GATHERED = 200   # where light is gathered at random, and the denoiser does the rest
POSTERS = ("hud", "pixels", "lines")


class Scene:
    """A scene while it is furnished. Places are in metres, y is up, colours linear."""

    def __init__(self, rng, folder):
        self.rng, self.folder, self.count = rng, pathlib.Path(folder), 0
        self.json = {"objects": [], "lights": [], "materials": {}}

    def material(self, **what):
        self.count += 1
        self.json["materials"][f"m{self.count}"] = what
        return f"m{self.count}"

    def picture(self, levels):
        """A material that shows the levels."""
        self.count += 1
        name = f"t{self.count}.ppm"
        (self.folder / name).write_bytes(b"P6 %d %d 255\n" % levels.shape[1::-1] + levels.tobytes())
        return self.material(color=[1, 1, 1], texture=name)

    def surface(self):
        """Checks, stripes, bricks, grain, marble or one colour."""
        v, u = (np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) + 0.5) * (8 / SIDE)
        shown = texture(self.rng.integers(6), u, v, colours(self.rng, 3), int(self.rng.integers(999)))
        return self.picture((np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8))

    def poster(self):
        return self.picture(paint(POSTERS[self.rng.integers(3)], int(self.rng.integers(1 << 30)), SIDE, SIDE))

    def solid(self):
        """Polished, clear or dull."""
        kind = self.rng.random()
        if kind < 0.25:
            return self.material(type="metal", color=self.colour(0.5), fuzz=float(self.rng.choice([0, 0.05, 0.2])))
        if kind < 0.4:
            return self.material(type="glass", refraction=1.5)
        return self.material(color=self.colour(0.1))

    def colour(self, least):
        return self.rng.uniform(least, 0.95, 3).round(3).tolist()

    def mesh(self, points, uvs, triangles, material, normals=None):
        item = {"type": "mesh", "vertices": np.round(points, 5).tolist(), "uvs": np.round(uvs, 5).tolist(),
                "triangles": np.asarray(triangles).tolist(), "material": material}
        if normals is not None:
            item["normals"] = np.round(normals, 5).tolist()
        self.json["objects"].append(item)

    def quad(self, corner, u, v, material, repeats=1.0):
        """A parallelogram; one edge carries `repeats` pictures, the other as many as keep them square."""
        corner, u, v = (np.asarray(a, float) for a in (corner, u, v))
        across = repeats * np.linalg.norm(u) / np.linalg.norm(v) if repeats != 1 else 1
        self.mesh([corner, corner + u, corner + u + v, corner + v],
                  np.array([[0, 1], [1, 1], [1, 0], [0, 0]]) * [across, repeats], [[0, 1, 2], [0, 2, 3]], material)

    def box(self, at, size, turn, material, repeats=1.0):
        """Standing at a place, turned about its upright axis."""
        w, h, d = size
        c, s = np.cos(turn), np.sin(turn)
        x, z, up = np.array([c, 0, s]) * w, np.array([-s, 0, c]) * d, np.array([0, h, 0])
        low = np.asarray(at, float) - x / 2 - z / 2
        for corner, u, v in ((low, x, up), (low + z, x, up), (low, z, up), (low + x, z, up), (low, x, z),
                             (low + up, x, z)):
            self.quad(corner, u, v, material, repeats)

    def turned(self, at, radii, heights, material, sides=32):
        """A column of rings, smooth around."""
        angle = np.arange(sides + 1) * (2 * np.pi / sides)
        ring = np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], 1)
        points = np.concatenate([ring * r + [0, h, 0] for r, h in zip(radii, heights)]) + np.asarray(at, float)
        uvs = np.concatenate([np.stack([angle / np.pi, np.full_like(angle, -h)], 1) for h in heights])
        quads = [(k * (sides + 1) + i, sides + 1) for k in range(len(radii) - 1) for i in range(sides)]
        triangles = [t for a, n in quads for t in ((a, a + n, a + 1), (a + 1, a + n, a + n + 1))]
        self.mesh(points, uvs, triangles, material, np.concatenate([ring + [0, 0.01, 0] for _ in radii]))

    def sphere(self, at, radius, material):
        self.json["objects"].append({"type": "sphere", "position": np.round(at, 5).tolist(), "radius": radius,
                                     "material": material})

    def camera(self, position, look_at, fov):
        self.json["camera"] = {"position": list(position), "look_at": list(look_at), "fov": fov}

    def day(self):
        """Sun and sky."""
        rng = self.rng
        down = [rng.uniform(-1, 1), rng.uniform(-1.5, -0.4), rng.uniform(-1, 0.6)]
        light = np.array([1, 0.95, 0.85]) * rng.uniform(0.5, 1.1)
        self.json["lights"].append({"type": "directional", "direction": down, "color": light.tolist()})
        self.json["sky"] = {"zenith": self.colour(0.1), "horizon": self.colour(0.4)}

    def thing(self, at, size, shown):
        """Something that stands there, `size` high at most."""
        rng, form = self.rng, self.rng.integers(5)
        if form == 0:
            self.sphere(np.add(at, [0, size / 2, 0]), size / 2, self.solid())
        elif form == 1:
            self.box(at, rng.uniform(0.3, 1, 3) * size, rng.uniform(0, 3), shown, 0.5)
        elif form == 2:
            self.turned(at, np.array([0.3, 0.25, 0.3, 0.05]) * size, np.array([0, 0.4, 0.8, 1]) * size, shown)
        elif form == 3:
            self.box(at, np.array([1, 0.7, 0.03]) * size, rng.uniform(0, 3), self.poster())
        else:
            for k in range(7):  # a rack of thin bars
                self.box(np.add(at, [(k - 3) * size / 7, 0, 0]), [size * 0.03, size, size * 0.03], 0.3, shown)


def yard(s):
    """Things on a textured ground, under the sun."""
    rng = s.rng
    s.camera((0, rng.uniform(0.8, 2.4), rng.uniform(3.5, 6)), (0, rng.uniform(0.2, 0.9), 0), rng.uniform(35, 60))
    s.day()
    s.quad((-20, 0, 8), (40, 0, 0), (0, 0, -40), s.surface(), rng.uniform(8, 20))
    shown = [s.surface() for _ in range(3)]
    for _ in range(rng.integers(8, 18)):
        s.thing((rng.uniform(-2.4, 2.4), 0, rng.uniform(-3, 2.2)), rng.uniform(0.5, 1.5), shown[rng.integers(3)])
    return {"mode": "primary", "samples_per_pixel": EXACT}


def hall(s):
    """A room with pictures on its walls, lit by lamps; light goes from surface to surface."""
    rng = s.rng
    w, h, d = rng.uniform(1.6, 2.6), rng.uniform(2.2, 3), rng.uniform(2, 4)
    s.camera((rng.uniform(-0.6, 0.6), rng.uniform(0.9, 1.8), d - 0.2),
             (rng.uniform(-0.7, 0.7), rng.uniform(0.6, 1.3), -d), rng.uniform(50, 75))
    s.json["sky"] = {"zenith": [0, 0, 0], "horizon": [0, 0, 0]}
    for corner, u, v in (((-w, 0, d), (2 * w, 0, 0), (0, 0, -2 * d)), ((-w, 0, -d), (2 * w, 0, 0), (0, h, 0)),
                         ((-w, 0, d), (0, 0, -2 * d), (0, h, 0)), ((w, 0, -d), (0, 0, 2 * d), (0, h, 0)),
                         ((-w, 0, d), (2 * w, 0, 0), (0, h, 0))):
        s.quad(corner, u, v, s.surface(), rng.uniform(0.6, 2.5))
    s.quad((-w, h, -d), (2 * w, 0, 0), (0, 0, 2 * d), s.material(color=s.colour(0.6)))
    for k in range(3):
        side = rng.choice([-1, 1]) * (w - 0.01)
        s.quad((side, 0.8, rng.uniform(-d, d - 2)), (0, 0, rng.uniform(0.6, 1.6)), (0, 1, 0), s.poster())
    for z in (-d / 2, d / 3):
        power = np.array(s.colour(0.6)) * rng.uniform(10, 20) * d / 3
        s.json["lights"].append({"type": "area", "position": [-0.5, h - 0.02, z], "u": [1, 0, 0], "v": [0, 0, 1],
                                 "color": power.tolist()})
    shown = [s.surface() for _ in range(2)]
    for _ in range(rng.integers(5, 11)):
        s.thing((rng.uniform(-w, w) * 0.8, 0, rng.uniform(-d, d - 1.8)), rng.uniform(0.4, 1.3), shown[rng.integers(2)])
    return {"mode": "path", "samples_per_pixel": GATHERED, "depth": 4, "denoise": 3}


def hills(s):
    """A hilly mesh of some 9,000 triangles with trees."""
    rng, side, seed = s.rng, 68, int(s.rng.integers(9999))
    steep, wave = rng.uniform(2, 5), rng.uniform(0.12, 0.3)

    def height(x, z):
        x, z = np.atleast_1d(x), np.atleast_1d(z)
        return steep * (fractal(x * wave + 50, z * wave + 50, seed) - 0.5) + 0.004 * z * z

    s.camera((0, height(0, 9).item() + rng.uniform(0.8, 2.5), 9), (rng.uniform(-3, 3), rng.uniform(-0.3, 0.8), -5),
             rng.uniform(35, 65))
    s.day()
    z, x = np.meshgrid(np.linspace(-22, 11, side), np.linspace(-16, 16, side), indexing="ij")
    y, e = height(x, z), 0.05
    points = np.stack([x, y, z], -1).reshape(-1, 3)
    normals = np.stack([(height(x - e, z) - height(x + e, z)) / (2 * e), np.ones_like(x),
                        (height(x, z - e) - height(x, z + e)) / (2 * e)], -1).reshape(-1, 3)
    uvs = np.stack([x, z], -1).reshape(-1, 2) * rng.uniform(0.1, 0.4)
    a = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    triangles = np.concatenate([np.stack(t, 1) for t in ((a, a + side, a + 1), (a + 1, a + side, a + side + 1))])
    s.mesh(points, uvs, triangles, s.surface(), normals)
    leaves, bark = [s.surface() for _ in range(2)], s.material(color=s.colour(0.05))
    for _ in range(rng.integers(15, 60)):
        x, z, size = rng.uniform(-9, 9), rng.uniform(-14, 6), rng.uniform(0.5, 1.6)
        at = np.array([x, height(x, z).item() - 0.1, z])
        s.box(at, np.array([0.08, 0.5, 0.08]) * size, 0.4, bark)
        s.turned(at + [0, 0.35 * size, 0], np.array([0.35, 0.2, 0.26, 0.01]) * size,
                 np.array([0, 0.5, 0.5, 1.1]) * size, leaves[rng.integers(2)], 10)
    return {"mode": "primary", "samples_per_pixel": EXACT}


TRACED = {"yard": yard, "hall": hall, "hills": hills}


def scene(style, seed, folder):
    """Its file's name, in the folder."""
    s = Scene(np.random.default_rng([seed, *style.encode()]), folder)
    s.json.update(TRACED[style](s), seed=seed)
    path = pathlib.Path(folder) / "scene.json"
    path.write_text(json.dumps(s.json), encoding="ascii")
    return path
