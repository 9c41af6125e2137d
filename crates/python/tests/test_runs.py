"""Runs: the same bytes whichever way, resumed after an interruption, refused with all complaints."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import glasslab as gl
import numpy as np
import pytest


def test_a_plan_is_a_dict_a_text_or_a_file(tmp_path, small, text, same):
    file = tmp_path / "small.toml"
    file.write_text(text)
    runs = [gl.run(small, out=tmp_path / "dict"), gl.run(text, out=str(tmp_path / "text")), gl.run(file, out=tmp_path / "file")]
    assert [r.names for r in runs] == [["glass", "net"]] * 3
    same(runs[0].path, runs[1].path)
    same(runs[0].path, runs[2].path)
    again = gl.run(runs[0].plan, out=tmp_path / "again")
    same(runs[0].path, again.path)
    assert [q["name"] for q in again.summary["quenches"]] == ["net", "glass"]
    assert all(q["verdict"] and q["why"] for q in again.summary["quenches"])
    assert again.manifest["state"] == "completed" and again.report.is_file()
    other = gl.run(small, out=tmp_path / "other", seed=4)
    assert (other.path / "records/net.nc").read_bytes() != (again.path / "records/net.nc").read_bytes()


@pytest.mark.skipif("GLASSLAB_BIN" not in os.environ, reason="GLASSLAB_BIN does not name the command-line program")
def test_the_command_line_leaves_the_same_bytes(tmp_path, text, same):
    (tmp_path / "small.toml").write_text(text)
    command = [os.environ["GLASSLAB_BIN"], "run", "small.toml", "--out", "command"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    same(gl.run(tmp_path / "small.toml", out=tmp_path / "python").path, tmp_path / "command")
    flags = "--replicas 2 --steps 200 --rate 0.5 --batch 16 --set hidden=5 --set train=100 --seed 9 --out age"
    subprocess.run([os.environ["GLASSLAB_BIN"], "age", "toy", *flags.split()], cwd=tmp_path, check=True, capture_output=True)
    run = gl.age("toy", replicas=2, steps=200, rate=0.5, batch=16, hidden=5, train=100, seed=9, out=tmp_path / "age-python")
    same(run.path, tmp_path / "age")


def test_age_takes_what_the_command_line_takes(tmp_path):
    run = gl.age("toy", "p-spin", out=tmp_path / "age", replicas=2, steps=100, hidden=4, n=12, train=100, temperature=0.5)
    assert run.names == ["p-spin", "toy"]
    assert "hidden = 4" in run.plan and "n = 12" in run.plan
    with pytest.raises(ValueError, match="did you mean `p-spin`"):
        gl.age("p-spim", out=tmp_path / "x")
    with pytest.raises(ValueError, match="hiden = 4.*did you mean `hidden`"):
        gl.age("toy", hiden=4, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_bad_plans_name_every_field(tmp_path, small):
    small["quench"][0]["replica"] = 4
    small["quench"][0]["method"]["rate"] = -1.0
    small["quench"][1]["parameters"]["n"] = 0
    small["quench"][1]["steps"] = "many"
    with pytest.raises(ValueError) as caught:
        gl.run(small, out=tmp_path / "bad")
    for field in ("quench[0].replica = 4", "quench[0].method.rate = -1", "quench[1].parameters.n = 0", "quench[1].steps"):
        assert field in str(caught.value), caught.value
    assert not (tmp_path / "bad").exists()
    with pytest.raises(ValueError, match=r"quench\[0\]\.system = None"):
        gl.run({"quench": [{"system": None}]})
    with pytest.raises(ValueError, match="no such preset; did you mean the preset \"paper/toy\""):
        gl.run("paper/toi")
    with pytest.raises(ValueError, match="seed"):
        gl.run("age", seed=2**63, out=tmp_path / "bad")
    with pytest.raises(ValueError, match="give also out"):
        gl.run("age", resume=True)
    with pytest.raises(ValueError, match="checkpoint_every"):
        gl.run("age", checkpoint_every=float("nan"), out=tmp_path / "bad")


def test_nothing_is_written_over(tmp_path, small):
    run = gl.run(small, out=tmp_path / "run")
    with pytest.raises(FileExistsError, match="resume=True"):
        gl.run(small, out=run.path)
    small["seed"] = 5
    with pytest.raises(ValueError, match="another plan"):
        gl.run(small, out=run.path, resume=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(FileExistsError, match="nothing was changed"):
        gl.run(small, out=tmp_path / "mine")
    with pytest.raises(FileNotFoundError, match="holds no run"):
        gl.open(tmp_path / "mine")
    damaged = run.path / "records/net.nc"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(OSError, match="net.nc"):
        run.records("net")


def test_an_exception_of_progress_leaves_a_run_that_resumes(tmp_path, small, same):
    small["quench"][0]["steps"] = 30000
    whole = gl.run(small, out=tmp_path / "whole")
    calls = []

    def stop(title, step, steps):
        calls.append((title, step, steps))
        if step > 0:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        gl.run(small, out=tmp_path / "cut", progress=stop)
    assert calls[0] == ("[1/2] net", 0, 30000) and 0 < calls[-1][1] <= 30000
    cut = gl.open(tmp_path / "cut")
    assert cut.manifest["state"] == "interrupted"
    assert cut.names == ["net"], "what was measured so far is there"
    same(gl.run(small, out=cut.path, resume=True).path, whole.path)


# A check that runs in the background of a shell hands down an ignored SIGINT.
INTERRUPTED = """
import signal
import sys
import glasslab as gl
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    gl.run(sys.argv[1], out=sys.argv[2], checkpoint_every=0.1)
except KeyboardInterrupt as error:
    print("stopped:", error, flush=True)
    sys.exit(7)
"""


def wait_for(condition):
    """Waits until it holds."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("nothing happened in a minute")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to one process on Windows")
def test_ctrl_c_leaves_a_run_that_resumes(tmp_path, text, same):
    file = tmp_path / "long.toml"
    # No Python code runs meanwhile: the run itself must look for signals. SIGINT comes after its first checkpoint and
    # long before its end.
    file.write_text(text.replace("steps = 400", "steps = 100000000"))
    saved = tmp_path / "cut/checkpoint/net"
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(file), str(tmp_path / "cut")], stdout=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: child.poll() is not None or (saved.is_dir() and any(f.is_file() for f in saved.iterdir())))
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 7
    assert "stopped: stopped early and saved; go on with out=" in said
    cut = gl.open(tmp_path / "cut")
    assert cut.manifest["state"] == "interrupted" and 0 < cut.manifest["quenches"][0]["step"] < 100_000_000
    # Resumed, it goes on from there.
    begun = []

    def stop(title, step, steps):
        begun.append(step)
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        gl.run(file, out=cut.path, resume=True, progress=stop)
    assert begun == [cut.manifest["quenches"][0]["step"]]


def test_other_threads_run_meanwhile(tmp_path, small):
    """The interpreter's lock is free while a run computes: another thread counts on."""
    small["quench"] = small["quench"][:1]
    small["quench"][0]["steps"] = 20000
    count = 0
    done = threading.Event()

    def work():
        nonlocal count
        while not done.is_set():
            count += 1
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    before = count
    try:
        gl.run(small, out=tmp_path / "run")
    finally:
        done.set()
        thread.join()
    # With the lock held there would be no turn at all.
    assert count - before >= 5


def test_diverged_replicas_are_said(tmp_path, small):
    small["quench"] = small["quench"][:1]
    small["quench"][0]["system"] = "fully-connected"
    small["quench"][0]["parameters"] = {"widths": [8], "train": 100}
    small["quench"][0]["method"] = {"rate": 1e6, "batch": 32}
    run = gl.run(small, out=tmp_path / "run")
    ends = run.manifest["quenches"][0]["replicas"]
    diverged = [e["reason"] == "diverged" for e in ends]
    assert any(diverged)
    assert np.isnan(np.asarray(run.records("net")["train_loss"])[:, -1]).tolist() == diverged
    assert [d["replica"] for d in run.summary["quenches"][0]["diverged"]] == [r for r in range(3) if diverged[r]]


def test_a_copied_run_opens(tmp_path, small):
    run = gl.run(small, out=tmp_path / "run")
    shutil.copytree(run.path, tmp_path / "copy")
    copy = gl.open(tmp_path / "copy")
    assert copy.summary == run.summary and copy.plan == run.plan and "copy" in repr(copy)
