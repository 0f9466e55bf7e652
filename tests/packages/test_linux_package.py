"""The .deb, unpacked and not installed: the machine that runs the tests stays as it is.

Installing, purging and an empty Debian were tried by hand. The units are checked by systemd where it is there;
no systemd ran them here.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge import VERSION
from packages.deb import SOURCES, UNITS


@pytest.fixture(scope="module")
def unpacked(linux_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "--extract", str(linux_package), str(into)], check=True)
    return into


def run(unpacked: Path, code: str) -> str:
    """Run Python as spot-pc does, in the folder where the package was unpacked."""
    home = unpacked / "usr/lib/spot-pc"
    start = f"import sys; sys.path[:0] = [{str(home / 'program')!r}, {str(home / 'libraries')!r}]; "
    # Without site: the libraries of the tests' own environment don't count.
    done = subprocess.run([sys.executable, "-ISBc", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_modules_import_with_what_is_packed(unpacked: Path) -> None:
    files = sorted((unpacked / "usr/lib/spot-pc/program").rglob("*.py"))
    names = [".".join(path.relative_to(unpacked / "usr/lib/spot-pc/program").with_suffix("").parts) for path in files]
    modules = [name.removesuffix(".__init__") for name in names if name != "edge.__main__"]
    assert {"edge.agent", "edge.spoc", "domain.wire"} <= set(modules)
    run(unpacked, f"import importlib; [importlib.import_module(name) for name in {modules!r}]")


def test_the_command_tells_its_version(unpacked: Path) -> None:
    assert run(unpacked, "from edge.__main__ import main; main(['version'])").strip() == VERSION


def test_nothing_but_the_program_is_in_it(unpacked: Path) -> None:
    files = [path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()]
    ours = [name for name in files if not name.startswith("usr/lib/spot-pc/libraries/")]
    program = ("usr/lib/spot-pc/program/edge/", "usr/lib/spot-pc/program/domain/")
    beside = {"usr/bin/spot-pc", *(f"usr/lib/systemd/system/{unit}" for unit in UNITS)}
    assert {name for name in ours if not name.startswith(program)} == beside
    assert not [name for name in files if name.endswith((".pyc", ".key", ".toml")) or "/tests/" in name]


def test_the_units_are_right_for_systemd(unpacked: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there")
    for name in UNITS:  # it looks whether the program is there
        unit = (SOURCES / name).read_text().replace("/usr/bin/spot-pc", str(unpacked / "usr/bin/spot-pc"))
        (tmp_path / name).write_text(unit)
    checked = [str(tmp_path / name) for name in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *checked], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
