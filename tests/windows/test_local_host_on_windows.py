"""The local host on Windows' CPython, under Wine: it starts with its fleet, answers, and ends with Ctrl-C."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import a_free_port
from tests.windows.conftest import KEPT, ROOT, Windows
from tests.windows.numpy_on_wine import let_numpy_start
from tests.windows.test_joining_on_windows import signing  # noqa: F401  (a fixture)
from tests.windows.test_windows import written

pytestmark = pytest.mark.xdist_group("windows")

PATIENCE = 120
REQUIREMENTS = ("app.txt", "edge.txt", "local.txt", "lock.txt")


def for_python_313(text: str) -> str:
    """Requirements as Python 3.13 on Windows has them: pip judges conditions by the Python that it runs on itself."""
    kept = [line for line in text.splitlines() if not re.search(r"version < ['\"]3\.13", line)]
    return "\n".join(re.sub(r" *; *(python\w* >= ['\"]3\.13['\"]|sys_platform == 'win32')", "", line) for line in kept)


@pytest.fixture
def python(windows: Windows, signing: None) -> Path:  # noqa: ARG001, F811
    """A Python with what the local host needs, beside the one with what the edge needs."""
    asked = "".join((ROOT / "requirements" / name).read_text() for name in REQUIREMENTS)
    home = windows.home / f"host-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
    with (KEPT / "host.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "done").exists():
            shutil.rmtree(home, ignore_errors=True)
            _make(home, windows.home / "python")
    shutil.copy(windows.home / "python" / "bcryptprimitives.dll", home / "python")  # which Wine 8 lacks
    return home / "python" / "python.exe"


def _make(home: Path, python: Path) -> None:
    asked = home / "requirements"
    asked.mkdir(parents=True)
    for name in REQUIREMENTS:
        (asked / name).write_text(for_python_313((ROOT / "requirements" / name).read_text()) + "\n")
    for what in (["-r", "local.txt", "-c", "lock.txt"], ["--no-deps", "-r", str(ROOT / "requirements/worker.txt")]):
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--dest", str(home / "got")]
        wheels = ["--platform", "win_amd64", "--python-version", "3.13", "--only-binary=:all:"]
        done = subprocess.run([*pip, *wheels, *what], cwd=asked, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"packages for Windows can't be had: {done.stderr.strip().splitlines()[-1]}")
    shutil.copytree(python, home / "python")
    for wheel in (home / "got").glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(home / "packages")
    let_numpy_start(home / "packages", home / "python" / "python.exe")
    where = [f"Z:{str(path).replace('/', chr(92))}" for path in (home / "packages", ROOT)]
    (home / "python" / "python313._pth").write_text("\n".join(["python313.zip", ".", *where]) + "\n")
    shutil.rmtree(home / "got")
    (home / "done").touch()


def answer(port: int, path: str) -> Any:
    """What the host answers, as soon as it does."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as got:
                return json.load(got)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def test_it_starts_with_its_fleet_answers_and_ends_with_ctrl_c(windows: Windows, python: Path) -> None:
    port, data = a_free_port(), windows.c / "host data"
    shutil.rmtree(data, ignore_errors=True)
    more = {"PORT": str(port), "DATA": "C:\\host data", "FLEET": "6", "HISTORY_DAYS": "0"}
    with windows.console("-m", "local", more=more, python=python) as (process, console):
        said = written(console, b"Ctrl-C ends it", PATIENCE)
        assert b"Spot PC Insights runs at" in said, said.decode(errors="replace")
        assert answer(port, "/v1/health") == {"status": "ok"}
        end = time.monotonic() + PATIENCE
        while len(answer(port, "/v1/tenants")["data"]) < 6:
            assert time.monotonic() < end, written(console, b"Traceback", 1).decode(errors="replace")
            written(console, b"Traceback", 0.5)
        os.write(console, b"\x03")
        said = written(console, b"ending ...", 30) + written(console, b"Traceback", 5)
        assert process.wait(30) == 0
        # Under Wine the pipe by which asyncio wakes itself may be full; Python then says so, and it wakes all the same.
        assert said.count(b"Traceback") == said.count(b"signal wakeup fd"), said.decode(errors="replace")
    assert (data / "store.db").exists()
