"""Writes derivatives.safetensors: what PyTorch finds for second derivatives, for tests/derivatives.rs to compare with.

    python make_derivatives.py [FOLDER]    # written there; default: here

For each network, in float64, at random parameters x, with a random v [N] and u [B, C]: loss, gradient, Hessian-vector product
(double backward), Gauss-Newton and empirical Fisher products, gradients of three samples (torch.func), and on eight other
inputs the outputs, J v, J^T u and the tangent kernel J J^T (torch.func.jacrev). Data: digits, and images by a formula.

ResNet-18 of 2 channels (both stems) and the plain CNN come from make_images.py. With batch normalisation, `-training`: E with
the statistics of all samples as one batch, all else with these statistics held fixed; `-frozen`: all in evaluation mode with
running statistics by a formula. There x, v, u are by a formula too, and arrays longer than 512 are kept as sums over the
entries of each residue modulo 512, with signs by a formula: two arrays that differ have, but for a relative error of about
sqrt(2/512), sums that differ as much.
"""
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import torch
from scipy.integrate import quad
from sklearn.datasets import load_digits
from torch import nn
from torch.func import functional_call, grad, jacrev, jvp, vjp, vmap
from torch.nn import functional as F

from make_images import Plain, resnet

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
SAMPLES, OTHERS, SUMS = 24, 8, 512


def save(arrays, path):
    """The safetensors format: length of the header, header in JSON, then the arrays."""
    header, at = {"__metadata__": {"torch": torch.__version__}}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": [at, at + 8 * array.size]}
        at += 8 * array.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(a.astype("<f8").tobytes() for a in arrays.values()))


def digits():
    all = load_digits()
    pixels = all.data / 16.0
    x = torch.from_numpy((pixels - pixels[:1437].mean()) / pixels[:1437].std())
    return x[:SAMPLES], torch.from_numpy(all.target[:SAMPLES]), x[100 : 100 + OTHERS]


def images(side=16):
    """Colour images by a formula, 10 classes."""
    plane = side * side
    i = np.arange((SAMPLES + OTHERS) * 3 * plane, dtype=np.uint64)
    pixels = ((i * np.uint64(2_654_435_761)) % np.uint64(2**32)) >> np.uint64(24)
    all = torch.from_numpy(pixels.astype(np.float64).reshape(-1, 3, plane) / 255.0)
    mean, std = all[:SAMPLES].mean((0, 2)), all[:SAMPLES].std((0, 2), unbiased=False)
    x = ((all - mean[:, None]) / std[:, None]).reshape(-1, 3 * plane)
    return x[:SAMPLES], torch.arange(SAMPLES) * 7 % 10, x[SAMPLES:]


# Losses of one sample.
def margins(l):
    def loss(f, y):
        if len(f) == 1:
            return l((1 - 2 * (y % 2)) * f[0])
        own = f.gather(0, y[None])
        other = torch.arange(len(f)) != y
        return torch.where(other, l(own - f), torch.zeros_like(f)).sum() / len(f)

    return loss


def squared(f, y):
    if len(f) == 1:
        return (f[0] - (1 - 2 * (y % 2))) ** 2
    return ((f - (torch.arange(len(f)) == y).to(f.dtype)) ** 2).mean()


def likelihood(f, y):
    if len(f) == 1:
        return F.softplus(-(1 - 2 * (y % 2)) * f[0], threshold=1e9)
    return torch.logsumexp(f, 0) - f.gather(0, y[None])[0]


def hinge(margin):
    return margins(lambda m: torch.relu(margin - m))


def quadratic(margin):
    return margins(lambda m: 0.5 * torch.relu(margin - m) ** 2)


def soft(margin, beta):
    return margins(lambda m: F.softplus(beta * (margin - m), threshold=1e9) / beta)


# Functions f(x, a) of flat parameters and one input.
def take(x, at, shape):
    n = math.prod(shape)
    return x[at : at + n].reshape(shape), at + n


def dense(widths, bend, scales, bias, last=lambda z: z):
    n = sum(a * b + (b if bias else 0) for a, b in zip(widths, widths[1:]))

    def f(x, a):
        at = 0
        for l, (wide, tall) in enumerate(zip(widths, widths[1:])):
            w, at = take(x, at, (tall, wide))
            a = scales[l] * (w @ a)
            if bias:
                b, at = take(x, at, (tall,))
                a = a + bias * b
            a = bend(a) if l + 2 < len(widths) else last(a)
        return a

    return n, f


def mlp(widths, value, bend, bias):
    """NTK: W/sqrt(fan_in), activations of unit second moment, outputs/h."""
    weight = lambda g: value(g) ** 2 * math.exp(-g * g / 2) / math.sqrt(2 * math.pi)
    moment = sum(quad(weight, a, b, epsabs=1e-13, epsrel=1e-13, limit=500)[0] for a, b in [(-40, -1), (-1, 0), (0, 1), (1, 40)])
    scale = moment**-0.5
    scales = [1 / math.sqrt(w) for w in widths[:-1]]
    if len(widths) > 2:
        scales[-1] = 1 / widths[-2]
    return dense(widths, lambda z: scale * bend(z), scales, bias)


def small_net(channels, side, outputs):
    first, second, hidden = channels
    side = ((side - 4) // 2 - 4) // 2
    shapes = [(first, 3, 5, 5), (first,), (second, first, 5, 5), (second,)]
    shapes += [(hidden, second * side * side), (hidden,), (outputs, hidden), (outputs,)]

    def f(x, a):
        at, parts = 0, []
        for shape in shapes:
            part, at = take(x, at, shape)
            parts.append(part)
        a = a.reshape(1, 3, 16, 16)
        for w, b in (parts[:2], parts[2:4]):
            a = torch.relu(F.max_pool2d(F.conv2d(a, w, b), 2))
        a = torch.relu(parts[4] @ a.reshape(-1) + parts[5])
        return parts[6] @ a + parts[7]

    return sum(math.prod(s) for s in shapes), f


def uniform(count, stream):
    """On (-1, 1), by a formula: the finaliser of MurmurHash3 of a count."""
    mask = np.uint64(2**32 - 1)
    h = (np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B1) + np.uint64(stream * 0x85EBCA77)) & mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = ((h ^ (h >> np.uint64(shift))) * np.uint64(factor)) & mask
    return torch.from_numpy(h.astype(np.float64) / 2**31 - 1)


def short(array):
    flat = array.detach().reshape(-1)
    if len(flat) <= SUMS:
        return flat
    signed = torch.where(uniform(len(flat), 9) < 0, -flat, flat)
    return F.pad(signed, (0, -len(flat) % SUMS)).reshape(-1, SUMS).sum(0)


def of_images(model, side, size, training):
    """All that the file holds, of a network in training or in evaluation mode."""
    inputs, labels, others = (a.reshape(-1, 3, side, side) if a.ndim > 1 else a for a in images(side))
    shapes = {k: p.shape for k, p in model.named_parameters()}
    n = sum(math.prod(s) for s in shapes.values())
    x, v, u = size * uniform(n, 1), uniform(n, 2), uniform(OTHERS * 10, 3).reshape(OTHERS, 10)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]

    def f(x, a):
        parts = x.split([math.prod(s) for s in shapes.values()])
        return functional_call(model, {k: p.reshape(s) for (k, s), p in zip(shapes.items(), parts)}, (a,))

    def derivatives():
        energy = lambda x: F.cross_entropy(f(x, inputs), labels)
        free = x.clone().requires_grad_()
        value = energy(free)
        gradient = torch.autograd.grad(value, free, create_graph=True)[0]
        hessian = torch.autograd.grad(gradient @ v, free)[0]
        outputs, moved = jvp(lambda x: f(x, inputs), (x,), (v,))
        bend = jvp(grad(lambda z: F.cross_entropy(z, labels)), (outputs,), (moved,))[1]
        gauss = vjp(lambda x: f(x, inputs), x)[1](bend)[0]
        return {"loss": value.reshape(1), "gradient": gradient, "hessian": hessian, "gauss-newton": gauss}

    def independent():
        one = lambda x, a, y: F.cross_entropy(f(x, a[None]), y[None])
        each = vmap(grad(one), (None, 0, 0))(x, inputs, labels)
        other = jacrev(lambda x: f(x, others))(x)
        flat = other.reshape(-1, n)
        return {
            "fisher": each.T @ (each @ v) / len(labels),
            "samples": each[:3],
            "outputs": f(x, others),
            "jacobian-vec": other @ v,
            "vec-jacobian": flat.T @ u.reshape(-1),
            "kernel": flat @ flat.T,
        }

    model.eval()
    arrays = {}
    if training:
        # Statistics of the batch, and those of this batch in the place of running ones.
        seen = {}
        hooks = [m.register_forward_pre_hook(lambda m, a: seen.update({m: a[0].detach()})) for m in norms]
        for norm in norms:
            norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
        f(x, inputs)
        [hook.remove() for hook in hooks]
        arrays = derivatives()
        for norm in norms:
            norm.running_mean = seen[norm].mean((0, 2, 3))
            norm.running_var = seen[norm].var((0, 2, 3), unbiased=False)
    else:
        for number, norm in enumerate(norms):
            mean, var = uniform(2 * norm.num_features, 10 + number).chunk(2)
            norm.running_mean, norm.running_var = 0.5 * mean, 1 + 0.5 * var
        arrays = derivatives()
    arrays |= independent()
    return {key: short(a).numpy().copy() for key, a in arrays.items()}


def main():
    out = {}
    sigmoid = lambda z: 1 / (1 + math.exp(-z)) if z > -700 else 0.0
    soft_plus = lambda beta: (lambda z: max(z, 0) + math.log1p(math.exp(-abs(beta * z))) / beta)
    relu = torch.relu
    cases = {
        "toy": (digits, dense([64, 5, 10], relu, [1, 1], 1.0, torch.sigmoid), squared, 0.3),
        "fully-connected": (digits, dense([64, 7, 6, 10], relu, [1, 1, 1], 1.0), likelihood, 0.3),
        "silu": (digits, mlp([64, 6, 5, 1], lambda z: z * sigmoid(10 * z), lambda z: z * torch.sigmoid(10 * z), 0), soft(1.0, 20.0), 1.0),
        "softplus": (digits, mlp([64, 6, 5, 4, 1], soft_plus(5), lambda z: F.softplus(z, 5, 1e9), 0.1), quadratic(1.0), 1.0),
        "tanh": (digits, mlp([64, 6, 5, 1], lambda z: math.tanh(2 * z) / 2, lambda z: torch.tanh(2 * z) / 2, 0.3), squared, 1.0),
        "tanh-likelihood": (digits, mlp([64, 6, 1], math.tanh, torch.tanh, 0), likelihood, 1.0),
        "classes": (digits, mlp([64, 6, 5, 10], lambda z: z * sigmoid(z), lambda z: z * torch.sigmoid(z), 0), soft(1.0, 3.0), 1.0),
        "classes-quadratic": (digits, mlp([64, 6, 10], lambda z: max(z, 0), relu, 0), quadratic(1.0), 1.0),
        "jamming": (digits, dense([64, 6, 5, 1], relu, [1, 1, 1], 1.0), quadratic(1.0), 0.3),
        "hinge": (digits, mlp([64, 6, 5, 1], lambda z: max(z, 0), relu, 0), hinge(1.0), 1.0),
        "linear": (digits, mlp([64, 1], lambda z: z, None, 0), soft(0.5, 4.0), 1.0),
        "small-net": (images, small_net((2, 4, 20), 16, 10), likelihood, 0.1),
    }
    for number, (name, (data, (n, f), loss, size)) in enumerate(cases.items()):
        generator = torch.Generator().manual_seed(100 + number)
        draw = lambda *shape: torch.randn(*shape, generator=generator)
        inputs, labels, others = data()
        x, v = size * draw(n), draw(n)
        one = lambda x, a, y: loss(f(x, a), y)
        energy = lambda x: vmap(one, (None, 0, 0))(x, inputs, labels).mean()
        free = x.clone().requires_grad_()
        value = energy(free)
        gradient = torch.autograd.grad(value, free, create_graph=True)[0]
        hessian = torch.autograd.grad(gradient @ v, free)[0]
        each = vmap(grad(one), (None, 0, 0))(x, inputs, labels)
        outputs = lambda x, inputs: vmap(f, (None, 0))(x, inputs)
        jacobian = vmap(jacrev(f), (None, 0))(x, inputs)
        bend = vmap(torch.func.hessian(loss), (0, 0))(outputs(x, inputs), labels)
        gauss = torch.einsum("bcn,bcd,bdm,m->n", jacobian, bend, jacobian, v) / len(labels)
        other = vmap(jacrev(f), (None, 0))(x, others)
        classes = other.shape[1]
        u = draw(len(others), classes)
        flat = other.reshape(-1, n)
        arrays = {
            "x": x,
            "v": v,
            "u": u,
            "loss": value.reshape(1),
            "gradient": gradient,
            "hessian": hessian,
            "gauss-newton": gauss,
            "fisher": each.T @ (each @ v) / len(labels),
            "samples": each[:3],
            "outputs": outputs(x, others),
            "jacobian-vec": (other @ v),
            "vec-jacobian": flat.T @ u.reshape(-1),
            "kernel": flat @ flat.T,
        }
        out |= {f"{name}/{key}": a.detach().reshape(-1).numpy().copy() for key, a in arrays.items()}
    image_cases = {
        "cnn": (20, 2.0, False, lambda: Plain(6, 10)),
        "resnet18-imagenet-training": (32, 0.75, True, lambda: resnet("imagenet", 2, 10)),
        "resnet18-imagenet-frozen": (32, 0.75, False, lambda: resnet("imagenet", 2, 10)),
        "resnet18-cifar-training": (16, 0.5, True, lambda: resnet("cifar", 2, 10)),
        "resnet18-cifar-frozen": (16, 0.5, False, lambda: resnet("cifar", 2, 10)),
    }
    for name, (side, size, training, make) in image_cases.items():
        arrays = of_images(make(), side, size, training)
        print(name, arrays["loss"], *(f"{key} {np.linalg.norm(a):.3g}" for key, a in arrays.items()))
        out |= {f"{name}/{key}": a for key, a in arrays.items()}
    target = OUT / "derivatives.safetensors"
    save(out, target)
    print(target.stat().st_size)


if __name__ == "__main__":
    main()
