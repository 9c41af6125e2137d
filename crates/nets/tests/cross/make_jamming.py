"""Writes jamming.safetensors: Adam and the Hessian split of a small network with a quadratic hinge, for tests/jamming.rs here and in lab.

    python make_jamming.py [FOLDER]

In float64: two hidden layers of 5 ReLU on 4 inputs, biases, 150 samples with random labels, L = (1/P) sum max(0, 1 - y f)^2/2.
`adam.*`: 3000 steps of torch.optim.Adam on the whole of L, rate max(0.0004, 0.01 0.5^floor(step/500)); weights every 500 steps.
`split.*`: at weights after 200 of these steps, H0 = (1/P) sum_{Delta > 0} grad Delta grad Delta^T and Hp = (1/P) sum_{Delta > 0} Delta
Hess Delta, by autograd.
"""
import math
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
SHAPES = [(5, 4), (5, 5), (1, 5)]
P = 150


def f(w, x):
    z, at = x.T, 0
    for i, (rows, columns) in enumerate(SHAPES):
        weight = w[at : at + rows * columns].reshape(rows, columns)
        at += rows * columns
        bias = w[at : at + rows]
        at += rows
        z = weight @ z + bias[:, None]
        if i < len(SHAPES) - 1:
            z = torch.relu(z)
    return z[0]


def main():
    g = torch.Generator().manual_seed(7)
    x = torch.randn(P, 4, generator=g)
    y = torch.sign(torch.randn(P, generator=g))
    n = sum(a * b + a for a, b in SHAPES)
    start = 0.6 * torch.randn(n, generator=g)
    out = {"x": x.reshape(-1), "y": y, "start": start}

    def loss(w):
        return torch.relu(1 - y * f(w, x)).pow(2).mean() / 2

    w = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([w], lr=0.01)
    trace, middle = [], None
    for step in range(3000):
        if step == 200:
            middle = w.detach().clone()
        optimiser.param_groups[0]["lr"] = max(0.0004, 0.01 * 0.5 ** math.floor(step / 500))
        optimiser.zero_grad()
        loss(w).backward()
        optimiser.step()
        if step % 500 == 499:
            trace.append(w.detach().clone())
    out["adam.trace"] = torch.cat(trace)
    out["adam.energy"] = torch.tensor([loss(t).item() for t in trace])
    print("energies", out["adam.energy"].tolist(), "unmet", int((1 - y * f(w, x) > 0).sum()))

    def delta(w):
        return 1 - y * f(w, x)

    at = delta(middle)
    unmet = [k for k in range(P) if at[k] > 0]
    h0, hp = torch.zeros(n, n), torch.zeros(n, n)
    for k in unmet:
        gradient = torch.func.grad(lambda w: delta(w)[k])(middle)
        h0 += torch.outer(gradient, gradient) / P
        hp += at[k] * torch.func.hessian(lambda w: delta(w)[k])(middle) / P
    out["split.at"], out["split.h0"], out["split.hp"] = middle, h0.reshape(-1), hp.reshape(-1)
    whole = torch.func.hessian(loss)(middle)
    print("unmet at the split", len(unmet), "H0 + Hp - H", (h0 + hp - whole).abs().max().item())
    print("negative of Hp", int((torch.linalg.eigvalsh(hp) < -1e-9).sum()), "of", n)
    out["split.unmet"] = torch.tensor([float(len(unmet))])
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    save_file({k: v.contiguous() for k, v in sorted(out.items())}, folder / "jamming.safetensors")


if __name__ == "__main__":
    main()
