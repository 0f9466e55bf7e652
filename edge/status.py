"""``spot-pc status``: what this machine is, what runs on it, what waits, and what its services said last.

Knows the machine's folders and services; reads, and changes nothing. How the SPOC's way to the
app is, `spot-pc spoc --check` tells.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge import VERSION, services
from edge.machine import MachineFolders, machine_folders, this_machine

LINES = 5
"""How many lines are shown of each log."""

TAIL_BYTES = 4096


def lines(here: MachineFolders) -> Iterator[str]:
    """Return the lines to print. What can't be read is said in its place."""
    yield f"Spot PC {VERSION} on {this_machine().host}"
    for name, service in (("agent", services.AGENT), ("spoc", services.SPOC)):
        settings = here.settings / f"{name}.toml"
        yield f"{service.title}: {services.state(service)}; settings: {settings if _is_there(settings) else 'none'}"
        if name == "agent":
            yield f"  {_waiting(here.agent / 'spool')}"
        for line in _last(here.logs / f"{name}.log"):
            yield f"  {line}"


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its folder is not ours to read
        return False


def _waiting(spool: Path) -> str:
    try:
        return f"{sum(path.suffix == '.json' for path in spool.iterdir())} files wait to be delivered"
    except FileNotFoundError:
        return "no file waits"
    except OSError as error:
        return f"what waits can't be read: {error}; run as an administrator"


def _last(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf8", errors="replace").splitlines()[-LINES:]
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{log} can't be read: {error}; run as an administrator"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print it."""
    argparse.ArgumentParser(
        prog="spot-pc status", description="Tell what runs here, what waits, and what was said last."
    ).parse_args(arguments)
    print("\n".join(lines(machine_folders())))
    return 0
