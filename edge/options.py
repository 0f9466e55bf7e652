"""Options of the programs of the edge: flags, and a TOML file with the same names, over which flags win."""

import argparse
import ntpath
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

SHORT = 100
"""Characters that a folder's path may have on Windows, so that those of files in it stay below 260 (MAX_PATH)."""


def folder(text: str) -> Path:
    r"""Return a folder or file that an option names. On Windows, long ones are written so that Windows takes them."""
    return Path(extended(text, ntpath.abspath(text))) if sys.platform == "win32" else Path(text)


def extended(text: str, absolute: str) -> str:
    r"""Return a long path with the prefix ``\\?\``, which lifts Windows' limit; a short one as it is."""
    if len(absolute) <= SHORT or absolute.startswith("\\\\?\\"):
        return text
    return f"\\\\?\\UNC{absolute[1:]}" if absolute.startswith("\\\\") else f"\\\\?\\{absolute}"


def read_options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the flags; ``--config FILE``, which this adds, names a file whose entries go before them as flags.

    Ends the program, saying what is wrong, where the file can't be read, or it or a flag makes no sense.
    """
    parser.add_argument("--config", type=Path, help="a TOML file with these options by their names; flags win")
    flags = sys.argv[1:] if arguments is None else list(arguments)
    config = parser.parse_known_args(flags)[0].config
    return parser.parse_args([*(_flags(parser, config) if config else []), *flags])


def _flags(parser: argparse.ArgumentParser, path: Path) -> list[str]:
    try:
        given = tomllib.loads(path.read_text(encoding="utf8"))
    except OSError as error:
        parser.error(f"the options can't be read: {error}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        parser.error(f"{path} is no TOML: {error}")
    flags = []
    for name, value in given.items():
        flag = f"--{name.replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, bool):
                flags += [flag] if each else []
            elif isinstance(each, str | int | float):
                flags.append(f"{flag}={each}")
            else:
                parser.error(f"{path}: {name} is a string, a number, true or false, or a list of strings")
    return flags
