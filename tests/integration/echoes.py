"""A batch of echoes, each with something else to say, of which every one has to come back, once."""
import json
import os
import queue
import threading
import unittest

JOBS = 400


class Echoes(unittest.TestCase):
    def begin(self, cluster, coordinators, *options, count=JOBS, size=2000, deadline='120s', at_first=None):
        """The command line at so many of them; the others when they are fed."""
        self.count, self.size, self.deadline, self.fed, self.jobs = count, size, deadline, 0, queue.Queue()
        name = os.path.join(cluster.folder, f'jobs-{len(cluster.programs)}')
        os.mkfifo(name)
        threading.Thread(target=self._write, args=(name, self.jobs), daemon=True).start()
        self.feed(at_first)
        return cluster.start('cli', os.environ['P2C2R_CLI_EXE'], 'batch', name, '--in-flight', '16',
                             '--connect-timeout', '60s', '--coordinator', ','.join(coordinators), *options)

    @staticmethod
    def _write(name, jobs):
        with open(name, 'w', encoding='utf-8') as file:
            while job := jobs.get():
                file.write(job + '\n')
                file.flush()

    def text(self, name):
        return f'{name} ' + 'x' * self.size

    def feed(self, count=None):
        """So many more of them, or the rest."""
        end = self.count if count is None else min(self.fed + count, self.count)
        for i in range(self.fed, end):
            self.jobs.put(json.dumps({'id': str(i), 'type': 'echo', 'payload': self.text(i), 'no_cache': True,
                                      'deadline': self.deadline}))
        if end == self.count > self.fed:
            self.jobs.put(None)
        self.fed = end

    def lines(self, cli, until=None):
        """What it said, as far as asked for."""
        said = []
        while until is None or len(said) < until:
            line = cli.lines.get(timeout=90)
            if line is None:
                break
            said.append(json.loads(line))
        return said

    def check(self, cli, said):
        """Feeds and reads the rest: each is there once, with its own text."""
        self.feed()
        said = said + self.lines(cli)
        self.assertEqual(cli.wait(), 0, cli.tail())
        self.assertEqual(sorted(int(one['id']) for one in said), list(range(self.count)))
        for one in said:
            self.assertEqual((one['ok'], one['result']), (True, self.text(one['id'])))
        return said
