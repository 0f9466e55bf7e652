"""``python dev.py TARGET``: all that is done with this project on a developer's machine. ``help`` lists the targets.

It makes the environment in .venv, installs there what a target needs (again only when the files that name it have
changed), and runs the target's commands in this folder. A variable, such as PORT=8080, may stand among the targets or
in the environment. Knows commands, and where Linux, macOS and Windows keep them; it does no work itself, and uses no
shell and the standard library alone. It parses on Python 3.8, so that an old Python gets a message.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent
REQUIREMENTS = ROOT / "requirements"
NODE = "Node.js (20 or newer)"
LOCK = "Exact versions for one install on Python 3.11 to 3.13 (`make lock`). pip reads it as a constraints file."
DEPLOYED = "What runs in Azure, exactly: requirements/app.txt at the versions of requirements/lock.txt (`make lock`)."


class Failed(Exception):
    """A command has failed, or is missing: what to say (nothing, if it was interrupted), and the code to end with."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def _variable(name: str, default: str) -> str:
    return os.environ.get(name) or default


def _venv() -> Path:
    return ROOT / _variable("VENV", ".venv")


def _tool(name: str) -> str:
    """Return the path of a program of the environment."""
    return str(_venv() / "Scripts" / f"{name}.exe" if os.name == "nt" else _venv() / "bin" / name)


def _say(message: str) -> None:
    print(message, flush=True)


def _do(*command: str, folder: Path = ROOT) -> None:
    """Run a command to its end. Raise Failed where it fails or is interrupted.

    The console sends Ctrl-C to the command too, which then ends in its own way: so we wait for that.
    """
    if _variable("DRY_RUN", ""):
        _say(subprocess.list2cmdline(command))
        return
    process: subprocess.Popen[bytes] | None = None
    asked = 0

    def end(number: int, _: object) -> None:
        nonlocal asked
        asked = number
        if process and number == signal.SIGTERM:  # a service manager ends us alone, so we pass it on
            process.terminate()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    try:
        process = subprocess.Popen(command, cwd=folder)
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not there. Try: python dev.py clean, and then again") from None
    if asked == signal.SIGTERM:
        process.terminate()
    process.wait()
    if asked:
        raise Failed("", process.returncode)
    if process.returncode:
        raise Failed(f"ended with code {process.returncode}: {subprocess.list2cmdline(command)}", process.returncode)


def _find(name: str, what: str) -> str:
    """Return the path of a program that pip can't install. On Windows npm, for one, is npm.cmd."""
    if not (found := shutil.which(name)):
        raise Failed(f"{name} is not on the PATH. It comes with {what}")
    return found


def _once(stamp: Path, files: tuple[Path, ...], doing: str, work: Callable[[], None]) -> None:
    """Do the work, unless the stamp says that it was done for files with this content."""
    content = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
    if not stamp.is_file() or stamp.read_text() != content:
        _say(doing)
        work()
        if not _variable("DRY_RUN", ""):
            stamp.write_text(content)


class Kit(NamedTuple):
    """What is installed together: on top of which kit, in words, which requirement files it reads, pip's arguments."""

    base: str
    what: str
    files: str
    pip: tuple[str, ...]


LOCAL = ("-r local.txt -c lock.txt", "--no-deps --ignore-requires-python -r worker.txt")
DEV = ("-r dev.txt -c lock.txt", "--no-deps --no-warn-conflicts -r references.txt")
BENCH = ("--no-warn-conflicts -r bench.txt -c lock.txt",)
KITS = {
    "local": Kit("", "what the local host needs", "app.txt edge.txt local.txt worker.txt lock.txt", LOCAL),
    "dev": Kit("local", "the tools for tests", "dev.txt export.txt references.txt", DEV),
    "bench": Kit("dev", "what benchmarks compare with", "bench.txt", BENCH),
}


def _environment() -> None:
    made = _venv() / "python"
    if not made.exists():
        _say(f"Creating the environment in {_venv().name} (once; Debian and Ubuntu need the package python3-venv) ...")
        _do(sys.executable, "-m", "venv", "--clear", str(_venv()))
        if not _variable("DRY_RUN", ""):
            made.touch()


def _install(name: str) -> tuple[Path, ...]:
    """Install a kit and those that it stands on, where their files have changed. Return all these files."""
    kit = KITS[name]
    files = _install(kit.base) if kit.base else ()
    if not kit.base:
        _environment()
    files += tuple(REQUIREMENTS / file for file in kit.files.split())

    def pip() -> None:
        for arguments in kit.pip:
            quietly = ("-m", "pip", "--disable-pip-version-check", "--quiet", "install")
            _do(_tool("python"), *quietly, *arguments.split(), folder=REQUIREMENTS)

    _once(_venv() / name, files, f"Installing {kit.what} ...", pip)
    return files


def _npm(folder: str, what: str) -> None:
    """Install a folder's package-lock.json, where it has changed."""
    home = ROOT / folder
    quietly = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")

    def ci() -> None:
        _do(_find("npm", NODE), "ci", *quietly, folder=home)

    stamp = home / "node_modules" / ".installed"
    _once(stamp, (home / "package-lock.json",), f"Installing {what} (npm, in {folder}) ...", ci)


PYTEST = "-m pytest -n {workers} --dist loadfile --no-loadscope-reorder"
"""Most tests wait for programs that they started: so there are twice as many workers as cores. A module's tests run on
one of them, so that the host or browser that they share is started once."""

PROGRAMS = {
    "run": ("Start the app, its sample fleet and the page (PORT, DATA, FLEET).", "local", "-m local"),
    "message": ("Send the example of docs/wire.md, made at present (DATA).", "local", "-m local.message"),
    "empty": ("Remove what the local store (DATA) holds of all tenants.", "local", "-m local.empty"),
    "test": ("Run all tests (WORKERS).", "dev", PYTEST),
    "bench": ("Measure the app beside other systems. Figures and charts: .local/bench.", "bench", "-m benchmarks"),
    "soak": ("Run the app under load for MINUTES (30): does it grow, slow or lose data?", "dev", "-m benchmarks.soak"),
    "fuzz": ("Search for MINUTES (60) for bytes that break the decoder.", "bench", "-m tests.fuzz"),
    "packages": ("Make the packages that customers install, in dist (on Linux).", "local", "-m packages"),
    "cost": ("Work out what a fleet costs a month in Azure (VMS, COUNTERS, TAKEN).", "dev", "-m benchmarks.cost"),
    "screenshots": ("Make pictures of every view, in DATA/screenshots.", "dev", "-m tests.page.screenshots {data}"),
    "pictures": ("Make the pictures of the README and the guide again.", "dev", "-m tests.page.pictures docs/pictures"),
}
"""Targets that are one Python program: what `help` says, which kit it needs, and its arguments."""


def _program_of(target: str) -> None:
    _, kit, arguments = PROGRAMS[target]
    workers = _variable("WORKERS", str(2 * (os.cpu_count() or 1)))
    data = str(Path(_variable("DATA", ".local")) / "screenshots")
    _install(kit)
    _do(_tool("python"), *(each.format(workers=workers, data=data) for each in arguments.split()))


def _check() -> None:
    _lint()
    _lint_page()
    _program_of("test")


def _peers() -> None:
    _npm("tests/peers", "the servers that tests talk to")
    _npm("tests/page", "the page's linters")


def _lint() -> None:
    _install("dev")
    _do(_tool("python"), "-m", "ruff", "check", ".")
    _do(_tool("python"), "-m", "ruff", "format", "--check", ".")
    _do(_tool("python"), "-m", "mypy")
    _do(_tool("lint-imports"))
    _lint_infra()


def _lint_page() -> None:
    node, tools = _find("node", NODE), ROOT / "tests" / "page" / "node_modules"
    _npm("tests/page", "the page's linters")
    _do(node, str(tools / "typescript" / "bin" / "tsc"), "--project", "tests/page")
    _do(
        node,
        str(tools / "eslint" / "bin" / "eslint.js"),
        "--config",
        "tests/page/eslint.config.js",
        "web/js",
        "tests/page/js",
    )


def _lint_infra() -> None:
    if not (bicep := shutil.which("bicep")):
        _say("bicep is not on the PATH: infra/ is not compiled")
        return
    done = subprocess.run([bicep, "lint", "infra/main.bicep"], cwd=ROOT, capture_output=True, text=True, check=False)
    # Wrong types of resources are only warned of, and no setting of Bicep makes them errors: so a warning fails too.
    if " : Warning " in (said := done.stdout + done.stderr) or done.returncode:
        raise Failed(said)


def _emulators() -> None:
    docker = _find("docker", "Docker")
    _install("local")
    _do(docker, "compose", "--file", "infra/emulators/compose.yaml", "up", "--detach")
    os.environ["PYTHONPATH"] = str(ROOT)
    _do(_tool("python"), "infra/emulators/create_tables.py")


def _lock() -> None:
    how = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-header", "--no-annotate"]
    new = REQUIREMENTS / "lock.new"
    for target, about, arguments in (
        (REQUIREMENTS / "lock.txt", LOCK, ("requirements/dev.txt",)),
        (ROOT / "requirements.txt", DEPLOYED, ("requirements/app.txt", "--constraint", "requirements/lock.txt")),
    ):
        _do(_find("uv", "pip install uv"), *how, *arguments, "--output-file", str(new))
        if new.exists():
            target.write_bytes(f"# {about}\n".encode() + new.read_bytes().replace(b"\r\n", b"\n"))
            new.unlink()


def _clean() -> None:
    for folder in (_venv(), ROOT / _variable("DATA", ".local")):
        _say(f"Removing {folder} ...")
        if folder.exists() and not _variable("DRY_RUN", ""):
            (Path.unlink if folder.is_symlink() else shutil.rmtree)(folder)


def _help() -> None:
    _say("python dev.py TARGET ... [NAME=VALUE ...]\n")
    for name, (about, *_) in {**PROGRAMS, **TASKS}.items():
        _say(f"  {name:12} {about}")
    _say("\nDRY_RUN=1 shows the commands and runs none. VENV names another folder than .venv for the environment.")
    _say("The app's own settings are variables too: docs/settings.md.")


TASKS = {
    "check": ("Run linters, types, import contracts and all tests, as CI does.", _check),
    "lint": ("Check style, types and import contracts of the Python code, and the templates in infra/.", _lint),
    "lint-page": ("Check types and style of the page's scripts (Node.js).", _lint_page),
    "lint-infra": ("Compile and lint infra/, where Microsoft's bicep is on the PATH.", _lint_infra),
    "peers": ("Install the servers and linters that come from npm; some tests need them (Node.js).", _peers),
    "emulators": ("Start Microsoft's emulators of what the app uses, for func start (Docker).", _emulators),
    "lock": ("Renew requirements/lock.txt, and requirements.txt, which is deployed (uv).", _lock),
    "clean": ("Remove the environment and the local data (DATA).", _clean),
    "help": ("Show this.", _help),
}
"""Targets that are more than that: what `help` says, and what does it."""


def main(arguments: list[str]) -> int:
    """Do what the arguments name, one after the other; return the code to end with."""
    if sys.version_info < (3, 11):  # noqa: UP036  (older ones get here, too)
        _say(
            f"Python 3.11 or newer is needed; this is {sys.version.split()[0]} ({sys.executable}).\n"
            f"Try: python3.12 dev.py {' '.join(arguments)}\nor:  make PYTHON=python3.12 {' '.join(arguments)}"
        )
        return 1
    os.environ.update(dict(each.split("=", 1) for each in arguments if "=" in each))
    names = [each for each in arguments if "=" not in each]
    unknown = [name for name in names if name not in {*PROGRAMS, *TASKS}]
    if unknown:
        _say(f"{', '.join(unknown)}: no such target. There are: {', '.join([*PROGRAMS, *TASKS])}")
        return 2
    try:
        for name in names or ["help"]:
            TASKS[name][1]() if name in TASKS else _program_of(name)
    except Failed as failed:
        print(failed, end="\n" if str(failed) else "", file=sys.stderr, flush=True)
        return failed.code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
