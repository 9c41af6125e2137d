"""Systems: what there is, energies and forces, refusals."""

import glasslab as gl
import numpy as np
import pytest

SMALL = {
    "toy": {"hidden": 5, "train": 40},
    "fully-connected": {"widths": [6, 5], "train": 40},
    "p-spin": {"n": 10, "p": 3},
    "kob-andersen": {"n": 160, "start_time": 0.1},
    "dumbbells": {"n": 140, "start_time": 0.1},
    "soft-spheres": {"n": 60},
}


def test_the_lists_say_what_there_is():
    names = [s["name"] for s in gl.systems()]
    assert {"toy", "fully-connected", "p-spin", "trap", "brownian", "ornstein-uhlenbeck"} <= set(names)
    assert len(set(names)) == len(names)
    for system in gl.systems():
        assert system["about"] and system["steps"] >= 1 and system["method"]
        assert all(p["about"] and p["default"] is not None for p in system["parameters"])
    assert {"digits", "mnist"} <= {d["name"] for d in gl.datasets()}
    presets = {p["name"]: p for p in gl.presets()}
    assert "[[quench]]" in presets["age"]["plan"]


def test_data_sets_open():
    for name, shape in [("digits", (1437, 1, 8, 8)), ("mnist", (10000, 1, 28, 28))]:
        inputs, labels = gl.dataset(name)
        assert inputs.shape == shape and inputs.dtype == np.float32 and labels.shape == shape[:1]
        assert set(np.unique(labels)) == set(range(10))
        if name == "digits":
            assert abs(inputs.mean()) < 1e-6 and inputs.std() == pytest.approx(1, abs=1e-6)
        test, _ = gl.dataset(name, "test")
        assert test.shape[1:] == shape[1:] and not np.array_equal(test[:9], inputs[:9])
    with pytest.raises(ValueError, match="did you mean `mnist`"):
        gl.dataset("minst")
    with pytest.raises(ValueError, match="split = 'all'"):
        gl.dataset("mnist", "all")


def test_parameters_never_hide_behind_our_own_arguments():
    ours = {"name", "seed", "sample", "precision", "out", "resume", "progress", "checkpoint_every", "replicas", "samples", "steps"}
    for system in gl.systems():
        assert not ours & {p["name"] for p in system["parameters"]}, system["name"]


@pytest.mark.parametrize("name", [s["name"] for s in gl.systems() if s["name"] != "trap"])
def test_the_force_is_minus_the_gradient(name):
    """Central differences D(h) along a random direction u, (4 D(h) - D(2h))/3: exact for polynomials up to degree four, as
    the energy of the 3-spin is, so that its h may be large: it sums in f32, delta E < 1e-6 |E|, delta E/h < 1e-5. The
    others are f64: rounding is eps |E|/h = 1e-9 at h = 1e-6, and ReLUs whose kink lies within h, a part of order h of them,
    change the slope by order one each: error of order h.
    """
    takes = {p["name"] for s in gl.systems() if s["name"] == name for p in s["parameters"]}
    system = gl.system(name, seed=2, **SMALL.get(name, {"train": 40} if "train" in takes else {}))
    x = system.init()
    energy, force = system.energy_force(x)
    h, tolerance = (0.2, 1e-5) if name == "p-spin" else (1e-6, 1e-6)
    assert system.energy(x) == pytest.approx(energy, rel=1e-12, abs=1e-14)
    rng = np.random.default_rng(1)
    for _ in range(5):
        u = rng.standard_normal(system.dof)
        u /= np.linalg.norm(u)
        d1, d2 = ((system.energy(x + k * h * u) - system.energy(x - k * h * u)) / (2 * k * h) for k in (1, 2))
        scale = abs(energy) + np.linalg.norm(force)
        assert -force @ u == pytest.approx((4 * d1 - d2) / 3, abs=tolerance * scale)
    if name != "brownian":
        assert np.linalg.norm(force) > 1e-4, "a vanishing force would pass anything"


@pytest.mark.parametrize("name", SMALL)
def test_many_replicas_are_the_same_as_one_by_one(name):
    system = gl.system(name, **SMALL[name])
    x = np.stack([system.init(replica=r) for r in range(3)])
    energies, forces = system.energy_force(x)
    assert energies.shape == (3,) and forces.shape == x.shape
    assert not np.array_equal(x[0], x[1])
    for r in range(3):
        energy, force = system.energy_force(x[r])
        assert energies[r] == pytest.approx(energy, rel=1e-12)
        np.testing.assert_allclose(forces[r], force, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(system.energy(x), energies, rtol=1e-12)


def test_any_array_will_do_and_none_is_changed():
    system = gl.system("p-spin", n=10)
    x = system.init()
    wide = np.repeat(x, 2)
    _, force = system.energy_force(x)
    np.testing.assert_array_equal(system.energy_force(wide[::2])[1], force)
    np.testing.assert_array_equal(system.energy_force(list(x))[1], force)
    np.testing.assert_array_equal(wide[::2], x)
    single = system.energy_force(x.astype(np.float32))[1]
    np.testing.assert_allclose(single, force, rtol=1e-4, atol=1e-4)
    assert single.dtype == np.float64
    for wrong in (x[:-1], np.zeros((2, 9)), np.zeros((1, 1, 10)), 1.0):
        with pytest.raises(ValueError, match=r"x = an array of shape .*10"):
            system.energy(wrong)


def test_layout_covers_x_in_order():
    system = gl.system("fully-connected", widths=[6, 5], train=40)
    end = 0
    for name, start, stop, shape in system.layout:
        assert start == end and stop - start == np.prod(shape), name
        end = stop
    assert end == system.dof
    assert system.parameters["widths"] == [6, 5]
    assert "fully-connected" in repr(system) and str(system.dof) in repr(system)


def test_seeds_and_samples_choose_the_disorder():
    x = gl.system("p-spin", n=10).init()
    energy = [gl.system("p-spin", n=10, seed=s, sample=k).energy(x) for s, k in [(1, 0), (1, 0), (2, 0), (1, 1)]]
    assert energy[0] == energy[1]
    assert len(set(energy)) == 3
    system = gl.system("p-spin", n=10)
    assert np.array_equal(system.init(seed=1), system.init()) and not np.array_equal(system.init(seed=2), system.init())


def test_numpy_numbers_are_parameters():
    system = gl.system("fully-connected", widths=np.array([6, 5]), train=np.int64(40))
    assert system.dof == gl.system("fully-connected", widths=(6, 5), train=40).dof


def test_all_complaints_come_at_once():
    with pytest.raises(ValueError) as caught:
        gl.system("toy", hiden=3, hidden=0, data="minst", precision="f16")
    for word in ("hiden = 3", "`hidden`", "hidden = 0", "precision = \"f16\""):
        assert word in str(caught.value)
    with pytest.raises(ValueError, match="did you mean `p-spin`"):
        gl.system("pspin")
    with pytest.raises(ValueError, match="hidden = None"):
        gl.system("toy", hidden=None)
    with pytest.raises(ValueError, match="hidden = 1000000000000000000000"):
        gl.system("toy", hidden=10**21)
    with pytest.raises(ValueError, match="hidden = 1.5|hidden = 3.5"):
        gl.system("toy", hidden=3.5)
    with pytest.raises(ValueError, match="widths = .*: give a list of whole numbers|widths"):
        gl.system("fully-connected", widths=[1.5, "x"])
    with pytest.raises((ValueError, OSError), match="data|no-such-folder"):
        gl.system("toy", data="no-such-folder")
