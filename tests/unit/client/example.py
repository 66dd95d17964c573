#!/usr/bin/env python3
"""The example where nobody answers: every frame is accounted for, those still under way at the end too.

    example.py PROGRAM
"""
import re
import subprocess
import sys

FRAMES = 30
result = subprocess.run([sys.argv[1], 'ws://127.0.0.1:9', str(FRAMES)], capture_output=True, text=True, timeout=60,
                        check=False)
said = re.fullmatch(r'(\d+) frames: (\d+) enlarged by the cluster, (\d+) too late or refused, '
                    r'(\d+) not handed over; quality: fast\n', result.stdout)
assert result.returncode == 0 and said, result
frames, done, missed, kept = map(int, said.groups())
assert frames == FRAMES and done == 0 and missed > 0, result.stdout
assert done + missed + kept == frames, f'frames are unaccounted for: {result.stdout}'
