"""Builds the wheel with maturin, and puts the program `glasslab` of the command line into it.

The package does not link the command line: both stand beside each other on top of the laboratory, and the wheel carries both.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from maturin import (  # noqa: F401: the hooks that need nothing more
    get_requires_for_build_editable,
    get_requires_for_build_wheel,
)
from maturin import build_editable as _editable
from maturin import build_wheel as _wheel
from maturin import prepare_metadata_for_build_wheel as _metadata

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCRIPTS = HERE / "glasslab.data" / "scripts"
NAME = "glasslab.exe" if os.name == "nt" else "glasslab"


def _arguments() -> list[str]:
    """The profile and the lock that maturin is told to build with, for cargo."""
    given = shlex.split(os.environ.get("MATURIN_PEP517_ARGS", ""))
    profile = given[given.index("--profile") + 1] if "--profile" in given else "release"
    return ["--profile", profile, *(a for a in given if a in ("--locked", "--offline", "--frozen"))]


def _program() -> None:
    """Builds the program and lays it where maturin looks for scripts."""
    if not (ROOT / "crates" / "cli" / "Cargo.toml").is_file():
        raise SystemExit("glasslab: the sources of the command line are not here: build from a checkout of the repository")
    command = ["cargo", "build", "--package", "glasslab", "--bin", "glasslab", "--message-format", "json-render-diagnostics"]
    done = subprocess.run([*command, *_arguments()], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    made = [json.loads(line).get("executable") for line in done.stdout.splitlines() if line.startswith("{")]
    program = next(p for p in made if p and Path(p).name == NAME)
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program, SCRIPTS / NAME)
    if "release" in _arguments() and (strip := shutil.which("strip")):
        # Tables of lines are four fifths of it. maturin does the same to the module (`strip` in pyproject.toml).
        subprocess.run([strip, "--strip-debug", SCRIPTS / NAME], check=False)
    print(f"glasslab: {program} goes into the wheel", file=sys.stderr)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Any = None) -> str:
    """maturin wants the folder of scripts to be there."""
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    return str(_metadata(metadata_directory, config_settings))


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """A wheel with the extension module and the program."""
    _program()
    return str(_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """The same, for `pip install --editable`."""
    _program()
    return str(_editable(wheel_directory, config_settings, metadata_directory))


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """Refused: an archive of this folder alone would lack the command line."""
    raise SystemExit("glasslab: build a wheel from a checkout of the repository; there is no source archive")
