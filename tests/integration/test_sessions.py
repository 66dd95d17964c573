#!/usr/bin/env python3
"""Connections that are lost in the middle: every task is computed and every result delivered, once."""
import os
import random
import sys
import unittest

from cluster import Cluster, Proxy, eventually, json_lines
from stranger import SESSIONS, Connection
from tiny_protobuf import ERRORS


def seeded():
    seed = int(os.environ.get('P2C2R_TEST_SEED', '0')) or random.randrange(1, 1 << 30)
    print('seed', seed, file=sys.stderr)
    return random.Random(seed)


def client(cluster, session=b'', features=SESSIONS):
    connection = Connection(cluster.address)
    connection.hello('CLIENT', features=features)
    return connection, connection.register_client(session)


def peer(cluster, **how):
    connection = Connection(cluster.address)
    connection.hello('PEER')
    connection.register_peer(**how)
    return connection


class Library(unittest.TestCase):
    """Our client through a proxy that loses connections."""

    def echo(self, cluster, proxy, size, count):
        cli = cluster.start('cli', os.environ['P2C2R_CLI_EXE'], 'echo', '--size', str(size), '--count', str(count),
                            '--in-flight', '8', '--deadline', '120s', '--json', '--coordinator', proxy.url)
        said = json_lines(cli.line('{'))[0]
        self.assertEqual(cli.wait(), 0, cli.tail())
        self.assertEqual((said['ok'], said['failed']), (count, 0))

    def test_each_task_once_however_often_the_connection_is_lost(self):
        for halves in (False, True):
            with self.subTest(halves=halves), Cluster() as cluster:
                rng = seeded()
                cluster.peer()
                budgets = [rng.randrange(2000, 3000000) for _ in range(15)]
                with Proxy(cluster.address, budgets, halves) as proxy:
                    self.echo(cluster, proxy, 150000, 200)
                    self.assertGreater(proxy.lost, 10)
                eventually('all acknowledged', lambda: cluster.health()['tasks_completed'] == 200)
                health = cluster.health()
                self.assertEqual((health['tasks_accepted'], health['attempts_retried']), (200, 0))

    def test_results_too_long_to_be_kept(self):
        with Cluster() as cluster:
            rng = seeded()
            cluster.peer()
            budgets = [rng.randrange(1000000, 12000000) for _ in range(2)]
            with Proxy(cluster.address, budgets) as proxy:
                self.echo(cluster, proxy, 3000000, 24)
                self.assertGreaterEqual(proxy.lost, 2)
            eventually('all acknowledged', lambda: cluster.health()['tasks_completed'] == 24)

    def test_a_coordinator_that_was_restarted_gets_the_open_tasks_anew(self):
        with Cluster() as first, Cluster() as second:
            first.peer()
            second.peer()
            with Proxy(first.address, [4000000]) as proxy:
                cli = second.start('cli', os.environ['P2C2R_CLI_EXE'], 'echo', '--size', '100000', '--count', '300',
                                   '--in-flight', '8', '--deadline', '120s', '--json', '--coordinator', proxy.url)
                eventually('some are done', lambda: first.health()['tasks_completed'] > 5)
                proxy.target = second.address
                first.coordinator.kill()
                said = json_lines(cli.line('{'))[0]
                self.assertEqual((said['ok'], said['failed']), (300, 0))
                self.assertGreater(second.health()['tasks_accepted'], 0)


class Stranger(unittest.TestCase):
    """The words of PROTOCOL.md, "Come back"."""

    def test_a_result_is_kept_until_it_is_acknowledged(self):
        with Cluster() as cluster, peer(cluster) as worker:
            gamer, registered = client(cluster)
            self.assertFalse(registered.resumed)
            self.assertEqual(registered.resume_grace_us, 30_000_000)
            task = gamer.submit('echo', b'x' * 100000)
            job = worker.job()
            gamer.drop()
            worker.answer(job, b'y' * 100000)
            gamer, again = client(cluster, registered.session)
            self.assertTrue(again.resumed)
            self.assertEqual(again.session, registered.session)
            gamer.sessions = False  # it has all of it and does not say so
            gamer.resume(task)
            self.assertEqual(gamer.finish(task).data, b'y' * 100000)
            self.assertEqual(cluster.health()['tasks_completed'], 0)
            gamer.drop()
            gamer, again = client(cluster, registered.session)
            gamer.resume(task)
            self.assertEqual(gamer.finish(task).data, b'y' * 100000)
            eventually('it is done', lambda: cluster.health()['tasks_completed'] == 1)
            gamer.resume(task)
            self.assertEqual(gamer.finish(task).answer.code, ERRORS['CONNECTION_LOST'])
            gamer.drop()

    def test_the_old_connection_is_closed_and_the_payload_goes_on(self):
        with Cluster() as cluster, peer(cluster) as worker:
            half_open, registered = client(cluster)
            payload = os.urandom(250000)
            task = half_open.submit('echo', payload)
            worker.job()
            worker.drop()  # and with it what it has
            with peer(cluster) as worker:
                gamer, again = client(cluster, registered.session)
                self.assertTrue(again.resumed)
                self.assertEqual(half_open.end(), 0)
                gamer.resume(task)
                job = worker.job()
                self.assertEqual(bytes(job.incoming.data), payload)
                worker.answer(job, b'done')
                self.assertEqual(gamer.finish(task).data, b'done')
                gamer.drop()

    def test_a_token_is_all_or_nothing(self):
        with Cluster('--resume-grace', '1s') as cluster, peer(cluster) as worker:
            gamer, registered = client(cluster)
            task = gamer.submit('echo', b'x')
            job = worker.job()
            gamer.drop()
            foreign = bytes([registered.session[0] ^ 1]) + registered.session[1:]
            thief, answer = client(cluster, foreign)
            self.assertFalse(answer.resumed)
            self.assertNotEqual(answer.session, registered.session)
            thief.resume(task)
            self.assertEqual(thief.finish(task).answer.code, ERRORS['UNKNOWN_TASK'])
            thief.drop()
            worker.expect('TASK_CANCEL', job.stream)  # a second later
            gamer, answer = client(cluster, registered.session)
            self.assertFalse(answer.resumed)
            gamer.drop()

    def test_leaving_is_not_losing(self):
        with Cluster() as cluster, peer(cluster) as worker:
            gamer, _ = client(cluster)
            gamer.submit('echo', b'x')
            job = worker.job()
            gamer.send_frame(b'\x03\xe8', 8)  # 1000
            worker.expect('TASK_CANCEL', job.stream)

    def test_without_a_grace_it_is_not_offered(self):
        with Cluster('--resume-grace', '0s') as cluster, peer(cluster) as worker:
            gamer, registered = client(cluster)
            self.assertFalse(gamer.sessions)
            self.assertEqual(registered.resume_grace_us, 0)
            gamer.submit('echo', b'x')
            job = worker.job()
            gamer.drop()
            worker.expect('TASK_CANCEL', job.stream)


if __name__ == '__main__':
    unittest.main(verbosity=0)
