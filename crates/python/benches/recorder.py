"""What a Recorder costs: ResNet-18 in PyTorch on the CPU, sketches of 4096 numbers, 50 waiting times on a logarithmic schedule.

Prints JSON lines: CPU seconds of a training step and of a look (one thread each, so that the load of the machine matters less), and
those of a whole training of so many steps and of the looks that its schedule has: below a fiftieth is asked for. Run it with the package
installed; torch is needed.
"""

import argparse
import json
import os
import time

os.environ.setdefault("RAYON_NUM_THREADS", "1")

import glasslab as gl
import numpy as np
import torch
from glasslab import _schedule
from torch import nn


class Block(nn.Module):
    """Two convolutions and a way around them (He et al. 2015, arXiv:1512.03385)."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.one, self.norm1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.two, self.norm2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        self.around = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.around = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.norm1(self.one(x)))
        return torch.relu(self.norm2(self.two(y)) + self.around(x))


def resnet18():
    layers, width = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
    for outputs, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)]:
        layers.append(Block(width, outputs, stride))
        width = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def looks(per_decade, steps):
    """Number of looks and of waiting times of a training of so many steps: short ones have fewer of both than one would think, as early
    waiting times fall together."""
    log, step, waits, count = _schedule.Log(per_decade), -1, [], 0
    while True:
        step = log.due_after(step, waits)
        if step > steps:
            return count, len(waits)
        count += 1
        if log.waiting_after(step - 1) == step:
            waits.append(step)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=8, help="training steps that are timed")
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    steps, batch = arguments.steps, arguments.batch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = resnet18()
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    x, y = torch.randn(batch, 3, 32, 32), torch.randint(10, (batch,))
    results = {}
    for keep in ("sketch", "exact"):
        recorder = gl.Recorder(model, schedule=range(1000), keep=keep, sketch=4096, max_overhead=None, memory=4e9)
        # As at the end of a run: 50 references are there already (10 copies: memory), each look makes one more.
        references = 50 if keep == "sketch" else 10
        for step in range(references):
            recorder.step(step)
        train, look = [], []
        for step in range(references, references + steps):
            a = time.process_time()
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimiser.step()
            b = time.process_time()
            recorder.step(step, loss)
            c = time.process_time()
            train.append(b - a)
            look.append(c - b)
        results[keep] = (float(np.median(train)), float(np.median(look)))
        print(json.dumps({"case": f"recorder {keep}, {references} references", "parameters": sum(p.numel() for p in model.parameters()),
                          "batch": batch, "threads": 1, "seconds_per_step": results[keep][0], "seconds_per_look": results[keep][1]}), flush=True)
    step, look = results["sketch"]
    for total in (1000, 10_000, 100_000):
        per_decade = next(d for d in np.arange(5, 99, 0.25) if looks(d, total)[1] >= 50)
        count, waits = looks(per_decade, total)
        for what, seconds, more in (("training", total * step, {}), ("looks", count * look, {"waiting_times": waits, "looks": count})):
            case = {"case": f"recorder/resnet18, {total} steps/{what}", "threads": 1, "seconds": seconds}
            print(json.dumps({**case, **more, "share": seconds / (total * step)}))


if __name__ == "__main__":
    main()
