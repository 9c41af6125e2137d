"""Writes flow.safetensors: gradient flow with accepted and rejected steps, step by step in PyTorch, for tests/plane.rs.

    python make_flow.py [FOLDER]

In float64, by the rule of the public code of Geiger et al. (arXiv:1906.08034): w' = w - dt g; accept if
|g - g'|^2/(|g||g'|) < 1e-4 and alpha max|o - o'| < 0.1, grow dt by 1.1 if both are below half, else dt /= 10. `swish`: two
hidden layers of 7, swish (slope 10), soft hinge (20), alpha 2, predictor alpha (f - f0). `relu`: three hidden layers of 6, ReLU,
quadratic hinge, alpha 30, predictor alpha f, with memory 0.05. `tanh`: one hidden layer of 9, logistic loss, alpha 0.5.
"""
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
STEPS = 300


def scale(phi):
    """E[phi(g)^2]^(-1/2) for standard normal g, by the trapezoidal rule on a grid that holds 0."""
    g = torch.arange(-20480, 20481) / 2048
    return 1 / math.sqrt((phi(g) ** 2 * torch.exp(-g * g / 2)).sum() / 2048 / math.sqrt(2 * math.pi))


def case(name, phi, loss, d, h, depth, alpha, subtract, memory, out):
    g = torch.Generator().manual_seed(len(name))
    p = 150
    x = torch.randn(p, d, generator=g)
    y = torch.sign(x[:, 0] * x[:, 1] + 0.3)
    shapes = [(h, d)] + [(h, h)] * (depth - 1) + [(1, h)]
    w = torch.cat([torch.randn(a * b, generator=g) for a, b in shapes])
    a = scale(phi)

    def f(w):
        z, at = x.T, 0
        for i, (rows, columns) in enumerate(shapes):
            m = w[at : at + rows * columns].reshape(rows, columns)
            at += rows * columns
            z = m @ z / h if i == depth else a * phi(m @ z / math.sqrt(columns))
        return z[0]

    origin = f(w).detach() if subtract else torch.zeros(p)

    def look(w):
        w = w.clone().requires_grad_()
        o = f(w) - origin
        energy = loss(1 - alpha * y * o).mean() / alpha
        (gradient,) = torch.autograd.grad(energy, w)
        return o.detach(), gradient, energy.item()

    out[f"{name}.x"], out[f"{name}.y"], out[f"{name}.start"] = x.reshape(-1), y, w
    dt, t, v, trace = 1.0, 0.0, torch.zeros_like(w), []
    o, gradient, energy = look(w)
    for _ in range(STEPS):
        keep = math.exp(-dt / memory) if memory > 0 else 0.0
        v2 = keep * v - (1 - keep) * gradient
        w2 = w + dt * v2
        o2, g2, e2 = look(w2)
        turn = ((gradient - g2).pow(2).sum() / (gradient.norm() * g2.norm())).item()
        move = alpha * (o - o2).abs().max().item()
        if turn < 1e-4 and move < 0.1:
            t += dt
            if turn < 0.5e-4 and move < 0.05:
                dt *= 1.1
            w, o, gradient, energy, v = w2, o2, g2, e2, v2
        else:
            dt /= 10
        trace.append([t, dt, energy])
    out[f"{name}.trace"] = torch.tensor(trace).reshape(-1)
    out[f"{name}.end"], out[f"{name}.outputs"] = w, o
    print(name, "t", t, "energy", energy, "unmet", int((alpha * y * o < 1).sum()))


def main():
    out = {}
    case("swish", lambda z: z * torch.sigmoid(10 * z), lambda u: torch.nn.functional.softplus(u, beta=20, threshold=1000),
         5, 7, 2, 2.0, True, 0.0, out)
    case("relu", torch.relu, lambda u: torch.relu(u) ** 2 / 2, 4, 6, 3, 30.0, False, 0.05, out)
    case("tanh", lambda z: torch.tanh(3 * z) / 3, lambda u: torch.log1p(torch.exp(u - 1)), 3, 9, 1, 0.5, True, 0.0, out)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    save_file({k: v.contiguous() for k, v in sorted(out.items())}, folder / "flow.safetensors")


if __name__ == "__main__":
    main()
