"""Seconds per SGD step of Small Net on made-up images of CIFAR's size, B = 100, in PyTorch; the twin of small_net.rs.

    python small_net_torch.py [THREADS]
"""
import sys
import time

import torch
from torch import nn

threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
torch.set_num_threads(threads)
for precision in (torch.float32, torch.float64):
    torch.manual_seed(0)
    x = torch.randn(2000, 3, 32, 32, dtype=precision)
    y = torch.arange(2000) % 10
    model = nn.Sequential(
        nn.Conv2d(3, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
        nn.Linear(500, 100), nn.ReLU(), nn.Linear(100, 10),
    ).to(precision)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)

    def step():
        pick = torch.randint(0, 2000, (100,))
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x[pick]), y[pick]).backward()
        optimiser.step()

    for _ in range(5):
        step()
    times = []
    for _ in range(12):
        begin = time.perf_counter()
        for _ in range(5):
            step()
        times.append((time.perf_counter() - begin) / 5)
    times.sort()
    print({"precision": str(precision), "threads": threads, "seconds_per_step": times[0], "median": times[len(times) // 2]})
