"""The load-test harness: what it says of a small run, of a coordinator that stands still, and of wrong questions."""
import json
import os
import subprocess
import tempfile
import unittest

EXE = os.environ['P2C2R_LOADTEST_EXE']


ANY_SPEED = (0, 99)  # a machine that has other things to do misses the scenario's own thresholds


def run(*arguments, expect=(0,)):
    result = subprocess.run([EXE, *arguments], capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode in expect, \
        f'{arguments}: exit {result.returncode}, expected {expect}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}'
    return result


class Loadtest(unittest.TestCase):
    def test_quick_answers_every_task_and_writes_its_report(self):
        with tempfile.TemporaryDirectory() as folder:
            result = run('quick', '--out', folder, expect=ANY_SPEED)
            with open(os.path.join(folder, 'quick.json'), encoding='utf-8') as file:
                report = json.load(file)
            with open(os.path.join(folder, 'quick.hgrm'), encoding='utf-8') as file:
                table = file.read()
            with open(os.path.join(folder, 'quick.html'), encoding='utf-8') as file:
                page = file.read()
        self.assertIn('open loop', result.stdout)
        counts, latency = report['counts'], report['stages']['latency']
        self.assertEqual((counts['due'], counts['done'], counts['unanswered'], counts['wrong']), (1000, 1000, 0, 0))
        self.assertEqual(latency['count'], 1000)
        self.assertLessEqual(latency['p50_us'], latency['p99_us'])
        self.assertGreater(report['costs']['wire_bytes'], report['costs']['payload_bytes'])
        self.assertEqual(sum(row['done'] for row in report['rows']), 1000)
        self.assertTrue(report['revision'] and report['machine']['cores'])
        self.assertEqual(report['configuration']['file']['name'], 'quick')
        self.assertRegex(table, r'1\.000000000000 +1000\n')
        self.assertIn('<svg', page)
        for outside in ('http://', 'https://', '<script', '<link', 'src='):
            self.assertNotIn(outside, page.replace('http://www.w3.org/2000/svg', ''))

    def test_a_coordinator_that_stands_still_shows(self):
        result = run('quick', '--rate', '1000', '--duration', '3s', '--stall', '500ms', '--stall-at', '1s',
                     '--threshold', 'p99<100ms', '--json', '--quiet', expect=(99,))
        report = json.loads(result.stdout)
        self.assertEqual(report['counts']['due'], 3000)
        self.assertGreater(report['stages']['latency']['p99_us'], 400e3)
        self.assertIn({'rule': 'p99<100ms', 'kept': False}, [{k: t[k] for k in ('rule', 'kept')}
                                                            for t in report['thresholds']])

    def test_nobody_there_is_said_soon(self):
        result = run('--coordinator', 'ws://127.0.0.1:1', '--peers', '0', expect=(4,))
        self.assertIn('no coordinator answers', result.stderr)

    def test_a_knee_is_between_what_was_held_and_what_was_not(self):
        result = run('quick', '--knee', '--rate', '50', '--duration', '300ms', '--target-latency', '4s',
                     '--peers', '1', '--json', expect=ANY_SPEED)
        knee = json.loads(result.stdout)['knee']
        self.assertGreaterEqual(knee['held_per_second'], 6)
        if knee['not_held_per_second']:
            self.assertGreater(knee['not_held_per_second'], knee['held_per_second'])
        self.assertIn('knee: ', result.stderr)

    def test_real_peers_do_the_work(self):
        result = run('quick', '--peers', '0', '--real-peers', '2', '--devices', 'fake', '--quiet', '--json',
                     expect=ANY_SPEED)
        self.assertEqual(json.loads(result.stdout)['counts']['done'], 1000)

    def test_peers_that_come_and_go_leave_no_task_unanswered(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'mine.json')
            with open(path, 'w', encoding='utf-8') as file:
                json.dump({'name': 'mine', 'clients': 2, 'poisson': True, 'phases': [{'rate': 300, 'duration': '4s'}],
                           'tasks': [{'type': 'echo', 'payload': '1KiB', 'deadline': '5s',
                                      'service': 'uniform 1ms 5ms'},
                                     {'type': 'echo', 'payload': '200KiB', 'deadline': '5s', 'class': 'batch',
                                      'weight': 0.1}],
                           'peers': [{'count': 20, 'vanish': 6, 'flap': 3, 'away': '500ms', 'rtt': '10ms'},
                                     {'count': 10, 'silence': 6, 'away': '1s', 'error': '5%', 'stall': '1%'}]}, file)
            report = json.loads(run(path, '--quiet', '--json').stdout)
        counts = report['counts']
        self.assertEqual((counts['unanswered'], counts['wrong'], counts['dropped']), (0, 0, 0))
        self.assertGreater(report['success'], 0.9)
        self.assertGreater(counts['retried'], 0)

    def closed(self, payload, options=(), **more):
        """A small closed loop of echoes of our own: its report."""
        tasks = [{'type': 'echo', 'payload': payload, 'deadline': '30s', **more.pop('task', {})}]
        scenario = {'name': 'mine', 'clients': 2, 'closed': {'in_flight': 16, 'count': more.pop('count', 400)},
                    'tasks': tasks, 'peers': [{'count': 2, 'slots': 2}], 'coordinator': list(options), **more}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'mine.json')
            with open(path, 'w', encoding='utf-8') as file:
                json.dump(scenario, file)
            report = json.loads(run(path, '--quiet', '--json').stdout)
        self.assertEqual(report['success'], 1)
        self.assertEqual(report['counts']['wrong'], 0)
        return report

    def test_without_batching_more_goes_over_the_wire(self):
        on, off = self.closed('64B'), self.closed('64B', ['--batch=false'], unbatched=True)
        self.assertGreater(off['costs']['wire_bytes'], on['costs']['wire_bytes'])

    def test_compression_halves_what_can_be_compressed(self):
        wire = {}
        for on in ('true', 'false'):
            wire[on] = self.closed('200KiB', ['--compress=' + on], count=40,
                                   task={'compressible': True})['costs']['wire_bytes']
        self.assertLess(wire['true'], 0.7 * wire['false'])

    def test_without_cut_through_all_tasks_are_done_too(self):
        self.closed('3MiB', ['--cut-through=false'], count=40)

    def test_without_a_cache_nothing_is_known(self):
        known = self.closed('64B', task={'distinct': 3})['counts']['cached']
        self.assertGreater(known, 300)
        none = self.closed('64B', ['--cache-entries', '0'], task={'distinct': 3})['counts']['cached']
        self.assertEqual(none, 0)

    def test_kernels_of_real_peers_are_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'mine.json')
            with open(path, 'w', encoding='utf-8') as file:
                json.dump({'name': 'mine', 'clients': 2, 'closed': {'in_flight': 8, 'duration': '1s'},
                           'tasks': [{'type': 'echo', 'deadline': '30s', 'no_cache': True}],
                           'peer': ['--batch=false', '--queue-depth', '0']}, file)
            result = run(path, '--real-peers', '1', '--devices', 'fake', '--quiet', '--json',
                         '--threshold', 'kernel<100%')
        peers = json.loads(result.stdout)['costs']['real_peers']
        self.assertEqual(len(peers), 1)
        self.assertGreater(peers[0]['done'], 0)

    def test_what_has_become_worse_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'baseline.json')
            with open(path, 'w', encoding='utf-8') as file:
                json.dump({'revision': 'x', 'figures': {'p50_us': {'median': 1}, 'success': {'median': 1}}}, file)
            result = run('quick', '--duration', '500ms', '--quiet', '--baseline', path, '--fail-on-regression', '15%',
                         expect=(99,))
        self.assertRegex(result.stdout, r'p50_us .*REGRESSED')
        self.assertIn('of 3 runs', result.stdout)
        self.assertIn('ANOTHER MACHINE', result.stdout)

    def test_a_closed_loop_says_so(self):
        result = run('quick', '--concurrency', '8', '--duration', '1s', '--quiet', expect=ANY_SPEED)
        self.assertIn('CLOSED loop, 8 in flight', result.stdout)

    def test_what_is_asked_wrongly_gets_a_sentence(self):
        for arguments, says in (((['nothing']), 'no scenario is called nothing'),
                                ((['--threshold', 'speed<5']), 'nothing is called "speed"'),
                                ((['--peers', '10001']), 'peers'),
                                ((['/nowhere/x.json']), 'cannot be read')):
            self.assertIn(says, run(*arguments, expect=(2,)).stderr)


if __name__ == '__main__':
    unittest.main()
