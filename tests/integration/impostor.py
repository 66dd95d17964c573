"""Something that listens where a coordinator should be, and has other manners. Standard library only."""
import base64
import hashlib
import socket
import struct
import threading

from stranger import PREFIX, SESSIONS, pack_record
from tiny_protobuf import TYPE_NAMES, camel, decode, encode

PACE_S = 0.02  # between the bytes of one that drips


class Line:
    """The server's side of one connection."""

    def __init__(self, connection, impostor):
        self.socket, self.impostor, self.inbox, self.seq = connection, impostor, bytearray(), 0

    def fill(self, size):
        while len(self.inbox) < size:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError
            self.inbox += data

    def take(self, size):
        self.fill(size)
        data = bytes(self.inbox[:size])
        del self.inbox[:size]
        return data

    def linger(self):
        """Says nothing more, until the other side has enough."""
        while self.socket.recv(65536):
            pass

    def drip(self, data):
        """One byte at a time, for ever: the last one again and again."""
        pace = threading.Event()
        at = 0
        while not pace.wait(PACE_S):
            self.socket.sendall(data[at:at + 1])
            at = min(at + 1, len(data) - 1)

    def request(self):
        while b'\r\n\r\n' not in self.inbox:
            self.fill(len(self.inbox) + 1)
        head, _, rest = bytes(self.inbox).partition(b'\r\n\r\n')
        self.inbox[:] = rest
        key = next(line.split(b':')[1].strip() for line in head.split(b'\r\n')
                   if line.lower().startswith(b'sec-websocket-key'))
        proof = hashlib.sha1(key + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest()
        return b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' \
            b'Sec-WebSocket-Protocol: p2c2r.v1\r\nSec-WebSocket-Accept: ' + base64.b64encode(proof) + b'\r\n'

    def upgrade(self):
        self.socket.sendall(self.request() + b'\r\n')

    def frame(self, data, length=None):
        """A binary message, or the beginning of one of that length."""
        length = len(data) if length is None else length
        size = struct.pack('>B', length) if length < 126 else struct.pack('>BH', 126, length) if length < 65536 else \
            struct.pack('>BQ', 127, length)
        return b'\x82' + size + data

    def record(self, kind, stream=0, payload=b'', flags=0, header=None, **fields):
        header = encode(camel(kind), fields) if header is None else header
        self.seq += 1
        return pack_record(kind, stream, header, payload, self.seq - 1, flags)

    def send(self, kind, stream=0, payload=b'', **more):
        self.socket.sendall(self.frame(self.record(kind, stream, payload, **more)))

    def messages(self):
        """Records as (kind, stream, fields, payload), until the other side leaves."""
        while True:
            first, length = self.take(2)
            length &= 127
            if length > 125:
                length = int.from_bytes(self.take(2 if length == 126 else 8), 'big')
            mask, data = self.take(4), self.take(length)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
            if first & 15 == 8:
                return
            while first & 15 == 2 and data:
                kind, _, header_len, stream, payload_len, _ = PREFIX.unpack_from(data)
                end = PREFIX.size + header_len
                yield TYPE_NAMES[kind], stream, decode(camel(TYPE_NAMES[kind]), data[PREFIX.size:end]), \
                    data[end:end + payload_len]
                data = data[end + payload_len:]

    def converse(self, on_submit):
        """As a coordinator would, but for tasks: on_submit(line, stream, fields, payload)."""
        self.upgrade()
        for kind, stream, fields, payload in self.messages():
            if kind == 'HELLO':
                self.send('HELLO', magic=0x52324332, version_min=1, version_max=1, role=3, features=SESSIONS)
            elif kind == 'GAMER_REGISTER':
                self.send('GAMER_REGISTERED', session=b'impostor' * 2, tasks_in_flight_max=100,
                          payload_bytes_max=1 << 26, resume_grace_us=30_000_000)
            elif kind == 'PING':
                self.send('PONG', token=fields['token'])
            elif kind == 'TASK_SUBMIT':
                self.impostor.submits += 1
                on_submit(self, stream, fields, payload)


class Impostor:
    """with Impostor(manner) as i: i.url; manner(line) is run on a thread for each connection."""

    def __init__(self, manner):
        self.manner, self.met, self.submits, self.lines = manner, 0, 0, []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'ws://127.0.0.1:{self.listener.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for line in self.lines:
            line.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.met += 1
            self.lines.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.manner(Line(connection, self))
        except OSError:
            pass
        connection.close()
