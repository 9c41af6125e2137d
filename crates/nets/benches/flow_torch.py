"""Attempts of gradient flow, 15 nets at once with vmap, in PyTorch; the twin of flow.rs: same rule, each net its own time step.

    python flow_torch.py [--threads T] [--seconds S]
"""
import argparse
import json
import math
import time

import torch
from torch.func import grad_and_value, vmap

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seconds", type=float, default=2.0)
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.set_default_dtype(torch.float64)
NETS, P, D, ALPHA = 15, 1000, 10, 10.0
g = torch.arange(-20480, 20481) / 2048
phi = lambda z: z * torch.sigmoid(10 * z)
SCALE = 1 / math.sqrt((phi(g) ** 2 * torch.exp(-g * g / 2)).sum() / 2048 / math.sqrt(2 * math.pi))

for hidden in (10, 30, 100):
    torch.manual_seed(0)
    x = torch.randn(P, D)
    y = torch.where(x.pow(2).sum(1) < D, -1.0, 1.0)

    def f(w):
        z = SCALE * phi(x @ w[0].T / math.sqrt(D))
        z = SCALE * phi(z @ w[1].T / math.sqrt(hidden))
        return z @ w[2] / hidden

    def loss(w, origin):
        o = f(w) - origin
        return torch.nn.functional.softplus(1 - ALPHA * y * o, beta=20, threshold=1000).mean() / ALPHA, o

    w = (torch.randn(NETS, hidden, D), torch.randn(NETS, hidden, hidden), torch.randn(NETS, hidden))
    with torch.no_grad():
        origin = vmap(f)(w)
        look = vmap(grad_and_value(loss, has_aux=True))
        gradient, (_, o) = look(w, origin)
        dt = torch.ones(NETS)
        shaped = lambda v, like: v.reshape(-1, *[1] * (like.dim() - 1))
        squares = lambda a: sum(v.pow(2).flatten(1).sum(1) for v in a)

        def attempt(w, gradient, o, dt):
            w2 = tuple(a - shaped(dt, a) * b for a, b in zip(w, gradient))
            g2, (_, o2) = look(w2, origin)
            turn = squares([a - b for a, b in zip(gradient, g2)]) / (squares(gradient).sqrt() * squares(g2).sqrt())
            move = ALPHA * (o - o2).abs().amax(1)
            fine = (turn < 1e-4) & (move < 0.1)
            small = (turn < 0.5e-4) & (move < 0.05)
            pick = lambda a, b: torch.where(shaped(fine, a), b, a)
            w = tuple(pick(a, b) for a, b in zip(w, w2))
            gradient = tuple(pick(a, b) for a, b in zip(gradient, g2))
            dt = torch.where(fine, torch.where(small, dt * 1.1, dt), dt / 10)
            return w, gradient, pick(o, o2), dt, ((ALPHA * y * o) > 1).all(1)

        times, begin = [], time.perf_counter()
        while time.perf_counter() - begin < options.seconds or len(times) < 3:
            start = time.perf_counter()
            for _ in range(5):
                w, gradient, o, dt, done = attempt(w, gradient, o, dt)
                done.all().item()
            times.append((time.perf_counter() - start) / 5)
    times.sort()
    line = {"case": f"flow h={hidden}", "precision": "F64", "threads": options.threads, "seconds_per_step": times[0]}
    print(json.dumps({**line, "median": times[len(times) // 2]}))
