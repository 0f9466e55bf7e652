"""The packages, made once, and kept in KEPT_PACKAGES if that names a folder: so what CI keeps is what was tested.

Tests are skipped, with the reason, where tools or wheels can't be had.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from packages import NotMade, deb, msi

PATIENCE = 60


def until(found: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def made(make: Callable[[Path, Path], Path], folder: Path) -> Path:
    try:
        package = make(folder, folder / "scratch")
    except NotMade as why:
        pytest.skip(str(why))
    if kept := os.environ.get("KEPT_PACKAGES"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        shutil.copy(package, kept)
    return package


@pytest.fixture(scope="session")
def linux_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(deb.make, tmp_path_factory.mktemp("deb"))


@dataclass(frozen=True)
class Machine:
    """A Windows, as Wine gives it. ``c`` is its drive C:."""

    prefix: Path
    package: Path

    @property
    def c(self) -> Path:
        return self.prefix / "drive_c"

    @property
    def home(self) -> Path:
        return self.c / "Program Files" / "Spot PC"

    @property
    def data(self) -> Path:
        return self.c / "ProgramData" / "Spot PC"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "LANG": "C.UTF-8",
            "WINEPREFIX": str(self.prefix),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
        }

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end, and return what it printed.

        With pipes, which Python wants under Wine. Services that are started meanwhile may keep them open.
        """
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        said: list[bytes] = []
        with subprocess.Popen(["wine", *command], env=self.environment, bufsize=0, **pipes) as process:  # type: ignore[call-overload]
            reader = threading.Thread(target=lambda: said.extend(iter(lambda: process.stdout.read(65_536), b"")))
            reader.daemon = True
            reader.start()
            process.stdin.close()
            code = process.wait(PATIENCE)
            reader.join(0.5)
        return subprocess.CompletedProcess(command, code, b"".join(said).decode(errors="replace"), "")

    def python(self, code: str) -> str:
        done = self.run(str(self.home / "python" / "python.exe"), "-B", "-c", code)
        assert done.returncode == 0, done.stdout
        return done.stdout.strip()

    def installer(self, *arguments: str) -> tuple[int, str]:
        """Run Windows Installer silently. Return its code, and its log."""
        done = self.run("msiexec", *arguments, "/qn", "/l*v", "C:\\install.log")
        return done.returncode, (self.c / "install.log").read_text(errors="replace")

    def state(self, service: str) -> str:
        return next(
            (line.split()[-1] for line in self.run("sc", "query", service).stdout.splitlines() if "STATE" in line), ""
        )

    def registry(self, key: str) -> str:
        return self.run("reg", "query", f"HKLM\\{key}", "/s").stdout


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A new Windows, and the MSI; one is made while the other is."""
    if shutil.which("wine") is None:
        pytest.skip("Wine is not installed (apt-get install --no-install-recommends wine wine64)")
    folder = tmp_path_factory.mktemp("windows")
    machine = Machine(folder / "prefix", folder / "none")
    quiet = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # It waits for commands until its input ends. While a program runs, Windows and its services stay up.
    with subprocess.Popen(["wine", "cmd"], env=machine.environment, **quiet) as up:  # type: ignore[call-overload]
        package = made(msi.make, folder)
        machine = Machine(machine.prefix, package)
        done = machine.run("reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f")
        if done.returncode:
            pytest.skip(f"Wine does not start: its reg ended with {done.returncode}: {done.stdout}")
        yield machine
        up.communicate(b"")
    subprocess.run(["wineserver", "-k"], env=machine.environment, check=False)
