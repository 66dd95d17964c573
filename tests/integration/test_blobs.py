#!/usr/bin/env python3
"""Blobs through real processes: an upload interrupted and resumed, tasks that refer to it, one transfer to the peer, a
coordinator that is started anew, a bit that flips on the disk, and the coordinator's memory meanwhile."""
import hashlib
import os

from cluster import Cluster, eventually, run_cli
from stranger import Connection

SIZE = 100 << 20
PART = 65536
MEMORY_KIB = 24 << 10  # a blob four times as large stays below


def client(cluster):
    connection = Connection(cluster.address)
    connection.hello('CLIENT')
    connection.register_client()
    return connection


def offer(connection, data):
    """(stream, the answer to BLOB_PUT)"""
    stream = connection.next_stream
    connection.next_stream += 1
    connection.send('BLOB_PUT', stream, digest=hashlib.sha256(data).digest(), payload_size=len(data))
    for record in connection.messages():
        if record.stream == stream:
            return stream, record
    raise AssertionError('no answer to an offer')


def upload(connection, data, upto=None):
    """All of it, or up to a byte; the offset it began at, None when it was there."""
    stream, answer = offer(connection, data)
    if answer.kind == 'BLOB_HAVE':
        return None
    assert answer.kind == 'BLOB_WANT', answer
    began = at = answer.offset
    limit = answer.limit
    while at < (upto or len(data)):
        while at < min(limit, upto or len(data)):
            part = data[at:min(at + PART, limit)]
            connection.send('CHUNK', stream, part, offset=at, attempt=1)
            at += len(part)
        if at < (upto or len(data)):
            limit = connection.expect('WINDOW', stream).limit
    if upto is None:
        connection.expect('BLOB_HAVE', stream, timeout=60)
    return began


def digests(connection, *blobs):
    task = connection.submit('echo', params={'digests': 1}, blobs=list(blobs), deadline_us=60_000_000)
    connection.finish(task, timeout=60)
    assert task.succeeded, task.answer
    return task.data


def log_of(program):
    with open(program.log_path, encoding='utf-8') as file:
        return file.read()


def test_a_blob_is_brought_once_and_fetched_once():
    data = os.urandom(SIZE)
    digest = hashlib.sha256(data).digest()
    with Cluster('--log-level', 'debug') as cluster:
        path = os.path.join(cluster.folder, 'scene')
        with open(path, 'wb') as file:
            file.write(data)
        with client(cluster) as one:
            task = one.submit('echo', params={'digests': 1}, blobs=[digest])
            one.finish(task)
            assert task.answer.code == 30, task.answer  # BlobMissing: before anybody can run it
            before = cluster.coordinator.resident_kib()
            assert upload(one, data, upto=20 << 20) == 0
        with client(cluster) as two:
            eventually('its part is kept', lambda: offer_offset(two, data) not in (None, 0))
        out, _ = cluster.cli('blob', 'put', path)
        assert out == f'{digest.hex()}  {path}\n', out
        peer = cluster.peer()
        with client(cluster) as three:
            assert offer(three, data)[1].kind == 'BLOB_HAVE'
            assert digests(three, digest) == digest
            assert digests(three, digest) == digest
            grown = cluster.coordinator.resident_kib() - before
            assert grown < MEMORY_KIB, f'the coordinator grew by {grown} KiB'
        numbers = cluster.health()['blobs']
        assert (numbers['count'], numbers['bytes'], numbers['stored'], numbers['sent']) == (1, SIZE, 1, 1), numbers
        assert log_of(peer).count('event=blob_fetched') == 1
        restart(cluster)
        peer.line('registered ')
        with client(cluster) as four:
            assert upload(four, data) is None
            assert digests(four, digest, digest) == digest + digest
        assert cluster.health()['blobs']['sent'] == 0  # the peer has it still


def offer_offset(connection, data):
    stream, answer = offer(connection, data)
    if answer.kind != 'BLOB_WANT':
        return None
    connection.send('ERROR', stream, code=41)
    return answer.offset


def restart(cluster):
    assert cluster.coordinator.terminate() == 0
    cluster.coordinator = cluster.start('coordinator', os.environ['P2C2R_COORDINATOR_EXE'], '--listen', cluster.address,
                                        '--blob-dir', os.path.join(cluster.folder, 'blobs'), '--log-level', 'debug')
    cluster.coordinator.line('listening ')


def test_wrong_bytes_are_never_served():
    data = os.urandom(3 << 20)
    digest = hashlib.sha256(data).digest()
    with Cluster() as cluster:
        with client(cluster) as one:
            stream, answer = offer(one, data)
            for at in range(0, 3 << 20, PART):
                while at >= answer.limit:
                    answer = one.expect('WINDOW', stream)
                one.send('CHUNK', stream, bytes(PART), offset=at, attempt=1)
            error = one.expect('ERROR', stream)
            assert error.code == 60, error  # BadPayload
            assert upload(one, data) == 0  # nothing of it was kept
        name = os.path.join(cluster.folder, 'blobs', digest.hex()[:2], digest.hex()[2:])
        assert cluster.coordinator.terminate() == 0
        with open(name, 'r+b') as file:
            file.seek(1 << 20)
            byte = file.read(1)[0]
            file.seek(1 << 20)
            file.write(bytes([byte ^ 1]))
        restart_from_rest(cluster)
        cluster.peer()
        with client(cluster) as two:
            task = two.submit('echo', params={'digests': 1}, blobs=[digest])
            two.finish(task)
            assert task.answer.code == 30, task.answer
            assert not os.path.exists(name)
            assert upload(two, data) == 0
            assert digests(two, digest) == digest
        assert cluster.health()['blobs']['lost'] == 1


def restart_from_rest(cluster):
    cluster.coordinator = cluster.start('coordinator', os.environ['P2C2R_COORDINATOR_EXE'], '--listen', cluster.address,
                                        '--blob-dir', os.path.join(cluster.folder, 'blobs'))
    cluster.coordinator.line('listening ')


def test_limits_and_mistakes():
    with Cluster('--blob-max', '1MiB') as cluster:
        path = os.path.join(cluster.folder, 'large')
        with open(path, 'wb') as file:
            file.write(bytes((1 << 20) + 1))
        _, errors = cluster.cli('blob', 'put', path, expect=3)
        assert 'larger than this coordinator takes' in errors, errors
        cluster.cli('blob', 'put', cluster.folder, expect=1)
        cluster.cli('blob', 'get', path, expect=2)
        taken = os.path.join(cluster.folder, 'blobs')
        other = cluster.start('second', os.environ['P2C2R_COORDINATOR_EXE'], '--listen', '127.0.0.1:0', '--blob-dir',
                              path)
        assert other.wait() == 1  # a file is no folder
        with open(path, 'wb') as file:
            file.write(bytes(1000))
        cluster.cli('blob', 'put', path)
        other = cluster.start('third', os.environ['P2C2R_COORDINATOR_EXE'], '--listen', '127.0.0.1:0', '--blob-dir',
                              taken)
        assert other.wait() == 1 and 'another process uses it' in other.tail()
    nobody = ('--coordinator', 'ws://127.0.0.1:1', '--connect-timeout', '300ms')
    assert run_cli('blob', 'put', path, *nobody).returncode == 4


if __name__ == '__main__':
    test_a_blob_is_brought_once_and_fetched_once()
    test_wrong_bytes_are_never_served()
    test_limits_and_mistakes()
