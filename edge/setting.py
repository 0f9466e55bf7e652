"""``spot-pc set NAME=VALUE ...``: writes the agent's settings on this machine. Settings that are not named stay.

Packages call it at installation with the installer's properties; an administrator calls it by hand. Knows agent.toml
and the files of secrets beside it. Does not know what the agent does with them, nor who may read the folder.
"""

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge import services
from edge.machine import machine_folders
from edge.texts import read_text

SECRETS = {"sas": ("sas-file", "agent.sas"), "maskingkey": ("key-file", "agent-masking.key")}
"""Settings that are kept in a file of their own: the agent's option for the file, and the file's name. The SPOC's
masking key, masking.key, is another file: on its machine both programs may run."""

LISTS = {"services": "service"}
"""Settings that are lists, separated by commas, and the agent's option for each."""

NAMES = ("folder", "container", "sas", "tenant", "maskingkey", "pool", "site", "region", "size", "services")

EITHER = {"folder": ("container", "sas-file"), "container": ("folder",)}
"""What the other way of delivering has set, and goes when this one is set."""


class Wrong(Exception):
    """What was given can't be set. The message says why."""


def changes(lines: Sequence[str]) -> dict[str, str]:
    """Return the settings in lines of NAME=VALUE. The case of names does not matter. Raises Wrong."""
    given: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        name = name.strip().casefold()
        if not equals or name not in NAMES:
            raise Wrong(f"there is no setting {name or line!r}; write NAME=VALUE with a name of {', '.join(NAMES)}")
        if not value.isprintable():
            raise Wrong(f"the value of {name} holds a line end, or another character that can't be printed")
        given[name] = value.strip()
    if given.get("folder") and given.get("container"):
        raise Wrong("files are delivered to a folder or to a container: give one of both")
    return given


def settled(before: Mapping[str, object], given: Mapping[str, str], folder: Path) -> dict[str, object]:
    """Return the options of agent.toml with the given settings. An empty value removes one."""
    after = dict(before)
    for name, value in given.items():
        option = SECRETS[name][0] if name in SECRETS else LISTS.get(name, name)
        after.pop(option, None)
        for other in EITHER.get(name, ()) if value else ():
            after.pop(other, None)
        if value and name in SECRETS:
            after[option] = str(folder / SECRETS[name][1])
        elif value:
            after[option] = [each.strip() for each in value.split(",") if each.strip()] if name in LISTS else value
    return after


def toml(options: Mapping[str, object]) -> str:
    """Return a TOML file of texts, numbers, booleans and lists of these: what options can be."""
    about = "# The agent's options. `spot-pc set` keeps entries, and no comments.\n"
    return about + "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in options.items())


def write(folder: Path, given: Mapping[str, str]) -> Path:
    """Write settings to a folder. Return agent.toml. Raises OSError, and ValueError if agent.toml is broken.

    A file of a secret that exists is written over, so that its owner and rights stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "agent.toml"
    before = tomllib.loads(read_text(path)) if path.exists() else {}
    for name, (_, file) in SECRETS.items():
        if given.get(name):
            _write_secret(folder / file, given[name])
        elif name in given:
            (folder / file).unlink(missing_ok=True)
    temporary = folder / ".agent.toml.tmp"
    temporary.write_text(toml(settled(before, given, folder)), encoding="utf8")
    temporary.chmod(0o640)  # the folder's group is the services'
    temporary.replace(path)
    return path


def _write_secret(path: Path, value: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w", encoding="utf8") as file:
        file.write(value + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the settings, and start the agent's service anew, so that it reads them."""
    parser = argparse.ArgumentParser(
        prog="spot-pc set", description=f"Write this machine's settings for the agent. Names: {', '.join(NAMES)}."
    )
    parser.add_argument(
        "settings", nargs="+", metavar="NAME=VALUE", help="an empty VALUE removes; - reads lines of input"
    )
    parser.add_argument("--no-start", action="store_true", help="leave the agent's service as it is")
    options = parser.parse_args(arguments)
    lines = [each for each in options.settings if each != "-"]
    if "-" in options.settings:
        lines += [line for line in sys.stdin.read().split("\n") if line]
    try:
        path = write(machine_folders().settings, changes(lines))
    except Wrong as wrong:
        parser.error(str(wrong))
    except (OSError, ValueError) as error:
        print(f"spot-pc: the settings can't be written: {error}", file=sys.stderr)
        return 1
    print(f"written: {path}")
    if not options.no_start:
        try:
            services.enable(services.AGENT)
        except services.NotDone as why:
            print(f"spot-pc: {why}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
