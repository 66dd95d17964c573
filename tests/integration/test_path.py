#!/usr/bin/env python3
"""Ways over maps: a benchmark's map and scenario, the JSON of a game, pictures; on an OpenCL device and on
references."""
import hashlib
import json
import os
import struct
import unittest

from cluster import ROOT, Cluster, json_lines

MAPS = os.path.join(ROOT, 'tests', 'unit', 'client', 'maps')
MAP, SCEN = os.path.join(MAPS, 'keep.map'), os.path.join(MAPS, 'keep.map.scen')


def write(cluster, name, data):
    path = os.path.join(cluster.folder, name)
    with open(path, 'wb') as file:
        file.write(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def blobs(cluster):
    """Digests of what the coordinator keeps: two digits name the folder, the rest the file."""
    return sorted(os.path.basename(folder) + name
                  for folder, _, names in os.walk(os.path.join(cluster.folder, 'blobs'))
                  for name in names if len(name) == 62)


def ppm(path):
    with open(path, 'rb') as file:
        head, size, deepest, pixels = file.read().split(b'\n', 3)
    assert (head, deepest) == (b'P6', b'255'), path
    width, height = map(int, size.split())
    return width, height, pixels


class Path(unittest.TestCase):
    def test_a_scenario_comes_out_with_its_published_lengths(self):
        with Cluster() as cluster:
            cluster.peer(device='all')
            for options in ([], ['--batch', '7'], ['--algorithm', 'dijkstra', '--batch', '3', '--in-flight', '2']):
                text, _ = cluster.cli('path', MAP, '--scen', SCEN, '--no-cache', *options)
                self.assertRegex(text, r'^40 of 40 lengths equal the published ones')
            # of several tasks the map is a blob, which is what its name says
            with open(MAP, encoding='ascii') as file:
                cells = bytes(c in '.GS' for row in file.read().split('\n')[4:] for c in row)
            self.assertEqual(blobs(cluster), [hashlib.sha256(cells).hexdigest()])
            text, _ = cluster.cli('path', MAP, '--scen', SCEN, '--json')
            lines = json_lines(text)
            self.assertEqual([line for line in lines if 'summary' in line][0]['equal'], 40)
            self.assertTrue(all(line['equal'] for line in lines if 'summary' not in line))
            self.assertAlmostEqual(lines[1]['distance'], 4.242640687119286, places=12)

    def test_a_scenario_with_a_wrong_length_is_told(self):
        with Cluster() as cluster:
            cluster.peer()
            with open(SCEN, encoding='ascii') as file:
                wrong = write(cluster, 'wrong.scen', file.read().replace('4.24264069', '4.24264071', 1).encode())
            text, _ = cluster.cli('path', MAP, '--scen', wrong, expect=1)
            self.assertIn('1,1 to 4,4: length 4.24264069 (0 straight, 3 diagonal), published 4.24264071', text)
            self.assertIn('39 of 40', text)

    def test_the_json_of_a_game(self):
        with Cluster() as cluster:
            cluster.peer()
            wall = [[2, y] for y in range(4)]
            query = {'start': [0, 0], 'goal': [4, 0], 'obstacles': wall, 'algorithm': 'dijkstra'}
            text, _ = cluster.cli('path', write(cluster, 'a.json', query), '--json')
            answer = json.loads(text)
            self.assertEqual(answer['path'][0], [0, 0])
            self.assertEqual(answer['path'][-1], [4, 0])
            self.assertFalse([p for p in answer['path'] if p in wall])
            # down and up along the wall, below whose end no corner is cut
            self.assertEqual((answer['straight'], answer['diagonal']), (8, 2))
            self.assertEqual(answer['algorithm_used'], 'dijkstra')
            shut = dict(query, obstacles=[[1, 0], [1, 1], [0, 1]])
            text, _ = cluster.cli('path', write(cluster, 'b.json', shut), '--json')
            self.assertIsNone(json.loads(text)['distance'])
            self.assertEqual(json.loads(text)['path'], [])
            dear = {'grid': [[1, 9, 1], [1, 9, 1], [1, 1, 1]], 'start': [0, 0], 'goal': [2, 0]}
            text, _ = cluster.cli('path', write(cluster, 'c.json', dear), '--json', '--neighbours', '4')
            self.assertEqual(json.loads(text)['distance'], 6)

    def test_pictures_in_and_out(self):
        with Cluster() as cluster:
            cluster.peer()
            rows = ['....', '.##.', '....']
            pixels = b''.join(b'\0\0\0' if c == '#' else b'\xff\xff\xff' for row in rows for c in row)
            picture = write(cluster, 'map.ppm', b'P6\n4 3\n255\n' + pixels)
            out = os.path.join(cluster.folder, 'out.ppm')
            text, _ = cluster.cli('path', picture, '--start', '0,0', '--goal', '3,2', '-o', out)
            self.assertRegex(text, r'^0,0 to 3,2: length 5.00000000 \(5 straight, 0 diagonal\) by astar; peer \w+')
            width, height, drawn = ppm(out)
            self.assertEqual((width, height), (4, 3))
            red = [i for i in range(12) if drawn[3 * i:3 * i + 3] == bytes([230, 30, 30])]
            self.assertEqual(red, [0, 1, 2, 3, 7, 11])
            text, _ = cluster.cli('path', picture, '--field', '--goal', '0,0', '-o', out)
            self.assertEqual(text, '10 of 12 cells reach the goal, the farthest over 5.00000000\n')
            _, _, drawn = ppm(out)
            self.assertEqual(drawn[15:18], b'\0\0\0')
            self.assertEqual(struct.unpack('3B', drawn[:3]), (30, 60, 200))
            self.assertEqual(struct.unpack('3B', drawn[33:]), (250, 230, 30))

    def test_what_cannot_be_asked(self):
        with Cluster() as cluster:
            out = os.path.join(cluster.folder, 'out.png')
            for arguments, says in (
                    (['missing.map', '--start', '0,0', '--goal', '1,1'], 'no such file'),
                    ([__file__, '--start', '0,0', '--goal', '1,1'], 'line 1'),
                    ([MAP], '--goal'),
                    ([MAP, '--goal', '3,3'], '--start'),
                    ([MAP, '--start', '0,0', '--goal', '36,3'], '36x20'),
                    ([MAP, '--start', '0,0', '--goal', '3'], 'X,Y'),
                    ([MAP, '--scen', SCEN, '--goal', '1,1'], 'its own queries'),
                    ([MAP, '--scen', MAP], 'version 1'),
                    ([MAP, '--field', '--goal', '1,1'], 'where to draw'),
                    ([MAP, '--field', '--goal', '1,1', '--start', '1,1', '-o', out], 'no --start'),
                    ([MAP, '--start', '1,1', '--goal', '1,1', '-o', 'x'], '-o must end'),
                    ([write(cluster, 'a.json', {'start': [0, 0]})], 'goal must be'),
                    ([write(cluster, 'b.json', {'start': [0, -1], 'goal': [1, 1]})], 'start must be'),
                    ([write(cluster, 'c.json', {'start': [0, 9], 'goal': [0, 0], 'grid': [[1]]})], 'outside'),
                    ([write(cluster, 'd.json', {'start': [0, 0], 'goal': [0, 0], 'grid': [[1], []]})], 'lengths'),
                    ([write(cluster, 'e.json', {'start': [0, 0], 'goal': [0, 0], 'grid': [[256]]})], '255'),
                    ([write(cluster, 'f.json', {'start': [0, 0], 'goal': [0, 0], 'obstacles': [1]})], 'pairs'),
                    ([write(cluster, 'g.json', b'{"start": ')], 'g.json')):
                _, error = cluster.cli('path', *arguments, expect=2)
                self.assertIn(says, error, arguments)
                self.assertEqual(len(error.splitlines()), 1)
            wrong = {'start': [0, 0], 'goal': [1, 1], 'algorithm': 'guess'}
            _, error = cluster.cli('path', write(cluster, 'h.json', wrong), expect=2)
            self.assertIn('algorithm', error)


if __name__ == '__main__':
    unittest.main(verbosity=0)
