#!/usr/bin/env python3
"""What happens when parts go away: every frame still arrives, once, or the user is told why in one sentence."""
import os
import random
import signal
import sys
import tempfile
import unittest

from cluster import SAMPLES, Cluster, eventually, json_lines, run_cli


def frames_and_summary(text):
    objects = json_lines(text)
    return [o for o in objects if 'summary' not in o], next(o for o in objects if 'summary' in o)['summary']


class Faults(unittest.TestCase):
    def test_no_peer_is_said_within_the_timeout(self):
        with Cluster() as cluster:
            _, errors = cluster.cli('upscale', SAMPLES[0], '-o', cluster.folder + '/x.png', expect=3)
            self.assertIn('peer', errors.lower())

    def test_no_coordinator_is_exit_4_and_one_sentence(self):
        with tempfile.TemporaryDirectory() as folder:
            result = run_cli('upscale', SAMPLES[0], '-o', folder + '/x.png', '--coordinator', 'ws://127.0.0.1:9',
                             '--connect-timeout', '1s')
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)

    def test_coordinator_killed_in_the_middle_is_exit_4(self):
        with Cluster() as cluster:
            cluster.peer()
            cli = cluster.start_cli('upscale', SAMPLES[1], '-o', cluster.folder + '/x.png', '--repeat', '2000',
                                    '--json', '--connect-timeout', '1s')
            cli.line('{')
            cluster.coordinator.kill()
            self.assertEqual(cli.wait(), 4, cli.tail())

    def test_killing_peers_at_random_loses_nothing(self):
        seed = int(os.environ.get('P2C2R_TEST_SEED', '0')) or random.randrange(1, 1 << 30)
        rng = random.Random(seed)
        print('seed', seed, file=sys.stderr)
        with Cluster() as cluster:
            peers = [cluster.peer() for _ in range(3)]
            cli = cluster.start_cli('upscale', SAMPLES[1], '-o', cluster.folder + '/x.png', '--repeat', '200', '--json',
                                    '--quality', 'fast', '--deadline', '120s')
            kills, said = 0, []
            while kills < 12:
                line = cli.lines.get(timeout=90)
                if line is None:
                    break
                said.append(line)
                if rng.random() < 0.15:
                    victim = peers.pop(rng.randrange(len(peers)))
                    os.kill(victim.pid, signal.SIGKILL)
                    victim.process.wait()
                    kills += 1
                    peers.append(cluster.peer(wait=len(peers) < 2))
            status = cli.wait()
            while True:
                line = cli.lines.get(timeout=90)
                if line is None:
                    break
                said.append(line)
            frames, summary = frames_and_summary('\n'.join(said))
            self.assertEqual(status, 0, cli.tail())
            self.assertGreater(kills, 0)
            self.assertEqual(len(frames), 200)
            self.assertEqual(summary['ok'], 200)
            self.assertEqual(summary['failed'], 0)
            self.assertEqual(cluster.health()['tasks_running'], 0)

    def test_an_executor_killed_is_replaced_and_the_peer_lives_on(self):
        with Cluster() as cluster:
            peer = cluster.peer()
            before = peer.children()
            self.assertTrue(before)
            os.kill(before[0], signal.SIGKILL)
            eventually('another executor', lambda: peer.children() and peer.children() != before)
            eventually('it offers again what it computes', lambda: cluster.health()['slots'] > 0)
            cluster.cli('upscale', SAMPLES[2], '-o', cluster.folder + '/x.png', '--deadline', '30s')

    def test_executors_do_not_outlive_their_peer(self):
        with Cluster() as cluster:
            peer = cluster.peer()
            children = peer.children()
            peer.kill()
            eventually('the end of its children', lambda: not any(os.path.exists(f'/proc/{pid}') for pid in children))

    def test_term_drains(self):
        with Cluster() as cluster:
            peer = cluster.peer()
            cli = cluster.start_cli('upscale', SAMPLES[1], '-o', cluster.folder + '/x.png', '--repeat', '30', '--json')
            cli.line('{')
            self.assertEqual(peer.terminate(), 0, peer.tail())
            cluster.peer()
            self.assertEqual(cli.wait(), 0, cli.tail())
            self.assertEqual(cluster.coordinator.terminate(), 0, cluster.coordinator.tail())


if __name__ == '__main__':
    unittest.main(verbosity=0)
