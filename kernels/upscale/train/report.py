#!/usr/bin/env python3
"""What the network's weights are worth: /usr/bin/python3 report.py [PICTURE ...]

PSNR over all channels, in dB, of held-out frames halved and enlarged again: bicubic, and what the network gains over
it. PICTURES (of even sides) come after them, in a table of their own. Exit code 1 when a mean gain is below 1 dB for
the mean of 2x2 or for bicubic, or any held-out frame loses."""
import sys

import numpy as np

from network import enlarge, load
from pairs import HELD_OUT_SEEDS, WAYS, halves, pairs


def psnr(a, b):
    return 10 * np.log10(255**2 / max(((a.astype(float) - b) ** 2).mean(), 1e-3))


def gain(network, frame, small):
    plain, better = enlarge(network, small)
    return psnr(frame, plain), psnr(frame, better) - psnr(frame, plain)


def print_row(name, ways):
    """ways: of each way, (PSNR of bicubic, gain) of frames."""
    cells = [f"{np.mean(v, 0)[0]:.2f} {np.mean(v, 0)[1]:+.2f} (least {np.min(v, 0)[1]:+.2f})" for v in ways]
    print(f"| {name} | " + " | ".join(cells) + " |")


def main():
    network, rows = load(), {}
    for style, _, frame, small in pairs(HELD_OUT_SEEDS):
        rows.setdefault(style, []).append([gain(network, frame, small[way]) for way in WAYS])
    print("| | " + " | ".join(WAYS) + " |\n| --- | --- | --- | --- |")
    for style, found in rows.items():
        print_row(style, np.swapaxes(found, 0, 1))
    whole = np.swapaxes(np.concatenate(list(rows.values())), 0, 1)
    print_row("all", whole)
    kept = all(whole[WAYS.index(way), :, 1].mean() >= 1 for way in ("mean", "cubic")) and whole[..., 1].min() >= 0
    for path in sys.argv[1:]:
        from PIL import Image

        frame = np.asarray(Image.open(path).convert("RGB"))
        small = halves(frame)
        print_row(path, [[gain(network, frame, small[way])] for way in ("mean", "cubic")])
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
