#!/usr/bin/env python3
"""The game of `p2c2r play` against real programs: results of all three sorts come, pictures show something, and it
plays on when peers and coordinators go. How fast it is, `./run bench play` says. Also the example of a game's loop."""
import json
import os
import re
import struct
import subprocess
import unittest
import zlib
from unittest import mock

from cluster import PATIENCE_S, Cluster, eventually, run_cli

SORTS = ('upscale', 'physics', 'path')


def pixels(path):
    """Of an 8-bit RGB PNG: width, height, and the rows' bytes one after another."""
    with open(path, 'rb') as file:
        data = file.read()
    width, height, depth, colour = struct.unpack('>IIBB', data[16:26])
    assert (depth, colour) == (8, 2), path
    at, packed = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b'IDAT' else b''
        at += 12 + size
    return width, height, unfilter(zlib.decompress(packed), 3 * width)


def unfilter(raw, size):
    rows, above = [], bytes(size)
    for start in range(0, len(raw), size + 1):
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + size])
        for i in range(size):
            left, up, corner = (row[i - 3], above[i], above[i - 3]) if i >= 3 else (0, above[i], 0)
            nearest = min((abs(up - corner), 0, left), (abs(left - corner), 1, up),
                          (abs(left + up - 2 * corner), 2, corner))[2]
            row[i] = row[i] + (0, left, up, (left + up) // 2, nearest)[kind] & 255
        rows.append(bytes(row))
        above = row
    return b''.join(rows)


def load(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


class Play(unittest.TestCase):
    def check(self, report, frames):
        self.assertEqual(report['frames'], frames)
        self.assertEqual(report['frame_ms']['count'], frames)
        self.assertEqual(sum(report['picture_frames'].values()), frames)
        for sort in SORTS:
            counts = report['results'][sort]
            ended = sum(counts[end] for end in ('done', 'late', 'lost', 'refused', 'failed', 'cancelled'))
            self.assertLessEqual(ended, counts['submitted'])
            self.assertEqual(sum(counts['origin'].values()), counts['done'])

    def test_results_of_all_sorts_come(self):
        with Cluster() as cluster:
            cluster.peer(device='all')
            path, shot = os.path.join(cluster.folder, 'r.json'), os.path.join(cluster.folder, 's.png')
            cluster.cli('play', '--headless', '--frames', '400', '--report', path, '--screenshot', shot,
                        '--screenshots', '2', '--lag', '30ms', '--loss', '0.02')
            report = load(path)
            self.check(report, 400)
            for sort in SORTS:
                self.assertGreater(report['results'][sort]['done'], 5, report)
            self.assertGreater(report['results']['physics']['whole_worlds'], 0)
            self.assertGreater(report['bodies_frames_remote'], 0)
            self.assertGreater(report['ways_frames_remote'], 0)
            self.assertGreater(report['picture_frames']['cluster'] + report['picture_frames']['mended'], 0)
            self.assertEqual(sum(report['quality']['pictures'].values()), report['results']['upscale']['done'])
            self.assertTrue(report['stats']['connected'])
            self.assertGreaterEqual(report['stats']['rtt_ms'], 30)
            first, second = (pixels(os.path.join(cluster.folder, f's-{i}.png')) for i in (1, 2))
            self.assertEqual(first[:2], (640, 360))
            self.assertGreater(len({first[2][i:i + 3] for i in range(0, len(first[2]), 3)}), 1000)
            self.assertNotEqual(first[2], second[2])

    def test_plays_on_when_a_peer_and_the_coordinator_go(self):
        with Cluster() as cluster:
            peers = [cluster.peer() for _ in range(2)]
            path = os.path.join(cluster.folder, 'r.json')
            cli = cluster.start_cli('play', '--headless', '--frames', '600', '--report', path, '--quality', 'fast')

            def done():
                return cluster.health()['tasks_completed']

            eventually('results', lambda: done() > 60)
            peers[0].kill()
            before = done()
            eventually('results of the other peer', lambda: done() > before + 60)
            cluster.coordinator.kill()
            self.assertEqual(cli.wait(), 0, cli.tail())
            report = load(path)
            self.check(report, 600)
            self.assertFalse(report['stats']['connected'])
            self.assertGreater(report['bodies_frames_remote'], 0)
            self.assertLess(report['bodies_frames_remote'], 600)
            self.assertGreater(report['picture_frames']['here'], 0)

    def test_plays_alone(self):
        with Cluster() as cluster:
            path, shot = os.path.join(cluster.folder, 'r.json'), os.path.join(cluster.folder, 's.png')
            for how in (['--no-offload', '--coordinator', cluster.url], ['--coordinator', 'ws://127.0.0.1:9']):
                result = run_cli('play', '--headless', '--frames', '40', '--report', path, '--screenshot', shot,
                                 '--no-overlay', *how)
                self.assertEqual(result.returncode, 0, result.stderr)
                report = load(path)
                self.check(report, 40)
                self.assertEqual(report['picture_frames']['here'], 40)
                self.assertEqual([report['results'][sort]['submitted'] for sort in SORTS], [0, 0, 0])
                self.assertEqual(pixels(shot)[:2], (640, 360))

    def test_works_for_itself(self):
        with Cluster() as cluster: # without a peer
            path = os.path.join(cluster.folder, 'r.json')
            cluster.cli('play', '--headless', '--frames', '200', '--report', path, '--quality', 'fast', '--local',
                        '--local-executor', os.environ['P2C2R_EXECUTOR_EXE'], '--local-device', 'fake')
            report = load(path)
            self.check(report, 200)
            for sort in SORTS:
                origin = report['results'][sort]['origin']
                self.assertGreater(origin['local'], 0, report)
                self.assertEqual(origin['peer'] + origin['cache'], 0)

    def test_windows(self):
        with mock.patch.dict(os.environ, SDL_VIDEODRIVER='dummy'):
            result = run_cli('play', '--frames', '20', '--json', '--coordinator', 'ws://127.0.0.1:9')
        if os.environ['P2C2R_WINDOW']:
            self.assertEqual(result.returncode, 0, result.stderr)
            self.check(json.loads(result.stdout), 20)
        with mock.patch.dict(os.environ, SDL_VIDEODRIVER='none-such'):
            result = run_cli('play', '--frames', '20', '--coordinator', 'ws://127.0.0.1:9')
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertIn('--headless', result.stderr)

    def test_the_example(self):
        with Cluster() as cluster:
            cluster.peer()
            result = subprocess.run([os.environ['P2C2R_EXAMPLE_EXE'], cluster.url, '120'], capture_output=True,
                                    text=True, timeout=PATIENCE_S, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            frames, done = map(int, re.match(r'(\d+) frames: (\d+) enlarged by the cluster', result.stdout).groups())
            self.assertEqual(frames, 120)
            self.assertGreater(done, 0, result.stdout)

    def test_asked_wrongly(self):
        self.assertEqual(run_cli('play', '--headless', '--coordinator', 'nowhere').returncode, 2)
        self.assertEqual(run_cli('play', '--headless', '--quality', 'best').returncode, 2)
        self.assertEqual(run_cli('play', '--headless', '--frames', '1', '--coordinator', 'ws://127.0.0.1:9',
                                 '--report', '/nowhere/r.json').returncode, 1)


unittest.main()
