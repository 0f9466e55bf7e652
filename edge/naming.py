"""The file of names: it maps masked names to real names. It is only for the tenant's administrator.

It is a JSON object: ``tenant`` (the masked name), ``name`` (the real name) and ``vms`` (real names by masked names).
It reveals the real names without a key, so it must stay in the tenant. The page reads it in the browser and sends it
nowhere.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from domain.names import name_problem
from edge.texts import read_text


@dataclass(frozen=True, slots=True)
class Names:
    """The real name of a tenant (empty: unknown), and those of its VMs by their masked names."""

    tenant: str
    name: str
    vms: Mapping[str, str]


def add_names(path: Path, names: Names) -> int:
    """Add a tenant's names to a file. Return the number of VMs that it now has. An unknown name replaces none.

    Raises OSError, and ValueError if the file holds something else or another tenant's names.
    """
    vms, name = dict(names.vms), names.name
    if path.exists():
        try:
            earlier = msgspec.json.decode(path.read_bytes(), type=Names)
        except msgspec.MsgspecError as error:
            raise ValueError(f"{path} is no file of names, and is left as it is: {error}") from error
        if earlier.tenant != names.tenant:
            raise ValueError(f"{path} holds the names of another tenant, or those made with another masking key")
        vms, name = {**earlier.vms, **vms}, name or earlier.name
    ordered = dict(sorted(vms.items(), key=lambda each: (each[1].casefold(), each[0])))
    text = json.dumps(
        {"tenant": names.tenant, "name": name or names.tenant, "vms": ordered}, indent=1, ensure_ascii=False
    )
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text + "\n", encoding="utf8")
    temporary.replace(path)
    return len(vms)


def listed_names(path: Path) -> list[str]:
    """Return the names in a text file, one per line. It is UTF-8, or UTF-16 as written by Windows PowerShell's ``>``.

    Raises OSError, and ValueError if a line is not a valid name.
    """
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    for name in names:
        if problem := name_problem(name):
            raise ValueError(f"{path}: {name[:60]!r} {problem}")
    return names
