"""The recorder: against numpy, saved and resumed, capped, sketched; numpy alone is enough."""

import json
import subprocess
import sys

import glasslab as gl
import numpy as np
import pytest
from glasslab import _schedule


class Walk:
    """Weights that diffuse, changed in place, as an optimiser does."""

    def __init__(self, seed=0, kind=np.float64):
        self.rng = np.random.default_rng(seed)
        self.weights = {"body.weight": np.ones((40, 50), kind), "body.bias": np.ones(40, kind), "head": np.ones(7, kind)}
        self.history = {}

    def run(self, recorder, start, stop, every=1):
        for step in range(start, stop):
            if step:
                for w in self.weights.values():
                    w += self.rng.standard_normal(w.shape) * 0.1
            self.history[step] = np.concatenate([w.ravel() for w in self.weights.values()]).astype(np.float64)
            if step % every == 0:
                recorder.step(step, loss=1 / (step + 1))


def records(recorder):
    return recorder._records()


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16])
def test_the_displacement_is_what_numpy_makes_of_the_weights(kind):
    walk = Walk(kind=kind)
    recorder = gl.Recorder(walk.weights, max_overhead=None)
    walk.run(recorder, 0, 101)
    found = records(recorder)
    waits, times = found["waiting_time"].values, found["time"].values
    assert list(waits) == recorder.waiting_times and list(times) == recorder.times
    assert {0, 1, 10, 100} <= set(waits) and len(times) > 40
    for k, w in enumerate(waits):
        for t, time in enumerate(times):
            if time < w:
                assert np.isnan(found["msd"].values[0, k, t])
            else:
                d = walk.history[time] - walk.history[w]
                assert found["msd"].values[0, k, t] == pytest.approx(np.mean(d * d), rel=1e-12, abs=0)
    t, k = len(times) - 1, 4
    d = walk.history[times[t]] - walk.history[waits[k]]
    assert found["fourth_moment"].values[0, k, t] == pytest.approx(np.mean(d**4), rel=1e-12)
    assert list(found["layer"].values) == list(walk.weights)
    assert found["msd_layer"].values[0, 1, k, t] == pytest.approx(np.mean(d[2000:2040] ** 2), rel=1e-12)
    np.testing.assert_allclose(found["train_loss"].values[0], 1 / (found["loss_time"].values + 1), rtol=1e-15)


def test_sketches_agree_within_their_errors():
    walk = Walk(1)
    exact = gl.Recorder(walk.weights, max_overhead=None)
    sketched = gl.Recorder(walk.weights, keep="sketch", sketch=1024, max_overhead=None)
    for step in range(0, 65):
        walk.run(exact, step, step + 1)
        sketched.step(step)
    a, b = records(exact)["msd"].values, records(sketched)["msd"].values
    error = records(sketched)["msd_error"].values
    seen = a > 0
    z = (b - a)[seen] / error[seen]
    # Many numbers of one projection are not independent: about 19 distinct ones, so 4 standard errors of the worst.
    assert 0.01 < np.abs(z).max() < 4.5
    np.testing.assert_allclose(error[seen] / b[seen], np.sqrt(2 / 1024), rtol=0.6)
    assert (error[seen] / b[seen] <= np.sqrt(2 / 1024) * (1 + 1e-12)).all()
    assert list(records(sketched)["group"].values) == ["body", "head"]


def test_sketches_are_a_checkpoint_series(tmp_path):
    walk = Walk(2)
    recorder = gl.Recorder(walk.weights, keep="sketch", schedule=[0, 3, 9], max_overhead=None)
    walk.run(recorder, 0, 12)
    assert recorder.times == [0, 3, 9]
    assert recorder.write_sketches(tmp_path / "sketches") == 3
    assert sorted(f.name for f in (tmp_path / "sketches").iterdir()) == [f"step{s}.safetensors" for s in (0, 3, 9)]
    with pytest.raises(ValueError, match='keep="sketch"'):
        gl.Recorder(walk.weights).write_sketches(tmp_path)


@pytest.mark.parametrize("keep", ["exact", "sketch"])
def test_saved_and_resumed_it_is_the_same(tmp_path, keep):
    whole = gl.Recorder(Walk(3).weights, keep=keep, max_overhead=None)
    walk = Walk(3)
    whole = gl.Recorder(walk.weights, keep=keep, max_overhead=None)
    walk.run(whole, 0, 90)
    walk = Walk(3)
    first = gl.Recorder(walk.weights, keep=keep, max_overhead=None)
    walk.run(first, 0, 50)
    first.save(tmp_path / "recorder.npz")
    second = gl.Recorder(walk.weights, keep=keep, max_overhead=None)
    second.load(tmp_path / "recorder.npz")
    walk.run(second, 50, 90)
    for name, record in records(whole).items():
        np.testing.assert_array_equal(record.values, records(second)[name].values, err_msg=name)
    assert len(list(tmp_path.iterdir())) == 1, "nothing unfinished is left"
    with pytest.raises(ValueError, match="per_decade"):
        gl.Recorder(walk.weights, keep=keep, per_decade=3).load(tmp_path / "recorder.npz")
    with pytest.raises(ValueError, match="names"):
        gl.Recorder({"other": np.ones(3)}, keep=keep).load(tmp_path / "recorder.npz")


def test_what_costs_too_much_is_skipped_and_said(monkeypatch):
    """A clock that the test turns: a measurement costs 0.3 s, a step 0.1 s; a share of 2 % and one second."""
    now = 0.0

    def clock():
        return now

    monkeypatch.setattr("glasslab._recorder.time.perf_counter", clock)
    walk = Walk(4)
    recorder = gl.Recorder(walk.weights)
    look = recorder._live

    class Slow:
        def __getattr__(self, name):
            return getattr(look, name)

        def look(self, *arguments):
            nonlocal now
            now += 0.3
            look.look(*arguments)

    recorder._live = Slow()
    for step in range(2000):
        walk.run(recorder, step, step + 1)
        now += 0.1
    spent = 0.3 * len(recorder.times)
    assert spent <= 0.02 * now + 1.0 and spent > 0.01 * now, "capped, and not idle"
    assert recorder.overhead == pytest.approx(spent / now)
    assert recorder.skipped and not set(recorder.skipped) & set(recorder.times)
    assert recorder.skipped[0] <= 10
    facts = records(recorder).attrs
    assert int(facts["skipped_measurements"]) == len(recorder.skipped)
    assert facts["skipped_steps"].split() == [str(s) for s in recorder.skipped]
    # A waiting time that was skipped is kept at the next measurement.
    assert len(recorder.waiting_times) >= 5 and set(recorder.waiting_times) <= set(recorder.times)
    for k, w in enumerate(recorder.waiting_times):
        d = walk.history[recorder.times[-1]] - walk.history[w]
        assert records(recorder)["msd"].values[0, k, -1] == pytest.approx(np.mean(d * d), rel=1e-12)


def test_copies_end_when_the_memory_does():
    walk = Walk(5)
    size = sum(w.nbytes for w in walk.weights.values())
    recorder = gl.Recorder(walk.weights, memory=60 * size, steps=100, max_overhead=None)
    assert recorder.keep == "exact"
    assert gl.Recorder(walk.weights, memory=3 * size, steps=100).keep == "sketch"
    small = gl.Recorder(walk.weights, memory=4 * size, steps=2, max_overhead=None)
    with pytest.warns(UserWarning, match="memory of the recorder is used up by 4 copies"):
        walk.run(small, 0, 30)
    assert small.waiting_times == [0, 1, 2, 3] and small.times[-1] > 20


def test_the_schedule():
    log = _schedule.Log(6)
    assert list(log.grid[:9]) == [1, 2, 3, 5, 7, 10, 15, 22, 32]
    # Against all sums, by brute force.
    waits = [0, 1, 2, 3, 5, 7, 10]
    sums = {w + lag for w in waits for lag in log.grid} | set(log.grid) | {0}
    for step in range(-1, 200):
        assert log.due_after(step, waits if step >= 10 else [w for w in waits if w <= step]) == min(
            s for s in (sums if step >= 10 else {w + g for w in waits if w <= step for g in log.grid} | set(log.grid) | {0})
            if s > step
        )
    walk = Walk(6)
    given = gl.Recorder(walk.weights, schedule=[4, 2, 8], max_overhead=None)
    walk.run(given, 0, 20)
    assert given.times == given.waiting_times == [2, 4, 8]
    # Called only now and then, it measures at the next call.
    walk = Walk(6)
    rare = gl.Recorder(walk.weights, max_overhead=None)
    walk.run(rare, 0, 100, every=10)
    assert rare.times[:4] == [0, 10, 20, 30] and rare.waiting_times[:3] == [0, 10, 20]
    assert not rare.step(50), "seen already"


def test_functions_and_lists_of_arrays():
    state = {"w": np.zeros(5)}

    def immutable():
        return state

    recorder = gl.Recorder(immutable, max_overhead=None)
    pairs = gl.Recorder([("w", state["w"]), ("steps", np.arange(3))], max_overhead=None)
    for step in range(3):
        state = {"w": np.full(5, float(step))}
        recorder.step(step, grads=[np.full(2, 3.0), np.full(1, 4.0)])
        pairs.step(step)
    assert records(recorder)["msd"].values[0, 0].tolist() == [0, 1, 4]
    assert records(recorder)["batch_gradient_squared"].values[0].tolist() == [34, 34, 34]
    assert records(pairs)["msd"].values[0, 0].tolist() == [0, 0, 0], "the list holds the old array"
    assert list(records(pairs)["layer"].values) == ["w"], "integers are no weights"
    state = {"v": np.zeros(5)}
    with pytest.raises(ValueError, match="not those that it began with: v, w"):
        recorder.step(3)
    state = {"w": np.zeros(4)}
    with pytest.raises(ValueError, match="w = 4 numbers"):
        recorder.step(3)


def test_refusals():
    w = {"w": np.ones(3)}
    for arguments, message in [
        (dict(keep="all"), "keep = 'all'"),
        (dict(schedule="linear"), "schedule = 'linear'"),
        (dict(schedule=[]), "schedule"),
        (dict(schedule=[-1, 3]), "schedule"),
        (dict(per_decade=0), "per_decade = 0"),
        (dict(max_overhead=0), "max_overhead = 0"),
        (dict(keep="sketch", sketch=3), "k = 3"),
    ]:
        with pytest.raises(ValueError, match=message):
            gl.Recorder(w, **arguments)
    with pytest.raises(TypeError, match="schedule = 5"):
        gl.Recorder(w, schedule=5)
    with pytest.raises(TypeError, match="named_parameters = ndarray"):
        gl.Recorder(np.ones(3))
    with pytest.raises(ValueError, match="no tensor"):
        gl.Recorder({"n": np.arange(3)})
    with pytest.raises(TypeError, match="w = object"):
        gl.Recorder([("w", object())]).step(0)
    with pytest.raises(ValueError, match="nothing was recorded"):
        gl.Recorder(w).records()


def test_several_seeds_have_error_bars_and_a_run_directory(tmp_path):
    recorders = []
    for seed in range(4):
        walk = Walk(seed)
        recorders.append(gl.Recorder(walk.weights, max_overhead=None, label="diffusion"))
        walk.run(recorders[-1], 0, 400)
    assert "verdict" in recorders[0].summary and recorders[0].verdict == "not resolved"
    found = gl.summary(*recorders)
    assert found["replicas"] == 4 and found["verdict"] == "diffusion", found
    assert all(abs(e["gamma"] - 1) < 0.1 for e in found["exponents"])
    together = gl.combine(*recorders)
    assert together["msd"].shape[0] == 4
    run = gl.write(*recorders, out=tmp_path / "run")
    assert run.names == ["recorder"] and run.summary == found
    np.testing.assert_array_equal(np.asarray(run.records()["msd"]), np.asarray(together["msd"]))
    page = run.report.read_text()
    assert "diffusion" in page and "<svg" in page
    assert json.loads((run.path / "summary.json").read_text())["replicas"] == 4
    with pytest.raises(FileExistsError):
        recorders[0].write(tmp_path / "run")
    with pytest.raises(ValueError, match="at least one"):
        gl.summary()


def test_it_draws():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    walk = Walk(7)
    recorder = gl.Recorder(walk.weights, max_overhead=None)
    walk.run(recorder, 0, 60)
    axes = recorder.plot()
    lines = axes.get_lines()
    assert len(lines) == sum(w < recorder.times[-1] for w in recorder.waiting_times)
    x, y = lines[0].get_data()
    assert y[-1] == records(recorder)["msd"].values[0, 0, -1] and x[-1] == recorder.times[-1]
    assert recorder.plot("train_loss").get_xlabel() == "t (steps)"
    pyplot.close("all")


ALONE = """
import sys
for name in ("xarray", "scipy", "matplotlib", "pandas", "torch"):
    sys.modules[name] = None
import glasslab as gl
import numpy as np
w = {"w": np.zeros(4)}
recorder = gl.Recorder(w)
for step in range(4):
    w["w"] += 1
    recorder.step(step)
print(recorder.records()["msd"].values[0, 0])
for export in (recorder.export_tensorboard, recorder.export_wandb):
    try:
        export("x")
    except ImportError as error:
        print(error)
"""


def test_numpy_alone_is_enough(tmp_path):
    out = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert out.splitlines() == [
        "[0. 1. 4. 9.]",
        "export_tensorboard needs torch and tensorboard: pip install torch tensorboard",
        "export_wandb needs wandb: pip install wandb",
    ]


def test_weights_and_biases_is_called_as_it_wants(tmp_path, monkeypatch):
    """A stand-in for its client; the real one is called by the tests with the peers where it is installed."""
    calls = []

    class Run:
        def log(self, row, step):
            calls.append((step, row))

        def finish(self):
            calls.append("finished")

    class Client:
        @staticmethod
        def init(**arguments):
            calls.append(arguments)
            return Run()

    monkeypatch.setitem(sys.modules, "wandb", Client)
    walk = Walk(8)
    recorder = gl.Recorder(walk.weights, max_overhead=None)
    walk.run(recorder, 0, 11)
    count = recorder.export_wandb(tmp_path, project="mine")
    assert calls[0] == {"project": "mine", "dir": str(tmp_path), "mode": "offline"} and calls[-1] == "finished"
    rows = dict(calls[1:-1])
    assert sorted(rows) == recorder.times and sum(len(r) for r in rows.values()) == count
    assert rows[10]["msd/t_w=5"] == records(recorder)["msd"].values[0, recorder.waiting_times.index(5), -1]
    assert "msd_layer/body.bias/t_w=0" in rows[10] and rows[10]["train_loss"] == 1 / 11
