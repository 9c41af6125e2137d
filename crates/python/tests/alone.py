"""What the wheel must do beside numpy alone: import, run, record, and bring the command. Run by `cargo xtask check`, not by pytest."""

import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np

for absent in ("torch", "xarray", "scipy", "matplotlib", "pytest"):
    assert importlib.util.find_spec(absent) is None, f"{absent} is installed: this environment must hold numpy alone"

import glasslab as gl

shutil.rmtree("runs", ignore_errors=True)
run = gl.age("toy", hidden=6, train=150, steps=300, replicas=2, out="runs/toy")
assert run.records()["msd"].values.shape[0] == 2
weights = {"w": np.zeros(5)}
recorder = gl.Recorder(weights)
for step in range(20):
    recorder.step(step)
    weights["w"] += 1
assert recorder.records()["msd"].values[0, 0, -1] == float(recorder.times[-1]) ** 2
assert gl.write(recorder, out="runs/recorded").report.is_file()
well = gl.own_system(lambda x: (x @ x / 2, -x), lambda rng: rng.standard_normal(3))
assert gl.run_system(well, steps=50, out="runs/well").manifest["state"] == "completed"

command = Path(sysconfig.get_path("scripts")) / "glasslab"
version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
assert version.split() == ["glasslab", gl.__version__], version
listed = subprocess.run([sys.executable, "-m", "glasslab", "systems", "--json"], capture_output=True, text=True, check=True).stdout
assert {"toy", "p-spin"} <= {s["name"] for s in json.loads(listed)["systems"]}, "the command lists what the package lists"
subprocess.run([command, "run", "runs/toy/plan.toml", "--out", "runs/again"], capture_output=True, check=True)
for name in ("records/toy.nc", "summary.json", "plan.toml"):
    assert Path("runs/again", name).read_bytes() == Path("runs/toy", name).read_bytes(), f"{name} differs"
print("glasslab", gl.__version__, "runs with numpy alone, and brings its command")
