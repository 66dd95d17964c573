#!/usr/bin/env python3
"""Tasks on the game's own machine: the same bytes as a peer's, only when the cluster does not do it, in a child that
may die."""
import json
import os
import random
import signal
import tempfile
import unittest

from cluster import ROOT, SAMPLES, Cluster, Program, eventually, json_lines, run_cli

NOBODY = ('--coordinator', 'ws://127.0.0.1:9')
LOCAL = ('--local', '--local-executor', os.environ['P2C2R_EXECUTOR_EXE'], '--local-device', 'fake')
BALLS = os.path.join(ROOT, 'deploy', 'samples', 'wrecking-ball.json')
SPHERES = os.path.join(ROOT, 'deploy', 'samples', 'spheres.json')


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def lives(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


class Local(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def at(self, name):
        return os.path.join(self.folder.name, name)

    def ok(self, *arguments):
        result = run_cli(*arguments)
        self.assertEqual(result.returncode, 0, f'{arguments}\n{result.stdout}\n{result.stderr}')
        return json_lines(result.stdout)

    def test_nobody_there_and_the_same_bytes_as_a_peer(self):
        world = self.at('maze.map')
        rng = random.Random(5)
        rows = [''.join('@' if rng.random() < 0.2 and (x, y) != (0, 0) else '.' for x in range(40)) for y in range(30)]
        with open(world, 'w', encoding='ascii') as file:
            file.write('type octile\nheight 30\nwidth 40\nmap\n' + '\n'.join(rows) + '\n')
        commands = {
            'upscale': ('upscale', SAMPLES[2], '-o', '{}.png', '--json'),
            'physics': ('physics', BALLS, '-o', '{}.json', '--steps', '60', '--json'),
            'raytrace': ('raytrace', SPHERES, '-o', '{}.png', '--size', '64x48', '--samples', '2', '--json'),
            'submit': ('submit', 'echo', SAMPLES[0], '-o', '{}.bin', '--json'),
        }
        with Cluster() as cluster:
            cluster.peer()
            for name, command in commands.items():
                paths = {}
                for where, more in (('peer', ('--coordinator', cluster.url)), ('local', (*LOCAL, *NOBODY))):
                    paths[where] = next(a for a in command if '{}' in a).format(self.at(f'{name}-{where}'))
                    lines = self.ok(*(a.format(self.at(f'{name}-{where}')) if '{}' in a else a for a in command), *more)
                    self.assertEqual(lines[0]['origin'], where, lines)
                self.assertEqual(read(paths['peer']), read(paths['local']), name)
            path = ('path', world, '--start', '0,0', '--goal', '39,29', '--json')
            there, here = self.ok(*path, '--coordinator', cluster.url), self.ok(*path, *LOCAL, *NOBODY)
            self.assertEqual((there[0]['origin'], here[0]['origin']), ('peer', 'local'))
            self.assertEqual(there[0]['path'], here[0]['path'])

    def test_tiles_go_to_peers(self):
        for command in (('upscale', SAMPLES[2], '-o', self.at('x.png')), ('raytrace', SPHERES, '-o', self.at('x.png'))):
            result = run_cli(*command, '--tiles', '2', *LOCAL)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn('--local', result.stderr)

    def test_a_coordinator_without_peers(self):
        with Cluster() as cluster:
            out, _ = cluster.cli('upscale', *SAMPLES[:3], '-o', cluster.folder, '--json', *LOCAL)
            frames = [o for o in json_lines(out) if 'name' in o]
            self.assertEqual([o['origin'] for o in frames], ['local'] * 3)
            # A peer comes, and is asked.
            cluster.peer()
            out, _ = cluster.cli('upscale', SAMPLES[0], '-o', cluster.folder, '--json', '--no-cache', *LOCAL)
            self.assertEqual(json_lines(out)[0]['origin'], 'peer')
            cluster.cli('upscale', SAMPLES[0], '-o', cluster.folder, '--json')
            out, _ = cluster.cli('upscale', SAMPLES[0], '-o', cluster.folder, '--json')
            self.assertEqual(json_lines(out)[0]['origin'], 'cache')

    def test_the_child_is_killed_in_the_middle_of_a_task(self):
        cli = self.start('upscale', SAMPLES[2], '-o', self.at('x.png'), '--json', '--repeat', '8', '--quality',
                         'balanced', '--in-flight', '4', '--deadline', '120s')
        eventually('the child', cli.children)
        child, = cli.children()
        said = [json.loads(cli.line('{'))]
        os.kill(child, signal.SIGKILL)
        self.assertEqual(cli.wait(), 0, cli.tail())
        while (line := cli.lines.get(timeout=90)) is not None:
            said.append(json.loads(line))
        frames = [o for o in said if 'name' in o]
        self.assertEqual(sorted(o['repeat'] for o in frames), list(range(8)))  # each ended once
        self.assertTrue(all(o['ok'] and o['origin'] == 'local' for o in frames), frames)
        again = [o for o in frames if o['resubmitted']]
        self.assertIn(len(again), (1, 2), frames)  # those that were under way then failed, and no others
        self.assertEqual(len({o['output'] for o in frames}), 1)
        self.assertFalse(lives(child))

    def start(self, *arguments):
        program = Program('cli', self.folder.name, os.environ['P2C2R_CLI_EXE'], *arguments, *LOCAL, *NOBODY)
        self.addCleanup(program.log.close)
        self.addCleanup(program.kill)
        return program

    def test_the_child_goes_with_its_parent(self):
        cli = self.start('upscale', SAMPLES[2], '-o', self.at('x.png'), '--json', '--repeat', '1000', '--no-cache')
        cli.line('{')
        child, = cli.children()
        cli.kill()
        eventually('the child has gone', lambda: not lives(child))

    def test_nothing_is_started_unasked(self):
        with Cluster() as cluster:
            cluster.peer()
            cli = cluster.start_cli('echo', '--count', '2000', '--json')
            eventually('it runs', lambda: cluster.health()['clients'] > 0 or cli.process.poll() is not None)
            self.assertEqual(cli.children() if cli.process.poll() is None else [], [])
            self.assertEqual(cli.wait(), 0)

    def test_an_executor_that_is_not_there_is_said(self):
        result = run_cli('echo', '--local', '--local-executor', '/nonexistent', *NOBODY)
        self.assertEqual(result.returncode, 2)
        self.assertIn('/nonexistent', result.stderr)


if __name__ == '__main__':
    unittest.main()
