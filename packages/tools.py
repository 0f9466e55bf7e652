"""The system's programs that make packages. Knows how to find and run them, and how to say what is missing."""

import os
import shutil
import subprocess
from pathlib import Path

from packages import NotMade
from packages.contents import file_time

TOOLS = {
    "wixl": "wixl",
    "msibuild": "msitools",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
    "x86_64-w64-mingw32-windmc": "gcc-mingw-w64-x86-64",
    "x86_64-w64-mingw32-windres": "gcc-mingw-w64-x86-64",
    "dpkg-deb": "dpkg",
}
"""By name: the package of Debian and Ubuntu that has it."""


def missing(*names: str) -> str:
    """Return what to install for these programs; empty if all are there."""
    return " ".join(sorted({TOOLS[name] for name in names if shutil.which(name) is None}))


def need(*names: str) -> None:
    """Raise NotMade if one of these programs is missing."""
    if packages := missing(*names):
        raise NotMade(f"programs are missing: apt-get install --no-install-recommends {packages}")


def run(folder: Path, *command: str) -> None:
    """Run a program in a folder. Raises NotMade with its words if it fails."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(file_time()), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMade(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
