#!/usr/bin/env python3
"""A world of bodies with real programs: JSON in, moved by peers, JSON out; kept by one peer, gone on from by
another."""
import json
import os
import unittest

from cluster import ROOT, Cluster, json_lines

WORLD = os.path.join(ROOT, 'deploy/samples/wrecking-ball.json')


def load(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


class Physics(unittest.TestCase):
    def test_a_world_of_the_samples(self):
        with Cluster() as cluster:
            cluster.peer(device='all')
            out, other = os.path.join(cluster.folder, 'out.json'), os.path.join(cluster.folder, 'other.json')
            text, _ = cluster.cli('physics', WORLD, '-o', out, '--json')
            line, = json_lines(text)
            self.assertEqual(line['step'], 180)
            before, after = load(WORLD), load(out)
            self.assertEqual([o['id'] for o in before['objects']], [o['id'] for o in after['objects']])
            crates = [(a, b) for a, b in zip(before['objects'], after['objects']) if a.get('type') == 'box']
            self.assertGreater(sum(abs(a['position'][2] - b['position'][2]) > 0.5 for a, b in crates), 5)
            ids = {o['id'] for o in after['objects']}
            self.assertTrue(after['collisions'] and all(a in ids and b in ids for a, b in after['collisions']))
            # in parts, between which the peer keeps the world, and in parts that carry it: the same world
            for how in (['--each', '20', '--full-every', '4'], ['--each', '45', '--no-keep']):
                cluster.cli('physics', WORLD, '-o', other, *how)
                self.assertEqual(load(other), after)
            # what came out goes in again
            cluster.cli('physics', out, '-o', other, '--steps', '5')

    def test_another_peer_goes_on_when_the_first_is_gone(self):
        with Cluster() as cluster:
            peers = {}
            for _ in range(2):
                peer = cluster.peer(wait=False)
                peers[peer.line('registered ').split()[-1]] = peer
            out, whole = os.path.join(cluster.folder, 'out.json'), os.path.join(cluster.folder, 'whole.json')
            cluster.cli('physics', WORLD, '-o', whole, '--steps', '1500')
            cli = cluster.start_cli('physics', WORLD, '-o', out, '--steps', '1500', '--each', '1',
                                    '--full-every', '7', '--json')
            lines = [json.loads(cli.line('{')) for _ in range(20)]
            peers.pop(lines[-1]['peer']).kill()
            lines += [json.loads(cli.line('{')) for _ in range(1480)]
            self.assertEqual(cli.wait(), 0, cli.tail())
            self.assertEqual([line['step'] for line in lines], list(range(1, 1501)))
            self.assertIn(lines[-1]['peer'], peers)
            self.assertEqual(load(out), load(whole))

    def test_worlds_that_are_none(self):
        with Cluster() as cluster:
            cluster.peer()
            path, out = os.path.join(cluster.folder, 'w.json'), os.path.join(cluster.folder, 'out.json')
            for world, says in (({'objects': []}, 'objects'), ({'objects': [{'radius': -1}]}, 'object 0: radius'),
                                ({'objects': [{'colour': 1}]}, 'colour'), ([], 'JSON object')):
                with open(path, 'w', encoding='utf-8') as file:
                    json.dump(world, file)
                _, errors = cluster.cli('physics', path, '-o', out, expect=2)
                self.assertIn(says, errors)
            self.assertFalse(os.path.exists(out))


unittest.main()
