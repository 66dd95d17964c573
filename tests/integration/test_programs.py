#!/usr/bin/env python3
"""The programs as a newcomer meets them: what they say, how they end, how they recover."""
import json
import os
import resource
import signal
import subprocess
import unittest

from cluster import SAMPLES, Cluster, eventually, json_lines

PROGRAMS = [os.environ['P2C2R_COORDINATOR_EXE'], os.environ['P2C2R_PEER_EXE'], os.environ['P2C2R_CLI_EXE']]


def run(*command, **environment):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **environment})


class Programs(unittest.TestCase):
    def test_help_version_man_and_completion(self):
        for program in PROGRAMS:
            name = os.path.basename(program)
            help_text = run(program, '--help')
            self.assertEqual(help_text.returncode, 0, help_text.stderr)
            self.assertIn(name, help_text.stdout)
            for line in help_text.stdout.splitlines():
                self.assertLessEqual(len(line), 100, line)
            self.assertRegex(run(program, '--version').stdout, rf'^{name} \d+\.\d+\.\d+\n$')
            unknown = run(program, '--no-such-option')
            self.assertEqual(unknown.returncode, 2)
            self.assertIn('--no-such-option', unknown.stderr)
            self.assertLessEqual(len(unknown.stderr.splitlines()), 2, unknown.stderr)
        for program in PROGRAMS[:2]:
            self.assertIn('.TH', run(program, '--print-man').stdout)
            for shell in ('bash', 'zsh', 'fish'):
                self.assertIn(os.path.basename(program), run(program, '--print-completion', shell).stdout)
            self.assertIsInstance(json.loads(run(program, '--print-config').stdout), dict)

    def test_configuration_file_names_the_line_of_an_unknown_key(self):
        with Cluster() as cluster:
            path = os.path.join(cluster.folder, 'c.json')
            with open(path, 'w', encoding='utf-8') as file:
                file.write('{\n  "listen": "127.0.0.1:0",\n  "lisen": "x"\n}\n')
            result = run(PROGRAMS[0], '--config', path)
            self.assertEqual(result.returncode, 2)
            self.assertIn(':3', result.stderr)
            self.assertIn('lisen', result.stderr)

    def test_a_peer_says_what_an_address_looks_like(self):
        result = run(PROGRAMS[1], '--coordinator', 'http://127.0.0.1:9')
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn('ws://HOST:PORT', result.stderr)

    def test_a_taken_port_is_one_sentence(self):
        with Cluster() as cluster:
            result = run(PROGRAMS[0], '--listen', cluster.address)
            self.assertEqual(result.returncode, 1)
            self.assertIn(cluster.address.split(':')[1], result.stderr)

    def test_a_coordinator_says_when_descriptors_are_few(self):
        with Cluster() as cluster:
            few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
            result = subprocess.run([PROGRAMS[0], '--listen', cluster.address, '--peers-max', '1000'], check=False,
                                    capture_output=True, text=True, timeout=120, preexec_fn=few)
            self.assertIn('event=descriptors_few have=300', result.stderr)

    def test_devices_and_selftest(self):
        devices = run(PROGRAMS[1], 'devices', '--json')
        self.assertEqual(devices.returncode, 0, devices.stderr)
        self.assertIn('name', json_lines(devices.stdout)[0])
        proved = run(PROGRAMS[1], 'selftest')
        self.assertEqual(proved.returncode, 0, proved.stdout + proved.stderr)
        for task_type in ('echo', 'upscale'):
            self.assertIn(f'{task_type}: ok', proved.stdout)

    def test_no_opencl_is_said_with_what_to_install(self):
        result = run(PROGRAMS[1], '--coordinator', 'ws://127.0.0.1:9', OCL_ICD_VENDORS='/nonexistent')
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn('pocl-opencl-icd', result.stderr)

    def test_a_device_that_is_not_there_is_answered_with_those_that_are(self):
        for device in ('7', '0,0', 'gpu'):
            result = run(PROGRAMS[1], '--coordinator', 'ws://127.0.0.1:9', '--device', device)
            self.assertEqual(result.returncode, 2, result.stderr)
            first, *rest = result.stderr.splitlines()
            self.assertIn('no device', first)
            self.assertIn('index', rest[1])
            self.assertTrue(rest[2].startswith('0 '), rest)

    def test_a_peer_names_the_coordinator_that_is_not_there(self):
        with Cluster() as cluster:
            cluster.coordinator.kill()
            peer = cluster.peer(wait=False)
            eventually('the address in its log', lambda: f'coordinator={cluster.url}' in peer.tail())
            self.assertEqual(peer.terminate(), 0)

    def test_a_stuck_executor_is_killed_and_another_takes_over(self):
        with Cluster() as cluster:
            peer = cluster.peer()
            stuck = peer.children()[0]
            os.kill(stuck, signal.SIGSTOP)
            cluster.cli('upscale', SAMPLES[2], '-o', cluster.folder + '/x.png', '--deadline', '500ms', expect=5)
            eventually('the end of the stuck executor', lambda: stuck not in peer.children())
            cluster.cli('upscale', SAMPLES[2], '-o', cluster.folder + '/x.png', '--deadline', '30s')

    def test_a_second_term_leaves_at_once(self):
        with Cluster() as cluster:
            peer = cluster.peer()
            os.kill(peer.children()[0], signal.SIGSTOP)
            cli = cluster.start_cli('upscale', SAMPLES[2], '-o', cluster.folder + '/x.png', '--deadline', '60s')
            eventually('a running task', lambda: cluster.health()['tasks_running'] == 1)
            # signals of one kind that come together are one: the second waits until the first was heard
            peer.process.send_signal(signal.SIGTERM)
            eventually('a draining peer', lambda: cluster.health()['peers_ready'] == 0)
            peer.process.send_signal(signal.SIGTERM)
            peer.wait()
            cluster.coordinator.process.send_signal(signal.SIGTERM)
            eventually('a draining coordinator', lambda: 'drain' in cluster.coordinator.tail())
            cluster.coordinator.process.send_signal(signal.SIGTERM)
            cluster.coordinator.wait()
            self.assertEqual(cli.wait(), 4, cli.tail())

    def test_a_volunteers_supervisor_is_small(self):
        with Cluster() as cluster:
            peer = cluster.peer(device='all')
            cluster.cli('upscale', *SAMPLES, '-o', cluster.folder)
            self.assertLess(peer.resident_kib(), 20 * 1024)


if __name__ == '__main__':
    unittest.main(verbosity=0)
