"""Records: dimensions, units, meaning; the same as in the file; figures."""

import json
import subprocess
import sys

import glasslab as gl
import numpy as np
import pytest
from glasslab import _records


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from conftest import SMALL

    return gl.run(SMALL, out=tmp_path_factory.mktemp("records") / "run")


def test_records_have_dimensions_units_and_meaning(run):
    records = _records.read(run.path, "net")
    msd = records["msd"]
    assert msd.dims == ("replica", "waiting_time", "time")
    assert msd.values.shape == tuple(records.dims[d] for d in msd.dims)
    assert msd.values.dtype == np.float64 and records["time"].values.dtype == np.int64
    assert records.unit("time") == "steps" and records.unit("msd") == "1" and "(1/N)" in records.about("msd")
    assert "layer1.weight" in list(records["layer"].values)
    assert records.attrs["system"] == "toy"
    assert "msd" in repr(records) and np.asarray(msd).shape == msd.values.shape
    with pytest.raises(KeyError, match="no record 'nothing'"):
        records["nothing"]
    # Displacement from a reference copy of itself is nothing; later it is something.
    times, waits = records["time"].values, records["waiting_time"].values
    for k, wait in enumerate(waits):
        assert (msd.values[:, k, times == wait] == 0).all()
        assert np.isnan(msd.values[:, k, times < wait]).all()
        assert (msd.values[:, k, times > wait] > 0).any()


def test_the_overlap_is_what_numpy_makes_of_the_displacement(run):
    records = _records.read(run.path, "glass")
    np.testing.assert_allclose(records["overlap"].values, 1 - records["msd"].values / 2, rtol=1e-12)


def test_xarray_reads_the_same_from_the_file(run):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("scipy")
    for name in run.names:
        ours = run.records(name)
        assert isinstance(ours, xarray.Dataset)
        with xarray.open_dataset(run.path / "records" / f"{name}.nc") as file:
            assert set(file.variables) == set(ours.variables)
            for key in ours.variables:
                assert file[key].dims == ours[key].dims, key
                assert file[key].attrs["units"] == ours[key].attrs["units"], key
                assert file[key].attrs["long_name"] == ours[key].attrs["long_name"], key
                np.testing.assert_array_equal(file[key].values, ours[key].values, err_msg=key)


def test_which_quench_must_be_said(run):
    with pytest.raises(ValueError, match="one of glass, net"):
        run.records()
    with pytest.raises(ValueError, match="one of glass, net"):
        run.records("../net")


def test_every_kind_of_record_is_drawn(run):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    axes = run.plot("msd")
    assert len(axes) == 2
    net = _records.read(run.path, "net")
    waits, times = net["waiting_time"].values, net["time"].values
    lines = axes[1].get_lines()
    assert [float(line.get_label()) for line in lines] == list(waits)
    k = 3
    x, y = lines[k].get_data()
    seen = times > waits[k]
    np.testing.assert_array_equal(x, (times - waits[k])[seen])
    np.testing.assert_allclose(y, net["msd"].values[:, k][:, seen].mean(0), rtol=1e-12)
    assert axes[0].get_xlabel() == "t - t_w (time)" and axes[1].get_xlabel() == "t - t_w (steps)"
    one = run.plot("train_loss", quench="net")
    assert one.get_xlabel() == "t (steps)" and one.get_xscale() == "log"
    _, mine = pyplot.subplots()
    assert run.plot("overlap", quench="glass", axes=mine) is mine
    with pytest.raises(ValueError, match="waiting_time, time"):
        run.plot("msd_layer", quench="net")
    with pytest.raises(KeyError, match="no record"):
        run.plot("overlap")
    pyplot.close("all")


WITHOUT = """
import sys
for name in ("xarray", "scipy", "matplotlib", "pandas"):
    sys.modules[name] = None
import glasslab as gl
run = gl.open(sys.argv[1])
print(type(run.records("net")).__name__, run.records("net")["msd"].dims)
try:
    run.plot()
except ImportError as error:
    print(error)
"""


def test_numpy_alone_is_enough(run):
    out = subprocess.run([sys.executable, "-c", WITHOUT, str(run.path)], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == [
        "Records ('replica', 'waiting_time', 'time')",
        "plot needs matplotlib: pip install matplotlib",
    ]


def test_the_summary_is_the_file(run):
    assert run.summary == json.loads((run.path / "summary.json").read_text())
