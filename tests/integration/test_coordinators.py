#!/usr/bin/env python3
"""One client and one or two coordinators that are killed, restarted, stopped or drained; or the client is, or moves."""
import os
import random
import signal
import sys
import unittest

from cluster import Cluster, Proxy, eventually
from echoes import JOBS, Echoes


class Coordinators(Echoes):
    def test_killed_and_restarted_on_the_same_address(self):
        with Cluster() as cluster:
            cluster.peer()
            cli, said = self.begin(cluster, [cluster.url], at_first=100), []
            for _ in range(2):
                said += self.lines(cli, 80)
                cluster.coordinator.kill()
                self.feed(100)
                cluster.restart()
            self.check(cli, said)
            self.assertGreaterEqual(cluster.health()['tasks_completed'], JOBS - 200)

    def two(self):
        """A batch at one of two; (cli, what it said so far, that one, the other)."""
        one, two = (self.enterContext(Cluster()) for _ in range(2))
        for cluster in (one, two):
            cluster.peer()
        cli = self.begin(one, [one.url, two.url], at_first=100)
        said = self.lines(cli, 80)
        first, second = (one, two) if one.health()['tasks_accepted'] else (two, one)
        self.assertEqual(second.health()['tasks_accepted'], 0)
        return cli, said, first, second

    def test_another_takes_over_and_back(self):
        cli, said, first, second = self.two()
        first.coordinator.kill()
        self.feed(100)
        said += self.lines(cli, 100)
        self.assertGreater(second.health()['tasks_accepted'], 0)
        first.restart()
        second.coordinator.kill()
        self.check(cli, said)
        self.assertGreaterEqual(first.health()['tasks_completed'], JOBS - 200)

    def test_one_that_stands_still_is_left(self):
        cli, said, first, second = self.two()
        os.kill(first.coordinator.pid, signal.SIGSTOP)
        self.check(cli, said)
        self.assertGreaterEqual(second.health()['tasks_completed'], JOBS - 100)

    def test_one_that_drains_is_left(self):
        cli, said, first, second = self.two()
        self.feed(100)
        self.assertEqual(first.coordinator.terminate(), 0)
        said = self.check(cli, said)
        self.assertEqual([one for one in said if one['resubmitted']], [])
        self.assertGreaterEqual(second.health()['tasks_completed'], JOBS - 200)

    def test_our_address_changes(self):
        with Cluster() as cluster:
            cluster.peer()
            seed = int(os.environ.get('P2C2R_TEST_SEED', '0')) or random.randrange(1, 1 << 30)
            print('seed', seed, file=sys.stderr)
            rng = random.Random(seed)
            budgets = [rng.randrange(5000, 150000) for _ in range(8)]
            sources = [f'127.0.0.{i}' for i in range(2, 12)]
            with Proxy(cluster.address, budgets, sources=sources) as proxy:
                self.check(self.begin(cluster, [proxy.url]), [])
                self.assertEqual(proxy.lost, len(budgets))
                self.assertEqual(len(proxy.used), len(budgets) + 1)
            health = cluster.health()
            self.assertEqual((health['tasks_accepted'], health['attempts_retried']), (JOBS, 0)) # none of them twice
            eventually('all acknowledged', lambda: cluster.health()['tasks_completed'] == JOBS)

    def test_the_client_stands_still(self):
        with Cluster('--resume-grace', '60s') as cluster:
            cluster.peer()
            cli = self.begin(cluster, [cluster.url], size=60000, at_first=JOBS - 1)
            said = self.lines(cli, 20)
            os.kill(cli.pid, signal.SIGSTOP)
            running = ('tasks_queued', 'tasks_running')
            eventually('all it asked for is done', lambda: not any(cluster.health()[name] for name in running))
            os.kill(cli.pid, signal.SIGCONT)
            self.check(cli, said)
            health = cluster.health()
            self.assertEqual((health['tasks_accepted'], health['attempts_retried']), (JOBS, 0))


if __name__ == '__main__':
    unittest.main(verbosity=0)
