"""The bench flow.rs in PyTorch, 15 nets at once with vmap: same rule, each net its own time step; nets that are done leave the batch.

    python flow_torch.py [--threads T] [--seconds S] [--attempts A]
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
parser.add_argument("--attempts", type=int, default=200)
options = parser.parse_args()
torch.set_num_threads(options.threads)
torch.set_default_dtype(torch.float64)
NETS, P, D, ALPHA = 15, 1000, 10, 10.0
g = torch.arange(-20480, 20481) / 2048
phi = lambda z: z * torch.sigmoid(10 * z)
SCALE = 1 / math.sqrt((phi(g) ** 2 * torch.exp(-g * g / 2)).sum() / 2048 / math.sqrt(2 * math.pi))
torch.manual_seed(0)
x = torch.randn(P, D)
# The median of |x|^2.
y = torch.where(x.pow(2).sum(1) < 9.342, -1.0, 1.0)


def shaped(v, like):
    return v.reshape(-1, *[1] * (like.dim() - 1))


def squares(a):
    return sum(v.pow(2).flatten(1).sum(1) for v in a)


class Nets:
    """15 nets in flow."""

    def __init__(self, hidden):
        self.hidden = hidden
        self.w = (torch.randn(NETS, hidden, D), torch.randn(NETS, hidden, hidden), torch.randn(NETS, hidden))
        self.origin = vmap(self.f)(self.w)
        self.look = vmap(grad_and_value(self.loss, has_aux=True))
        self.gradient, (_, self.o) = self.look(self.w, self.origin)
        self.dt = torch.ones(NETS)

    def f(self, w):
        z = SCALE * phi(x @ w[0].T / math.sqrt(D))
        z = SCALE * phi(z @ w[1].T / math.sqrt(self.hidden))
        return z @ w[2] / self.hidden

    def loss(self, w, origin):
        o = self.f(w) - origin
        return torch.nn.functional.softplus(1 - ALPHA * y * o, beta=20, threshold=1000).mean() / ALPHA, o

    def attempt(self):
        """One attempt of each net; which nets are done."""
        w, gradient, o, dt = self.w, self.gradient, self.o, self.dt
        w2 = tuple(a - shaped(dt, a) * b for a, b in zip(w, gradient))
        g2, (_, o2) = self.look(w2, self.origin)
        turn = squares([a - b for a, b in zip(gradient, g2)]) / (squares(gradient).sqrt() * squares(g2).sqrt())
        move = ALPHA * (o - o2).abs().amax(1)
        fine = (turn < 1e-4) & (move < 0.1)
        small = (turn < 0.5e-4) & (move < 0.05)
        pick = lambda a, b: torch.where(shaped(fine, a), b, a)
        self.w = tuple(pick(a, b) for a, b in zip(w, w2))
        self.gradient = tuple(pick(a, b) for a, b in zip(gradient, g2))
        self.dt = torch.where(fine, torch.where(small, dt * 1.1, dt), dt / 10)
        self.o = pick(o, o2)
        return ((ALPHA * y * self.o) > 1).all(1)

    def keep(self, which):
        self.w = tuple(a[which] for a in self.w)
        self.gradient = tuple(a[which] for a in self.gradient)
        self.o, self.dt, self.origin = self.o[which], self.dt[which], self.origin[which]


def line(case, seconds, **more):
    print(json.dumps({"case": case, "precision": "f64", "threads": options.threads, "seconds": seconds, **more}), flush=True)


total = 0.0
with torch.no_grad():
    for hidden in (10, 30, 100):
        nets, best, begin = Nets(hidden), math.inf, time.perf_counter()
        while time.perf_counter() - begin < options.seconds or best == math.inf:
            start = time.perf_counter()
            for _ in range(5):
                nets.attempt().all().item()
            best = min(best, (time.perf_counter() - start) / 5)
        line(f"flow h={hidden}", best)
        start = time.perf_counter()
        nets, attempts, fitted = Nets(hidden), 0, 0
        for _ in range(options.attempts):
            done = nets.attempt()
            attempts += len(done)
            gone = int(done.sum())
            if gone:
                fitted += gone
                nets.keep(~done)
                if fitted == NETS:
                    break
        seconds = time.perf_counter() - start
        total += seconds
        line(f"plane-point h={hidden}", seconds, attempts=attempts, fitted=fitted)
line("plane-point h=10..100", total, points_per_minute=180 / total)
