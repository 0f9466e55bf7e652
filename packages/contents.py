"""What both packages hold: the modules of ours, and the libraries as pip has them for another system.

Knows which files go in, and gives all of them one time, so that a package depends on nothing else. Does not know the
formats of packages.
"""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from packages import HERE, ROOT, NotMade

LOCK = ROOT / "requirements" / "lock.txt"

TIME = 1_577_836_800
"""The time of all files, unless SOURCE_DATE_EPOCH names another: 2020, since no package is made from older files."""

LEFT_OUT = (".pyi", ".c", ".h", ".pxd", "py.typed")
"""What only compilers and type checkers read in libraries."""


def file_time() -> int:
    """Return the time that files get, in Unix seconds."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or TIME)


def modules() -> list[Path]:
    """Return our files, relative to the project's folder: all of edge/, and what it imports of domain/."""
    found: set[Path] = set()
    waiting = [Path("domain/__init__.py"), *(path.relative_to(ROOT) for path in (ROOT / "edge").glob("*.py"))]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(ast.parse((ROOT / path).read_bytes()))
    return sorted(found)


def _imported(tree: ast.AST) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "domain":
            yield from _paths(node.module, *(f"{node.module}.{name.name}" for name in node.names))
        elif isinstance(node, ast.Import):
            yield from _paths(*(name.name for name in node.names if name.name.split(".")[0] == "domain"))


def _paths(*names: str) -> Iterator[Path]:
    for name in names:
        path = Path(*name.split("."))
        yield from (each for each in (path.with_suffix(".py"), path / "__init__.py") if (ROOT / each).is_file())


def copy_modules(into: Path) -> None:
    """Copy our files."""
    for path in modules():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, into / path)


def fetch(into: Path, arguments: Sequence[str]) -> None:
    """Let pip fetch. Raises NotMade with its words."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--dest", str(into)]
    done = subprocess.run([*pip, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMade(f"pip can't fetch what is packed: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}")


def add_libraries(into: Path, scratch: Path, platforms: Iterable[str], *pythons: str) -> None:
    """Unpack the libraries for a system and versions of Python, which share a folder.

    They can: a library's Python files are the same, and those compiled for one version have it in their names.
    """
    system = ["--only-binary=:all:", *(part for name in platforms for part in ("--platform", name))]
    what = ["-r", str(HERE / "requirements.txt"), "-c", str(LOCK)]
    for python in pythons:
        wheels = scratch / python
        fetch(wheels, [*system, "--python-version", python, *what])
        for wheel in sorted(wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if not name.endswith(LEFT_OUT) and "/tests/" not in name:
                        archive.extract(name, into)
        what = ["--no-deps", *_compiled(path.name for path in wheels.iterdir())]


def _compiled(wheels: Iterable[str]) -> list[str]:
    """Return what is compiled for one version of Python: ``cffi-2.1.1-cp313-cp313-win_amd64.whl`` is cffi==2.1.1."""
    tags = [wheel.split("-") for wheel in wheels]
    return sorted(f"{name}=={version}" for name, version, python, abi, *_ in tags if python == abi)


def settle_times(folder: Path) -> None:
    """Give all files below a folder their time and rights, so that these do not depend on who makes a package."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (file_time(), file_time()))
    os.utime(folder, (file_time(), file_time()))
