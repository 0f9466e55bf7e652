"""What a machine is to the edge's programs: its folders, its identity, and what the agent keeps about it.

The agent's *installation* is an id that is drawn at the first start on a machine. It is kept together with what the
machine is, so that the copy of a disk (an image) is noticed on the machine that starts from it. Knows Windows and Linux
by their files and registry; does not know samples, options and services.
"""

import hashlib
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

HOME = "SPOT_PC_HOME"
"""The environment variable that moves all of the machine's folders below one."""

SAME_BOOT = 120
"""By how many seconds two computations of the time when the machine started may differ: its clock is corrected."""


@dataclass(frozen=True, slots=True)
class MachineFolders:
    """Where the programs of this machine keep their settings and keys, their state, and their logs."""

    settings: Path
    state: Path
    logs: Path

    @property
    def agent(self) -> Path:
        """The agent's own state."""
        return agent_state(self.state)


def agent_state(state: Path) -> Path:
    """Return the folder below a folder of state that is the agent's own, and that only its user may read."""
    return state / "agent"


def machine_folders(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> MachineFolders:
    """Return the folders of this machine. They need not exist."""
    if home := environment.get(HOME):
        return _below(Path(home))
    if platform == "win32":
        return _below(Path(environment.get("PROGRAMDATA") or r"C:\ProgramData", "Spot PC"))
    return MachineFolders(Path("/etc/spot-pc"), Path("/var/lib/spot-pc"), Path("/var/log/spot-pc"))


def _below(home: Path) -> MachineFolders:
    return MachineFolders(home / "settings", home / "state", home / "logs")


@dataclass(frozen=True, slots=True)
class Here:
    """What a machine says of itself now."""

    machine: str
    """What tells it from its copies: a hash of the id that the system draws when it is set up. Empty if unknown."""
    host: str
    boot: str
    """What tells this start of the machine from others. Empty if the system has no such id."""
    booted: int
    """When the machine started, by its clock (Unix seconds)."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the agent keeps about its machine."""

    id: str
    """32 hex digits, drawn at the first start on this machine."""
    machine: str
    host: str
    boot: str
    booted: int
    early: bool = True
    """Whether this VM has written no file yet, so that its first one should not wait for the end of a period."""


def this_machine() -> Here:
    """Return what this machine says of itself."""
    system = _windows_machine() if sys.platform == "win32" else _first_line("/etc/machine-id")
    machine = hashlib.sha256(b"spot-pc " + system.encode()).hexdigest()[:32] if system else ""
    boot = _first_line("/proc/sys/kernel/random/boot_id").replace("-", "")
    return Here(machine, socket.gethostname() or "localhost", boot, round(time.time() - _seconds_up()))


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _windows_machine() -> str:
    """Return the id that Windows draws when it is set up (MachineGuid). Empty if it can't be read."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  (on Windows only)

        try:
            how = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography", 0, how) as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            pass
    return ""


def _seconds_up() -> float:
    """Return for how many seconds the machine has been up."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415  (on Windows only)

        ticks = ctypes.WinDLL("kernel32").GetTickCount64
        ticks.restype = ctypes.c_uint64
        return float(ticks()) / 1000
    return time.monotonic()


def settled(kept: Installation | None, here: Here, draw: Callable[[], str]) -> tuple[Installation, str]:
    """Return the installation on the machine as it is now, and in words what has changed (empty if nothing has).

    Its id differs from the kept one's if the state in which that was found belongs to another machine.
    """
    if kept is None:
        return Installation(draw(), here.machine, here.host, here.boot or draw(), here.booted), ""
    if kept.machine and here.machine and kept.machine != here.machine:
        new = Installation(draw(), here.machine, here.host, here.boot or draw(), here.booted)
        return new, "this machine was made from an image of another one: what that had kept is forgotten"
    same_boot = here.boot == kept.boot if here.boot else abs(here.booted - kept.booted) <= SAME_BOOT
    boot = kept.boot if same_boot else here.boot or draw()
    now = replace(kept, machine=here.machine or kept.machine, host=here.host, boot=boot, booted=here.booted)
    if kept.host.casefold() != here.host.casefold():
        said = f"this machine was called {kept.host} and is now {here.host}: from now on it is another VM"
        return replace(now, early=True), said
    return now, ""


def settle(folder: Path, here: Here | None = None) -> tuple[Installation, str]:
    """Find out whose state a folder holds, and forget another machine's. Make the folder. Raises OSError.

    See :func:`settled`. Only the folder's owner may read it. On Windows its rights are those of the folder above, which
    the package sets.
    """
    kept = _kept(folder)
    now, said = settled(kept, here or this_machine(), lambda: secrets.token_hex(16))
    if kept is None or kept.id != now.id:
        forget(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform != "win32":  # there a mode would shut out the service where an administrator was first
        folder.chmod(0o700)
    if now != kept:
        keep(folder, now)
    return now, said


def keep(folder: Path, installation: Installation) -> None:
    """Write an installation to its folder. Raises OSError."""
    temporary = folder / f".{_FILE}.tmp"
    with temporary.open("wb") as file:
        file.write(msgspec.json.encode(installation))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / _FILE)


def forget(folder: Path) -> int:
    """Remove what the agent keeps in a folder, and nothing else. Return how many files that were. Raises OSError."""
    # The installation first: without it, the next start counts the rest as another machine's.
    files = [path for pattern in _KEPT for path in folder.glob(pattern)]
    for path in files:
        path.unlink()
    for each in (folder / "spool", folder):
        with suppress(OSError):  # it is not there, or holds something else
            each.rmdir()
    return len(files)


_FILE = "machine.json"
_KEPT = (_FILE, f".{_FILE}.tmp", "telegraf-*.json*", "spool/*.json", "spool/.*")


def _kept(folder: Path) -> Installation | None:
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=Installation)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
