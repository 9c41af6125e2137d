"""Spectra of a user's own systems and of those of the registry, against numpy."""

import glasslab as gl
import numpy as np
import pytest


def quadratic(n, seed=1):
    """E = x.A x/2 with a random symmetric A."""
    a = np.random.default_rng(seed).standard_normal((n, n))
    a = (a + a.T) / np.sqrt(8 * n)
    system = gl.own_system(
        lambda x: (0.5 * x @ a @ x, -a @ x), lambda rng: rng.standard_normal(n), hessian_vec=lambda x, v: a @ v
    )
    return system, np.linalg.eigvalsh(a)


def test_all_eigenvalues_of_a_quadratic_form():
    system, exact = quadratic(60)
    found = gl.spectrum(system, system.init(), k=3)
    np.testing.assert_allclose(found.eigenvalues, exact, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(found.lowest, found.eigenvalues[:3])
    np.testing.assert_array_equal(found.highest, found.eigenvalues[-3:])
    assert (found.count, found.multiplier, found.probes) == (60, 0.0, ())
    assert found.mean(np.square) == (pytest.approx(np.mean(exact**2), rel=1e-12), 0.0)
    edges, density = found.density(20)
    assert np.sum(density * np.diff(edges)) == pytest.approx(1.0, rel=1e-12)


def test_ends_and_density_from_products_alone():
    """Ends within their errors, errors small; moments within 4 standard errors; N = 300, eight probes."""
    system, exact = quadratic(300)
    found = system.spectrum(system.init(), k=4, all=False, steps=40)
    assert found.eigenvalues is None and len(found.probes) == 8
    width = exact[-1] - exact[0]
    for values, errors, right in [
        (found.lowest, found.lowest_error, exact[:4]),
        (found.highest, found.highest_error, exact[-4:]),
    ]:
        assert np.all(np.abs(values - right) <= errors + 1e-12) and np.all(errors < 1e-6 * width)
    for power in (1, 2, 3, 4):
        mean, error = found.mean(lambda e, p=power: e**p)
        assert abs(mean - np.mean(exact**power)) < 4 * error
    edges, density = found.density(20)
    assert np.sum(density * np.diff(edges)) == pytest.approx(1.0, rel=1e-12)
    assert np.array_equal(found.lowest, gl.spectrum(system, system.init(), k=4, all=False, steps=40).lowest)


def test_a_toy_net_and_a_glass_of_the_registry():
    """Against numpy's eigenvalues of the matrix of all products H e_i; the glass on its tangent space, P (H + mu) P."""
    net = gl.system("toy", train=40, hidden=4)
    glass = gl.system("p-spin", n=40)
    for system in (net, glass):
        x = system.init()
        h = system.hessian_vec(x, np.eye(system.dof))
        h = (h + h.T) / 2
        found = system.spectrum(x, all=True)
        if system.space == "sphere":
            mu = system.energy_force(x)[1] @ x / (x @ x)
            assert found.multiplier == pytest.approx(mu, rel=1e-9)
            p = np.eye(len(x)) - np.outer(x, x) / (x @ x)
            exact = np.linalg.eigvalsh(p @ (h + mu * np.eye(len(x))) @ p)
            # The normal itself has the eigenvalue 0, which is left out.
            exact = np.delete(exact, np.argmin(np.abs(exact)))
            scale = 1e-5  # products are sums of f32
        else:
            exact, scale = np.linalg.eigvalsh(h), 1e-9
        assert found.count == len(exact)
        np.testing.assert_allclose(found.eigenvalues, exact, rtol=0, atol=scale * np.max(np.abs(exact)))


def test_what_is_wrong_is_said():
    system, _ = quadratic(8)
    x = system.init()
    with pytest.raises(ValueError, match=r"k = 9.*\n.*steps = 1|steps = 1.*\n.*k = 9"):
        gl.spectrum(system, x, k=9, steps=1)
    with pytest.raises(ValueError, match="one point"):
        gl.spectrum(system, np.stack([x, x]))
    with pytest.raises(ValueError, match="x = NaN"):
        gl.spectrum(system, np.full(8, np.nan))
    flat = gl.own_system(lambda x: (0.0, 0 * x), lambda rng: np.zeros(3))
    with pytest.raises(NotImplementedError, match="hessian_vec"):
        gl.spectrum(flat, np.zeros(3), k=1)

    def broken(x, v):
        raise RuntimeError("from inside")

    own = gl.own_system(lambda x: (0.0, 0 * x), lambda rng: np.zeros(3), hessian_vec=broken)
    with pytest.raises(RuntimeError, match="from inside"):
        gl.spectrum(own, np.zeros(3), k=1)


def test_it_draws(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    system, _ = quadratic(50)
    ax = gl.spectrum(system, system.init()).plot(bins=10)
    assert "density" in ax.get_ylabel()
    plt.close(ax.figure)
