"""What is in the packages, by the project's own files."""

import ast
import hashlib
import re
import struct
import sys
from pathlib import Path

from edge import VERSION
from edge.__main__ import COMMANDS
from packages import HERE, ROOT, msi
from packages.contents import modules
from packages.deb import PYTHONS

BY_HAND = {"azure"}
"""What only a SPOC of those inside needs, which is installed by hand: docs/edge.md."""


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def packed() -> set[str]:
    return {line for line in (HERE / "requirements.txt").read_text().splitlines() if line and line[0] != "#"}


def test_all_that_the_modules_import_is_packed_or_said_to_be_installed_by_hand() -> None:
    asked = set().union(*(imported(ROOT / path) for path in modules())) - set(sys.stdlib_module_names)
    assert asked - {"edge", "domain"} <= packed() | BY_HAND


def test_only_modules_of_the_edge_and_what_they_need_of_the_domain_are_packed() -> None:
    assert {path.parts[0] for path in modules()} == {"edge", "domain"}
    assert all(path.suffix == ".py" for path in modules())
    server_only = {"domain/report.py", "domain/rollups.py", "domain/charts.py"}
    assert not server_only & {path.as_posix() for path in modules()}


def test_each_command_of_spot_pc_has_a_module() -> None:
    there = {path.as_posix() for path in modules()}
    assert {module.replace(".", "/") + ".py" for module, _, _ in COMMANDS.values()} <= there


def test_windows_can_compare_the_version() -> None:
    assert re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{1,4})", VERSION)


def test_the_ids_of_the_services_follow_from_their_names() -> None:
    rights = (HERE / "windows" / "rights.h").read_text()
    for name in ("SpotPCAgent", "SpotPCSpoc"):
        numbers = struct.unpack("<5I", hashlib.sha1(name.upper().encode("utf-16le"), usedforsecurity=False).digest())
        assert f'L"S-1-5-80-{"-".join(map(str, numbers))}"' in rights


def test_the_installer_reads_the_properties_that_it_is_handed() -> None:
    install = (HERE / "windows" / "install.c").read_text()
    (names,) = re.findall(r"NAMES\[\] = \{(.*?)\}", install, re.DOTALL)
    assert re.findall(r'L"(\w+)"', names) == msi.PROPERTIES.split(";")


def test_the_linux_package_wants_the_versions_of_python_that_it_is_made_for() -> None:
    control = (HERE / "linux" / "control").read_text()
    after = f"3.{int(PYTHONS[-1].split('.')[1]) + 1}"
    assert f"python3 (>= {PYTHONS[0]}), python3 (<< {after})" in control
