"""The peers of benches/series.rs: all pairwise displacements of a random walk of S checkpoints of N parameters in float32.

    python series_numpy.py --checkpoints S --parameters N --threads T

`pairs`: numpy, chunk by chunk from the files: products X X^T of the chunk in float64 (BLAS uses its symmetry), then a + b - 2 c: what
people write, and what loses the digits of close checkpoints. `loop`: PyTorch, ((a - b) ** 2).mean() for each pair, all checkpoints in
memory, over as many pairs as fit a few seconds, extrapolated.
"""
import argparse
import json
import os
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("--checkpoints", type=int, default=154)
parser.add_argument("--parameters", type=int, default=500_000)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--memory", type=int, default=2 << 30)
parser.add_argument("--dir", help="a folder of the other program: the same files are read")
parser.add_argument("--only")
arguments = parser.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(arguments.threads)

import numpy as np
import torch

torch.set_num_threads(arguments.threads)
S, N = arguments.checkpoints, arguments.parameters
case = f"series/S={S},N=" + "{:.1e}".format(N).replace("e+0", "e").replace("e+", "e")


def say(what, wall, cpu, count=N * 4 * S):
    print(json.dumps({"case": f"{case}/{what}", "threads": arguments.threads, "seconds": wall, "cpu": cpu, "bytes": count}), flush=True)


def timed(run):
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


with tempfile.TemporaryDirectory() as folder:
    random = np.random.default_rng(1)
    x = np.zeros(N, np.float32)
    names = []
    for t in range(0 if arguments.dir else S):
        x += random.random(N, np.float32) - np.float32(0.5)
        names.append(f"{folder}/{t}.npy")
        np.save(names[-1], x)
    if arguments.dir:
        names = [f"{arguments.dir}/step{100 * t}.safetensors" for t in range(S)]

    def load(name, mmap_mode=None):
        if name.endswith(".npy"):
            return np.load(name, mmap_mode=mmap_mode)
        start = 8 + int(np.fromfile(name, np.uint64, 1)[0])
        return np.memmap(name, np.float32, "r", start, (N,))

    def gram():
        files = [load(name, "r") for name in names]
        products = np.zeros((S, S))
        chunk = 1 << 16
        for start in range(0, N, chunk):
            part = np.stack([f[start : start + chunk] for f in files]).astype(np.float64)
            products += part @ part.T
        squares = np.diag(products)
        return (squares[:, None] + squares[None, :] - 2 * products) / N

    say("pairs", *timed(gram))
    if arguments.only == "pairs":
        raise SystemExit
    tensors = [torch.from_numpy(np.array(load(name))) for name in names[:40]]
    pairs = 0

    def loop():
        global pairs
        start = time.perf_counter()
        for i in range(len(tensors)):
            for j in range(i):
                ((tensors[i] - tensors[j]) ** 2).mean().item()
                pairs += 1
            if time.perf_counter() - start > 3:
                return

    wall, cpu = timed(loop)
    scale = S * (S - 1) / 2 / pairs
    say("loop", wall * scale, cpu * scale)
