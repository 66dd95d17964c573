#!/usr/bin/env python3
"""Scenes from files through real processes: a mesh of more than 100,000 triangles brought once, tiles that make the
whole, a coordinator that keeps no blobs."""
import os
import subprocess
import sys
import unittest

from cluster import ROOT, Cluster, json_lines

SCENES = os.path.join(ROOT, 'deploy', 'samples')


def ppm(path):
    with open(path, 'rb') as file:
        head, size, deepest, pixels = file.read().split(b'\n', 3)
    assert (head, deepest) == (b'P6', b'255'), path
    width, height = map(int, size.split())
    assert len(pixels) == width * height * 3
    return width, height, pixels


def render(cluster, scene, out, *options):
    path = os.path.join(cluster.folder, out)
    text, _ = cluster.cli('raytrace', scene, '-o', path, '--json', *options)
    return json_lines(text)[0], ppm(path)


def differing(a, b):
    """The share of bytes more than two levels apart."""
    return sum(abs(x - y) > 2 for x, y in zip(a, b)) / len(a)


class Raytrace(unittest.TestCase):
    def test_a_large_mesh_in_one_piece_and_in_tiles(self):
        with Cluster() as cluster:
            cluster.peer(device='all')
            subprocess.run([sys.executable, os.path.join(SCENES, 'hills.py'), cluster.folder], check=True)
            scene = os.path.join(cluster.folder, 'hills.json')
            options = ('--size', '320x180', '--samples', '2', '--denoise', '1')
            whole, picture = render(cluster, scene, 'whole.ppm', *options)
            self.assertEqual((whole['triangles'], whole['spheres'], whole['tiles']), (102152, 2, 1))
            self.assertTrue(whole['by_digest'])
            self.assertEqual(picture[:2], (320, 180))
            tiled, again = render(cluster, scene, 'tiled.ppm', *options, '--tiles', '7')
            self.assertEqual(tiled['tiles'], 7)
            self.assertEqual(again, picture)
            packed = os.path.join(cluster.folder, 'hills.p2rt')
            cluster.cli('raytrace', scene, '--pack', packed, '-o', os.path.join(cluster.folder, 'a.png'), *options)
            # the packed scene is the same blob; its camera is not in it
            view = ('--position', '0,14,42', '--direction', '0,-12,-42', '--fov', '45',
                    '--mode', 'path', '--depth', '3')
            _, third = render(cluster, packed, 'packed.ppm', *options, *view)
            self.assertEqual(third, picture)

    def test_the_reference_draws_the_same(self):
        scene = os.path.join(SCENES, 'spheres.json')
        options = ('--size', '96x54', '--samples', '4', '--denoise', '0')
        pictures = []
        for device in ('fake', 'all'):
            with Cluster() as cluster:
                cluster.peer(device=device)
                pictures.append(render(cluster, scene, 'a.ppm', *options)[1])
        self.assertEqual(pictures[0][:2], pictures[1][:2])
        self.assertLess(differing(pictures[0][2], pictures[1][2]), 0.06)
        self.assertGreater(len(set(pictures[0][2])), 100)

    def test_without_blobs_a_scene_travels_with_its_tasks(self):
        with Cluster('--blob-budget', '0') as cluster:
            cluster.peer()
            scene = os.path.join(cluster.folder, 'many.json')
            spheres = ','.join(f'{{"type": "sphere", "position": [{i % 30}, {i // 30}, -40], "radius": 0.4}}'
                               for i in range(900))
            with open(scene, 'w', encoding='ascii') as file:
                file.write(f'{{"objects": [{spheres}], "camera": {{"position": [15, 15, 0]}}}}')
            report, picture = render(cluster, scene, 'a.ppm', '--size', '24x16', '--tiles', '2')
            self.assertFalse(report['by_digest'])
            self.assertGreater(report['scene_bytes'], 16384)
            self.assertEqual(picture[:2], (24, 16))

    def test_a_peer_says_what_is_wrong(self):
        with Cluster() as cluster:
            cluster.peer()
            scene = os.path.join(SCENES, 'room.json')
            out = os.path.join(cluster.folder, 'a.png')
            _, said = cluster.cli('raytrace', scene, '-o', out, '--direction', '0,1,0', expect=2)
            self.assertIn('direction', said)
            _, said = cluster.cli('raytrace', scene, '-o', out, '--samples', 'many', expect=2)
            self.assertIn('samples_per_pixel', said)
            self.assertFalse(os.path.exists(out))


if __name__ == '__main__':
    unittest.main(verbosity=0)
