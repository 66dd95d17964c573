#!/usr/bin/env python3
"""The worked example of proto/PROTOCOL.md.

    protocol_example.py [client|coordinator]    prints that side's records (default: the client's), one per line in hex

As a module: frames(side) gives pairs of meaning and bytes. In the document each record is a block fenced as
```hex client or ```hex coordinator: a first line "# meaning", then bytes; what follows a ';' is for the reader."""
import os
import re
import sys

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "proto", "PROTOCOL.md")


def frames(side, document=DOCUMENT):
    with open(document, encoding="utf-8") as f:
        blocks = re.findall(r"^```hex (\w+)\n# ([^\n]*)\n(.*?)^```$", f.read(), re.MULTILINE | re.DOTALL)
    return [(meaning, bytes.fromhex("".join(line.split(";")[0] for line in body.splitlines())))
            for who, meaning, body in blocks if who == side]


if __name__ == "__main__":
    for _, data in frames(sys.argv[1] if len(sys.argv) > 1 else "client"):
        print(data.hex())
