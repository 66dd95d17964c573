#!/usr/bin/env python3
"""check_example.py VECTORS: holds PROTOCOL.md to the code: both sides of its worked example, as one connection each,
and its table of errors."""
import subprocess
import sys
import tempfile

from protocol_example import DOCUMENT, frames

wrong = 0
for side, least in (("client", 3), ("coordinator", 4)):
    records = frames(side)
    if len(records) < least:
        print(f"PROTOCOL.md shows {len(records)} records of the {side}, not {least}", file=sys.stderr)
        wrong += 1
    with tempfile.NamedTemporaryFile("w", suffix=".hex") as f:
        for meaning, data in records:
            f.write(f"# {meaning}\n{data.hex(' ')}\n")
        f.flush()
        wrong += subprocess.run([sys.argv[1], "--session", f.name], check=False).returncode
with open(DOCUMENT, encoding="utf-8") as document:
    lines = document.read().splitlines()
errors = subprocess.run([sys.argv[1], "--errors"], check=True, capture_output=True, text=True).stdout.splitlines()
for row in errors:
    if row not in lines:
        print(f"PROTOCOL.md lacks {row}", file=sys.stderr)
        wrong += 1
sys.exit(1 if wrong else 0)
