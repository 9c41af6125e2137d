"""Writes small_net.safetensors: what PyTorch finds for narrow Small Nets, for tests/small_net.rs to compare with.

    python make_small_net.py

In float64, on 48 images: initial weights, loss, gradient, per-sample noise moments, and 50 steps of torch.optim.SGD, rate
0.05, momentum 0.5, on batches of 20 consecutive samples, cyclically (step s takes samples 20 s to 20 s + 19 modulo 48): the
losses of the batches and the weights at the end. `grey`: the first images of the crate's part of MNIST, width 0.2; `colour`:
3 x 32 x 32 pixels and labels by formula, width 0.2; `hundred`: the same with 100 classes, width 0.1.
"""
import gzip
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from make import flat, save

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
SAMPLES, BATCH, STEPS, RATE = 48, 20, 50, 0.05
HERE = Path(__file__).parent


def grey():
    raw = np.frombuffer(gzip.decompress((HERE / "../../data/mnist.bin.gz").read_bytes()), np.uint8)
    pixels = raw[12_000 : 12_000 + SAMPLES * 784].reshape(SAMPLES, 1, 28, 28)
    return (pixels / 255 - 0.1307) / 0.3081, raw[:SAMPLES].astype(int)


def colour(classes):
    index = np.arange(SAMPLES * 3072, dtype=np.uint64)
    pixels = (((index * 2654435761) % 2**32) >> 24).reshape(SAMPLES, 3, 32, 32).astype(float)
    scaled = pixels / 255
    mean, deviation = scaled.mean((0, 2, 3), keepdims=True), scaled.std((0, 2, 3), keepdims=True)
    return (scaled - mean) / deviation, np.arange(SAMPLES) * 7 % classes


def net(channels, first, second, fan, hidden, classes):
    return nn.Sequential(
        nn.Conv2d(channels, first, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(first, second, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(fan, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def main():
    out = {}
    cases = {
        "grey": (grey(), (1, 2, 4, 64, 16, 10)),
        "colour": (colour(10), (3, 2, 4, 100, 20, 10)),
        "hundred": (colour(100), (3, 1, 3, 75, 40, 100)),
    }
    for name, ((x, y), shape) in cases.items():
        torch.manual_seed(5)
        model, x, y = net(*shape), torch.from_numpy(x), torch.from_numpy(y)
        parameters = list(model.parameters())
        out[f"{name}/initial"] = flat(parameters)
        energy = nn.functional.cross_entropy(model(x), y)
        out[f"{name}/loss"] = np.array([energy.item()])
        out[f"{name}/gradient"] = flat(torch.autograd.grad(energy, parameters))
        named = dict(model.named_parameters())

        def one(p, a, b):
            return nn.functional.cross_entropy(functional_call(model, p, (a[None],)), b[None])

        each = vmap(grad(one), in_dims=(None, 0, 0))(named, x, y)
        each = torch.cat([g.reshape(SAMPLES, -1) for g in each.values()], dim=1).detach()
        mean = each.mean(0)
        out[f"{name}/noise"] = np.array([((each - mean) ** 2).sum().item() / (SAMPLES - 1), (mean**2).sum().item()])
        optimiser = torch.optim.SGD(parameters, lr=RATE, momentum=0.5)
        losses = []
        for step in range(STEPS):
            pick = (step * BATCH + torch.arange(BATCH)) % SAMPLES
            optimiser.zero_grad()
            energy = nn.functional.cross_entropy(model(x[pick]), y[pick])
            energy.backward()
            optimiser.step()
            losses.append(energy.item())
        out[f"{name}/losses"] = np.array(losses)
        out[f"{name}/after"] = flat(parameters)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    target = folder / "small_net.safetensors"
    save(out, target)
    print(target.stat().st_size, losses[0], losses[-1])


if __name__ == "__main__":
    main()
