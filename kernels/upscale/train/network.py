"""The network in PyTorch, and its weights as the kernels read them (layout.h)."""
import hashlib
import pathlib
import struct

import numpy as np
import torch
from torch import nn

from pairs import levels, twice

MAPS, MIDDLE, OUTPUTS = 16, 2, 12
HALO = MIDDLE + 3  # pixels around a pixel that count for it
FOLDER = pathlib.Path(__file__).resolve().parent.parent
WEIGHTS, DIGEST = FOLDER / "weights.bin", FOLDER / "weights.sha256"


class Network(nn.Module):
    """What is to be added to bicubic: levels over 255 less 1/2 come in, levels over 255 come out, as 12 planes of the
    size that came in less HALO on each side."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, MAPS, 5)])
        self.layers.extend(nn.Conv2d(MAPS, MAPS, 3) for _ in range(MIDDLE))
        self.layers.append(nn.Conv2d(MAPS, OUTPUTS, 3))
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.layers[-1].weight *= 0.05

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


def save(network):
    """Writes the weights and their digest; levels of 0 to 255 are what goes in and comes out of them."""
    layers = [[p.detach().double().numpy() for p in (layer.bias, layer.weight)] for layer in network.layers]
    layers[0][0] = layers[0][0] - 0.5 * layers[0][1].sum((1, 2, 3))
    layers[0][1] = layers[0][1] / 255
    layers[-1] = [255 * p for p in layers[-1]]
    values = np.concatenate([v for b, w in layers for v in (b, w.transpose(1, 2, 3, 0).ravel())])
    data = struct.pack(f"<{len(values)}f", *values)
    WEIGHTS.write_bytes(data)
    DIGEST.write_text(f"{hashlib.sha256(data).hexdigest()}  weights.bin\n", encoding="ascii")
    return len(values)


def load():
    """The network whose weights were saved. It takes levels and gives levels."""
    values, at, network = np.frombuffer(WEIGHTS.read_bytes(), "<f4"), 0, Network()
    for layer in network.layers:
        outputs, inputs, side, _ = layer.weight.shape
        count = inputs * side * side * outputs
        bias, factors = values[at : at + outputs], values[at + outputs : at + outputs + count]
        at += outputs + count
        with torch.no_grad():
            layer.bias.copy_(torch.tensor(bias))
            layer.weight.copy_(torch.tensor(factors.reshape(inputs, side, side, outputs).transpose(3, 0, 1, 2)))
    assert at == len(values)
    return network


def enlarge(network, picture):
    """Twice the size: (bicubic, bicubic and what a loaded network adds), both as levels."""
    plain = twice(picture)
    x = torch.tensor(np.pad(picture, ((HALO, HALO), (HALO, HALO), (0, 0)), mode="edge").transpose(2, 0, 1)[None])
    with torch.no_grad():
        added = nn.functional.pixel_shuffle(network(x.float()), 2)[0].numpy().transpose(1, 2, 0)
    return levels(plain), levels(plain + added)
