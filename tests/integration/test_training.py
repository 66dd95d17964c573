#!/usr/bin/env python3
"""The scenes that the upscale network's training frames are rendered of: valid, the same for a seed, and not flat.
Skipped (77) where python3-numpy is not installed."""
import os
import sys
import tempfile
import unittest

from cluster import ROOT, Cluster, run_cli

try:
    import numpy as np
except ImportError:
    sys.exit(77)
sys.path.insert(0, os.path.join(ROOT, 'kernels', 'upscale', 'train'))
from traced import TRACED, scene  # noqa: E402


def packed(style, seed):
    """The scene as peers see it."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, 'scene.p2rt')
        result = run_cli('raytrace', str(scene(style, seed, folder)), '--pack', out)
        assert result.returncode == 0, result.stderr
        with open(out, 'rb') as file:
            return file.read()


class Scenes(unittest.TestCase):
    def test_a_seed_is_a_scene(self):
        for style in TRACED:
            first = packed(style, 7)
            self.assertEqual(first, packed(style, 7), style)
            self.assertNotEqual(first, packed(style, 8), style)

    def test_both_sizes_show_the_same(self):
        with Cluster() as cluster:
            cluster.peer()
            for style in TRACED:
                with tempfile.TemporaryDirectory() as folder:
                    path, shown = str(scene(style, 9, folder)), {}
                    for side in (16, 32):
                        out = os.path.join(folder, f'{side}.ppm')
                        cluster.cli('raytrace', path, '-o', out, '--size', f'{side}x{side}', '--samples', '2')
                        with open(out, 'rb') as file:
                            pixels = np.frombuffer(file.read()[-side * side * 3:], np.uint8)
                        shown[side] = pixels.reshape(8, side // 8, 8, side // 8, 3).mean((1, 3))
                self.assertGreater(shown[32].std(), 5, style)
                self.assertLess(abs(shown[16] - shown[32]).mean(), shown[32].std(), style)


if __name__ == '__main__':
    unittest.main()
