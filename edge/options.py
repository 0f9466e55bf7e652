"""Options of the edge's programs: flags, and a TOML file with the same names. Flags override the file."""

import argparse
import ntpath
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from edge.texts import read_text

SHORT = 100
"""The longest path of a folder on Windows that needs no prefix: paths of files in it stay below 260 (MAX_PATH)."""


def folder(text: str) -> Path:
    r"""Return the path that an option names. On Windows, a long path gets the prefix that lifts the limit."""
    return Path(extended(text, ntpath.abspath(text))) if sys.platform == "win32" else Path(text)


def extended(text: str, absolute: str) -> str:
    r"""Return a long path with the prefix ``\\?\``, which lifts Windows' limit. A short path stays unchanged."""
    if len(absolute) <= SHORT or absolute.startswith("\\\\?\\"):
        return text
    return f"\\\\?\\UNC{absolute[1:]}" if absolute.startswith("\\\\") else f"\\\\?\\{absolute}"


def read_options(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    default: Path | None = None,
    unless: Sequence[str] = (),
) -> argparse.Namespace:
    """Parse the flags. This adds ``--config FILE``, a file whose entries are read as flags before the others.

    Without ``--config``, and without any flag of ``unless``, the file is ``default``, if it exists. If the file can't
    be read, or an entry or flag is wrong, it prints the reason and ends the program.
    """
    parser.add_argument("--config", type=Path, help="a TOML file with these options by their names; flags override it")
    flags = sys.argv[1:] if arguments is None else list(arguments)
    given = parser.parse_known_args(flags)[0]
    config = given.config
    if not config and default and _is_there(default) and not any(getattr(given, name) for name in unless):
        config = default
    return parser.parse_args([*(_flags(parser, config) if config else []), *flags])


def _is_there(path: Path) -> bool:
    """Tell whether a file is there, also where this user may not look: then reading it says so."""
    try:
        return path.is_file()
    except OSError:
        return True


def _flags(parser: argparse.ArgumentParser, path: Path) -> list[str]:
    try:
        given = tomllib.loads(read_text(path))
    except PermissionError:
        parser.error(f"the settings {path} can't be read by this user; run it as an administrator, or as the service")
    except OSError as error:
        parser.error(f"the settings can't be read: {error}")
    except ValueError as error:
        parser.error(f"{path} is not valid TOML: {error}")
    flags = []
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, bool):
                flags += [flag] if each else []
            elif isinstance(each, str | int | float):
                flags.append(f"{flag}={each}")
            else:
                parser.error(f"{path}: {name} must be a string, a number, true or false, or a list of strings")
    return flags
