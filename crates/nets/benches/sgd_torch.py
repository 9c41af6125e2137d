"""Seconds per SGD step in PyTorch, sampling of the batch included: the same lines as the bench `sgd`.

    python sgd_torch.py [CASE...] [--precision f32|f64] [--threads T] [--seconds S]

Inputs are random numbers of the same shapes (dense arithmetic does not depend on them). A batch is drawn as the protocol
says: a fresh permutation each epoch, then index_select. The optimiser is torch.optim.SGD in its fastest form here
(foreach); 64 replicas run as one vmap over stacked weights (torch.func), each with its own batch.
"""
import argparse
import json
import time

import torch
from torch import nn

CASES = {
    "fc-784-100-100-100-10": (10_000, [784, 100, 100, 100, 10], 128, 1, False),
    "toy-784-1000-10": (10_000, [784, 1000, 10], 128, 1, True),
    "replicas-64-of-64-30-10": (1437, [64, 30, 10], 100, 64, True),
}


def network(widths, toy):
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    layers.pop()
    return nn.Sequential(*layers, nn.Sigmoid()) if toy else nn.Sequential(*layers)


def one(x, labels, target, widths, batch, toy):
    net = network(widths, toy)
    loss = nn.MSELoss() if toy else nn.CrossEntropyLoss()
    y = target if toy else labels
    best = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5, foreach=True)
    state = {"order": torch.randperm(len(x)), "at": 0}

    def step():
        if state["at"] >= len(x):
            state["order"], state["at"] = torch.randperm(len(x)), 0
        pick = state["order"][state["at"] : state["at"] + batch]
        state["at"] += batch
        best.zero_grad(set_to_none=True)
        loss(net(x.index_select(0, pick)), y.index_select(0, pick)).backward()
        best.step()

    return step


def many(x, target, widths, batch, replicas):
    from torch.func import functional_call, grad, stack_module_state, vmap

    nets = [network(widths, True) for _ in range(replicas)]
    params, _ = stack_module_state(nets)
    params = {k: v.detach() for k, v in params.items()}
    momenta = {k: torch.zeros_like(v) for k, v in params.items()}
    shape = network(widths, True)

    def energy(p, a, b):
        return nn.functional.mse_loss(functional_call(shape, p, (a,)), b)

    force = vmap(grad(energy))
    state = {"order": None, "at": len(x)}

    def step():
        if state["at"] >= len(x):
            state["order"] = torch.rand(replicas, len(x)).argsort(1)
            state["at"] = 0
        pick = state["order"][:, state["at"] : state["at"] + batch]
        state["at"] += batch
        shape2 = (replicas, pick.shape[1], -1)
        flat = pick.reshape(-1)
        g = force(params, x.index_select(0, flat).view(shape2), target.index_select(0, flat).view(shape2))
        keys = list(params)
        vs, gs, ps = ([d[k] for k in keys] for d in (momenta, g, params))
        torch._foreach_mul_(vs, 0.5)
        torch._foreach_add_(vs, gs)
        torch._foreach_add_(ps, vs, alpha=-0.01)

    return step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*")
    parser.add_argument("--precision", choices=["f32", "f64"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name, (samples, widths, batch, replicas, toy) in CASES.items():
        if options.cases and name not in options.cases:
            continue
        for precision in [options.precision] if options.precision else ["f32", "f64"]:
            torch.set_default_dtype(torch.float32 if precision == "f32" else torch.float64)
            torch.manual_seed(1)
            x = torch.randn(samples, widths[0])
            labels = torch.randint(0, widths[-1], (samples,))
            target = nn.functional.one_hot(labels, widths[-1]).to(x.dtype)
            step = many(x, target, widths, batch, replicas) if replicas > 1 else one(x, labels, target, widths, batch, toy)

            def timed(steps):
                start = time.perf_counter()
                for _ in range(steps):
                    step()
                return (time.perf_counter() - start) / steps

            timed(10)
            steps = int(0.05 / timed(20)) + 1
            begin, times, least = time.perf_counter(), [], float("inf")
            while time.perf_counter() - begin < options.seconds or not times:
                before = time.thread_time()
                times.append(timed(steps))
                least = min(least, (time.thread_time() - before) / steps)
            times.sort()
            line = {
                "case": name,
                "precision": precision,
                "threads": options.threads,
                "seconds_per_step": float(f"{times[0]:.4e}"),
                "cpu": float(f"{least:.4e}"),
                "median": float(f"{times[len(times) // 2]:.4e}"),
            }
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
