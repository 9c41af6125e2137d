"""Series of checkpoints from Python: the same as numpy makes of the weights, and as a recorder saw."""

import json
import struct

import glasslab as gl
import numpy as np
import pytest

KINDS = {np.dtype("float64"): "F64", np.dtype("float32"): "F32"}


def write(path, tensors):
    """A safetensors file, by the specification."""
    header, data = {}, b""
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        place = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": KINDS[array.dtype], "shape": list(array.shape), "data_offsets": place}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def train(folder, recorder_of, kind=np.float64, steps=12):
    rng = np.random.default_rng(4)
    weights = {"body.weight": rng.standard_normal((30, 20)).astype(kind), "head.bias": np.zeros(7, kind)}
    recorder = recorder_of(weights)
    history = []
    folder.mkdir()
    for step in range(steps):
        if step:
            for w in weights.values():
                w += (0.1 * rng.standard_normal(w.shape)).astype(kind)
        history.append(np.concatenate([w.ravel() for w in weights.values()]).astype(np.float64))
        recorder.step(step)
        write(folder / f"step{step}.safetensors", weights)
    return recorder, np.stack(history)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_recorded_live_read_afterwards_and_by_numpy_it_is_the_same(tmp_path, kind):
    every = dict(schedule=range(12), max_overhead=None, keep="exact")
    recorder, history = train(tmp_path / "series", lambda w: gl.Recorder(w, **every), kind)
    live = recorder._records()["msd"].values[0]
    series = gl.two_time(tmp_path / "series", exact=True, out=tmp_path / "run")
    read = np.asarray(series.records()["msd"])[0]
    direct = np.mean((history[None] - history[:, None]) ** 2, -1)
    upper = np.triu(np.ones_like(live, bool))
    # The differences are exact in f64 for both precisions: only the order of the sums differs.
    np.testing.assert_allclose(live[upper], direct[upper], rtol=1e-12)
    np.testing.assert_allclose(read[upper], direct[upper], rtol=1e-12)
    # Without `exact`, float32 is compared in float32: within 66 units of its rounding.
    quick = np.asarray(gl.two_time(tmp_path / "series").records()["msd"])[0]
    np.testing.assert_allclose(quick[upper], direct[upper], rtol=66 * 2.0**-24 if kind is np.float32 else 1e-12)
    assert np.isnan(live[~upper]).all()
    layers = recorder._records()["msd_layer"].values
    np.testing.assert_allclose(np.asarray(series.records()["msd_layer"])[..., upper], layers[..., upper], rtol=1e-12)
    assert series.problems == [] and gl.check_series(tmp_path / "series") == []
    assert series.run.names == ["series"] and "12 checkpoints of 607 parameters" in repr(series)


def test_what_is_wrong_is_said(tmp_path):
    train(tmp_path / "series", lambda w: gl.Recorder(w), steps=6)
    (tmp_path / "series/step4.safetensors").write_bytes((tmp_path / "series/step2.safetensors").read_bytes())
    found = gl.check_series(tmp_path / "series")
    assert any(f["kind"] == "duplicate" for f in found), found
    with pytest.raises(ValueError, match="at least 3"):
        gl.two_time([tmp_path / "series/step0.safetensors", tmp_path / "series/step1.safetensors"])
    with pytest.raises(ValueError, match="detail"):
        gl.two_time(tmp_path / "series", detail="all")
    with pytest.raises(ValueError, match="regular expression"):
        gl.two_time(tmp_path / "series", skip=["("])


def test_a_series_draws(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    train(tmp_path / "series", lambda w: gl.Recorder(w), steps=6)
    axes = gl.two_time(tmp_path / "series").plot()
    assert len(axes.get_lines()) == 5
    pyplot.close("all")
