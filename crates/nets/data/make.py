"""Makes the two embedded data sets, digits.bin.gz and mnist.bin.gz, from their public sources.

    python make.py FOLDER     FOLDER holds the four official gzip files of MNIST

digits: the 1,797 optical digits of 8 x 8 pixels (0..16) that scikit-learn ships, in its order (E. Alpaydin, C. Kaynak,
    "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, CC BY 4.0).
mnist: of each of the ten classes the first 1,000 training images and the first 200 test images, all kept in official
    order (Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits, 1998).

Layout of a file (gzip, level 9): train labels, test labels, train pixels, test pixels, one byte each, row-major; to help
the compressor the pixels are stored pixel by pixel: all samples of pixel 0, then of pixel 1, and so on, for `digits`,
and sample by sample for `mnist`. The counts are constants of src/data/embedded.rs.
"""
import gzip
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def write(name, train, test, by_pixel):
    turn = (lambda a: np.ascontiguousarray(a.T)) if by_pixel else np.ascontiguousarray
    raw = b"".join(a.astype(np.uint8).tobytes() for a in (train[1], test[1], turn(train[0]), turn(test[0])))
    with open(HERE / name, "wb") as f, gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=f, mtime=0) as z:
        z.write(raw)
    print(name, len(raw), (HERE / name).stat().st_size)


def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    x, y = data.data, data.target
    write("digits.bin.gz", (x[:1437], y[:1437]), (x[1437:], y[1437:]), True)


def idx(folder, stem):
    images = gzip.decompress((folder / f"{stem}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{stem}-labels-idx1-ubyte.gz").read_bytes())
    y = np.frombuffer(labels, np.uint8, offset=8)
    return np.frombuffer(images, np.uint8, offset=16).reshape(len(y), 784), y


def first_of_each(x, y, count):
    keep = np.sort(np.concatenate([np.flatnonzero(y == c)[:count] for c in range(10)]))
    return x[keep], y[keep]


def mnist(folder):
    write("mnist.bin.gz", first_of_each(*idx(folder, "train"), 1000), first_of_each(*idx(folder, "t10k"), 200), False)


if __name__ == "__main__":
    digits()
    mnist(Path(sys.argv[1]))
