#!/usr/bin/env python3
"""Tasks of any type from the command line: one by one, and many from a file, also when a run is cut short."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster, eventually  # noqa: E402


def path(cluster, name, text=None):
    name = os.path.join(cluster.folder, name)
    if text is not None:
        with open(name, 'wb') as file:
            file.write(text if isinstance(text, bytes) else text.encode())
    return name


def read(name):
    with open(name, 'rb') as file:
        return file.read()


class Submit(unittest.TestCase):
    def test_a_task_of_any_type(self):
        with Cluster() as cluster:
            cluster.peer()
            text, raw = path(cluster, 'text', 'hello\n'), path(cluster, 'raw', bytes(range(256)))
            self.assertEqual(cluster.cli('submit', 'echo', text), ('hello\n', ''))
            out = path(cluster, 'out')
            said = json.loads(cluster.cli('submit', 'echo', raw, '-o', out, '--json')[0])
            self.assertEqual(read(out), bytes(range(256)))
            self.assertEqual((said['ok'], said['bytes'], said['output']), (True, 256, out))
            cluster.cli('submit', 'upscale', path(cluster, 'four', bytes(range(12))), '-p', 'input_res=2x2', '-p',
                        'output_res=4x4', '-p', 'format=raw', '-o', out)
            self.assertEqual(len(read(out)), 48)
            refused = cluster.cli('submit', 'echo', text, '--blob', '00' * 32, expect=3)[1]
            self.assertIn('blob', refused)


class Batch(unittest.TestCase):
    def test_results_of_all_kinds_and_the_worst_exit_code(self):
        with Cluster() as cluster:
            cluster.peer()
            raw, out = path(cluster, 'raw', b'\0\1\2\3'), path(cluster, 'out')
            jobs = [{'id': 'text', 'type': 'echo', 'payload': 'h\u00e4llo'},
                    {'id': 'raw', 'type': 'echo', 'file': raw},
                    {'id': 'file', 'type': 'echo', 'file': raw, 'out': out, 'deadline': '20s', 'priority': 'realtime'},
                    {'id': 'short', 'type': 'upscale', 'payload': 'too short',
                     'params': {'input_res': [2, 2], 'output_res': '4x4', 'format': 'raw'}}]
            name = path(cluster, 'jobs', '\n'.join(map(json.dumps, jobs)))
            stdout, stderr = cluster.cli('batch', name, expect=2)
            said = {line['id']: line for line in map(json.loads, stdout.splitlines())}
            self.assertEqual(said['text']['result'], 'h\u00e4llo')
            self.assertEqual(said['raw']['result_base64'], 'AAECAw==')
            self.assertEqual((said['file']['output'], read(out)), (out, b'\0\1\2\3'))
            self.assertFalse(said['short']['ok'])
            self.assertIn('3 done, 1 failed', stderr)

    def test_a_run_that_was_killed_goes_on_where_it_was(self):
        """Every line's result comes at least once, and no line noted as done is computed again."""
        with Cluster() as cluster:
            cluster.peer()
            count, state = 3000, path(cluster, 'state')
            name = path(cluster, 'jobs', ''.join(
                json.dumps({'id': i, 'type': 'echo', 'payload': f'{i}'}) + '\n' for i in range(count)))
            first = cluster.start_cli('batch', name, '--resume', state, '--in-flight', '4')
            eventually('some lines done', lambda: os.path.exists(state) and os.path.getsize(state) > 65 * 50)
            second = subprocess.run([os.environ['P2C2R_CLI_EXE'], 'batch', name, '--resume', state, '--coordinator',
                                     cluster.url], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(second.returncode, 2, second.stderr)
            self.assertIn('another run uses it', second.stderr)
            first.kill()
            with open(state, 'ab') as file:
                file.write(b'0123')  # as a crash in the middle of a note leaves it
            noted = (os.path.getsize(state) - len('p2c2r batch state 1\n')) // 65
            self.assertTrue(50 <= noted < count, noted)
            stdout, stderr = cluster.cli('batch', name, '--resume', state)
            lines = [json.loads(line) for line in stdout.splitlines()]
            self.assertEqual(len(lines), count - noted)
            self.assertTrue(all(line['result'] == str(line['id']) for line in lines))
            self.assertIn(f'{noted} done before', stderr)
            self.assertEqual(cluster.cli('batch', name, '--resume', state)[0], '')


if __name__ == '__main__':
    unittest.main(verbosity=0)
