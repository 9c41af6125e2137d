"""Writes networks.safetensors: what PyTorch finds for small networks, for tests/cross.rs to compare with.

    GLASSLAB_WRITE_BATCHES=1 cargo test -p glasslab-nets --test cross batches    # batches.json, the crate's own order
    python make.py [FOLDER]                                                      # written there; default: here

For each network, in float64: the initial weights, the loss and gradient on
the whole training set at the start, its per-sample noise moments, the loss of each batch, the weights after 1, 10 and
100 steps of torch.optim.SGD with momentum 0.5, and loss and error on the test set then. The data are the digits of
scikit-learn, split and normalised as the crate says.
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
SAMPLES = 120
HERE = Path(__file__).parent
OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE


def data():
    from sklearn.datasets import load_digits  # other scripts use this one without the digits

    digits = load_digits()
    pixels = digits.data / 16.0
    train = pixels[:1437]
    x = torch.from_numpy((pixels - train.mean()) / train.std())
    return x[:SAMPLES], torch.from_numpy(digits.target[:SAMPLES]), x[1437:], torch.from_numpy(digits.target[1437:])


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).numpy().copy()


def save(arrays, path):
    """The safetensors format: length of the header, header in JSON, then the arrays."""
    header, at = {"__metadata__": {"torch": torch.__version__}}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": [at, at + 8 * array.size]}
        at += 8 * array.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(a.astype("<f8").tobytes() for a in arrays.values()))


def main():
    x, y, test_x, test_y = data()
    out = {}
    # An input, made by the crate (its test compares it); handed on, so that the folder is complete.
    order = (HERE / "batches.json").read_text()
    (OUT / "batches.json").write_text(order)
    batches = json.loads(order)
    cases = {
        "toy": ([64, 12, 10], True, 0.5),
        "fully-connected": ([64, 9, 8, 7, 10], False, 0.1),
    }
    for name, (widths, toy, rate) in cases.items():
        torch.manual_seed(3)
        layers = []
        for a, b in zip(widths, widths[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        layers[-1:] = [nn.Sigmoid()] if toy else []
        net = nn.Sequential(*layers)

        def loss(outputs, labels):
            if toy:
                return nn.functional.mse_loss(outputs, torch.eye(10)[labels])
            return nn.functional.cross_entropy(outputs, labels)

        parameters = list(net.parameters())
        out[f"{name}/initial"] = flat(parameters)
        energy = loss(net(x), y)
        out[f"{name}/loss"] = np.array([energy.item()])
        out[f"{name}/gradient"] = flat(torch.autograd.grad(energy, parameters))
        named = dict(net.named_parameters())
        one = vmap(grad(lambda p, a, b: loss(functional_call(net, p, (a[None],)), b[None])), in_dims=(None, 0, 0))
        each = torch.cat([g.reshape(SAMPLES, -1) for g in one(named, x, y).values()], dim=1).detach()
        mean = each.mean(0)
        trace = ((each - mean) ** 2).sum() / (SAMPLES - 1)
        out[f"{name}/noise"] = np.array([trace.item(), (mean**2).sum().item()])
        optimiser = torch.optim.SGD(parameters, lr=rate, momentum=0.5)
        losses = []
        for step, batch in enumerate(batches):
            if step in (1, 10):
                out[f"{name}/after-{step}"] = flat(parameters)
            pick = torch.tensor(batch)
            optimiser.zero_grad()
            energy = loss(net(x[pick]), y[pick])
            energy.backward()
            optimiser.step()
            losses.append(energy.item())
        out[f"{name}/after-100"] = flat(parameters)
        out[f"{name}/losses"] = np.array(losses)
        with torch.no_grad():
            outputs = net(test_x)
            wrong = (outputs.argmax(1) != test_y).to(torch.float64).mean().item()
            out[f"{name}/test"] = np.array([loss(outputs, test_y).item(), wrong])
        out[f"{name}/rate"] = np.array([rate])
    target = OUT / "networks.safetensors"
    save(out, target)
    print(target.stat().st_size)


if __name__ == "__main__":
    main()
