"""A small plan that the tests share."""

import copy
import os

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

SMALL = {
    "name": "small",
    "seed": 3,
    "quench": [
        {
            "name": "net",
            "system": "toy",
            "replicas": 3,
            "steps": 400,
            "parameters": {"hidden": 6, "train": 150},
            "method": {"rate": 1.0, "batch": 32},
            "grid": {"waiting_count": 6, "lag_count": 12, "loss_count": 12},
        },
        {
            "name": "glass",
            "system": "p-spin",
            "replicas": 2,
            "samples": 2,
            "steps": 300,
            "parameters": {"p": 3, "n": 24},
            "method": {"kind": "langevin", "step_size": 0.05, "temperature": 0.5},
            "grid": {"waiting_count": 6, "lag_count": 12, "loss_count": 12},
        },
    ],
}

TOML = """
name = "small"
seed = 3
[[quench]]
name = "net"
system = "toy"
replicas = 3
steps = 400
parameters = { hidden = 6, train = 150 }
method = { rate = 1.0, batch = 32 }
grid = { waiting_count = 6, lag_count = 12, loss_count = 12 }
[[quench]]
name = "glass"
system = "p-spin"
replicas = 2
samples = 2
steps = 300
parameters = { p = 3, n = 24 }
method = { kind = "langevin", step_size = 0.05, temperature = 0.5 }
grid = { waiting_count = 6, lag_count = 12, loss_count = 12 }
"""


@pytest.fixture
def small():
    """The plan, to be changed at will."""
    return copy.deepcopy(SMALL)


@pytest.fixture
def text():
    """The same plan as TOML."""
    return TOML


def results(path):
    """The bytes of all that a plan determines, by name."""
    files = [path / "plan.toml", path / "summary.json", path / "report.html", *sorted((path / "records").glob("*.nc"))]
    return {str(f.relative_to(path)): f.read_bytes() for f in files}


def assert_same(a, b):
    """The same files with the same bytes."""
    a, b = results(a), results(b)
    assert list(a) == list(b)
    assert len(a) > 3
    for name in a:
        assert a[name] == b[name], f"{name} differs"


@pytest.fixture
def same():
    """Compares two run directories byte for byte."""
    return assert_same
