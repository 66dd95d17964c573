#!/usr/bin/env python3
"""Writes the seeds of the fuzz corpus beside this file: the vectors, and hostile cases by name."""
import os
import struct
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "..", "proto", "vectors")

HELLO, TASK_SUBMIT, BATCH, RESULT, FAILURE, CHUNK, WINDOW, HEARTBEAT, PING, ERROR, BYE = (
    1, 6, 7, 10, 11, 16, 17, 19, 20, 25, 29)
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_100 = ZSTD_MAGIC + b"\x20\x64\x23\x03\x00A"  # 100 times 'A'
# Content size 2^30, then a block that repeats one byte 128 KiB times.
ZSTD_GIGABYTE = ZSTD_MAGIC + b"\xe0" + struct.pack("<Q", 1 << 30) + b"\x02\x00\x10\x00"
ZSTD_LIAR = ZSTD_MAGIC + b"\x20\x64\x02\x00\x10\x00\x03\x00\x10\x00"  # says 100, holds 256 KiB


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def nested(depth):
    data = b""
    for _ in range(depth):
        data = block(1, data)
        if len(data) > 60000:
            break
    return data


def record(kind, header=b"", payload=b"", stream=0, seq=0, flags=0, header_len=None, payload_len=None):
    return struct.pack("<BBHIII", kind, flags, len(header) if header_len is None else header_len, stream,
                       len(payload) if payload_len is None else payload_len, seq) + header + payload


def hello(version_min=1, version_max=1, magic=0x52324332, role=2):
    return record(HELLO, b"\x0d" + struct.pack("<I", magic) + number(2, version_min) + number(3, version_max) +
                  number(4, 1) + number(5, role) + block(6, b"seed"))


ID = block(1, bytes(range(16)))
ECHO = ID + block(2, b"echo")


def vectors():
    """Name and bytes of each vector, the sequence number set to `seq`."""
    for name in sorted(os.listdir(VECTORS)):
        if not name.endswith(".hex"):
            continue
        with open(os.path.join(VECTORS, name), encoding="utf-8") as f:
            data = bytes.fromhex("".join(line for line in f if not line.startswith("#")))
        yield name[:-4], data


def with_seq(data, seq):
    return data[:12] + struct.pack("<I", seq) + data[16:]


def hostile_headers():
    """Name, type, stream, header, payload, flags of records that are whole but wrong, or at a limit."""
    param = block(1, b"n")
    yield "nesting-unknown-field", TASK_SUBMIT, 1, ECHO + block(100, nested(10000)), b"", 0
    yield "nesting-param", TASK_SUBMIT, 1, ECHO + block(9, nested(10000)), b"", 0
    yield "nesting-groups", TASK_SUBMIT, 1, b"\x0b" * 10000, b"", 0
    yield "utf8-overlong", BYE, 0, block(1, b"\xc0\x80"), b"", 0
    yield "utf8-surrogate", BYE, 0, block(1, b"\xed\xa0\x80"), b"", 0
    yield "utf8-cut", BYE, 0, block(1, b"12345678\xe2\x82"), b"", 0
    yield "text-with-nul", BYE, 0, block(1, b"a\0b"), b"", 0
    yield "text-too-long", BYE, 0, block(1, b"x" * 257), b"", 0
    yield "length-beyond-end", BYE, 0, b"\x0a\x7f", b"", 0
    yield "length-huge", BYE, 0, b"\x0a" + varint(2**63 - 1), b"", 0
    yield "varint-endless", WINDOW, 1, b"\x08" + b"\xff" * 12, b"", 0
    yield "field-zero", WINDOW, 1, b"\x00\x01", b"", 0
    yield "field-twice", WINDOW, 1, number(1, 1) + number(1, 2), b"", 0
    yield "enum-class-reserved", TASK_SUBMIT, 1, ECHO + number(4, 7), b"", 0
    yield "enum-class-negative", TASK_SUBMIT, 1, ECHO + number(4, 2**64 - 1), b"", 0
    yield "enum-code-unknown", ERROR, 0, number(1, 9999), b"", 0
    yield "enum-code-ok", ERROR, 0, b"", b"", 0
    yield "attempt-above-32-bits", FAILURE, 1, ID + number(2, 2**32 + 1) + number(3, 61), b"", 0
    yield "id-too-short", WINDOW, 1, block(1, b"abc"), b"", 0
    yield "load-nan", HEARTBEAT, 0, b"\x09" + struct.pack("<d", float("nan")), b"", 0
    yield "load-above-one", HEARTBEAT, 0, b"\x09" + struct.pack("<d", 1.5), b"", 0
    yield "slots-too-many", HEARTBEAT, 0, block(6, b"\x01" * 257), b"", 0
    yield "slots-unpacked", HEARTBEAT, 0, number(6, 1) * 256, b"", 0
    yield "params-too-many", TASK_SUBMIT, 1, ECHO + block(9, param + number(2, 1)) * 33, b"", 0
    yield "param-without-value", TASK_SUBMIT, 1, ECHO + block(9, param), b"", 0
    yield "param-two-values", TASK_SUBMIT, 1, ECHO + block(9, param + number(2, 1) + block(4, b"t")), b"", 0
    yield "param-infinite", TASK_SUBMIT, 1, ECHO + block(9, param + b"\x19" + struct.pack("<d", float("inf"))), b"", 0
    yield "param-list-empty", TASK_SUBMIT, 1, ECHO + block(9, param + block(5, b"")), b"", 0
    yield "param-list-long", TASK_SUBMIT, 1, ECHO + block(9, param + block(5, block(1, b"\x02" * 17))), b"", 0
    yield "batch-257", BATCH, 1, block(1, ECHO) * 257, b"", 0
    yield "batch-256", BATCH, 1, block(1, ECHO) * 256, b"", 0
    yield "batch-empty", BATCH, 1, b"", b"", 0
    yield "batch-payload-short", BATCH, 1, block(1, ECHO + number(6, 9)), b"12345678", 0
    yield "batch-payload-over", BATCH, 1, block(1, ECHO + number(6, 7)), b"12345678", 0
    yield "batch-all-elements", BATCH, 1, block(1, ECHO + block(9, param + number(2, 2)) * 15) * 256, b"", 0
    yield "batch-elements-over", BATCH, 1, block(1, ECHO + block(9, param + number(2, 2)) * 16) * 256, b"", 0
    yield "unknown-fields-64", WINDOW, 1, number(1000, 1) * 64, b"", 0
    yield "unknown-fields-65", WINDOW, 1, number(1000, 1) * 65, b"", 0
    yield "payload-above-limit", RESULT, 1, ID + number(2, 1) + number(3, 1) + number(8, 2**26 + 1), b"x", 0
    yield "payload-first-part-over", RESULT, 1, ID + number(2, 1) + number(3, 1) + number(8, 1), b"xy", 0
    yield "chunk-offset-wraps", CHUNK, 1, number(1, 2**64 - 1), b"x", 0
    yield "zstd-gigabyte", CHUNK, 1, number(3, 65536), ZSTD_GIGABYTE, 1
    yield "zstd-raw-size-differs", CHUNK, 1, number(3, 99), ZSTD_100, 1
    yield "zstd-no-frame", CHUNK, 1, number(3, 100), b"not a frame at all", 1
    yield "zstd-flag-on-window", WINDOW, 1, number(1, 5), b"", 1


def reader_seeds():
    stream = hello()
    for seq, (name, data) in enumerate(vectors()):
        yield "vector-" + name, hello() + with_seq(data, 1)
        stream += with_seq(data, seq + 1)
    yield "all-vectors", stream
    yield "all-vectors-cut", stream[:-3]
    for name, kind, on, header, payload, flags in hostile_headers():
        yield name, hello() + record(kind, header, payload, on, 1, flags)
    yield "magic-wrong", hello(magic=0x52324333)
    yield "magic-http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "magic-tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    yield "version-future", hello(900, 901)
    yield "version-backwards", hello(2, 1)
    yield "role-unknown", hello(role=9)
    yield "first-record-ping", record(PING)
    yield "type-unknown", hello() + record(200, seq=1)
    yield "flags-reserved", hello() + record(CHUNK, b"", b"x", 1, 1, 0x80)
    yield "payload-4-gigabytes", hello() + record(CHUNK, b"", b"", 1, 1, 0, None, 2**32 - 1)
    yield "payload-65537", hello() + record(CHUNK, b"", b"", 1, 1, 0, None, 65537)
    yield "payload-where-none-is", hello() + record(PING, b"", b"x", 0, 1)
    yield "header-cut", hello() + record(PING, b"\x09", b"", 0, 1, 0, 65535)
    yield "sequence-gap", hello() + record(PING, seq=2)
    yield "sequence-repeated", hello() + record(PING, seq=0)
    yield "stream-on-ping", hello() + record(PING, b"", b"", 5, 1)
    yield "prefix-cut", hello()[:15]
    yield "empty-records", hello() + b"".join(record(PING, seq=i + 1) for i in range(200))


def codec_seeds():
    def case(kind, flags, stream, header, payload):
        return struct.pack("<BBBH", kind, flags, stream, len(payload)) + header + payload

    for name, data in vectors():
        kind, flags, header_len, stream = struct.unpack_from("<BBHI", data)
        yield "vector-" + name, case(kind, flags, stream, data[16:16 + header_len], data[16 + header_len:])
    for name, kind, stream, header, payload, flags in hostile_headers():
        yield name, case(kind, flags, stream, header, payload)


def chunks_seeds():
    def begin(size, window, attempt):
        return b"\x00" + struct.pack("<I", size)[:3] + struct.pack("<HB", window, attempt)

    def chunk(attempt, offset, data, raw=None):
        return (b"\x01" + bytes([attempt]) + struct.pack("<I", offset)[:3] +
                struct.pack("<HH", len(data), len(data) if raw is None else raw) + data)

    consume, honest = b"\x02\xff\xff", b"\x03"
    yield "in-order", begin(8, 100, 1) + chunk(1, 0, b"1234") + chunk(1, 4, b"5678") + consume
    yield "gap", begin(8, 100, 1) + chunk(1, 4, b"5678")
    yield "overlap", begin(8, 100, 1) + chunk(1, 0, b"1234") + chunk(1, 2, b"3456")
    yield "beyond-end", begin(8, 100, 1) + chunk(1, 0, b"123456789")
    yield "beyond-window", begin(8, 2, 1) + chunk(1, 0, b"1234")
    yield "empty-chunk", begin(8, 100, 1) + chunk(1, 0, b"")
    yield "attempt-stale", begin(8, 100, 2) + chunk(1, 0, b"1234")
    yield "attempt-early", begin(8, 100, 2) + chunk(3, 0, b"1234")
    yield "attempt-anew", begin(8, 100, 1) + chunk(1, 0, b"1234") + begin(8, 100, 2) + chunk(2, 0, b"12345678")
    yield "window-moves", begin(8, 3, 1) + chunk(1, 0, b"1234") + consume + chunk(1, 4, b"5678") + consume
    yield "zstd", begin(100, 1000, 1) + chunk(1, 0, ZSTD_100, 100) + consume
    yield "zstd-gigabyte", begin(65535, 65535, 1) + chunk(1, 0, ZSTD_GIGABYTE, 65535)
    yield "zstd-liar", begin(100, 1000, 1) + chunk(1, 0, ZSTD_LIAR, 100)
    yield "zstd-cut", begin(100, 1000, 1) + chunk(1, 0, ZSTD_100[:-1], 100)
    yield "honest-small", begin(5, 100, 1) + honest
    yield "honest-large", begin(1 << 20, 65535, 1) + honest
    yield "honest-narrow", begin(1000, 63, 1) + honest
    yield "honest-empty", begin(0, 100, 1) + honest


def ws_seeds():
    def frame(op, data=b"", fin=True, masked=True, length=None, key=b"\x12\x34\x56\x78"):
        size = len(data) if length is None else length
        head = bytes([(0x80 if fin else 0) | op])
        short = size if size < 126 else 126 if size < 65536 else 127
        head += bytes([(0x80 if masked else 0) | short])
        head += b"" if short < 126 else struct.pack(">H", size) if short == 126 else struct.pack(">Q", size)
        if not masked:
            return head + data
        return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(data))

    text, binary, close, ping, pong = 1, 2, 8, 9, 10
    for by in (0, 1, 3, 50):
        client, server = bytes([by << 1 | 1]), bytes([by << 1])
        name = f"-by-{by}" if by else ""
        yield "message" + name, client + frame(binary, bytes(range(200)))
        yield "messages" + name, client + frame(binary, b"one") + frame(binary, b"") + frame(binary, b"three" * 40)
        yield "from-server" + name, server + b"".join(frame(op, b"abc", masked=False) for op in (binary, ping, close))
        yield "fragments" + name, client + frame(binary, b"a" * 130, False) + frame(ping, b"here?") + frame(
            0, b"b", False) + frame(pong) + frame(0, b"c") + frame(close, b"\x03\xe8")
        yield "longer" + name, client + frame(binary, bytes(300)) + frame(close)
    client, server = b"\x01", b"\x00"
    yield "longest", client + frame(binary, bytes(66000)) + frame(close)
    yield "unmasked-client", client + frame(binary, b"abc", masked=False)
    yield "masked-server", server + frame(binary, b"abc")
    yield "text", client + frame(text, b"hello") + frame(binary, b"after")
    yield "continues-nothing", client + frame(0, b"abc")
    yield "begins-within", client + frame(binary, b"abc", False) + frame(binary, b"def")
    yield "control-in-pieces", client + frame(ping, b"abc", False)
    yield "control-too-long", client + frame(ping, b"a" * 126)
    yield "length-not-shortest-16", client + b"\x82\xfe\x00\x7d" + bytes(129)
    yield "length-not-shortest-64", client + b"\x82\xff" + struct.pack(">Q", 65535) + bytes(40)
    yield "length-top-bit", client + b"\x82\xff" + b"\xff" * 8 + bytes(4)
    yield "length-never-comes", client + frame(binary, b"abc", length=1 << 62)
    yield "reserved-bit", client + b"\xc2\x83" + bytes(7)
    yield "op-unknown", client + b"\x83\x80" + bytes(4)
    yield "head-cut", client + b"\x82\xfe\x01"
    upgrade = (b"GET /chat?a=b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
               b"Origin: http://localhost\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, p2c2r.v1\r\n\r\n")
    answer = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: p2c2r.v1\r\n\r\n")
    yield "http-upgrade", server + upgrade
    yield "http-upgrade-cut", server + upgrade[:-2]
    yield "http-upgrade-goes-on", server + upgrade + b"x"
    yield "http-answer", server + answer
    yield "http-answer-not-status", server + answer.replace(b"101", b"1x1")
    yield "http-folded", server + upgrade.replace(b"Host: x", b"Host:\r\n x")
    yield "http-key-twice", server + upgrade.replace(b"Host: x", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    yield "http-nul", server + upgrade.replace(b"/chat", b"/ch\0t")
    yield "http-no-colon", server + b"GET / HTTP/1.1\r\nHost\r\n\r\n"
    yield "http-blank-name", server + b"GET / HTTP/1.1\r\n: x\r\n\r\n"


def conversation(*operations, lines=1, piece=0):
    return bytes([lines - 1 | piece << 1]) + b"".join(operations)


def client_words(line=0, resumed=0, grace=30_000_000):
    """What the game and a coordinator do, as operations of fuzz_client.c on one connection: by name."""
    def op(code, data=b""):
        return bytes([code | line << 4]) + data

    def say(kind, header=b"", payload=b"", stream=0, flags=0, payload_len=None):
        return op(3, struct.pack("<BBBHH", kind, flags, stream, len(header),
                                 len(payload) if payload_len is None else payload_len) + header + payload)

    def task(slot, generation):
        return block(1, struct.pack("<II", slot, generation) + bytes(7) + b"\xaa")

    greeting = b"\x0d" + struct.pack("<I", 0x52324332) + number(2, 1) + number(3, 1) + number(4, 5) + number(5, 3)
    registered = block(1, b"S" * 16) + number(2, 100) + number(3, 1 << 26) + number(5, resumed) + number(6, grace)
    up = op(0) + say(1, greeting) + op(4, struct.pack("<H", 100)) + say(5, registered)
    return op, say, task, up


def client_seeds():
    accepted, delivery, ended, timeout, chunk, window, resend = 8, 12, 13, 14, 16, 17, 18
    pong, drain, error = 21, 24, 25
    op, say, task, up = client_words()
    submit, large, lost = op(5, b"\x01"), op(5, b"\x08"), op(1) + op(4, b"\x20\x00")

    def result(size, first, stream=1, slot=1, generation=1, attempt=1):
        return say(delivery, task(slot, generation) + number(2, attempt) + number(12, size) + number(13, len(first)),
                   first, stream)

    def part(offset, data, attempt=1, stream=1, raw=None, flags=0):
        return say(chunk, number(1, offset) + number(2, attempt) + number(3, len(data) if raw is None else raw), data,
                   stream, flags)

    whole = result(4, b"done")
    yield "done", conversation(up, submit, say(accepted, task(1, 1), b"", 1), whole)
    yield "done-in-pieces", conversation(up, submit, whole, piece=3)
    yield "done-twice", conversation(up, submit, whole, whole)
    yield "chunks", conversation(up, submit, result(9, b"abc"), part(3, b"def"), part(6, b"ghi"))
    yield "chunk-gap", conversation(up, submit, result(9, b"abc"), part(4, b"def"))
    yield "chunk-beyond", conversation(up, submit, result(4, b"abc"), part(3, b"def"))
    yield "chunk-before-delivery", conversation(up, submit, part(0, b"abc"))
    yield "chunk-raw-size-differs", conversation(up, submit, result(9, b"abc"), part(3, b"def", raw=2))
    yield "chunk-zstd", conversation(up, submit, result(109, b"abcdefghi"), part(9, ZSTD_100, raw=100, flags=1))
    yield "result-longer-than-may-be", conversation(up, op(5, b"\x81"), result(101, b"abc"))
    yield "result-of-64-mib", conversation(up, submit, result((1 << 26) + 1, b"abc"))
    yield "result-first-part-over", conversation(up, submit, result(2, b"abc"))
    yield "result-other-id", conversation(up, submit, result(4, b"done", 1, 2))
    yield "result-never-asked", conversation(up, submit, result(4, b"done", 2, 1, 2))
    yield "result-without-task", conversation(up, whole)
    yield "result-stream-0", conversation(up, submit, result(4, b"done", 0))
    yield "result-attempt-0", conversation(up, submit, result(4, b"done", attempt=0))
    yield "result-attempts", conversation(up, submit, result(9, b"abc"), result(9, b"ABC", attempt=2), part(3, b"x"),
                                          part(3, b"DEFGHI", 2))
    yield "accepted-twice", conversation(up, submit, say(accepted, task(1, 1), b"", 1) * 2)
    yield "ended-code-ok", conversation(up, submit, say(ended, task(1, 1), b"", 1))
    for code in (20, 26, 28, 41, 61, 65):
        yield f"ended-{code}", conversation(up, submit, say(ended, task(1, 1) + number(3, code), b"", 1))
    yield "timeout", conversation(up, submit, say(timeout, task(1, 1) + number(2, 1), b"", 1))
    yield "error-on-stream", conversation(up, submit, say(error, number(1, 61), b"", 1))
    yield "error", conversation(up, submit, say(error, number(1, 26) + number(2, 1) + block(4, b"Closed.")))
    yield "error-before-hello", conversation(op(5, b"\x01"), op(0), say(error, number(1, 11) + number(2, 1)))
    yield "window", conversation(up, large, say(window, number(1, 200000) + number(2, 1), b"", 1))
    yield "window-beyond", conversation(up, large, say(window, number(1, 1 << 63) + number(2, 1), b"", 1))
    yield "resend", conversation(up, large, say(resend, task(0, 1) + number(2, 2) + number(3, 200000), b"", 1))
    yield "resend-beyond", conversation(up, large, say(resend, task(0, 1) + number(2, 2) + number(3, 9) +
                                                       number(4, 1 << 40), b"", 1))
    yield "no-room", conversation(up, op(7, b"\0"), large, op(7, b"\1"))
    yield "pong-of-none", conversation(up, say(pong, b"\x09" + bytes(8)))
    yield "silence", conversation(up, submit, *[op(4, b"\xff\x04")] * 12)
    yield "questions", conversation(up, op(8, b"\0") * 18, say(31, number(1, 1) + number(2, 1)), say(31, number(1, 9)))
    yield "blob", conversation(up, op(8, b"\2"), say(27, block(1, b"\1" + bytes(31)) + number(3, 200000), b"", 1),
                               say(26, block(1, b"\1" + bytes(31)), b"", 1))
    yield "status", conversation(up, op(8, b"\1"), say(23))
    yield "cancel", conversation(up, submit, op(6, b"\1"), say(ended, task(1, 1) + number(3, 41), b"", 1))
    yield "truncated", conversation(up, submit, whole)[:-9]
    yield "raw-http", conversation(op(0), op(2, b"\x10\x00HTTP/1.1 200 OK\r"), piece=1)
    resumed = client_words(resumed=1)[3]
    yield "resumed", conversation(up, submit, lost, resumed, whole)
    yield "resumed-unknown", conversation(up, submit, lost, resumed, say(ended, task(1, 1) + number(3, 28), b"", 1),
                                          result(4, b"done", 2))
    yield "session-anew", conversation(up, submit, lost, up, whole)
    yield "session-never-given", conversation(resumed, submit, whole)
    yield "no-sessions", conversation(client_words(grace=0)[3], submit, lost, up)
    other_op, _, _, other_up = client_words(1)
    yield "two", conversation(up, other_op(0), submit, whole, lines=2)
    yield "two-second-answers", conversation(op(1), op(5, b"\x01"), other_up, other_op(1), op(4, b"\x80\x00"), up,
                                             whole, lines=2)
    yield "two-first-lost", conversation(up, submit, op(1), op(4, b"\x20\x00"), op(1), other_up, other_op(4, b"\0\0"),
                                         lines=2)
    yield "two-fault", conversation(up, submit, part(0, b"abc"), op(4, b"\x20\x00"), other_up, lines=2)
    yield "two-drain", conversation(up, submit, say(drain), op(5, b"\x02"), whole, op(4, b"\x20\x00"), other_up,
                                    lines=2)
    yield "two-turned-away", conversation(op(5, b"\x01"), op(0), say(error, number(1, 26)), other_op(0),
                                          bytes([3 | 1 << 4]) + say(error, number(1, 26))[1:], lines=2)


def png(width, height, rows, depth=8, colour=2):
    def part(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows, 9)) + part(b"IEND", b"")


def exif_blocks():
    """Name and TIFF bytes of what a JPEG's EXIF may hold: sound ones, then some that point where nothing is."""
    turned = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    other = struct.pack("<HHII", 0x010F, 2, 4, 0)
    head = b"II*\0" + struct.pack("<I", 8)
    yield "turned", head + struct.pack("<H", 2) + other + turned + bytes(4)
    yield "big-endian", b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 8, 0, 0)
    yield "directory-beyond", b"II*\0" + struct.pack("<I", 0xFFFFFFFF)
    yield "directory-at-end", b"II*\0" + struct.pack("<I", 8)
    yield "directory-odd", b"II*\0" + struct.pack("<I", 9) + bytes(20)
    yield "entries-65535", head + b"\xff\xff" + other * 3
    yield "entry-cut", head + struct.pack("<H", 1) + turned[:11]
    yield "value-9", head + struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 9, 0)
    yield "type-text", head + struct.pack("<H", 1) + struct.pack("<HHII", 0x0112, 2, 1, 6)
    yield "many-values", head + struct.pack("<H", 1) + struct.pack("<HHII", 0x0112, 3, 0xFFFFFFFF, 6)
    yield "head-only", b"II*\0"


def image_seeds():
    small = png(3, 2, b"\x00" + bytes(9) + b"\x01" + bytes(range(9)))
    yield "png-small", small
    yield "png-alpha", png(1, 1, b"\x00\x10\x20\x30\x40", colour=6)
    yield "png-grey-16", png(2, 1, b"\x00\x01\x02\x03\x04", depth=16, colour=0)
    yield "png-cut", small[:-20]
    yield "png-rows-missing", png(64, 64, bytes(100))
    yield "png-rows-beyond", png(1, 1, bytes(100000))
    yield "png-65535", png(65535, 65535, bytes(1 << 16))
    yield "png-bomb", png(16384, 4096, bytes(4 << 20))
    yield "png-no-width", png(0, 5, b"")
    yield "png-crc", small[:30] + b"\xff" + small[31:]
    yield "ppm-small", b"P6\n2 1\n255\nabcdef"
    yield "pgm-small", b"P5\n2 1\n255\nab"
    yield "ppm-comment", b"P6 # a comment\n2 1 255\nabcdef"
    yield "ppm-cut", b"P6\n2 2\n255\nabcdef"
    yield "ppm-huge", b"P6\n99999999999 99999999999\n255\n"
    yield "ppm-negative", b"P6\n-2 1\n255\nabcdef"
    yield "ppm-maxval", b"P6\n2 1\n65535\nabcdefabcdef"
    yield "jpeg-head", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    sof = b"\xff\xc2\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    yield "jpeg-65535", b"\xff\xd8" + sof + b"\xff\xd9"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"
    small_sof = b"\xff\xc2\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"
    yield "jpeg-scans-10000", b"\xff\xd8" + small_sof + scan * 10000 + b"\xff\xd9"
    frame = b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x10\x01\x01\x11\x00"
    for name, exif in exif_blocks():
        app1 = b"Exif\0\0" + exif
        yield "jpeg-exif-" + name, b"\xff\xd8\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + frame
    webp = b"VP8L" + struct.pack("<I", 5) + b"\x2f\xff\xff\xff\x0f\x00"
    yield "webp-16384", b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp
    yield "webp-head", b"RIFF\xff\xff\xff\xffWEBPVP8X"
    yield "empty", b""
    yield "text", b"not a picture"


def scene(counts=None, magic=0x54523250, sky=(0.2, 0.4, 0.8, 0.9, 0.9, 0.8), **arrays):
    """A scene of kernels/raytrace/layout.h; counts that are not those of its arrays when given."""
    layouts = {"materials": "<I3f2f2I", "textures": "<4I", "lights": "<I12f3I", "spheres": "<4fI", "planes": "<4fI8f",
               "vertices": "<8f", "triangles": "<4I", "texels": "<I"}
    items = {name: arrays.get(name, []) for name in layouts}
    out = struct.pack("<2I8I6f16I", magic, 2, *(counts or [len(items[name]) for name in layouts]), *sky, *([0] * 16))
    return out + b"".join(struct.pack(layouts[name], *item) for name in layouts for item in items[name])


def scene_seeds():
    plain = 0xFFFFFFFF  # no texture
    full = {
        "materials": [(0, .7, .6, .5, 0, 1, plain, 0), (1, .9, .8, .7, .2, 1, plain, 0), (2, 1, 1, 1, 0, 1.5, plain, 0),
                      (3, 3, 2, 1, 0, 1, plain, 0), (0, 1, 1, 1, 0, 1, 0, 0)],
        "textures": [(2, 2, 0, 0)],
        "lights": [(0, 1, 3, 2, 9, 9, 9, *([0] * 9)), (1, 0, -1, 0, .5, .5, .5, *([0] * 9)),
                   (2, -1, 3, 0, 5, 5, 5, 1, 0, 0, 0, 0, 1, 0, 0, 0)],
        "spheres": [(i - 1.0, .5, -.3 * i, .45, i) for i in range(5)],
        "planes": [(0, 1, 0, -.2, 4, .5, 0, 0, 0, 0, 0, .5, 3)],
        "vertices": [(x, 0, z, 0, 0, 0, x, z) for x in range(5) for z in range(5)],
        "triangles": [(5 * x + z, 5 * x + z + 1, 5 * x + z + 5, 4) for x in range(4) for z in range(4)],
        "texels": [(0xFF00FF00,), (0xFF0000FF,), (0xFFFFFFFF,), (0xFF808080,)],
    }
    one = full["materials"][:1]
    yield "one-of-everything", scene(**full)
    yield "nothing", scene()
    yield "spheres", scene(materials=full["materials"][:4], lights=full["lights"][:1],
                           spheres=[(i % 8, i // 8, -5, .4, i % 4) for i in range(64)])
    yield "all-in-one-place", scene(materials=one, spheres=[(0, 0, 0, 1, 0)] * 200)
    yield "degenerate-triangles", scene(materials=one, vertices=[(0,) * 8] * 3, triangles=[(0, 1, 2, 0)] * 40)
    yield "counts-wrap", scene(counts=[0, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0])
    yield "triangles-above-limit", scene(counts=[0, 0, 0, 0, 0, 0, (1 << 21) + 1, 0])
    yield "triangle-index-over", scene(**{**full, "triangles": [(0, 1, 25, 4)]})
    yield "material-over", scene(**{**full, "spheres": [(0, 0, 0, 1, 5)]})
    yield "texture-over", scene(**{**full, "textures": [(2, 3, 0, 0)]})
    yield "texture-wraps", scene(**{**full, "textures": [(8192, 8192, 0xFFFFFFFF, 0)]})
    yield "radius-nan", scene(**{**full, "spheres": [(0, 0, 0, float("nan"), 0)]})
    yield "position-infinite", scene(**{**full, "vertices": [(float("inf"),) + (0,) * 7] * 25})
    yield "plane-normal-long", scene(**{**full, "planes": [(0, 2, 0, 0, 0) + (0,) * 8]})
    yield "plane-texture-nan", scene(**{**full, "planes": [(0, 1, 0, 0, 0, float("nan")) + (0,) * 7]})
    yield "sky-negative", scene(sky=(-1, 0, 0, 0, 0, 0))
    yield "wrong-magic", scene(magic=0x54523251)
    yield "cut", scene(**full)[:-4]
    yield "longer", scene(**full) + bytes(4)
    yield "header-cut", scene()[:100]


def write(target, seeds, head=b""):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds:
        with open(os.path.join(folder, name), "wb") as f:
            f.write(head + data)


if __name__ == "__main__":
    write("reader", reader_seeds(), b"\x00")
    write("reader", ((name + "-in-pieces", data) for name, data in reader_seeds() if not name.startswith("vector-")
                     and len(data) < 4096), b"\x05")
    write("codec", codec_seeds())
    write("chunks", chunks_seeds())
    write("ws", ws_seeds())
    write("client", client_seeds())
    write("image", image_seeds())
    write("scene", scene_seeds())
