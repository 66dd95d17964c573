#!/usr/bin/env python3
"""What PROTOCOL.md promises, asked for by an implementation that knows nothing else (stranger.py)."""
import concurrent.futures
import os
import sys
import unittest

from cluster import ROOT, Cluster, eventually
from stranger import PAYLOAD_MAX, WINDOW, Connection, Incoming, Outgoing, Task
from tiny_protobuf import ENUMS, ERRORS, TYPES, camel, decode, encode

sys.path.insert(0, os.path.join(ROOT, 'tests', 'vectors'))
from protocol_example import frames  # noqa: E402 (it lies in another folder)

VARYING = {'session', 'estimate_us', 'agent', 'peer', 'queue_position'}


def client(cluster):
    connection = Connection(cluster.address)
    connection.hello('CLIENT')
    connection.register_client()
    return connection


def peer(cluster, features=0, **how):
    connection = Connection(cluster.address)
    connection.hello('PEER', features)
    connection.register_peer(**how)
    return connection


def stable(fields):
    """A header's fields without those that differ from run to run."""
    return {name: value for name, value in fields.items()
            if name not in VARYING and not (name.endswith('_us') and name != 'deadline_us')}


class Client(unittest.TestCase):
    """A strange client, our coordinator, our peer."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster('--cache-entries', '0'))
        cls.cluster.peer()

    def setUp(self):
        self.client = self.enterContext(client(self.cluster))

    def check_echo(self, payload, **how):
        task = self.client.finish(self.client.submit('echo', payload, **how))
        self.assertTrue(task.succeeded, task.answer)
        self.assertEqual(task.data, payload)
        self.assertEqual(task.delivery.id, task.id)
        return task

    def test_the_worked_example_byte_for_byte(self):
        sent = [data for _, data in frames('client')]
        promised = [data for _, data in frames('coordinator')]
        for way in ('together', 'apart', 'a byte in each frame'):
            with self.subTest(way), Connection(self.cluster.address) as connection:
                if way == 'apart':
                    for data in sent:
                        connection.send_message(data)
                else:
                    whole = b''.join(sent)
                    connection.send_message(whole, parts=1 if way == 'together' else len(whole))
                connection.seq_out = len(sent)  # for the pongs to come
                for data in promised:
                    header_len = int.from_bytes(data[2:4], 'little')
                    kind = next(name for name, number in TYPES.items() if number == data[0])
                    record = connection.expect(kind)
                    self.assertEqual(record.stream, int.from_bytes(data[4:8], 'little'))
                    self.assertEqual(record.payload, data[16 + header_len:])
                    self.assertEqual(stable(record.fields), stable(decode(camel(kind), data[16:16 + header_len])))
                    if kind == 'RESULT_DELIVERY':
                        self.assertGreater(record.latency_us, 0)
                        self.assertEqual(len(record.peer), 16)

    def test_echo_of_every_length(self):
        for size in (0, 1, 12, PAYLOAD_MAX - 1, PAYLOAD_MAX, PAYLOAD_MAX + 1, WINDOW, WINDOW + 1, 5_000_001):
            with self.subTest(size):
                task = self.check_echo(os.urandom(size))
                self.assertIsNotNone(task.accepted)
                self.assertEqual(task.deliveries, 1)

    def test_the_first_part_may_be_short_or_empty(self):
        for first in (0, 1, 1000):
            self.check_echo(os.urandom(300_000), first=first)

    def test_windows_bind_the_coordinator_too(self):
        payload = os.urandom(WINDOW * 2)
        task = self.client.submit('echo', payload)
        task_incoming = None
        self.client._pull = lambda owner: None  # takes the result, gives no window
        with self.assertRaises(TimeoutError):
            for record in self.client.messages(timeout=0.5):
                task_incoming = task.incoming
        self.assertEqual(len(task_incoming.data), WINDOW)
        del self.client._pull
        self.client.send('WINDOW', task.stream, limit=len(payload), attempt=task_incoming.attempt)
        task_incoming.limit = len(payload)
        self.assertEqual(self.client.finish(task).data, payload)

    def test_upscale_of_a_raw_picture(self):
        width, height, colour = 40, 30, bytes((10, 200, 77))
        for factor in (1, 2, 4):
            params = {'input_res': [width, height], 'output_res': [width * factor, height * factor], 'quality': 'fast'}
            task = self.client.finish(self.client.submit('upscale', colour * (width * height), params))
            self.assertTrue(task.succeeded, task.answer)
            self.assertEqual(task.data, colour * (width * height * factor * factor))
        picture = os.urandom(640 * 360 * 4)
        params = {'input_res': [640, 360], 'output_res': [960, 540], 'channels': 4, 'sharpness': 0.25}
        task = self.client.finish(self.client.submit('upscale', picture, params))
        self.assertTrue(task.succeeded, task.answer)
        self.assertEqual(len(task.data), 960 * 540 * 4)

    def test_interleaved_tasks_keep_apart(self):
        payloads = [os.urandom(size) for size in (400_000, 0, 700_000, 5, 300_000)]
        tasks = [self.client.submit('echo', payload) for payload in payloads]
        self.client.finish(*tasks)
        self.assertEqual([task.data for task in tasks], payloads)

    def test_a_batch(self):
        payloads = [b'one', b'', b'three' * 1000]
        tasks = [Task(1 + number, os.urandom(16), Outgoing(payload, 1)) for number, payload in enumerate(payloads)]
        self.client.tasks.update((task.stream, task) for task in tasks)
        self.client.send('TASK_SUBMIT_BATCH', 1, b''.join(payloads), tasks=[
            {'id': task.id, 'type': 'echo', 'deadline_us': 5_000_000, 'payload_size': len(task.outgoing.data)}
            for task in tasks])
        self.client.finish(*tasks)
        self.assertEqual([task.data for task in tasks], payloads)

    def test_fragmented_messages_with_pings_between(self):
        data = self.client.record('TASK_SUBMIT', 7, b'in pieces', id=os.urandom(16), type='echo', payload_size=9)
        data += self.client.record('PING', token=5)
        for number, byte in enumerate(data):
            self.client.send_frame(bytes([byte]), 2 if number == 0 else 0, number == len(data) - 1)
            if number % 20 == 3:
                self.client.check_alive(b'%d' % number)
        came = {}
        for record in self.client.messages():  # in which order these two come is not promised
            came[record.kind] = record
            if {'PONG', 'RESULT_DELIVERY'} <= came.keys():
                break
        self.assertEqual(came['PONG'].token, 5)
        self.assertEqual(came['RESULT_DELIVERY'].payload, b'in pieces')

    def test_ping_and_status(self):
        for token in (0, 1, (1 << 64) - 1):
            self.client.send('PING', token=token)
            self.assertEqual(self.client.expect('PONG').token, token)
        self.check_echo(b'counted')
        self.client.send('STATUS_REQUEST')
        status = self.client.expect('STATUS')
        self.assertEqual((status.peers, status.peers_ready), (1, 1))
        self.assertGreaterEqual(status.clients, 1)
        self.assertGreaterEqual(status.tasks_accepted, status.tasks_completed)
        self.assertGreater(status.tasks_completed, 0)
        self.assertGreater(status.uptime_us, 0)
        self.assertTrue(status.version)

    def test_a_session_may_come_back(self):
        with Connection(self.cluster.address) as connection:
            connection.hello()
            session = connection.register_client().session
        self.assertEqual(len(session), 16)
        with Connection(self.cluster.address) as connection:
            connection.hello()
            self.assertEqual(len(connection.register_client(session).session), 16)

    def test_fields_from_the_future_are_ignored(self):
        future = bytes((0xf8, 0x7f, 1)) * 64  # field 2047, a varint
        header = encode('TaskSubmit', {'id': os.urandom(16), 'type': 'echo', 'payload_size': 2}) + future
        self.client.send('TASK_SUBMIT', 9, b'ok', header=header)
        self.assertEqual(self.client.expect('RESULT_DELIVERY').payload, b'ok')

    def test_refusals_name_the_reason(self):
        size = {'input_res': [4, 4], 'output_res': [8, 8]}
        for kind, params, payload, code in (
                ('divination', {}, b'', 'UNKNOWN_TYPE'), ('echo', {'loud': 1}, b'', 'BAD_PARAMETER'),
                ('upscale', {}, b'', 'BAD_PARAMETER'), ('upscale', size | {'quality': 'bad'}, b'', 'BAD_PARAMETER'),
                ('upscale', {'input_res': [4, 4], 'output_res': [17, 8]}, bytes(48), 'BAD_PARAMETER')):
            task = self.client.finish(self.client.submit(kind, payload, params))
            self.assertEqual((task.answer.kind, task.answer.code), ('TASK_ENDED', ERRORS[code]), task.answer)
            self.assertIsNone(task.accepted)
            self.assertFalse(task.answer.retryable)
            self.assertTrue(task.answer.sentence)
        self.check_echo(b'still here')


class Peer(unittest.TestCase):
    """A strange peer, our coordinator, and clients of both kinds."""

    def setUp(self):
        self.cluster = self.enterContext(Cluster('--no-peer-grace', '10s'))
        self.threads = self.enterContext(concurrent.futures.ThreadPoolExecutor())

    def test_it_serves_the_real_command_line(self):
        with peer(self.cluster) as stranger:
            cli = self.cluster.start_cli('echo', '--count', '3', '--size', '300000')
            for _ in range(3):
                job = stranger.job()
                self.assertEqual((job.assign.type, job.assign.version, job.assign.device), ('echo', 1, 0))
                self.assertEqual(job.incoming.size, 300_000)
                self.assertGreater(job.assign.deadline_us, 0)
                stranger.answer(job, job.incoming.data)
            served = self.threads.submit(stranger.end)
            self.assertEqual(cli.wait(), 0, cli.tail())
            self.cluster.coordinator.terminate()
            self.assertEqual(served.result(30), 0)
            self.assertEqual(len(stranger.jobs), 3)

    def test_offers_change_and_nothing_comes_without(self):
        with peer(self.cluster, types=()) as stranger, client(self.cluster) as gamer:
            ended = gamer.finish(gamer.submit('echo', b'x'))
            self.assertEqual(ended.answer.code, ERRORS['NO_CAPABLE_PEER'])
            self.assertTrue(ended.answer.retryable)
            stranger.register_peer()
            task = gamer.submit('echo', b'y')
            stranger.answer(stranger.job(), b'Y')
            self.assertEqual(gamer.finish(task).data, b'Y', task.answer)

    def test_a_failure_travels(self):
        with peer(self.cluster) as stranger, client(self.cluster) as gamer:
            task = gamer.submit('echo', b'x')
            stranger.fail(stranger.job(), ERRORS['BAD_PAYLOAD'])
            answer = gamer.finish(task).answer
            self.assertEqual((answer.kind, answer.code, answer.attempt), ('TASK_ENDED', ERRORS['BAD_PAYLOAD'], 1))
            self.assertFalse(answer.retryable)

    def test_cancel_reaches_the_peer(self):
        with peer(self.cluster) as stranger, client(self.cluster) as gamer:
            task = gamer.submit('echo', b'x')
            job = stranger.job()
            gamer.cancel(task)
            answer = gamer.finish(task).answer
            self.assertEqual((answer.kind, answer.code), ('TASK_ENDED', ERRORS['CANCELLED']))
            stranger.expect('TASK_CANCEL', job.stream)  # and it says at once that the slot is free
            self.assertTrue(job.cancelled)
            self.check_goes_on(stranger, gamer)

    def test_a_result_that_crosses_its_cancel_is_ignored(self):
        with peer(self.cluster) as stranger, client(self.cluster) as gamer:
            task = gamer.submit('echo', b'x')
            job = stranger.job()
            gamer.cancel(task)
            self.assertEqual(gamer.finish(task).answer.code, ERRORS['CANCELLED'])
            stranger.answer(job, b'x')  # before it reads TASK_CANCEL
            stranger.expect('TASK_CANCEL', job.stream)
            self.check_goes_on(stranger, gamer)

    def check_goes_on(self, stranger, gamer):
        task = gamer.submit('echo', b'z')
        stranger.answer(stranger.job(), b'z')
        self.assertEqual(gamer.finish(task).data, b'z')

    def test_a_client_that_leaves_cancels(self):
        with peer(self.cluster) as stranger:
            with client(self.cluster) as gamer:
                gamer.submit('echo', b'x')
                job = stranger.job()
            stranger.expect('TASK_CANCEL', job.stream)

    def test_the_deadline_is_kept(self):
        with peer(self.cluster) as stranger, client(self.cluster) as gamer:
            task = gamer.submit('echo', b'x', deadline_us=150_000)
            job = stranger.job()
            self.assertLessEqual(job.assign.deadline_us, 150_000)
            answer = gamer.finish(task).answer
            self.assertEqual((answer.kind, answer.id, answer.attempt), ('TASK_TIMEOUT', task.id, 1))
            stranger.expect('TASK_CANCEL', job.stream)

    def test_a_payload_is_sent_again_when_its_peer_vanishes(self):
        payload = os.urandom(3_000_000)
        with peer(self.cluster) as lost, client(self.cluster) as gamer:
            task = gamer.submit('echo', payload)
            finished = self.threads.submit(gamer.finish, task)
            for _ in lost.messages():
                if any(len(job.incoming.data) > 2 * WINDOW for job in lost.jobs.values()):
                    break
            self.cluster.peer()
            lost.drop()
            self.assertEqual(finished.result(30).data, payload)
            self.assertEqual((task.resends, task.delivery.attempt, task.outgoing.attempt), (1, 2, 2))

    def test_a_result_begins_anew_when_its_peer_vanishes(self):
        payload = os.urandom(700_000)
        with peer(self.cluster) as lost, client(self.cluster) as gamer:
            task = gamer.submit('echo', payload)
            finished = self.threads.submit(gamer.finish, task)
            job = lost.job()
            lost.send('TASK_RESULT', job.stream, payload[:1000], id=job.assign.id, attempt=1, success=True,
                      payload_size=len(payload))
            eventually('the first delivery', lambda: task.deliveries == 1)
            self.cluster.peer()
            lost.drop()
            self.assertEqual(finished.result(30).data, payload)
            self.assertEqual((task.deliveries, task.delivery.attempt), (2, 2))

    def test_giving_a_job_back(self):
        # A second for each byte there, so that the round trips of a loaded machine do not matter.
        with peer(self.cluster, features=2, queue_depth=3, speed=1) as busy, client(self.cluster) as gamer:
            tasks = [gamer.submit('echo', str(i).encode()) for i in range(4)]
            jobs = [busy.expect('TASK_ASSIGN') for _ in tasks]
            with peer(self.cluster, speed=1000) as idle:
                recall = busy.expect('TASK_RECALL')
                self.assertEqual((recall.stream, recall.id), (jobs[3].stream, jobs[3].id))
                busy.send('TASK_RECALLED', recall.stream, id=recall.id, attempt=recall.attempt, returned=True)
                job = idle.job()
                self.assertEqual((job.assign.id, job.assign.attempt), (recall.id, 1))
                idle.answer(job, b'3')
                self.assertEqual(gamer.finish(tasks[3]).data, b'3')
                recall = busy.expect('TASK_RECALL')
                self.assertEqual(recall.stream, jobs[2].stream)
                busy.send('TASK_RECALLED', recall.stream, id=recall.id, attempt=recall.attempt)
                busy.answer(busy.jobs[jobs[2].stream], b'2')  # too late: it had started
                self.assertEqual(gamer.finish(tasks[2]).data, b'2')

    def test_leaving_politely(self):
        with peer(self.cluster) as first, client(self.cluster) as gamer:
            task = gamer.submit('echo', b'first')
            job = first.job()
            first.send('DRAIN')
            first.send('PING', token=1)
            first.expect('PONG')
            with peer(self.cluster) as second:
                other = gamer.submit('echo', b'second')
                second.answer(second.job(), b'second')
                self.assertEqual(gamer.finish(other).data, b'second')
                first.answer(job, b'first')
                self.assertEqual(gamer.finish(task).data, b'first')
                first.send('PEER_DISCONNECT', reason='done')
                first.end()

    def test_what_was_computed_is_known(self):
        with peer(self.cluster) as stranger, client(self.cluster) as gamer, client(self.cluster) as other:
            task = gamer.submit('echo', b'same')
            stranger.answer(stranger.job(), b'same')
            self.assertFalse(gamer.finish(task).delivery.cached)
            known = other.finish(other.submit('echo', b'same'))
            self.assertEqual((known.data, known.delivery.cached, known.delivery.peer), (b'same', True, b''))
            for how in ({'no_cache': True}, {'refresh': True}, {'private': True}):
                task = other.submit('echo', b'same', **how)
                stranger.answer(stranger.job(), b'same')
                self.assertFalse(other.finish(task).delivery.cached, how)

    def test_heartbeats_keep_a_peer_and_silence_loses_it(self):
        with Cluster('--heartbeat', '50ms', '--no-peer-grace', '0') as cluster:
            with peer(cluster) as quiet, client(cluster) as gamer:
                task = gamer.submit('echo', b'x')
                quiet.expect('TASK_ASSIGN')
                answer = gamer.finish(task).answer  # meanwhile nobody reads or beats for the peer
                self.assertEqual(answer.kind, 'TASK_ENDED')
                self.assertIn(answer.code, (ERRORS['PEER_LOST'], ERRORS['NO_CAPABLE_PEER']))
                self.assertTrue(answer.retryable)
            with peer(cluster) as lively:
                with self.assertRaises(TimeoutError):
                    lively.end(timeout=0.5)
                self.assertEqual(cluster.health()['peers'], 1)


class Payloads(unittest.TestCase):
    """The parts of stranger.py that are easiest to get wrong."""

    def test_windows(self):
        outgoing = Outgoing(bytes(WINDOW * 2), 1)
        while outgoing.part()[1]:
            pass
        self.assertEqual(outgoing.sent, WINDOW)
        outgoing.widen(WINDOW + 7, 2)
        self.assertEqual(outgoing.part(), (WINDOW, b''))
        outgoing.widen(WINDOW + 7, 1)
        self.assertEqual(outgoing.part(), (WINDOW, bytes(7)))

    def test_numbers(self):
        for kind, name, value in (('Ints', 'values', [0, -1, 1, -(1 << 63), (1 << 63) - 1]), ('Ping', 'token', 1 << 63),
                                  ('Reals', 'values', [0.0, -2.5]), ('TaskTimeout', 'queue_us', (1 << 64) - 1)):
            self.assertEqual(decode(kind, encode(kind, {name: value}))[name], value)
        self.assertEqual(ENUMS['Role'], {'ROLE_NONE': 0, 'ROLE_PEER': 1, 'ROLE_CLIENT': 2, 'ROLE_COORDINATOR': 3})
        self.assertEqual(sorted(set(TYPES.values()) - set(range(32, 36))), [*range(1, 32), 36, 37])

    def test_every_vector_decodes_and_encodes_the_same(self):
        folder = os.path.join(ROOT, 'proto', 'vectors')
        names = [name for name in os.listdir(folder) if name.endswith('.hex')]
        self.assertGreaterEqual(len(names), len(TYPES))
        for name in names:
            with open(os.path.join(folder, name), encoding='utf-8') as file:
                data = bytes.fromhex(''.join(line for line in file if not line.startswith('#')))
            kind = camel(next(kind for kind, number in TYPES.items() if number == data[0]))
            header = data[16:16 + int.from_bytes(data[2:4], 'little')]
            with self.subTest(name):
                self.assertEqual(encode(kind, decode(kind, header)), header)


if __name__ == '__main__':
    unittest.main(verbosity=0)
