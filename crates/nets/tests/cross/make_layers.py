"""Writes layers.safetensors: outputs and derivatives of single layers by PyTorch in float64, for src/layers/tests.rs.

    python make_layers.py

For each case: random parameters x, inputs and weights [3 samples]; output; the derivatives of sum(weights * output) by the
inputs and by x.
"""
import sys
from pathlib import Path

import torch
from torch import nn

from make import flat, save

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Swish(nn.Module):
    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def forward(self, z):
        return z * torch.sigmoid(self.slope * z)


class Global(nn.Module):
    def forward(self, z):
        return z.mean((2, 3))


class Scaled(nn.Module):
    """NTK parametrisation: gain/sqrt(fan_in) on the weights."""

    def __init__(self, layer, gain):
        super().__init__()
        self.layer, self.scale = layer, gain / layer.weight[0].numel() ** 0.5

    def forward(self, z):
        return self.scale * self.layer(z)


def norm(channels, frozen=False):
    layer = nn.BatchNorm2d(channels)
    with torch.no_grad():
        layer.weight.normal_()
        layer.bias.normal_()
        if frozen:
            layer.eval()
            layer.running_mean.copy_(0.3 * torch.arange(channels) - 0.2)
            layer.running_var.copy_(0.5 + torch.arange(channels))
    return layer


# Seeded before the layers draw their weights: the same numbers each time.
torch.manual_seed(7)
CASES = {
    "conv-plain": ([3, 9, 8], nn.Conv2d(3, 7, 5)),
    "conv-padded": ([2, 6, 7], nn.Conv2d(2, 11, 3, padding=1)),
    "conv-strided": ([2, 9, 8], nn.Conv2d(2, 4, 3, stride=2, padding=1)),
    "conv-wide": ([1, 10, 11], nn.Conv2d(1, 2, 4, stride=3, padding=2)),
    "conv-one": ([5, 3, 4], nn.Conv2d(5, 6, 1)),
    "conv-one-strided": ([2, 5, 6], nn.Conv2d(2, 3, 1, stride=2)),
    "conv-whole": ([2, 4, 4], nn.Conv2d(2, 3, 4)),
    "conv-bare": ([2, 6, 7], nn.Conv2d(2, 5, 3, stride=2, padding=1, bias=False)),
    "conv-scaled": ([3, 9, 8], Scaled(nn.Conv2d(3, 4, 5, padding=1, bias=False), 1.5)),
    "conv-many": ([17, 6, 5], nn.Conv2d(17, 18, 3, padding=1)),
    "conv-many-strided": ([16, 7, 8], nn.Conv2d(16, 19, 3, stride=2, padding=1, bias=False)),
    "max-pairs": ([3, 6, 8], nn.MaxPool2d(2)),
    "max-pairs-odd": ([2, 7, 9], nn.MaxPool2d(2)),
    "max-overlap": ([2, 8, 7], nn.MaxPool2d(3, 2, 1)),
    "mean-pairs": ([2, 6, 7], nn.AvgPool2d(2)),
    "mean-counted": ([2, 8, 7], nn.AvgPool2d(3, 2, 1, count_include_pad=True)),
    "mean-inside": ([2, 8, 7], nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "mean-global": ([3, 4, 5], Global()),
    "norm": ([3, 2, 3], norm(3)),
    "norm-single": ([4, 1, 1], norm(4)),
    "norm-frozen": ([3, 2, 3], norm(3, frozen=True)),
    "tanh": ([40], nn.Tanh()),
    "sigmoid": ([40], nn.Sigmoid()),
    "silu": ([40], nn.SiLU()),
    "silu-steep": ([40], Swish(3.5)),
    "softplus": ([40], nn.Softplus()),
    "softplus-steep": ([40], nn.Softplus(5.0)),
}


def main():
    out = {}
    for name, (shape, layer) in CASES.items():
        inputs = 2 * torch.randn(3, *shape)
        inputs.requires_grad_()
        outputs = layer(inputs)
        weights = torch.randn_like(outputs)
        parameters = list(layer.parameters())
        by = torch.autograd.grad((weights * outputs).sum(), [inputs, *parameters])
        empty = [torch.zeros(0)]
        out[f"{name}/x"] = flat(parameters or empty)
        out[f"{name}/input"] = flat([inputs])
        out[f"{name}/weights"] = flat([weights])
        out[f"{name}/output"] = flat([outputs])
        out[f"{name}/by-input"] = flat(by[:1])
        out[f"{name}/by-x"] = flat(by[1:] or empty)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    target = folder / "layers.safetensors"
    save(out, target)
    print(target.stat().st_size)


if __name__ == "__main__":
    main()
