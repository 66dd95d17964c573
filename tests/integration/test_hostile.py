#!/usr/bin/env python3
"""Bad input from clients and peers: each gets its code or its end, and nobody else notices."""
import contextlib
import math
import os
import resource
import socket
import struct
import threading
import time
import unittest
import zlib

from cluster import Cluster, eventually
from stranger import PAYLOAD_MAX, TEXT, WINDOW, Connection, Outgoing, Task, pack_record
from tiny_protobuf import ERRORS, TYPES, encode

GROWTH_KIB_MAX = 6 * 1024
ANY_CODE = tuple(code for code in ERRORS.values() if 0 < code < 20)
BROKEN = (ERRORS['BAD_RECORD'],)
RANGE = (ERRORS['BAD_MESSAGE'],)


def client(cluster, **how):
    connection = Connection(cluster.address, **how)
    connection.hello('CLIENT')
    connection.register_client()
    return connection


def peer(cluster, types=('echo',), **how):
    connection = Connection(cluster.address)
    connection.hello('PEER')
    connection.register_peer(types, **how)
    return connection


def submit_header(**fields):
    return encode('TaskSubmit', {'id': os.urandom(16), 'type': 'echo', 'deadline_us': 5_000_000, **fields})


class Neighbour(threading.Thread):
    """A well-behaved client in the same cluster: submits echoes, one after another, and wants each of them done."""

    def __init__(self, cluster):
        super().__init__()
        self.connection, self.stopping, self.done, self.failure = client(cluster), threading.Event(), 0, None
        self.start()

    def run(self):
        try:
            while not self.stopping.wait(0.005):  # a pace, so that it does not take the processor from the test
                payload = os.urandom(100)
                task = self.connection.finish(self.connection.submit('echo', payload))
                if task.data != payload:
                    raise AssertionError(f'the neighbour was answered {task.answer}')
                self.done += 1
        except Exception as error:  # noqa: BLE001 (whatever it was, the test that caused it says so)
            self.failure = error

    def stop(self):
        self.stopping.set()
        self.join(60)
        self.connection.drop()


class Hostile(unittest.TestCase):
    """A coordinator with a real peer and a neighbour at work; after each test both are well and memory is flat."""
    coordinator_options = ()
    device = 'fake'

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster(*cls.coordinator_options))
        cls.cluster.peer(device=cls.device)
        cls.neighbour = Neighbour(cls.cluster)
        cls.addClassCleanup(cls.neighbour.stop)
        with client(cls.cluster) as warm:  # tables are touched bit by bit, up to their limit; that is no growth
            for _ in range(6):
                warm.finish(*[warm.submit('echo', b'x') for _ in range(1000)])
            warm.finish(*[warm.submit('echo', bytes(300_000)) for _ in range(8)])
        cls.resident = cls.cluster.coordinator.resident_kib()

    def setUp(self):
        self.done_before = self.neighbour.done

    def tearDown(self):
        enough = self.done_before + 3
        eventually('the neighbour goes on', lambda: self.neighbour.failure or self.neighbour.done >= enough)
        self.assertIsNone(self.neighbour.failure)
        resident = self.cluster.coordinator.resident_kib
        growth = resident() - self.resident
        self.assertLess(growth, GROWTH_KIB_MAX, f'KiB more than before; {self.cluster.health()}')

    def stranger(self, **how):
        return self.enterContext(Connection(self.cluster.address, **how))

    def client(self, **how):
        connection = self.stranger(**how)
        connection.hello('CLIENT')
        connection.register_client()
        return connection

    def check_end(self, connection, codes, what=''):
        """The connection ends, with one of these codes said before (0: without a word)."""
        try:
            code = connection.end(timeout=3)
        except TimeoutError:
            self.fail(f'{what}: the connection goes on')
        self.assertIn(code, codes, what)
        if code:
            self.assertTrue(connection.error.sentence)

    def check_refused(self, connection, task, *codes):
        connection.finish(task)
        self.assertEqual(task.answer.kind, 'TASK_ENDED', task.answer)
        self.assertIn(task.answer.code, [ERRORS[code] for code in codes], task.answer)
        self.assertTrue(task.answer.sentence)


class Beginnings(Hostile):
    def test_greetings(self):
        for what, fields, code in (
                ('magic', {'magic': 0x12345678}, 'BAD_MAGIC'), ('no magic', {'magic': 0}, 'BAD_MAGIC'),
                ('future', {'version_min': 2, 'version_max': 9}, 'UNSUPPORTED_VERSION'),
                ('backwards', {'version_min': 2, 'version_max': 1}, 'BAD_MESSAGE'),
                ('version 0', {'version_min': 0, 'version_max': 0}, 'BAD_MESSAGE'),
                ('role', {'role': 0}, 'BAD_MESSAGE'), ('role', {'role': 77}, 'BAD_MESSAGE'),
                ('agent', {'agent': 'x' * 257}, 'BAD_MESSAGE'), ('agent', {'agent': b'a\0b'}, 'BAD_MESSAGE'),
                ('agent', {'agent': b'\xff\xfe'}, 'BAD_MESSAGE BAD_RECORD'),
                ('coordinator', {'role': 3}, 'BAD_MESSAGE WRONG_ROLE')):
            connection = self.stranger()
            connection.hello(wait=False, **fields)
            self.check_end(connection, [ERRORS[name] for name in code.split()], what)

    def test_no_hello_first(self):
        for kind in ('GAMER_REGISTER', 'PEER_REGISTER', 'PING', 'STATUS_REQUEST', 'TASK_SUBMIT', 'TASK_RESULT'):
            connection = self.stranger()
            connection.send(kind)
            self.check_end(connection, [ERRORS['BAD_MAGIC']], kind)

    def test_work_before_registration(self):
        connection = self.stranger()
        connection.hello()
        connection.send('TASK_SUBMIT', 1, header=submit_header())
        self.check_end(connection, [ERRORS['UNEXPECTED_MESSAGE']])

    def test_hello_and_registration_twice(self):
        for again in ('HELLO', 'GAMER_REGISTER'):
            connection = self.client()
            if again == 'HELLO':
                connection.hello(wait=False)
            else:
                connection.send(again)
            self.check_end(connection, [ERRORS['UNEXPECTED_MESSAGE']], again)

    def test_not_http_at_all(self):
        for data in (b'\0\xff' * 2000, b'\r\n' * 40000, b'SSH-2.0-client\r\n\r\n', os.urandom(5000),
                     b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(600)):
            connection = self.stranger(upgrade=False)
            connection.send_bytes(data)
            self.check_raw_end(connection)

    def test_http_with_huge_headers(self):
        for data in (b'GET /' + b'a' * 1_000_000, b'GET / HTTP/1.1\r\nHost: x\r\nA: ' + b'b' * 1_000_000,
                     b'GET / HTTP/1.1\r\n' + b'A: b\r\n' * 200_000,
                     b'GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'):
            connection = self.stranger(upgrade=False)
            connection.send_bytes(data)
            self.check_raw_end(connection)

    def check_raw_end(self, connection):
        limit = time.monotonic() + 20
        while not connection.ended:
            connection._turn(limit)
        self.assertFalse(connection.inbox.startswith(b'HTTP/1.1 101'))
        self.assertFalse(connection.inbox.startswith(b'HTTP/1.1 200'))

    def test_upgrades_to_something_else(self):
        head = b'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: '
        key = b'\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='
        for rest in (b'13' + key + b'\r\nSec-WebSocket-Protocol: chat', b'13' + key,
                     b'13\r\nSec-WebSocket-Protocol: p2c2r.v1'):
            connection = self.stranger(upgrade=False)
            connection.send_bytes(head + rest + b'\r\n\r\n')
            self.check_raw_end(connection)


class Records(Hostile):
    def test_a_truncated_record_then_close(self):
        data = pack_record('TASK_SUBMIT', 1, submit_header(payload_size=50), bytes(50), 2)
        for size in (1, 15, 16, 20, len(data) - 1):
            for opening in (b'\x02\xfe', b'\x82\xfe' + struct.pack('>H', len(data)) + bytes(4) + data[:size]):
                connection = self.client()
                connection.send_bytes(opening)
                connection.drop()

    def test_a_message_that_ends_within_a_record(self):
        data = pack_record('TASK_SUBMIT', 1, submit_header(payload_size=50), bytes(50), 2)
        for size in (1, 15, 20, len(data) - 1):
            with self.subTest(size):
                connection = self.client(automatic=False)
                connection.send_message(data[:size])
                self.check_end(connection, BROKEN, size)

    def test_a_record_spanning_messages(self):
        connection = self.client(automatic=False)
        data = connection.record('TASK_SUBMIT', 1, bytes(50), header=submit_header(payload_size=50))
        connection.send_message(data[:40])
        connection.send_message(data[40:])
        self.check_end(connection, BROKEN)

    def test_prefixes(self):
        submit = submit_header(payload_size=1)
        for what, data, code in (
                ('type 0', pack_record(0, 0, b'', b'', 2), 'BAD_RECORD'),
                ('the next type', pack_record(max(TYPES.values()) + 1, 0, b'', b'', 2), 'BAD_RECORD'),
                ('type 255', pack_record(255, 1, b'', b'', 2), 'BAD_RECORD'),
                ('flag', pack_record('TASK_SUBMIT', 1, submit, b'x', 2, 2), 'BAD_RECORD'),
                ('zstd without asking', pack_record('TASK_SUBMIT', 1, submit, b'x', 2, 1), 'BAD_RECORD BAD_MESSAGE'),
                ('sequence', pack_record('PING', 0, b'', b'', 3), 'BAD_RECORD'),
                ('payload of a ping', pack_record('PING', 0, b'', b'x', 2), 'BAD_RECORD'),
                ('no protobuf', pack_record('PING', 0, b'\xff' * 20, b'', 2), 'BAD_RECORD'),
                ('wire type', pack_record('PING', 0, b'\x08\x01', b'', 2), 'BAD_RECORD BAD_MESSAGE'),
                ('payload length', struct.pack('<BBHIII', 6, 0, 0, 1, PAYLOAD_MAX + 1, 2), 'TOO_LARGE'),
                ('payload length', struct.pack('<BBHIII', 6, 0, 0, 1, 0xffffffff, 2), 'TOO_LARGE'),
                ('header length', struct.pack('<BBHIII', 6, 0, 65535, 1, 0, 2), 'BAD_RECORD TOO_LARGE'),
                ('stream 0', pack_record('TASK_SUBMIT', 0, submit, b'x', 2), 'BAD_RECORD BAD_MESSAGE'),
                ('stream of a ping', pack_record('PING', 3, b'', b'', 2), 'BAD_RECORD BAD_MESSAGE')):
            connection = self.client()
            connection.send_message(data)
            self.check_end(connection, [ERRORS[name] for name in code.split()], what)

    def test_headers_out_of_range(self):
        nested = b''
        many = [{'name': f'p{number}', 'int': 1} for number in range(33)]
        for _ in range(20):
            nested = b'\x4a' + bytes((len(nested),)) + nested
        for what, header in (
                ('short id', submit_header(id=b'short')), ('no id', submit_header(id=b'')),
                ('zero id', submit_header(id=bytes(16))), ('class', submit_header(**{'class': 9})),
                ('size', submit_header(payload_size=1 << 40)), ('type', submit_header(type='x' * 33)),
                ('NUL', submit_header(type='a\0b')), ('33 parameters', submit_header(params=many)),
                ('NaN', submit_header(params=[{'name': 'x', 'real': math.nan}])),
                ('infinity', submit_header(params=[{'name': 'x', 'reals': {'values': [1.0, math.inf]}}])),
                ('17 values', submit_header(params=[{'name': 'x', 'ints': {'values': [1] * 17}}])),
                ('no value', submit_header(params=[{'name': 'x'}])),
                ('twice', submit_header() + b'\x12\x04echo'), ('nested', submit_header() + nested),
                ('unknown fields', submit_header() + bytes((0xf8, 0x7f, 1)) * 65),
                ('elements', submit_header() + b'\x4a\x00' * 5000)):
            connection = self.client()
            connection.send('TASK_SUBMIT', 1, header=header)
            ended = self.stray_answer(connection)
            self.assertIn(ended, RANGE + BROKEN + (ERRORS['TOO_LARGE'],), what)

    def stray_answer(self, connection):
        """The code of what came first: the refusal of the task, or the end of the connection."""
        for record in connection.messages():
            if record.kind in ('TASK_ENDED', 'ERROR'):
                return record.code
            self.assertIn(record.kind, ('PING',))
        return 0

    def test_text_messages_end_the_connection(self):
        connection = self.client()
        connection.send_frame(b'hello?', TEXT)
        connection.end()
        self.assertEqual(connection.close_code, 4000 + ERRORS['BAD_RECORD'])

    def test_broken_websocket_frames(self):
        for what, data in (('unmasked', b'\x82\x05hello'), ('reserved bit', b'\xf2\x80\0\0\0\0'),
                           ('opcode', b'\x83\x80\0\0\0\0'), ('continuation of nothing', b'\x80\x81\0\0\0\0x'),
                           ('2^63 bytes', b'\x82\xff' + b'\xff' * 8 + bytes(4)),
                           ('1 GiB', b'\x82\xff' + struct.pack('>Q', 1 << 30) + bytes(4) + bytes(100_000)),
                           ('a long ping', b'\x89\xfe\x01\x00' + bytes(4 + 256))):
            connection = self.client()
            connection.send_bytes(data)
            self.assertIn(connection.end(), (0,) + ANY_CODE, what)

    def test_messages_of_the_wrong_role(self):
        at_zero = ('PEER_REGISTER', 'HEARTBEAT', 'PEER_DISCONNECT', 'STATUS', 'GAMER_REGISTERED')
        for kind in ('TASK_RESULT', 'TASK_FAILURE', 'PEER_REGISTER', 'HEARTBEAT', 'PEER_DISCONNECT', 'TASK_ACCEPTED',
                     'TASK_ASSIGN', 'RESULT_DELIVERY', 'STATUS', 'RESEND', 'GAMER_REGISTERED'):
            connection = self.client()
            stream = 0 if kind in at_zero else 1
            common = {'id': os.urandom(16), 'attempt': 1}
            fields = {'TASK_RESULT': common | {'success': True}, 'TASK_FAILURE': common | {'code': 65},
                      'TASK_ACCEPTED': {'id': common['id']}, 'RESEND': common | {'limit': 1},
                      'TASK_ASSIGN': common | {'type': 'echo', 'version': 1}, 'RESULT_DELIVERY': common,
                      'GAMER_REGISTERED': {'session': bytes(16), 'tasks_in_flight_max': 1}}.get(kind, {})
            connection.send(kind, stream, **fields)
            with self.subTest(kind):
                self.check_end(connection, [ERRORS['WRONG_ROLE']], kind)


class Tasks(Hostile):
    def test_duplicate_ids(self):
        connection = self.client()
        held = connection.submit('echo', bytes(WINDOW * 2), first=0)
        connection.automatic = False  # the first stays open: its payload never comes whole
        again = connection.submit('echo', b'other', id=held.id)
        connection.automatic = True
        self.check_refused(connection, again, 'DUPLICATE_TASK')
        connection.finish(held)

    def test_a_stream_in_use_is_not_used_again(self):
        connection = self.client(automatic=False)
        for _ in range(2):
            connection.send('TASK_SUBMIT', 1, bytes(10), header=submit_header(payload_size=500))
        self.check_end(connection, ANY_CODE)

    def test_chunks_astray(self):
        for what, size, first, offset, length in (
                ('gap', 1000, 100, 200, 10), ('overlap', 1000, 100, 50, 100), ('beyond the size', 1000, 100, 100, 901),
                ('empty', 1000, 100, 100, 0), ('offset 2^63', 1000, 100, 1 << 63, 10), ('first part', 10, 11, 0, 0)):
            connection = self.client(automatic=False)
            connection.send('TASK_SUBMIT', 1, bytes(first), header=submit_header(payload_size=size))
            connection.send('CHUNK', 1, bytes(length), offset=offset, attempt=1)
            self.check_end(connection, ANY_CODE, what)

    def test_chunks_beyond_the_window(self):
        connection = self.stranger(automatic=False)
        connection.hello(features=1)
        connection.register_client()
        size = 960 * PAYLOAD_MAX  # in so few bytes that they are here before any of it can have been passed on
        packed = b'\x28\xb5\x2f\xfd\xa0' + struct.pack('<I', PAYLOAD_MAX) + b'\x03\x00\x08x'
        data = connection.record('TASK_SUBMIT', 1, header=submit_header(payload_size=size))
        for offset in range(0, size, PAYLOAD_MAX):
            data += connection.record('CHUNK', 1, packed, flags=1, offset=offset, attempt=1, raw_size=PAYLOAD_MAX)
        connection.send_message(data)
        self.check_end(connection, ANY_CODE)

    def test_chunks_and_windows_of_no_stream(self):
        for kind, payload, fields in (('CHUNK', b'x', {'attempt': 1}), ('WINDOW', b'', {'limit': 5, 'attempt': 1})):
            connection = self.client(automatic=False)
            connection.send(kind, 77, payload, **fields)
            self.check_end(connection, ANY_CODE, kind)

    def test_unknown_types_and_bad_parameters(self):
        connection = self.client()
        sizes = {'input_res': [4, 4], 'output_res': [8, 8]}
        for kind, params, code in (
                ('unheard', {}, 'UNKNOWN_TYPE'), ('echo', {'x': 1}, 'BAD_PARAMETER'), ('upscale', {}, 'BAD_PARAMETER'),
                ('upscale', sizes | {'sharpness': 1.5}, 'BAD_PARAMETER'),
                ('upscale', sizes | {'sharpness': -1e308}, 'BAD_PARAMETER'),
                ('upscale', sizes | {'channels': 1 << 62}, 'BAD_PARAMETER'),
                ('upscale', sizes | {'quality': [1, 2]}, 'BAD_PARAMETER'),
                ('upscale', sizes | {'algorithm': 'mystic'}, 'BAD_PARAMETER'),
                ('upscale', {'input_res': [0, 4], 'output_res': [8, 8]}, 'BAD_PARAMETER'),
                ('upscale', {'input_res': [-4, 4], 'output_res': [8, 8]}, 'BAD_PARAMETER'),
                ('upscale', {'input_res': [4], 'output_res': [8, 8]}, 'BAD_PARAMETER'),
                ('upscale', {'input_res': [(1 << 63) - 1] * 2, 'output_res': [-(1 << 63)] * 2}, 'BAD_PARAMETER'),
                ('upscale', {'input_res': [16384] * 2, 'output_res': [16384] * 2}, 'BAD_PARAMETER TOO_LARGE')):
            task = connection.submit(kind, bytes(48), params)
            self.check_refused(connection, task, *code.split())
            self.assertIsNone(task.accepted)
        double = [{'name': 'input_res', 'ints': {'values': [4, 4]}}] * 2
        self.check_refused(connection, connection.submit('upscale', bytes(48), double), 'BAD_PARAMETER', 'BAD_MESSAGE')

    def test_payloads_of_another_size_than_the_parameters_say(self):
        connection = self.client()
        for size in (0, 47, 49, 300_000):
            task = connection.submit('upscale', bytes(size), {'input_res': [4, 4], 'output_res': [8, 8]})
            self.check_refused(connection, task, 'BAD_PAYLOAD', 'BAD_PARAMETER')

    def test_impossible_deadlines(self):
        connection = self.client()
        tasks = [connection.submit('echo', b'x', deadline_us=deadline) for deadline in (1, 2, (1 << 64) - 1, 1 << 63)]
        connection.finish(*tasks)
        for task in tasks[:2]:
            late = task.answer.kind == 'TASK_TIMEOUT' or task.answer.code == ERRORS['WOULD_MISS_DEADLINE']
            self.assertTrue(late, task.answer)
        for task in tasks[2:]:
            self.assertTrue(task.succeeded, task.answer)

    def test_zstd_bombs(self):
        blocks = b'\x02\x00\x10x' * 8191 + b'\x03\x00\x10x'  # 8,192 blocks that repeat one byte 128 Ki times: 1 GiB
        magic = b'\x28\xb5\x2f\xfd'
        honest = magic + b'\xa0' + struct.pack('<I', 1 << 30) + blocks
        liar = magic + b'\xa0' + struct.pack('<I', PAYLOAD_MAX) + blocks
        unsized = magic + b'\x00\x68' + blocks
        for what, frame, raw_size in (
                ('honest', honest, PAYLOAD_MAX), ('honest', honest, 1 << 30), ('liar', liar, PAYLOAD_MAX),
                ('unsized', unsized, PAYLOAD_MAX), ('garbage', b'garbage' * 20, PAYLOAD_MAX),
                ('empty', b'', PAYLOAD_MAX)):
            connection = self.stranger()
            self.assertEqual(connection.hello(features=1).features, 1)
            connection.register_client()
            connection.send('TASK_SUBMIT', 1, frame, flags=1,
                            header=submit_header(payload_size=PAYLOAD_MAX, raw_size=raw_size))
            code = None
            for record in connection.messages():
                self.assertNotEqual(record.kind, 'RESULT_DELIVERY', what)
                if record.kind in ('TASK_ENDED', 'ERROR'):
                    code = record.code
                    break
            self.assertIn(code, ANY_CODE + (ERRORS['BAD_PAYLOAD'],), what)


class Floods(Hostile):
    def test_twenty_thousand_tasks(self):
        connection = self.client()
        limit = 4096
        tasks = []
        for first in range(0, 20_000, 250):
            more = [Task(1 + first + number, os.urandom(16), Outgoing(b'x', 1)) for number in range(250)]
            tasks += more
            connection.tasks.update((task.stream, task) for task in more)
            connection.send('TASK_SUBMIT_BATCH', more[0].stream, b'x' * len(more), tasks=[
                {'id': task.id, 'type': 'echo', 'deadline_us': 60_000_000, 'payload_size': 1, 'no_cache': True}
                for task in more])
        connection.finish(*tasks, timeout=60)
        done = sum(task.succeeded for task in tasks)
        refused = [task.answer.code for task in tasks if not task.succeeded]
        self.assertGreaterEqual(done, limit)
        self.assertLessEqual(set(refused), {ERRORS['QUOTA_EXCEEDED'], ERRORS['OVERLOADED']})
        self.assertTrue(refused)

    def test_a_client_that_reads_nothing(self):
        for _ in range(2):
            self.be_deaf()
            type(self).resident, first = self.cluster.coordinator.resident_kib(), self.resident
        self.assertLess(self.resident - first, GROWTH_KIB_MAX, 'the memory of the first is used again')

    def be_deaf(self):
        connection = self.client(automatic=False, deaf=True)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before = self.cluster.coordinator.resident_kib()
        with contextlib.suppress(TimeoutError):  # it may stop reading, too
            for stream in range(1, 3001):
                connection.send('TASK_SUBMIT', stream, bytes(PAYLOAD_MAX),
                                header=submit_header(payload_size=PAYLOAD_MAX))
                if connection.ended:
                    break
        highest = []

        def gone():
            highest.append(self.cluster.coordinator.resident_kib())
            return self.cluster.health()['clients'] == 1

        eventually('the end of the deaf client', gone)
        # far below the bytes a client may have in flight; how much it is depends on who is quicker, peer or cut
        self.assertLess(max(highest) - before, 128 * 1024)


class SlowLoris(Hostile):
    def test_a_thousand_that_never_say_hello(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        host, port = self.cluster.address.rsplit(':', 1)
        upgrade = b'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' \
            b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: p2c2r.v1\r\n' \
            b'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
        with contextlib.ExitStack() as stack:
            sockets = []
            for number in range(1000):
                try:
                    sockets.append(stack.enter_context(socket.create_connection((host, int(port)), timeout=20)))
                    if number % 2:
                        sockets[-1].sendall(upgrade + b'\r\n' * (number % 4 == 1))  # whole, or short of its end
                except ConnectionError:
                    pass
            limit = time.monotonic() + 20
            for one in sockets:
                with contextlib.suppress(ConnectionError):
                    one.settimeout(max(0.1, limit - time.monotonic()))
                    while one.recv(4096):
                        self.assertLess(time.monotonic(), limit)
        with client(self.cluster) as late:
            self.assertTrue(late.finish(late.submit('echo', b'late')).succeeded)

    def test_a_byte_now_and_then_is_not_a_greeting(self):
        connection = self.stranger()
        data = connection.record('HELLO', magic=0x52324332, version_min=1, version_max=1, role=2)
        began = time.monotonic()
        pace = threading.Event()
        for byte in data * 20:
            connection.send_frame(bytes((byte,)), 2 if connection.seq_out == 1 else 0, False)
            connection.seq_out = 2
            if connection.ended or pace.wait(0.05):
                break
            with contextlib.suppress(TimeoutError):
                connection._turn(time.monotonic() + 0.01)
            if time.monotonic() - began > 15:
                break
        self.assertIn(connection.end(), (ERRORS['HANDSHAKE_TIMEOUT'], ERRORS['BAD_RECORD'], ERRORS['TOO_LARGE']))
        self.assertLess(time.monotonic() - began, 10)


def png(width, height):
    """A PNG whose header says this size and whose data is one short row."""
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) + \
        chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b'')


def jpeg(scans, side=1024):
    """A grey progressive JPEG: one DC scan, then AC scans each of which says, in two bytes, that all blocks are 0."""
    assert (side // 8) ** 2 == 1 << 14, 'the runs below are of 2^14 blocks'
    head = b'\xff\xd8\xff\xfe\x80\x02' + bytes(0x8000) + b'\xff\xdb\x00\x43\x00' + b'\x01' * 64
    head += b'\xff\xc2\x00\x0b\x08' + struct.pack('>HH', side, side) + b'\x01\x01\x11\x00'
    head += b'\xff\xc4\x00\x14\x00\x01' + bytes(15) + b'\x00'
    head += b'\xff\xc4\x00\x14\x10\x01' + bytes(15) + b'\xe0'
    head += b'\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00' + bytes((1 << 14) // 8)
    return head + b'\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00\x00\x01' * (scans - 1) + b'\xff\xd9'


class Pictures(Hostile):
    def upscale(self, connection, payload, kind, side):
        params = {'input_res': [side, side], 'output_res': [side, side], 'format': kind, 'quality': 'fast',
                  'result_format': 'png'}
        return connection.submit('upscale', payload, params, deadline_us=30_000_000)

    def test_pictures_that_are_none(self):
        connection = self.client()
        for what, payload, kind in (
                ('65535 x 65535', png(65535, 65535), 'png'), ('0 x 0', png(0, 0), 'png'),
                ('2^31', png((1 << 31) - 1, (1 << 31) - 1), 'png'), ('short of data', png(64, 64), 'png'),
                ('other size', png(2, 2), 'png'), ('empty', b'', 'png'), ('noise', os.urandom(5000), 'jpeg'),
                ('png as jpeg', png(64, 64), 'jpeg'),
                ('noise', b'RIFF\xff\xff\xff\xffWEBPVP8L' + os.urandom(999), 'webp'),
                ('ppm', b'P6 99999999999 99999999999 255\n', 'ppm'), ('ppm', b'P6 ' + b' ' * 100_000, 'ppm')):
            with self.subTest(what):
                task = self.upscale(connection, payload, kind, 64)
                self.check_refused(connection, task, 'BAD_PAYLOAD', 'BAD_PARAMETER')

    def test_a_jpeg_of_ten_thousand_scans(self):
        connection = self.client()
        good = connection.finish(self.upscale(connection, jpeg(50), 'jpeg', 1024))
        self.assertTrue(good.succeeded, good.answer)
        began = time.monotonic()
        self.check_refused(connection, self.upscale(connection, jpeg(10_000), 'jpeg', 1024), 'BAD_PAYLOAD')
        self.assertLess(time.monotonic() - began, 5)


class PicturesOnADevice(Pictures):
    device = 'all'


class LyingPeers(Hostile):
    """Peers that offer nothing, so that the neighbour's tasks do not go to them, and lie."""

    def test_results_for_what_was_not_assigned(self):
        for kind, fields in (('TASK_RESULT', {'success': True}), ('TASK_FAILURE', {'code': 65})):
            with peer(self.cluster, ()) as liar:
                liar.send(kind, 99, id=os.urandom(16), attempt=1, **fields)
                self.assertIn(liar.end(), ANY_CODE + (ERRORS['UNKNOWN_TASK'],), kind)

    def test_registrations_out_of_range(self):
        device = {'kind': 1, 'name': 'x', 'slots': 1}
        offer = {'type': 'echo', 'version': 1}
        for what, fields in (
                ('257 slots', {'slots': 257}), ('queue', {'queue_depth': 1 << 31}),
                ('17 devices', {'devices': [device] * 17}),
                ('33 offers', {'devices': [device], 'offers': [offer] * 33}), ('no such device', {'offers': [offer]}),
                ('kind', {'devices': [device | {'kind': 9}]}),
                ('version 0', {'devices': [device], 'offers': [{'type': 'echo'}]}),
                ('name', {'devices': [device | {'name': 'n' * 257}]})):
            with Connection(self.cluster.address) as liar:
                liar.hello('PEER')
                liar.send('PEER_REGISTER', **fields)
                self.assertIn(liar.end(), RANGE, what)

    def test_a_load_that_is_no_number(self):
        with peer(self.cluster, ()) as liar:
            liar.send('HEARTBEAT', load=math.nan)
            self.assertEqual(liar.end(), ERRORS['BAD_MESSAGE'])

    def test_clients_messages_from_a_peer(self):
        for kind, stream, header in (('TASK_SUBMIT', 1, submit_header()), ('STATUS_REQUEST', 0, b''),
                                     ('GAMER_REGISTER', 0, b'')):
            with peer(self.cluster, ()) as liar:
                liar.send(kind, stream, header=header)
                self.assertEqual(liar.end(), ERRORS['WRONG_ROLE'], kind)


class Peers(unittest.TestCase):
    """Peers that fail their tasks; there is no other at first, so that they do get the tasks."""

    def setUp(self):
        self.cluster = self.enterContext(Cluster())
        self.peer = self.enterContext(peer(self.cluster))
        self.gamer = self.enterContext(client(self.cluster))
        self.resident = self.cluster.coordinator.resident_kib()

    def tearDown(self):
        self.peer.drop()
        self.cluster.peer()
        payload = os.urandom(1000)
        task = self.gamer.finish(self.gamer.submit('echo', payload))
        self.assertEqual(task.data, payload, task.answer)
        self.assertLess(self.cluster.coordinator.resident_kib() - self.resident, GROWTH_KIB_MAX)

    def test_a_result_under_another_id(self):
        task = self.gamer.submit('echo', b'x', deadline_us=500_000)
        job = self.peer.job()
        self.peer.answer(job, b'x', id=os.urandom(16))
        with contextlib.suppress(TimeoutError):
            self.peer.end(0.2)
        self.gamer.finish(task)
        self.assertFalse(task.succeeded)

    def test_a_result_that_is_too_large(self):
        for size in (1 << 26, (1 << 26) + 1, 1 << 63):
            with Cluster() as cluster, peer(cluster) as liar, client(cluster) as gamer:
                task = gamer.submit('echo', b'x', deadline_us=500_000)
                liar.answer(liar.job(), bytes(PAYLOAD_MAX), payload_size=size)
                with contextlib.suppress(TimeoutError):
                    liar.end(0.2)
                gamer.finish(task)
                self.assertFalse(task.succeeded)
                self.assertEqual(task.deliveries, 0)

    def test_an_answer_before_the_payload_is_whole(self):
        task = self.gamer.submit('echo', bytes(WINDOW * 2), deadline_us=500_000)
        assign = self.peer.expect('TASK_ASSIGN')
        self.peer.send('TASK_RESULT', assign.stream, b'x', id=assign.id, attempt=1, success=True, payload_size=1)
        with contextlib.suppress(TimeoutError):
            self.peer.end(0.2)
        self.gamer.finish(task)
        self.assertTrue(task.answer)

    def test_a_peer_that_never_answers(self):
        began = time.monotonic()
        task = self.gamer.submit('echo', b'x', deadline_us=500_000)
        self.peer.job()
        self.gamer.finish(task)
        self.assertEqual(task.answer.kind, 'TASK_TIMEOUT')
        self.assertGreaterEqual(time.monotonic() - began, 0.5)
        self.assertLess(time.monotonic() - began, 2)

    def test_a_peer_that_stops_in_the_middle_of_a_result(self):
        task = self.gamer.submit('echo', bytes(1000), deadline_us=500_000)
        self.peer.answer(self.peer.job(), bytes(10), payload_size=1000)
        self.gamer.finish(task)
        self.assertEqual((task.answer.kind, task.deliveries), ('TASK_TIMEOUT', 1))

    def test_a_peer_that_fails_everything(self):
        task = self.gamer.submit('echo', b'x', deadline_us=1_500_000)
        self.peer.fail(self.peer.job(), ERRORS['EXECUTION_FAILED'], retryable=True)
        self.gamer.finish(task)
        self.assertFalse(task.succeeded)

    def test_chunks_of_a_result_astray(self):
        for what, offset, length in (('gap', 200, 10), ('overlap', 50, 60), ('beyond', 100, 901)):
            with Cluster() as cluster, peer(cluster) as liar, client(cluster) as gamer:
                gamer.submit('echo', bytes(1000))
                job = liar.job()
                liar.send('TASK_RESULT', job.stream, bytes(100), id=job.assign.id, attempt=1, success=True,
                          payload_size=1000)
                liar.send('CHUNK', job.stream, bytes(length), offset=offset, attempt=1)
                self.assertIn(liar.end(), ANY_CODE, what)


if __name__ == '__main__':
    unittest.main(verbosity=0)
