"""`python -m glasslab`: the command that came with the package."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def main() -> int:
    """Hands over to the command; its exit code."""
    command = Path(sysconfig.get_path("scripts")) / ("glasslab.exe" if os.name == "nt" else "glasslab")
    if not command.is_file():
        print(f"error: {command} is missing: install the package again from a wheel", file=sys.stderr)
        return 2
    if os.name != "nt":
        os.execv(command, [str(command), *sys.argv[1:]])
    return subprocess.run([command, *sys.argv[1:]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
