"""Seconds per SGD step on made-up images of CIFAR's size in PyTorch, sampling of the batch included; the twin of images.rs.

    python images_torch.py [--threads T] [--seconds S] [--only CASE]

ResNet-18 in the memory format that is faster here (channels_last or not), both are measured.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests/cross"))
from make_images import resnet


def small():
    return nn.Sequential(
        nn.Conv2d(3, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
        nn.Linear(500, 100), nn.ReLU(), nn.Linear(100, 10),
    )


CASES = [
    ("small-net", "F32", small, 10, 100, 5),
    ("small-net", "F64", small, 10, 100, 5),
    ("resnet18-cifar", "F32", lambda: resnet("cifar", 64, 100), 100, 64, 1),
]


def measure(make, classes, batch, together, dtype, layout, seconds):
    torch.manual_seed(0)
    x = torch.randn(2000, 3, 32, 32, dtype=dtype)
    y = torch.arange(2000) % classes
    model = make().to(dtype).to(memory_format=layout)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5, foreach=True)

    def step():
        pick = torch.randperm(2000)[:batch]
        optimiser.zero_grad(set_to_none=True)
        images = x.index_select(0, pick).to(memory_format=layout)
        nn.functional.cross_entropy(model(images), y[pick]).backward()
        optimiser.step()

    step()
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        for _ in range(together):
            step()
        times.append((time.perf_counter() - begin) / together)
    return sorted(times)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--only", default="")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    for case, precision, make, classes, batch, together in CASES:
        if options.only not in case:
            continue
        dtype = torch.float32 if precision == "F32" else torch.float64
        for layout in (torch.contiguous_format, torch.channels_last):
            times = measure(make, classes, batch, together, dtype, layout, options.seconds)
            line = {"case": case, "precision": precision, "threads": options.threads, "layout": str(layout)}
            print(json.dumps({**line, "seconds_per_step": times[0], "median": times[len(times) // 2]}))


if __name__ == "__main__":
    main()
