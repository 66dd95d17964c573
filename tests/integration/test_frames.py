#!/usr/bin/env python3
"""Frames of a stream, each computed by two peers at once: they are what one would have made of the whole, and end on
time when a peer is killed or stands still."""
import json
import os
import signal
import unittest

from cluster import Cluster

DEADLINE_MS = 4000
SLACK_MS = 1500  # of a machine where other tests run


class Probe:
    """frames_probe under way; a line for each frame."""

    def __init__(self, cluster, *words):
        self.program = cluster.start('probe', os.environ['P2C2R_FRAMES_PROBE_EXE'], cluster.url, *words)
        self.program.line('{"ready"')

    def frame(self):
        return json.loads(self.program.line('{'))

    def rest(self, count):
        frames = [self.frame() for _ in range(count)]
        assert self.program.wait() == 0, self.program.tail()
        return frames


class Frames(unittest.TestCase):
    def check(self, frames, first=1):
        """None is lost, none is late, and each is the whole, byte for byte, but for what was filled."""
        for number, frame in enumerate(frames, first):
            self.assertEqual((frame['number'], frame['outcome'], frame['dropped']), (number, 'done', False), frame)
            self.assertEqual(frame['same'], frame['filled'] == 0, frame)
            self.assertLessEqual(frame['latency_ms'], DEADLINE_MS + SLACK_MS, frame)

    def test_bands_of_two_machines_make_the_whole(self):
        with Cluster() as cluster:
            for _ in range(2):
                cluster.peer('--slots', '1', device='all')
            for kind in ('upscale', 'raytrace'):
                for words, tiles in ((('tiles=5',), 5), (('tiles=0',), None), (('temporal',), 1)):
                    frames = Probe(cluster, kind, *words, 'frames=6', f'deadline={DEADLINE_MS}').rest(6)
                    self.check(frames)
                    for frame in frames:
                        self.assertEqual(frame['filled'], 0)
                        if tiles:
                            self.assertEqual(frame['tiles'], tiles)

    def test_a_peer_is_killed(self):
        with Cluster() as cluster:
            peers = [cluster.peer('--slots', '1', device='all') for _ in range(2)]
            probe = Probe(cluster, 'upscale', 'tiles=4', 'frames=40', 'pace=40', f'deadline={DEADLINE_MS}')
            self.check([probe.frame() for _ in range(10)])
            peers[0].kill()
            frames = probe.rest(30)
            self.check(frames, first=11)
            self.assertEqual((frames[-1]['filled'], frames[-1]['same']), (0, True))

    def test_a_peer_stands_still(self):
        # Only the client sends anything twice, and the coordinator does not notice for longer than this takes.
        with Cluster('--hedge', '0', '--heartbeat', '60s') as cluster:
            peers = [cluster.peer('--slots', '1', device='all') for _ in range(2)]
            probe = Probe(cluster, 'raytrace', 'tiles=4', 'frames=24', 'pace=40', f'deadline={DEADLINE_MS}')
            self.check([probe.frame() for _ in range(8)])
            os.kill(peers[0].pid, signal.SIGSTOP)
            for child in peers[0].children():
                os.kill(child, signal.SIGSTOP)
            frames = probe.rest(16)
            self.check(frames, first=9)
            self.assertGreater(sum(frame['hedged'] + frame['filled'] for frame in frames), 0)

    def test_nobody_is_left(self):
        with Cluster() as cluster:
            peer = cluster.peer('--slots', '1')
            probe = Probe(cluster, 'upscale', 'tiles=2', 'frames=6', 'deadline=600')
            peer.kill()
            frames = probe.rest(6)
            for number, frame in enumerate(frames, 1):
                self.assertEqual(frame['number'], number)
                self.assertLessEqual(frame['latency_ms'], 600 + SLACK_MS, frame)
            self.assertEqual((frames[-1]['filled'], frames[-1]['same']), (2, False))
            self.assertNotEqual(frames[-1]['reason'], '')


if __name__ == '__main__':
    unittest.main(verbosity=0)
