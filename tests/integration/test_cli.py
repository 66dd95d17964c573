#!/usr/bin/env python3
"""What the command line shows of a cluster: status again and again, on a terminal and elsewhere, and info."""
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster, eventually, run_cli  # noqa: E402


def on_a_terminal(*command, until, then):
    """Runs it on a terminal of its own, types `then` once `until` was shown; (exit status, everything shown)."""
    terminal, inside = pty.openpty()  # the inside stays open here: what was written last is not lost with its writer
    child = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    shown, typed, over = b'', False, False
    while True:
        if select.select([terminal], [], [], 0.05)[0]:
            shown += os.read(terminal, 4096)
        elif over:
            break
        over = child.poll() is not None
        if until in shown and not typed:
            os.write(terminal, then)
            typed = True
    os.close(terminal)
    os.close(inside)
    return child.returncode, shown


class Status(unittest.TestCase):
    def test_watching_on_a_terminal_leaves_it_as_it_was(self):
        with Cluster() as cluster:
            cluster.peer()
            code, shown = on_a_terminal(os.environ['P2C2R_CLI_EXE'], 'status', '--watch', '--refresh', '0.1',
                                        '--coordinator', cluster.url, until=b'Ctrl-C ends', then=b'\x03')
            self.assertEqual(code, 0, shown)
            enter, leave = b'\x1b[?1049h', b'\x1b[?1049l'
            self.assertEqual((shown.count(enter), shown.count(leave)), (1, 1), shown)
            self.assertLess(shown.index(enter), shown.index(b'1 ready'))
            self.assertTrue(shown.endswith(leave), shown)
            code, shown = on_a_terminal(os.environ['P2C2R_CLI_EXE'], 'status', '--watch', '--coordinator',
                                        'ws://127.0.0.1:9', '--connect-timeout', '100ms', until=b'never', then=b'')
            self.assertEqual((code, shown.count(enter)), (4, 0), shown)

    def test_watching_elsewhere_prints_lines_until_a_signal(self):
        with Cluster() as cluster:
            cluster.peer()
            text = cluster.start_cli('status', '--watch', '--refresh', '0.1')
            for _ in range(3):
                self.assertIn('peers 1/1', text.line('up '))
            lines = cluster.start_cli('status', '--watch', '--refresh', '0.1', '--json')
            cluster.cli('echo', '--count', '5')
            while json.loads(lines.line('{'))['tasks_completed'] < 5:
                pass
            # A coordinator that goes away is waited for, and said.
            cluster.coordinator.kill()
            for program in (text, lines):
                program.process.send_signal(signal.SIGINT)
                self.assertEqual(program.wait(), 0, program.tail())


class Tasks(unittest.TestCase):
    def test_what_is_open_is_listed_where_the_coordinator_shows_it(self):
        for options in (('--list-tasks',), ()):
            with Cluster(*options) as cluster:
                peer = cluster.peer()
                os.kill(peer.children()[0], signal.SIGSTOP)  # what it has does not end
                text = os.path.join(cluster.folder, 'text')
                with open(text, 'w', encoding='ascii') as file:
                    file.write('hello')
                for _ in range(4):
                    cluster.start_cli('submit', 'echo', text, '--no-cache', '--priority', 'batch')
                eventually('four open tasks', lambda: cluster.health()['tasks_running'] +
                           cluster.health()['tasks_queued'] == 4)
                stdout, stderr = cluster.cli('tasks', '--json')
                rows = [json.loads(line) for line in stdout.splitlines()]
                if not options:
                    self.assertEqual((rows, stderr), ([], ''))
                    self.assertIn('4 tasks are open', cluster.cli('tasks')[1])
                    continue
                self.assertEqual({(row['type'], row['class']) for row in rows}, {('echo', 'batch')})
                self.assertEqual(len({row['id'] for row in rows}), 4)
                running = [row for row in rows if row['state'] == 'running']
                self.assertTrue(running and all(len(row['peer']) == 32 and row['attempts'] == 1 for row in running))
                self.assertTrue(all(0 < row['left_us'] < 60e6 and row['age_us'] >= 0 for row in rows))
                self.assertIn('2 of 4', cluster.cli('tasks', '--max', '2')[1])


class Info(unittest.TestCase):
    def test_what_is_served(self):
        with Cluster('--tasks-per-client-max', '77') as cluster:
            said = json.loads(cluster.cli('info', '--features', '--json')[0])
            self.assertEqual({t['code'] for t in said['types']}, {'NoCapablePeer'})
            cluster.peer()
            said = json.loads(cluster.cli('info', '--features', '--json')[0])
            self.assertEqual(said['features'], ['zstd', 'sessions'])
            known = [json.loads(line)['name'] for line in run_cli('types', '--json').stdout.splitlines()]
            self.assertEqual([t['type'] for t in said['types']], known)
            self.assertTrue(all(t['served'] and t['p95_us'] > 0 for t in said['types']), said)
            self.assertEqual((said['protocol'], said['tasks_in_flight_max']), (1, 77))
            self.assertIn('served; p50', cluster.cli('info', '--features')[0])


if __name__ == '__main__':
    unittest.main(verbosity=0)
