"""Writes deformation.safetensors: deformations of images of maximal entropy, in numpy, for tests/deform.rs.

    python make_deformation.py [FOLDER]

By the definition of arXiv:2105.02468: u(x, y) = sum_ij C_ij sin(i pi x) sin(j pi y) over sqrt(i^2 + j^2) < c + 1/2,
C_ij = sqrt(T/(i^2 + j^2)) times normal numbers, x = k/(n - 1); pixels move by n u; values by linear interpolation with clamped
places. The interpolation is that of scipy-free numpy: fancy indexing over all four neighbours at once.
"""
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def modes(c):
    k = np.arange(1, int(np.floor(c)) + 2)
    i, j = np.meshgrid(k, k, indexing="ij")
    keep = np.hypot(i, j) < c + 0.5
    return i[keep], j[keep]


def component(normals, i, j, temperature, x, y, pixels):
    size = np.sqrt(temperature / (i**2 + j**2)) * normals
    return pixels * np.einsum("m,mx,my->yx", size, np.sin(np.pi * np.outer(i, x)), np.sin(np.pi * np.outer(j, y)))


def deform(image, across, down):
    channels, height, width = image.shape
    y, x = np.mgrid[:height, :width]
    y, x = np.clip(y - down, 0, height - 1), np.clip(x - across, 0, width - 1)
    out = np.zeros_like(image)
    for corner_y in (np.floor(y), np.floor(y) + 1):
        for corner_x in (np.floor(x), np.floor(x) + 1):
            weight = (1 - np.abs(y - corner_y)) * (1 - np.abs(x - corner_x))
            rows = np.minimum(corner_y, height - 1).astype(int)
            columns = np.minimum(corner_x, width - 1).astype(int)
            out += weight * image[:, rows, columns]
    return out


def main():
    out = {}
    for name, c, temperature, shape in [
        ("small", 3, 1.3e-2, (3, 12, 12)),
        ("wide", 5, 8e-3, (1, 9, 14)),
        ("folded", 15, 2e-2, (2, 16, 16)),
    ]:
        g = np.random.default_rng(len(name))
        i, j = modes(c)
        normals = g.standard_normal((2, len(i)))
        image = g.standard_normal(shape)
        y, x = (np.arange(n) / (n - 1) for n in shape[1:])
        across = component(normals[0], i, j, temperature, x, y, shape[2])
        down = component(normals[1], i, j, temperature, x, y, shape[1])
        out[f"{name}.normals"], out[f"{name}.image"] = normals, image
        out[f"{name}.across"], out[f"{name}.down"] = across, down
        out[f"{name}.deformed"] = deform(image, across, down)
        print(name, len(i), "modes; displacement", np.sqrt((across**2 + down**2).mean()), "pixels")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    save_file({k: np.ascontiguousarray(v) for k, v in sorted(out.items())}, folder / "deformation.safetensors")


if __name__ == "__main__":
    main()
