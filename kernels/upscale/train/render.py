#!/usr/bin/env python3
"""Renders the frames that training cannot paint: /usr/bin/python3 render.py

Starts the coordinator and a peer of the build on this machine, has the scenes of traced.py rendered through them, each
at both sizes, and writes the pictures to build/upscale-frames, from where pairs.py reads them. What is there already
is kept. P2C2R_BUILD names another build directory."""
import pathlib
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from canvas import FRAME
from pairs import BUILD, HELD_OUT_SEEDS, TRAINING_SEEDS, traced_path
from traced import TRACED, scene


class Started:
    """with Started(says, command ...) as word: the second word of its first line that begins so; ended afterwards."""

    def __init__(self, says, *command):
        self.says, self.command = says, [str(c) for c in command]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.startswith(self.says):
                return line.split()[1]
        raise SystemExit(f"{self.command[0]} ended with {self.process.wait()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


def render(url, style, seed):
    sizes = [side for side in (FRAME, FRAME // 2) if not traced_path(style, seed, side).exists()]
    with tempfile.TemporaryDirectory() as folder:
        path = scene(style, seed, folder) if sizes else None
        for side in sizes:
            target = traced_path(style, seed, side)
            drawn = pathlib.Path(folder) / target.name
            subprocess.run([BUILD / "client/cli/p2c2r", "raytrace", path, "-o", drawn, "--size", f"{side}x{side}",
                            "--coordinator", url], check=True, stdout=subprocess.DEVNULL)
            target.write_bytes(drawn.read_bytes())


def main():
    traced_path("", 0, 0).parent.mkdir(exist_ok=True)
    wanted = [(style, seed) for style in TRACED for seed in (*TRAINING_SEEDS, *HELD_OUT_SEEDS)]
    with tempfile.TemporaryDirectory() as rest, \
            Started("listening ", BUILD / "coordinator/p2c2r-coordinator", "--listen", "127.0.0.1:0",
                    "--log-level", "error", "--blob-dir", f"{rest}/coordinator") as url, \
            Started("registered ", BUILD / "peer/p2c2r-peer", "--coordinator", url, "--log-level", "error",
                    "--blob-dir", f"{rest}/peer"), \
            ThreadPoolExecutor(2) as pool:
        for k, _ in enumerate(pool.map(lambda w: render(url, *w), wanted)):
            print(f"\r{k + 1} of {len(wanted)} scenes", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
