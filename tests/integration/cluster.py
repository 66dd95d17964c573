"""Real processes on loopback for the integration tests: start, wait for a line, kill, read memory. Standard library
only.

The programs' paths come from the environment: P2C2R_COORDINATOR_EXE, P2C2R_PEER_EXE, P2C2R_CLI_EXE (meson sets them).
"""
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLES = [os.path.join(ROOT, 'deploy', 'samples', name + '.png') for name in ('corridor', 'forest', 'hud', 'spheres')]
PATIENCE_S = 90


class Program:
    """A running process whose stdout lines can be waited for; stderr goes to a file shown when a wait fails."""

    def __init__(self, name, folder, *command):
        self.name = name
        self.log_path = os.path.join(folder, f'{name}.log')
        self.log = open(self.log_path, 'w', encoding='utf-8')
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with self.process.stdout as output:
            for line in output:
                self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def line(self, prefix):
        """The next stdout line that begins with prefix."""
        limit = time.monotonic() + PATIENCE_S
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, limit - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f'{self.name} never said "{prefix}"; its log:\n{self.tail()}')
            if line.startswith(prefix):
                return line

    def tail(self):
        self.log.flush()
        with open(self.log_path, encoding='utf-8') as file:
            return file.read()[-4000:]

    @property
    def pid(self):
        return self.process.pid

    def children(self):
        with open(f'/proc/{self.pid}/task/{self.pid}/children', encoding='ascii') as file:
            return [int(pid) for pid in file.read().split()]

    def resident_kib(self):
        with open(f'/proc/{self.pid}/status', encoding='ascii') as file:
            return next(int(line.split()[1]) for line in file if line.startswith('VmRSS'))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        """TERM, then its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f'{self.name} did not end; its log:\n{self.tail()}') from None


class Cluster:
    """with Cluster() as c: a coordinator, and as many peers as are added; all ended and removed afterwards."""

    def __init__(self, *coordinator_options):
        self.folder = tempfile.mkdtemp(prefix='p2c2r-')
        self.programs = []
        self.coordinator_options = coordinator_options

    def __enter__(self):
        self.coordinator = self.start('coordinator', os.environ['P2C2R_COORDINATOR_EXE'], '--listen', '127.0.0.1:0',
                                      '--blob-dir', os.path.join(self.folder, 'blobs'), *self.coordinator_options)
        self.url = self.coordinator.line('listening ').split()[1]
        self.address = self.url.removeprefix('ws://').rstrip('/')
        return self

    def __exit__(self, *_):
        for program in self.programs:
            if program.process.poll() is None:
                program.kill()
            program.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self):
        """Another coordinator in the place of one that has ended. It knows nothing of what was."""
        self.coordinator = self.start('coordinator', os.environ['P2C2R_COORDINATOR_EXE'], '--listen', self.address,
                                      '--blob-dir', os.path.join(self.folder, 'blobs'), *self.coordinator_options)
        self.coordinator.line('listening ')

    def start(self, name, *command):
        program = Program(f'{name}-{len(self.programs)}', self.folder, *command)
        self.programs.append(program)
        return program

    def peer(self, *options, device='fake', wait=True):
        """A peer; with device='fake' it computes with the plain C references, otherwise with OpenCL."""
        if '--blob-dir' not in options:
            options = ('--blob-dir', os.path.join(self.folder, f'blobs-{len(self.programs)}'), *options)
        program = self.start('peer', os.environ['P2C2R_PEER_EXE'], '--coordinator', self.url, '--device', device,
                             *options)
        if wait:
            program.line('registered ')
        return program

    def cli(self, *arguments, expect=0):
        """Runs the command line to its end; (stdout, stderr)."""
        result = run_cli(*arguments, '--coordinator', self.url)
        assert result.returncode == expect, \
            f'{arguments}: exit {result.returncode}, expected {expect}\n{result.stdout}\n{result.stderr}\n' + \
            '\n'.join(program.tail() for program in self.programs)
        return result.stdout, result.stderr

    def start_cli(self, *arguments):
        return self.start('cli', os.environ['P2C2R_CLI_EXE'], *arguments, '--coordinator', self.url)

    def health(self):
        with urllib.request.urlopen(f'http://{self.address}/healthz', timeout=10) as answer:
            return json.load(answer)


class Proxy:
    """TCP on loopback between a client and `target`, losing connections on purpose.

    The first connections end once they have carried as many bytes as `budgets` says, one entry each. With halves=True
    every other one is lost for the client only: for the coordinator it stays open and says nothing more. With sources
    each comes to the target from the next of those addresses. While shut is true connections end at once.
    """

    def __init__(self, target, budgets=(), halves=False, sources=(), shut=False):
        self.target, self.budgets, self.halves, self.lost = target, list(budgets), halves, 0
        self.sources, self.used, self.shut = list(sources), [], shut
        self.open = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'ws://127.0.0.1:{self.listener.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for end in self.open:
            end.close()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                if self.shut:
                    near.close()
                    continue
                host, port = self.target.rsplit(':', 1)
                source = (self.sources.pop(0), 0) if self.sources else None
                far = socket.create_connection((host, int(port)), source_address=source)
                self.used.append(far.getsockname()[0])
            except OSError:
                if self.listener.fileno() < 0:
                    return
                near.close()
                continue
            self.open += [near, far]
            budget = [self.budgets.pop(0) if self.budgets else None, threading.Lock()]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink, near, far, budget), daemon=True).start()

    def _carry(self, source, sink, near, far, budget):
        try:
            while data := source.recv(16384):
                if budget[0] is not None:
                    budget[0] -= len(data)
                    if budget[0] < 0:
                        if budget[1].acquire(blocking=False):  # of the two that carry, one
                            self._lose(near, far)
                        return
                sink.sendall(data)
        except OSError:
            pass
        if budget[0] is None or budget[0] >= 0:
            self._end(near, far)

    def _lose(self, near, far):
        self.lost += 1
        self._end(*((near,) if self.halves and self.lost % 2 else (near, far)))

    @staticmethod
    def _end(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already


def run_cli(*arguments):
    return subprocess.run([os.environ['P2C2R_CLI_EXE'], *arguments], capture_output=True, text=True,
                          timeout=PATIENCE_S * 2, check=False)


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith('{')]


def eventually(what, condition):
    """Polls a condition of another process for at most PATIENCE_S."""
    limit = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < limit, f'never happened: {what}'
        pause.wait(0.02)
