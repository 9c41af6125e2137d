"""The cases of the bench `derivatives` in PyTorch and JAX: the same lines, one for each way to do it; the best counts.

    python derivatives_torch.py [PART OF A NAME] [--threads T] [--seconds S]

Replicas: a loop over them, torch.func.vmap over stacked weights, and JAX's jit of a scan over vmap. Products with the Hessian:
torch.func.jvp of grad. Kernel: vmap of jacrev, then J J^T. `cpu` is the time of the process.
"""
import argparse
import json
import math
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("part", nargs="?", default="")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seconds", type=float, default=1.0)
options = parser.parse_args()
# JAX takes more threads than it is told to: all of them share as many processors.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
if options.threads == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import torch
from torch.func import functional_call, grad, jacrev, jvp, vmap

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(options.threads)
SAMPLES, KERNEL, REPLICAS, STEPS = 1000, 2500, 64, 20


def shapes(h):
    return [(h, 10), (h, h), (1, h)]


def forward(ws, x, relu, h):
    """The perceptron in the NTK parametrisation, ReLU scaled by sqrt(2); weights as matrices."""
    w0, w1, w2 = ws
    a = math.sqrt(2) * relu(x @ w0.T / math.sqrt(10))
    a = math.sqrt(2) * relu(a @ w1.T / math.sqrt(h))
    return (a @ w2.T / h)[..., 0]


def measure(case, precision, method, times, work):
    """`work` does `times` of what is counted."""
    if options.part not in case:
        return
    work()
    wall, cpu, begin = math.inf, math.inf, time.perf_counter()
    while time.perf_counter() - begin < options.seconds or wall == math.inf:
        start, before = time.perf_counter(), time.process_time()
        work()
        wall, cpu = min(wall, time.perf_counter() - start), min(cpu, time.process_time() - before)
    line = {"case": case, "precision": precision, "threads": options.threads, "method": method}
    line |= {"seconds": float(f"{wall / times:.4e}"), "cpu": float(f"{cpu / times:.4e}")}
    print(json.dumps(line), flush=True)


def replicas(h, precision):
    case = f"replicas-64-of-10-{h}-{h}-1 {precision}"
    if options.part not in case:
        return
    dtype = torch.float64 if precision == "f64" else torch.float32
    torch.manual_seed(0)
    x = torch.randn(SAMPLES, 10, dtype=dtype)
    y = 1.0 - 2.0 * (torch.arange(SAMPLES) % 2).to(dtype)
    energy = lambda ws: 0.5 * (torch.relu(1 - y * forward(ws, x, torch.relu, h)) ** 2).mean()
    each = [[torch.randn(*s, dtype=dtype).requires_grad_() for s in shapes(h)] for _ in range(REPLICAS)]

    def loop():
        for ws in each:
            gradients = torch.autograd.grad(energy(ws), ws)
            with torch.no_grad():
                torch._foreach_add_(ws, gradients, alpha=-0.01)

    measure(case, precision, "torch loop", 1, loop)
    stacked = [torch.randn(REPLICAS, *s, dtype=dtype) for s in shapes(h)]
    slope = vmap(grad(lambda ws: energy(ws)))

    def many():
        torch._foreach_add_(stacked, list(slope(stacked)), alpha=-0.01)

    measure(case, precision, "torch vmap", 1, many)
    xs, ys = jnp.asarray(x.numpy()), jnp.asarray(y.numpy())
    loss = lambda ws: 0.5 * (jax.nn.relu(1 - ys * forward(ws, xs, jax.nn.relu, h)) ** 2).mean()
    descent = jax.vmap(jax.grad(loss))

    @jax.jit
    def run(ws):
        move = lambda ws, _: (jax.tree.map(lambda w, g: w - 0.01 * g, ws, descent(ws)), None)
        return jax.lax.scan(move, ws, None, length=STEPS)[0]

    start = tuple(jnp.asarray(w.numpy()) for w in stacked)
    measure(case, precision, "jax", STEPS, lambda: jax.block_until_ready(run(start)))


def products(h):
    torch.manual_seed(0)
    x = torch.randn(SAMPLES, 10, dtype=torch.float64)
    y = 1.0 - 2.0 * (torch.arange(SAMPLES) % 2).to(x.dtype)
    energy = lambda ws: 0.5 * (torch.relu(1 - y * forward(ws, x, torch.relu, h)) ** 2).mean()
    ws, vs = [tuple(torch.randn(*s, dtype=x.dtype) for s in shapes(h)) for _ in range(2)]
    free = [w.clone().requires_grad_() for w in ws]
    measure(f"gradient/10-{h}-{h}-1", "f64", "torch", 1, lambda: torch.autograd.grad(energy(free), free))
    work = lambda: jvp(grad(energy), (ws,), (vs,))
    measure(f"hessian-vec/10-{h}-{h}-1", "f64", "torch.func", 1, work)


def kernel():
    torch.manual_seed(0)
    h, x = 100, torch.randn(KERNEL, 10, dtype=torch.float64)
    ws = tuple(torch.randn(*s, dtype=x.dtype) for s in shapes(h))

    def work():
        parts = vmap(jacrev(lambda ws, a: forward(ws, a, torch.relu, h)), (None, 0))(ws, x)
        jacobian = torch.cat([p.reshape(KERNEL, -1) for p in parts], 1)
        return jacobian @ jacobian.T

    measure("tangent-kernel/10-100-100-1", "f64", "torch", 1, work)


for h in (10, 30, 100):
    for precision in ("f64", "f32"):
        replicas(h, precision)
    products(h)
kernel()
