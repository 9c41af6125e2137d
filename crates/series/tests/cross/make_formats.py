"""Writes formats.json: checkpoints as PyTorch and numpy write them, and their displacements by numpy, for tests/formats.rs.

    python make_formats.py DIR

Four steps (0, 10, 20, 30) of one small set of tensors: f32 in channels-last order and transposed, a view with an offset, f64, f16,
bf16, tied weights, an integer. `files`: name of a container -> step -> the file, in hexadecimal. `msd`: name of a tensor -> mean
squared displacement of steps (0, 10), (0, 20), (0, 30), in float64 from the stored values.
"""
import io
import json
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn

STEPS = [0, 10, 20, 30]


def tensors(step):
    random = np.random.default_rng([5, step])
    normal = lambda *shape: torch.from_numpy(random.standard_normal(shape)).float()
    wide = normal(8, 6)
    tied = normal(5)
    state = OrderedDict()
    state["body.conv"] = normal(4, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    state["body.turned"] = normal(7, 3).t()
    state["body.view"] = wide[3:5]
    state["body.columns"] = wide[:, 2:4]
    state["head.double"] = normal(9).double() / 3
    state["head.half"] = normal(11).half()
    state["head.brain"] = normal(12).bfloat16()
    state["head.tied"] = tied
    state["head.tied_too"] = tied
    state["head.scalar"] = normal(1)[0]
    state["head.count"] = torch.tensor(step)
    return state


def saved(what):
    out = io.BytesIO()
    torch.save(what, out)
    return out.getvalue()


def module(state):
    holder = nn.Module()
    holder.head = nn.Linear(3, 2)
    with torch.no_grad():
        holder.head.weight.copy_(state["body.turned"].flatten()[:6].view(2, 3))
        holder.head.bias.copy_(state["head.tied"][:2])
    return holder


def archive(state):
    """An archive as numpy.savez makes it, with a fixed date."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, value in state.items():
            array = value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy()
            if name == "body.turned":
                array = np.asfortranarray(array)
            with file.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return out.getvalue()


def array(value):
    out = io.BytesIO()
    np.save(out, value)
    return out.getvalue()


def main(folder):
    states = {step: tensors(step) for step in STEPS}
    optimizer = lambda s: {"state": {0: {"step": 3.0, "exp_avg": s["head.tied"] * 2}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}]}
    make = {
        "plain.pt": lambda s, t: saved(s),
        "nested.pt": lambda s, t: saved({"model": s, "optimizer": optimizer(s), "step": t, "args": {"name": "x", "deep": [1, None, True]}}),
        "lightning.ckpt": lambda s, t: saved({"epoch": 1, "global_step": t, "state_dict": s, "hyper_parameters": {"rate": 0.1}}),
        "deep.pt": lambda s, t: saved({"ema": {"weights": {"body": {k[5:]: v for k, v in s.items() if k[:4] == "body"}}}, "loss": 1.5}),
        "parameters.pth": lambda s, t: saved(OrderedDict(module(s).named_parameters())),
        "arrays.npz": lambda s, t: archive(s),
        "one.npy": lambda s, t: array(np.asfortranarray(s["body.turned"].numpy())),
    }
    files = {name: {str(t): one(states[t], t).hex() for t in STEPS} for name, one in make.items()}
    doubles = {t: {k: v.double().numpy() for k, v in s.items()} for t, s in states.items()}
    mean = lambda name: [float(np.mean((doubles[t][name] - doubles[0][name]) ** 2)) for t in STEPS[1:]]
    msd = {name: mean(name) for name in states[0] if name != "head.count"}
    found = {"files": files, "msd": msd, "versions": {"torch": torch.__version__, "numpy": np.__version__}}
    Path(folder, "formats.json").write_text(json.dumps(found, indent=0) + "\n")


main(sys.argv[1])
