#!/usr/bin/env python3
"""Trains upscale's network: /usr/bin/python3 train.py [--iterations N] [--frames CACHE.npz]

Needs Debian's python3-torch and python3-numpy, and the frames of render.py. Everything is seeded; one thread, so that
sums are made in the same order everywhere. Writes ../weights.bin and ../weights.sha256 and prints the gain on the way;
report.py says what the weights are worth. CACHE.npz keeps the frames between runs."""
import argparse
import os
import time

import numpy as np
import torch

from network import HALO, Network, save
from pairs import TRAINING_SEEDS, WAYS, pairs, twice

SEED = 20261121
ITERATIONS = 24000
BATCH, PATCH = 24, 44      # patches, pixels of a side of what goes in
FIRST = 0.3                # part of the iterations by absolute differences; then by PSNR, patch by patch
RATE = 3e-3
FLOOR = (0.7 / 255) ** 2   # squared error below which a patch is good enough
SAFE, CARE = 0.5, 3.0      # a patch that gains less than SAFE dB counts that many times more for what it lacks of it


def frames(cache):
    """Small frames, and what bicubic lacks of the large ones, over 255."""
    if cache and os.path.exists(cache):
        stored = np.load(cache)
        return stored["small"], stored["lacks"]
    small, lacks = [], []
    for _, _, frame, ways in pairs(TRAINING_SEEDS):
        for way in WAYS:
            small.append(ways[way])
            lacks.append((frame - twice(ways[way])).astype(np.float16))
    small, lacks = np.stack(small), np.stack(lacks)
    if cache:
        np.savez(cache, small=small, lacks=lacks)
    return small, lacks


def batch(rng, small, lacks):
    """Random patches, turned and mirrored, channels in any order."""
    xs, ys = [], []
    for _ in range(BATCH):
        k, top, left = (int(v) for v in rng.integers(0, (len(small), *(n - PATCH + 1 for n in small.shape[1:3]))))
        x = small[k, top : top + PATCH, left : left + PATCH]
        inner = slice(2 * (top + HALO), 2 * (top + PATCH - HALO)), slice(2 * (left + HALO), 2 * (left + PATCH - HALO))
        y, turns, order = lacks[k][inner], int(rng.integers(4)), rng.permutation(3)
        x, y = (np.rot90(v, turns)[..., order] for v in (x, y))
        if rng.random() < 0.5:
            x, y = x[:, ::-1], y[:, ::-1]
        xs.append(x.transpose(2, 0, 1))
        ys.append(y.transpose(2, 0, 1))
    x, y = torch.tensor(np.stack(xs)).float() / 255 - 0.5, torch.tensor(np.stack(ys)).float() / 255
    return x.contiguous(memory_format=torch.channels_last), torch.nn.functional.pixel_unshuffle(y, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    parser.add_argument("--frames")
    options = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    rng, started = np.random.default_rng(SEED), time.monotonic()
    small, lacks = frames(options.frames)
    print(f"{len(small)} pairs after {time.monotonic() - started:.0f} s", flush=True)
    network = Network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=options.iterations, pct_start=0.05)
    smooth = 0.0
    for k in range(options.iterations):
        x, y = batch(rng, small, lacks)
        lacking = network(x) - y
        gain = torch.log10((lacking**2).mean((1, 2, 3)) + FLOOR) - torch.log10((y**2).mean((1, 2, 3)) + FLOOR)
        short = torch.relu(gain + SAFE / 10)
        loss = lacking.abs().mean() * 20 if k < FIRST * options.iterations else (gain + CARE * short).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        smooth += (-10 * gain.mean().item() - smooth) * max(0.01, 1 / (k + 1))
        if (k + 1) % 1000 == 0:
            print(f"{k + 1} iterations, {time.monotonic() - started:.0f} s: {smooth:+.2f} dB over bicubic", flush=True)
    print(f"{save(network)} weights")


if __name__ == "__main__":
    main()
