"""Options of the programs of the edge: flags, and a TOML file with the same names, over which flags win."""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path


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
