"""Writes images.safetensors and weights.safetensors: what PyTorch finds for narrow residual networks and the plain CNN, for tests/images.rs.

    python make_images.py

In float64, on 24 images of 3 x side x side pixels and labels by formula. Each network: initial weights, loss and gradient in
training mode on all images; 50 steps of torch.optim.SGD, momentum 0.5, on batches of 10 consecutive samples, cyclically (step s
takes samples 10 s to 10 s + 9 modulo 24): the losses of the batches, weights and running statistics at the end; there the loss
in evaluation mode and the moments of the per-sample gradients. `imagenet`: ResNet-18 of 2 channels, 32 pixels; `cifar`: with
the CIFAR stem, 2 channels, 16 pixels; `cnn`: 6 channels, 20 pixels. weights.safetensors is the state of `cifar` at the end, exported
under the names that glasslab has, for tests/weights.rs.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from make import flat, save

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
SAMPLES, BATCH, STEPS = 24, 10, 50


def images(side, classes):
    index = np.arange(SAMPLES * 3 * side * side, dtype=np.uint64)
    pixels = (((index * 2654435761) % 2**32) >> 24).reshape(SAMPLES, 3, side, side).astype(float)
    scaled = pixels / 255
    mean, deviation = scaled.mean((0, 2, 3), keepdims=True), scaled.std((0, 2, 3), keepdims=True)
    return torch.from_numpy((scaled - mean) / deviation), torch.arange(SAMPLES) * 7 % classes


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down = nn.Sequential()
        if stride != 1:
            self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.down(x))


def resnet(stem, width, classes):
    if stem == "imagenet":
        layers = [nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    else:
        layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage in range(4):
        for block in range(2):
            outputs = width * 2**stage
            layers.append(Block(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
            inputs = outputs
    layers.append(nn.AvgPool2d(7, 1, 3) if stem == "imagenet" else nn.AdaptiveAvgPool2d(1))
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8 * width, classes))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan = module.kernel_size[0] ** 2 * module.out_channels
            nn.init.normal_(module.weight, 0, (2 / fan) ** 0.5)
    return model


class Plain(nn.Module):
    """Two blocks of two convolutions, NTK parametrisation, activation sqrt(2) relu, readout 1/h."""

    def __init__(self, channels, classes):
        super().__init__()
        shapes = [(channels, 3, 5, 5)] + 3 * [(channels, channels, 5, 5)] + [(classes, channels)]
        self.weights = nn.ParameterList(torch.randn(*s) for s in shapes)

    def forward(self, x):
        *all_filters, readout = self.weights
        for filters, stride in zip(all_filters, [2, 1, 2, 1], strict=True):
            z = nn.functional.conv2d(x, filters / filters[0].numel() ** 0.5, stride=stride, padding=1)
            x = 2**0.5 * torch.relu(z)
        return x.mean((2, 3)) @ readout.T / readout.shape[1]


def statistics(model):
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    return [t for m in norms for t in (m.running_mean, m.running_var)]


def exported(model):
    """State of a model under glasslab's names: modules that have parameters, numbered in the order in which they act."""
    owners = [m for m in model.modules() if list(m.parameters(recurse=False))]
    named = {f"layer{k}.{name}": t for k, m in enumerate(owners, 1) for name, t in m.state_dict().items()}
    return {name: t.detach().double().numpy().copy() for name, t in named.items()}


def moments(model, x, y):
    named = dict(model.named_parameters())

    def one(p, a, b):
        return nn.functional.cross_entropy(functional_call(model, p, (a[None],)), b[None])

    each = vmap(grad(one), in_dims=(None, 0, 0))(named, x, y)
    each = torch.cat([g.reshape(len(x), -1) for g in each.values()], dim=1).detach()
    mean = each.mean(0)
    return np.array([((each - mean) ** 2).sum().item() / (len(x) - 1), (mean**2).sum().item()])


def main():
    out = {}
    cases = {
        "imagenet": (32, 0.01, lambda: resnet("imagenet", 2, 10)),
        "cifar": (16, 0.01, lambda: resnet("cifar", 2, 10)),
        "cnn": (20, 1.0, lambda: Plain(6, 10)),
    }
    for name, (side, rate, make) in cases.items():
        torch.manual_seed(5)
        model, (x, y) = make(), images(side, 10)
        parameters = list(model.parameters())
        out[f"{name}/initial"] = flat(parameters)
        before = [s.clone() for s in statistics(model)]
        energy = nn.functional.cross_entropy(model(x), y)
        out[f"{name}/loss"] = np.array([energy.item()])
        out[f"{name}/gradient"] = flat(torch.autograd.grad(energy, parameters))
        for running, old in zip(statistics(model), before, strict=True):
            running.copy_(old)
        optimiser = torch.optim.SGD(parameters, lr=rate, momentum=0.5)
        losses = []
        for step in range(STEPS):
            pick = (step * BATCH + torch.arange(BATCH)) % SAMPLES
            optimiser.zero_grad()
            energy = nn.functional.cross_entropy(model(x[pick]), y[pick])
            energy.backward()
            optimiser.step()
            losses.append(energy.item())
        out[f"{name}/losses"] = np.array(losses)
        out[f"{name}/after"] = flat(parameters)
        out[f"{name}/statistics"] = flat(statistics(model) or [torch.zeros(0)])
        if name == "cifar":
            weights = exported(model)
        model.eval()
        with torch.no_grad():
            out[f"{name}/evaluated"] = np.array([nn.functional.cross_entropy(model(x), y).item()])
        out[f"{name}/noise"] = moments(model, x, y)
        print(name, losses[0], losses[-1], out[f"{name}/evaluated"], out[f"{name}/initial"].size)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for arrays, file in [(out, "images.safetensors"), (weights, "weights.safetensors")]:
        save(arrays, folder / file)
        print(file, (folder / file).stat().st_size)


if __name__ == "__main__":
    main()
