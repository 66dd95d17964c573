"""A foreign client and peer: P2C2R written from proto/PROTOCOL.md and proto/p2c2r.proto alone, in plain Python.

It shares no code with the programs it talks to, so what both understand is what the document says. It is also an
example of an implementation in another language: WebSocket, records, windows and resends here, Protocol Buffers in
tiny_protobuf.py. It does not speak zstd and therefore does not offer feature bit 0.

    with Connection('127.0.0.1:8765') as connection:
        connection.hello('CLIENT')
        connection.register_client()
        task = connection.submit('echo', b'hello, world')
        print(connection.finish(task).data)

Tests use the lower layers too: any record, any header, any WebSocket frame, any bytes.
"""
import base64
import collections
import hashlib
import os
import select
import socket
import struct
import time

from tiny_protobuf import ENUMS, ERROR_NAMES, ERRORS, TYPE_NAMES, TYPES, ProtocolError, camel, decode, encode

PAYLOAD_MAX = 65536
WINDOW = 262144  # how far a payload may go at first
PREFIX = struct.Struct('<BBHIII')
SESSIONS = 4  # feature bit 2
PATIENCE_S = 20
TEXT, BINARY, CLOSE, WS_PING, WS_PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The other side ended the connection with an ERROR, or without one (code 0)."""

    def __init__(self, code, sentence=''):
        super().__init__(f'{ERROR_NAMES.get(code, code)}: {sentence}')
        self.code = code


def parameters(values):
    """TaskSubmit.params from a dict: whole and real numbers, texts, lists of numbers; a list of params passes as is."""
    if isinstance(values, list):
        return values

    def one(value):
        if isinstance(value, (list, tuple)):
            kind = 'reals' if any(isinstance(item, float) for item in value) else 'ints'
            return {kind: {'values': value}}
        return {'text' if isinstance(value, str) else 'real' if isinstance(value, float) else 'int': value}
    return [{'name': name, **one(value)} for name, value in values.items()]


def pack_record(kind, stream, header, payload, seq, flags=0):
    """A record; the type by name or, for tests, any number."""
    prefix = PREFIX.pack(TYPES.get(kind, kind), flags, len(header), stream, len(payload), seq & 0xffffffff)
    return prefix + header + payload


class Record:
    """A record that came: .kind, .stream, .payload, and the header's fields as attributes."""

    def __init__(self, kind, stream, fields, payload):
        self.kind, self.stream, self.fields, self.payload = kind, stream, fields, payload

    def __getattr__(self, name):
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(name) from None

    def __repr__(self):
        return f'{self.kind} stream={self.stream} {self.fields} payload={len(self.payload)}'


# ---- payloads in parts ----

class Outgoing:
    """A payload to send: how much has left, and how far the receiver lets it go."""

    def __init__(self, data, attempt):
        self.data, self.attempt, self.sent, self.limit = data, attempt, 0, WINDOW

    def widen(self, limit, attempt):
        if attempt == self.attempt:
            self.limit = max(self.limit, limit)

    def part(self, size=PAYLOAD_MAX):
        """(offset, bytes) of the next part; no bytes when the window or the payload is at its end."""
        start = self.sent
        self.sent = max(start, min(start + size, self.limit, len(self.data)))
        return start, self.data[start:self.sent]


class Incoming:
    """A payload that comes: what is there, and how far the sender was told it may go."""

    def __init__(self, record):
        self.attempt, self.size, self.limit = record.attempt, record.payload_size, WINDOW
        self.data = bytearray(record.payload)
        self.check()

    def take(self, chunk):
        if chunk.offset != len(self.data) or not chunk.payload:
            raise ProtocolError(f'{chunk} where {len(self.data)} was to come')
        self.data += chunk.payload
        self.check()

    def check(self):
        if len(self.data) > min(self.size, self.limit):
            raise ProtocolError(f'{len(self.data)} bytes of {self.size}, allowed are {self.limit}')

    @property
    def whole(self):
        return len(self.data) == self.size

    def wider(self):
        """A new limit when half a window is used up and more is to come, else None: then no WINDOW is due."""
        if self.limit >= self.size or self.limit - len(self.data) > WINDOW // 2:
            return None
        self.limit = len(self.data) + WINDOW
        return self.limit


class Task:
    """A task this client submitted. `answer` is the record that ended it, `incoming` the result."""

    def __init__(self, stream, task_id, outgoing):
        self.stream, self.id, self.outgoing = stream, task_id, outgoing
        self.accepted = self.incoming = self.delivery = self.answer = None
        self.deliveries = self.resends = 0

    @property
    def data(self):
        return bytes(self.incoming.data) if self.succeeded else None

    @property
    def succeeded(self):
        return self.answer is not None and self.answer.kind == 'RESULT_DELIVERY'


class Job:
    """A task this peer was assigned: `assign` says what, `incoming` is its payload, `outgoing` the result."""

    def __init__(self, record):
        self.stream, self.assign, self.incoming = record.stream, record, Incoming(record)
        self.outgoing, self.cancelled = None, False


# ---- the connection ----

class Connection:
    """One connection to a coordinator, as client or peer, used by one thread.

    What the protocol wants done at once (pongs, windows, chunks, resends) happens while messages() or finish() read;
    automatic=False leaves that to the test. deaf=True never reads while it writes.
    """

    def __init__(self, address, automatic=True, deaf=False, upgrade=True):
        host, port = address.rsplit(':', 1)
        self.socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.automatic, self.deaf = automatic, deaf
        self.inbox, self.outbox, self.partial = bytearray(), bytearray(), None
        self.records = collections.deque()
        self.ended = False           # nothing more will come
        self.close_code = None       # of a WebSocket close frame that came
        self.error = None            # the ERROR about the connection that came
        self.seq_out = self.seq_in = 0
        self.pong = None             # the data of the last WebSocket pong that came
        self.heartbeat_s, self.next_beat = None, 0
        self.next_stream, self.tasks, self.jobs = 1, {}, {}
        self.sessions = False        # agreed on: results are acknowledged
        if upgrade:
            self._upgrade(address)
        self.socket.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    def drop(self):
        """Ends the TCP connection without a word."""
        self.ended = True
        self.socket.close()

    def _upgrade(self, address):
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f'GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                             f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n'
                             f'Sec-WebSocket-Protocol: p2c2r.v1\r\n\r\n').encode())
        answer = b''
        while b'\r\n\r\n' not in answer:
            data = self.socket.recv(65536)
            if not data or len(answer) > 65536:
                raise Refused(0, f'no upgrade: {answer[:200]!r}')
            answer += data
        head, self.inbox[:] = answer.split(b'\r\n\r\n', 1)
        lines = head.decode('latin-1').split('\r\n')
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(':') for line in lines[1:])}
        proof = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
        if ' 101 ' not in lines[0] + ' ' or headers.get('sec-websocket-accept') != base64.b64encode(proof).decode():
            raise Refused(0, f'no upgrade: {lines[0]}')
        if headers.get('sec-websocket-protocol') != 'p2c2r.v1' or 'sec-websocket-extensions' in headers:
            raise ProtocolError(f'upgrade to something else: {headers}')

    # ---- bytes and frames out ----

    def send_bytes(self, data):
        """Writes raw bytes, reading meanwhile so that neither side waits for the other."""
        self.outbox += data
        limit = time.monotonic() + PATIENCE_S
        while self.outbox and not self.ended:
            self._turn(limit)

    def send_frame(self, data, opcode=BINARY, final=True):
        """One WebSocket frame, masked as clients must."""
        mask = os.urandom(4)
        length = len(data)
        size = struct.pack('>B', 0x80 | length) if length < 126 else \
            struct.pack('>BH', 0xfe, length) if length < 65536 else struct.pack('>BQ', 0xff, length)
        key = int.from_bytes((mask * (length // 4 + 1))[:length], 'big')
        masked = (int.from_bytes(data, 'big') ^ key).to_bytes(length, 'big')
        self.send_bytes(bytes([opcode | (0x80 if final else 0)]) + size + mask + masked)

    def send_message(self, data, parts=1):
        """One binary WebSocket message, in as many frames as wanted."""
        step = max(1, -(-len(data) // parts))
        pieces = [data[at:at + step] for at in range(0, len(data), step)] or [b'']
        for number, piece in enumerate(pieces):
            self.send_frame(piece, BINARY if number == 0 else 0, number == len(pieces) - 1)

    def record(self, kind, stream=0, payload=b'', flags=0, header=None, **fields):
        """The bytes of this connection's next record, for send_message(); header replaces the fields by any bytes."""
        if header is None:
            header = encode(camel(kind), fields)
        self.seq_out += 1
        return pack_record(kind, stream, header, payload, self.seq_out - 1, flags)

    def send(self, kind, stream=0, payload=b'', **more):
        self.send_message(self.record(kind, stream, payload, **more))

    # ---- bytes, frames and records in ----

    def _beat(self):
        """A peer that is registered sends HEARTBEAT now and then, or it counts as lost."""
        if self.heartbeat_s and time.monotonic() >= self.next_beat:
            self.next_beat = time.monotonic() + self.heartbeat_s
            self.send('HEARTBEAT')

    def _turn(self, limit):
        """Waits once for the socket, at most until the limit: writes what it takes, reads what is there."""
        timeout = limit - time.monotonic()
        if timeout <= 0:
            raise TimeoutError('the other side neither sends nor takes anything')
        reading = [] if self.deaf and self.outbox else [self.socket]
        timeout = min(timeout, self.heartbeat_s or timeout)
        readable, writable, _ = select.select(reading, [self.socket] if self.outbox else [], [], timeout)
        try:
            if writable:
                del self.outbox[:self.socket.send(self.outbox[:1 << 20])]
            if readable:
                data = self.socket.recv(1 << 20)
                self.inbox += data
                self.ended = self.ended or not data
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    def _frame(self):
        """The next WebSocket frame of the inbox as (final, opcode, data), or None."""
        if len(self.inbox) < 2:
            return None
        first, length, start = self.inbox[0], self.inbox[1], 2
        if first & 0x70 or length & 0x80:
            raise ProtocolError('a frame with reserved bits or a mask')
        if length > 125:
            start = 4 if length == 126 else 10
            if len(self.inbox) < start:
                return None
            length = int.from_bytes(self.inbox[2:start], 'big')
        if len(self.inbox) < start + length:
            return None
        data = bytes(self.inbox[start:start + length])
        del self.inbox[:start + length]
        return bool(first & 0x80), first & 15, data

    def _digest(self):
        """Frames to messages to records, as far as the inbox goes."""
        while frame := self._frame():
            final, opcode, data = frame
            if opcode == CLOSE:
                self.close_code = int.from_bytes(data[:2], 'big') if data else 0
                if not self.ended:
                    self.send_frame(data[:2], CLOSE)
                self.ended = True
                return
            if opcode == WS_PING:
                self.send_frame(data, WS_PONG)
            elif opcode in (0, BINARY):
                if (self.partial is None) == (opcode == 0):
                    raise ProtocolError('a continuation of nothing, or none where one was due')
                self.partial = data if self.partial is None else self.partial + data
                if final:
                    message, self.partial = self.partial, None
                    self._split(message)
            elif opcode == WS_PONG:
                self.pong = data
            else:
                raise ProtocolError(f'a frame of kind {opcode}')

    def _split(self, message):
        at = 0
        while at < len(message):
            if at + PREFIX.size > len(message):
                raise ProtocolError('a record spans messages')
            kind, flags, header_len, stream, payload_len, seq = PREFIX.unpack_from(message, at)
            start = at + PREFIX.size
            at = start + header_len + payload_len
            if at > len(message) or kind not in TYPE_NAMES or flags or payload_len > PAYLOAD_MAX or seq != self.seq_in:
                raise ProtocolError(f'bad prefix {message[start - PREFIX.size:start].hex()}')
            self.seq_in = self.seq_in + 1 & 0xffffffff
            fields = decode(camel(TYPE_NAMES[kind]), message[start:start + header_len])
            self.records.append(Record(TYPE_NAMES[kind], stream, fields, message[start + header_len:at]))

    def messages(self, timeout=PATIENCE_S):
        """Every record that comes, its reflexes done, until the connection ends; TimeoutError when none comes."""
        limit = time.monotonic() + timeout
        while True:
            self._digest()
            if self.records:
                record = self.records.popleft()
                self._react(record)
                yield record
            elif self.ended:
                return
            else:
                self._beat()
                self._turn(limit)

    def expect(self, kind, stream=None, timeout=PATIENCE_S):
        """The next record of that kind (and stream); others are passed over. Refused when the connection ends."""
        for record in self.messages(timeout):
            if record.kind == kind and stream in (None, record.stream):
                return record
        raise Refused(self.error.code if self.error else 0, self.error.sentence if self.error else 'closed')

    def end(self, timeout=PATIENCE_S):
        """Waits until the other side ends the connection; the code of its ERROR, 0 without one."""
        collections.deque(self.messages(timeout), maxlen=0)
        return self.error.code if self.error else 0

    def check_alive(self, data=b'alive?', timeout=PATIENCE_S):
        """A WebSocket ping, allowed even between the frames of a message, and its pong."""
        self.send_frame(data, WS_PING)
        limit = time.monotonic() + timeout
        while self.pong != data:
            self._turn(limit)
            self._digest()
            if self.ended:
                raise Refused(0, 'closed')

    # ---- reflexes ----

    def _react(self, record):
        if record.kind == 'ERROR' and record.stream == 0:
            self.error = record
        if not self.automatic:
            return
        if record.kind == 'PING':
            self.send('PONG', token=record.token)
        elif record.stream in self.tasks:
            self._react_as_client(self.tasks[record.stream], record)
        elif record.kind == 'TASK_ASSIGN':
            self.jobs[record.stream] = Job(record)
            self._pull(self.jobs[record.stream])
        elif record.stream in self.jobs:
            self._react_as_peer(self.jobs[record.stream], record)

    def _react_as_client(self, task, record):
        if task.answer is not None:
            if record.kind not in ('CHUNK', 'WINDOW'):
                raise ProtocolError(f'{record} after the end of its task')
        elif record.kind == 'TASK_ACCEPTED':
            task.accepted = record
        elif record.kind == 'WINDOW':
            task.outgoing.widen(record.limit, record.attempt)
            self._push(task)
        elif record.kind == 'RESEND':
            task.resends += 1
            task.outgoing.attempt, task.outgoing.sent, task.outgoing.limit = record.attempt, record.offset, record.limit
            self._push(task)
        elif record.kind == 'RESULT_DELIVERY':
            task.deliveries += 1
            task.delivery, task.incoming = record, Incoming(record)
            self._pull(task)
        elif record.kind == 'CHUNK':
            if task.incoming and record.attempt == task.incoming.attempt:
                task.incoming.take(record)
                self._pull(task)
        else:
            task.answer = record
        if task.incoming and task.incoming.whole and task.answer is None:
            task.answer = task.delivery
            if self.sessions:
                self.send('RESULT_ACK', task.stream, attempt=task.delivery.attempt)

    def _react_as_peer(self, job, record):
        if record.kind == 'TASK_CANCEL' and not job.cancelled:
            if job.outgoing is None:  # nothing runs here, so the slot is free at once
                self.fail(job, ERRORS['CANCELLED'])
            job.cancelled = True
        elif record.kind == 'CHUNK' and record.attempt == job.assign.attempt and not job.incoming.whole:
            job.incoming.take(record)
            self._pull(job)
        elif record.kind == 'WINDOW' and job.outgoing and not job.cancelled:
            job.outgoing.widen(record.limit, record.attempt)
            self._push(job)

    def _push(self, owner):
        """CHUNKs as far as the window goes."""
        while True:
            offset, part = owner.outgoing.part()
            if not part:
                return
            self.send('CHUNK', owner.stream, part, offset=offset, attempt=owner.outgoing.attempt)

    def _pull(self, owner):
        """A WINDOW when one is due."""
        if (limit := owner.incoming.wider()) is not None:
            self.send('WINDOW', owner.stream, limit=limit, attempt=owner.incoming.attempt)

    # ---- what a client or a peer does ----

    def hello(self, role='CLIENT', features=0, wait=True, **more):
        fields = {'magic': 0x52324332, 'version_min': 1, 'version_max': 1, 'features': features,
                  'role': ENUMS['Role'].get(f'ROLE_{role}', role), 'agent': 'stranger 1', **more}
        self.send('HELLO', **fields)
        answer = self.expect('HELLO') if wait else None
        self.sessions = bool(answer and answer.features & SESSIONS)
        return answer

    def register_client(self, session=b''):
        self.send('GAMER_REGISTER', session=session)
        return self.expect('GAMER_REGISTERED')

    def register_peer(self, types=('echo',), slots=1, queue_depth=0, speed=0):
        """Registers with one CPU that can do these types, version 1 of each."""
        device = {'kind': ENUMS['DeviceKind']['DEVICE_CPU'], 'name': 'stranger', 'slots': slots}
        self.send('PEER_REGISTER', cpu_cores=1, slots=slots, queue_depth=queue_depth, devices=[device],
                  offers=[{'type': name, 'version': 1, 'device': 0, 'units_per_second': speed} for name in types])
        registered = self.expect('PEER_REGISTERED')
        self.heartbeat_s = registered.heartbeat_interval_us / 2e6
        return registered

    def submit(self, kind, payload=b'', params=(), first=PAYLOAD_MAX, **more):
        """Sends a task and as much of its payload as the window allows; finish() waits for its end."""
        task = Task(self.next_stream, os.urandom(16), Outgoing(bytes(payload), 1))
        self.next_stream += 1
        self.tasks[task.stream] = task
        fields = {'id': task.id, 'type': kind, 'deadline_us': 10_000_000, 'payload_size': len(payload),
                  'params': parameters(dict(params) if isinstance(params, tuple) else params), **more}
        task.id = fields['id']
        self.send('TASK_SUBMIT', task.stream, task.outgoing.part(first)[1], **fields)
        if self.automatic:
            self._push(task)
        return task

    def resume(self, task):
        """A task of an earlier connection goes on on this one; its payload is sent as it is asked for."""
        task.stream, task.incoming, task.accepted, task.answer = self.next_stream, None, None, None
        task.outgoing.attempt = task.outgoing.limit = task.outgoing.sent = 0
        self.next_stream += 1
        self.tasks[task.stream] = task
        self.send('TASK_RESUME', task.stream, id=task.id)

    def cancel(self, task):
        self.send('TASK_CANCEL', task.stream, id=task.id)

    def finish(self, *tasks, timeout=PATIENCE_S):
        """Reads until these tasks have ended; the first of them. Refused when the connection ends before."""
        messages = self.messages(timeout)
        while any(task.answer is None for task in tasks):
            if next(messages, None) is None:
                raise Refused(self.error.code if self.error else 0, self.error.sentence if self.error else 'closed')
        for task in tasks:
            del self.tasks[task.stream]
        return tasks[0]

    def job(self, timeout=PATIENCE_S):
        """The next job whose payload is whole."""
        for _ in self.messages(timeout):
            for job in self.jobs.values():
                if job.incoming.whole and not job.outgoing and not job.cancelled:
                    return job
        raise Refused(self.error.code if self.error else 0, 'closed')

    def answer(self, job, result, **more):
        """The result of a job; what the window does not allow yet follows while messages are read."""
        job.outgoing = Outgoing(bytes(result), job.assign.attempt)
        fields = {'id': job.assign.id, 'attempt': job.assign.attempt, 'success': True, 'payload_size': len(result)}
        self.send('TASK_RESULT', job.stream, job.outgoing.part()[1], **(fields | more))
        self._push(job)

    def fail(self, job, code, retryable=False):
        job.outgoing = Outgoing(b'', job.assign.attempt)
        self.send('TASK_FAILURE', job.stream, id=job.assign.id, attempt=job.assign.attempt, code=code,
                  retryable=retryable, sentence='the stranger could not')
