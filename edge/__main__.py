"""``python -m edge COMMAND``, which packages install as ``spot-pc COMMAND``: calls the command's own program.

Knows the commands' names, and what each is for. A command's module is imported when it is called, so that a command
needs no library of another one.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

from edge import VERSION

COMMANDS = {
    "agent": ("edge.agent", (), "measure this VM and deliver its files"),
    "spoc": ("edge.spoc", (), "collect the VMs' files and send them"),
    "join": ("edge.joining", (), "make this machine the SPOC of a tenant, with a code"),
    "set": ("edge.setting", (), "write this machine's settings for the agent: set folder=... pool=..."),
    "seal": ("edge.sealing", (), "prepare this machine for becoming an image"),
    "names": ("edge.agent", ("--names",), "write the administrator's file of real names: names FILE"),
    "status": ("edge.status", (), "tell what runs here, what waits, and what was said last"),
}
"""By name: the module whose ``main`` is called, the arguments that come first, and what it is for."""


def _help() -> str:
    lines = [f"  {name:8} {about}" for name, (_, _, about) in COMMANDS.items()]
    about = f"Spot PC {VERSION}: the agent and the SPOC (the tenant's collector)"
    return "\n".join(["usage: spot-pc COMMAND ...", "", about, "", *lines, "", "spot-pc COMMAND --help tells more."])


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what a command's program does, and return its code; 2 for a command that does not exist."""
    name, *rest = (sys.argv[1:] if arguments is None else list(arguments)) or ["help"]
    if name in ("help", "--help", "-h"):
        print(_help())
        return 0
    if name in ("version", "--version"):
        print(VERSION)
        return 0
    if name not in COMMANDS:
        print(f"spot-pc: there is no command {name}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    module, first, _ = COMMANDS[name]
    return int(import_module(module).main([*first, *rest]))


if __name__ == "__main__":
    sys.exit(main())
