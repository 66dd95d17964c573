#!/usr/bin/env python3
"""What pretends to be a coordinator and is slow, or lies. Every task ends once: done by another, or with a reason."""
import os
import unittest

from cluster import Cluster, Proxy, eventually, run_cli
from echoes import Echoes
from impostor import Impostor
from stranger import PREFIX


def says_nothing(line):
    line.linger()


def drips_headers(line):
    line.drip(line.request() + b'X-Slow: ' + b'a')


def drips_a_greeting(line):
    line.upgrade()
    hello = line.record('HELLO', magic=0x52324332, version_min=1, version_max=1, role=3)
    line.drip(line.frame(hello[:-1] + b'\0', 60000))


def never_registers(line):
    line.upgrade()
    for kind, *_ in line.messages():
        if kind == 'HELLO':
            line.send('HELLO', magic=0x52324332, version_min=1, version_max=1, role=3)


def drips_results(line):
    def answer(line, stream, fields, _):
        line.drip(line.frame(line.record('RESULT_DELIVERY', stream, b'y' * 60000, id=fields['id'], attempt=1,
                                         payload_size=60000), 61000))
    line.converse(answer)


class Slow(Echoes):
    def test_slow_ones_delay_nobody(self):
        with Cluster() as cluster:
            cluster.peer()
            for manner in (says_nothing, drips_headers, drips_a_greeting):
                with self.subTest(manner.__name__), Impostor(manner) as slow:
                    self.check(self.begin(cluster, [slow.url, cluster.url], count=20), [])
                    self.assertGreater(slow.met, 0)

    def test_alone_they_are_not_there(self):
        for manner in (says_nothing, drips_headers, drips_a_greeting, never_registers):
            for several in (False, True):
                with self.subTest(manner.__name__, several=several), Impostor(manner) as slow:
                    nobody = ',ws://127.0.0.1:9' if several else ''
                    result = run_cli('status', '--coordinator', slow.url + nobody, '--connect-timeout', '500ms')
                    self.assertEqual(result.returncode, 4, result.stderr)
                    self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)

    def test_one_that_never_registers_and_one_that_drips_results_lose_us(self):
        for manner in (never_registers, drips_results):
            with self.subTest(manner.__name__), Cluster() as cluster, Impostor(manner) as slow, \
                    Proxy(cluster.address, shut=True) as proxy:
                cluster.peer()
                cli = self.begin(cluster, [slow.url, proxy.url], count=20)
                eventually('it was asked', lambda: slow.submits if manner is drips_results else slow.met)
                proxy.shut = False
                self.check(cli, [])


def of_another(line, stream, fields, payload):
    line.send('RESULT_DELIVERY', stream, payload, id=b'another!' * 2, attempt=1, payload_size=len(payload),
              raw_size=len(payload))


def never_asked(line, stream, fields, payload):
    line.send('RESULT_DELIVERY', stream + 1000, payload, id=fields['id'], attempt=1, payload_size=len(payload),
              raw_size=len(payload))


def sizes_that_differ(line, stream, fields, payload):
    line.send('RESULT_DELIVERY', stream, payload, id=fields['id'], attempt=1, payload_size=len(payload) + 5,
              raw_size=len(payload) + 5)


def beyond_the_end(line, stream, fields, payload):
    line.send('RESULT_DELIVERY', stream, payload[:10], id=fields['id'], attempt=1, payload_size=20, raw_size=10)
    line.send('CHUNK', stream, payload[:20], offset=10, attempt=1, raw_size=20)


def no_attempt(line, stream, fields, payload):
    line.send('RESULT_DELIVERY', stream, payload, id=fields['id'], payload_size=len(payload), raw_size=len(payload))


def an_end_without_reason(line, stream, fields, _):
    line.send('TASK_ENDED', stream, id=fields['id'])


def no_such_record(line, stream, *_):
    line.send(200, stream, header=b'')


def no_protobuf(line, stream, *_):
    line.send('RESULT_DELIVERY', stream, header=b'\xff' * 40)


def four_gigabytes(line, stream, *_):
    line.socket.sendall(line.frame(PREFIX.pack(12, 0, 0, stream, 0xffffffff, line.seq)))


def noise(line, *_):
    line.socket.sendall(line.frame(os.urandom(3000)))


def no_websocket(line, *_):
    line.socket.sendall(os.urandom(3000))


class Lying(Echoes):
    LIES = (of_another, never_asked, sizes_that_differ, beyond_the_end, no_attempt, an_end_without_reason,
            no_such_record, no_protobuf, four_gigabytes, noise, no_websocket)

    def test_what_they_were_given_is_done_by_another(self):
        with Cluster() as cluster:
            cluster.peer()
            for lie in self.LIES:
                with self.subTest(lie.__name__), Impostor(lambda line, lie=lie: line.converse(lie)) as liar, \
                        Proxy(cluster.address, shut=True) as proxy:
                    cli = self.begin(cluster, [liar.url, proxy.url], count=20)
                    eventually('it was asked', lambda: liar.submits)
                    proxy.shut = False
                    self.check(cli, [])

    def test_alone_every_task_ends_once(self):
        with Cluster() as cluster:
            for lie in self.LIES:
                with self.subTest(lie.__name__), Impostor(lambda line, lie=lie: line.converse(lie)) as liar:
                    cli = self.begin(cluster, [liar.url], count=20, deadline='300ms')
                    said = self.lines(cli)
                    self.assertIn(cli.wait(), (1, 5), cli.tail())
                    self.assertEqual(sorted(int(one['id']) for one in said), list(range(20)))
                    self.assertFalse(any(one['ok'] for one in said))


if __name__ == '__main__':
    unittest.main(verbosity=0)
