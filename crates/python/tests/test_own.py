"""Systems of two Python functions: runs, errors, determinism; second derivatives; the infinite glass."""

import threading

import glasslab as gl
import numpy as np
import pytest

N = 6
STIFF = np.arange(1.0, N + 1)


def well(x):
    """E = sum_i k_i x_i^2/2."""
    return 0.5 * np.sum(STIFF * x * x), -STIFF * x


def start(rng):
    return rng.standard_normal(N)


def harmonic(**more):
    return gl.own_system(well, start, hessian_vec=lambda x, v: STIFF * v, **more)


GRID = {"waiting_count": 4, "lag_count": 10, "loss_count": 10}


def test_it_is_a_system_like_the_others():
    system = harmonic(name="well", blocks=[("soft", [2]), ("stiff", (2, 2))])
    assert (system.name, system.dof, system.own, system.abilities) == ("well", N, True, ("hessian_vec",))
    assert system.layout == [("soft", 0, 2, (2,)), ("stiff", 2, 6, (2, 2))]
    x = system.init(replica=3)
    assert np.array_equal(x, system.init(replica=3)) and not np.array_equal(x, system.init(replica=4))
    energy, force = system.energy_force(np.stack([x, 2 * x]))
    np.testing.assert_allclose(energy, [well(x)[0], 4 * well(x)[0]], rtol=1e-15)
    np.testing.assert_array_equal(force[1], -STIFF * 2 * x)
    v = np.eye(N)
    np.testing.assert_array_equal(system.hessian_vec(x, v), np.diag(STIFF))
    np.testing.assert_array_equal(system.hessian_vec(x, v[2]), STIFF * v[2])


def test_a_descent_follows_its_closed_form(tmp_path):
    """x_i(n) = x_i(0) (1 - h k_i)^n for gradient descent (Euler); up to rounding."""
    system = harmonic(name="well")
    h, steps = 0.05, 60
    method = {"kind": "descent", "step_size": h}
    run = gl.run_system(system, method, steps=steps, replicas=3, grid=GRID, out=tmp_path / "run")
    records = run.records()
    msd = np.asarray(records["msd"])
    # The run draws from streams of its own: its initial conditions follow from the energy at the start.
    seed = system.seed ^ fnv1a(b"well")
    for r in range(3):
        x0 = system.init(seed=seed, replica=r)
        assert float(np.asarray(records["energy"])[r, 0]) == pytest.approx(well(x0)[0], rel=1e-12)
        moved = x0 * (1 - (1 - h * STIFF) ** steps)
        assert msd[r, 0, -1] == pytest.approx(np.mean(moved**2), rel=1e-9)
    assert run.summary["quenches"][0]["system"] == "own" and run.report.is_file()


def fnv1a(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) & (2**64 - 1)
    return h


@pytest.mark.parametrize("kind", ["langevin", "descent"])
def test_runs_repeat_to_the_byte_and_resume(tmp_path, same, kind):
    system = harmonic()
    method = {"kind": kind, "step_size": 0.02}
    if kind == "langevin":
        method["temperature"] = 0.3
    arguments = dict(steps=300, replicas=2, grid=GRID)
    one = gl.run_system(system, method, out=tmp_path / "one", **arguments)
    two = gl.run_system(harmonic(), method, out=tmp_path / "two", **arguments)
    same(one.path, two.path)

    def stop(title, step, steps):
        if step > 0:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        gl.run_system(system, method, out=tmp_path / "cut", progress=stop, **arguments)
    same(gl.run_system(system, method, out=tmp_path / "cut", resume=True, **arguments).path, one.path)


def test_langevin_reaches_equilibrium(tmp_path):
    """E = N T/2 in a harmonic well, corrected for the time step h: <x_i^2> = T/(k_i (1 - h k_i/2)). 60 replicas, one time
    each: error T sqrt(N/2)/sqrt(60), 4 of them."""
    temperature, h = 0.5, 0.05
    method = {"kind": "langevin", "step_size": h, "temperature": temperature}
    run = gl.run_system(harmonic(), method, steps=400, replicas=60, grid=GRID, out=tmp_path / "run")
    energy = np.asarray(run.records()["energy"])[:, -1]
    expected = np.sum(temperature / 2 / (1 - h * STIFF / 2))
    assert energy.mean() == pytest.approx(expected, abs=4 * temperature * np.sqrt(N / 2 / 60))


class Mine(Exception):
    pass


def test_exceptions_come_through(tmp_path):
    calls = 0

    def breaks(x):
        nonlocal calls
        calls += 1
        if calls > 20:
            raise Mine("in step twenty")
        return well(x)

    system = gl.own_system(breaks, start)
    with pytest.raises(Mine, match="in step twenty"):
        gl.run_system(system, steps=100, out=tmp_path / "run")
    with pytest.raises(Mine):
        system.energy_force(np.zeros(N))
    calls = 0
    assert system.energy(np.zeros(N)) == 0, "and the system goes on"
    for wrong, kind in [
        (lambda x: 1.0, TypeError),
        (lambda x: (1.0, x[:2]), ValueError),
        (lambda x: ("a", x), ValueError),
    ]:
        with pytest.raises(kind):
            gl.own_system(wrong, start).energy_force(np.zeros(N))
    with pytest.raises(ValueError, match="returned 6 numbers where 5"):
        gl.own_system(well, start, dof=5).init()
    with pytest.raises(ValueError, match="blocks hold 5"):
        gl.own_system(well, start, blocks=[("x", [5])])
    with pytest.raises(NotImplementedError, match="no exact second derivatives"):
        gl.own_system(well, start).hessian_vec(np.zeros(N), np.zeros(N))
    with pytest.raises(ValueError, match="sgd|subsample|samples"):
        gl.run_system(harmonic(), {"kind": "sgd", "rate": 0.1, "batch": 2}, out=tmp_path / "sgd")
    # The plan alone cannot be run again without the functions: it says so.
    run = gl.run_system(harmonic(), steps=50, grid=GRID, out=tmp_path / "fine")
    with pytest.raises(ValueError, match="run_system"):
        gl.run(run.plan, out=tmp_path / "again")


def test_one_that_becomes_infinite_diverges(tmp_path):
    system = gl.own_system(lambda x: (float("inf") if abs(x).max() > 1e100 else 0.0, 100 * x), start)
    run = gl.run_system(system, {"kind": "descent", "step_size": 1.0}, steps=400, replicas=2, grid=GRID, out=tmp_path / "r")
    assert all(e["reason"] == "diverged" for e in run.manifest["quenches"][0]["replicas"])


def test_two_threads_run_their_own(tmp_path):
    results = {}

    def work(k):
        system = gl.own_system(lambda x: (k * x @ x / 2, -k * x), start, name=f"well{k}")
        run = gl.run_system(system, steps=200, grid=GRID, out=tmp_path / f"run{k}")
        results[k] = float(np.asarray(run.records()["energy"])[0, -1])

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 3)]
    [t.start() for t in threads]
    [t.join(120) for t in threads]
    assert set(results) == {1, 3} and results[3] < results[1]


def test_a_system_of_the_registry_runs_too(tmp_path):
    system = gl.system("p-spin", n=12, seed=5)
    run = gl.run_system(system, {"temperature": 0.4}, steps=100, replicas=2, grid=GRID, out=tmp_path / "run")
    assert run.summary["quenches"][0]["dof"] == 12 and "temperature = 0.4" in run.plan


def test_hessian_vec_of_the_registry_is_the_derivative_of_the_force():
    """Central differences of the force, wherever a system has exact second derivatives."""
    for entry in gl.systems():
        takes = {p["name"] for p in entry["parameters"]}
        small = {"n": 10} if "n" in takes else {}
        if entry["name"] == "jamming-mlp":
            # Differences see the kinks of ReLU, which second derivatives leave out.
            small = {"activation": "tanh", "loss": "soft-hinge"}
        try:
            system = gl.system(entry["name"], seed=2, **small)
        except ValueError:
            continue
        if system.dof > 3000:
            continue
        x = system.init()
        v = np.random.default_rng(1).standard_normal(system.dof)
        if "hessian_vec" not in system.abilities:
            with pytest.raises(NotImplementedError, match="hessian_vec"):
                system.hessian_vec(x, v)
            continue
        # The force of the 3-spin is quadratic, so any h will do; it sums in f32, so h must be large.
        h = 0.2 if entry["name"] == "p-spin" else 1e-5
        expected = (system.energy_force(x - h * v)[1] - system.energy_force(x + h * v)[1]) / (2 * h)
        found = system.hessian_vec(x, v)
        assert np.linalg.norm(found - expected) <= 1e-4 * np.linalg.norm(expected) + 1e-7, entry["name"]


def test_the_infinite_glass(tmp_path):
    """p = 2 at T = 0: the slope at the start is -f'(1) = -1; late, e + 1 = 3/(8t) (1 + O(1/t)) (Cugliandolo and Dean 1995)."""
    run = gl.mean_field(p=2, until=100.0, out=tmp_path / "run")
    records = run.records()
    times, energy = np.asarray(records["time"]), np.asarray(records["energy"])
    assert energy[0] == pytest.approx(-times[0], rel=times[0])
    assert run.summary["p"] == 2 and run.names == ["mean-field"]
    assert times[-1] == pytest.approx(100) and energy[-1] + 1 == pytest.approx(3 / 800, rel=0.03)
    with pytest.raises(ValueError, match="start = 'hot'"):
        gl.mean_field(start="hot")
    with pytest.raises(ValueError, match="temperature = -1"):
        gl.mean_field(temperature=-1, out=tmp_path / "bad")
