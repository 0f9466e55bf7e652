"""A machine's folders, and whose state they hold: a restart, a reboot, an image's copy, a new name."""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge.machine import (
    SAME_BOOT,
    Here,
    Installation,
    forget,
    keep,
    machine_folders,
    settle,
    settled,
    this_machine,
)

HERE = Here("machine-a", "PC-001", "boot-1", 1_790_000_000)
KEPT = Installation("0" * 32, "machine-a", "PC-001", "boot-1", 1_790_000_000, early=False)


def test_folders_are_where_the_system_keeps_such_and_below_one_if_told() -> None:
    linux = machine_folders({}, "linux")
    assert (linux.settings, linux.state, linux.logs) == tuple(
        Path(f"/{where}/spot-pc") for where in ("etc", "var/lib", "var/log")
    )
    windows = machine_folders({"PROGRAMDATA": "P"}, "win32")
    assert (windows.settings, windows.agent) == (Path("P/Spot PC/settings"), Path("P/Spot PC/state/agent"))
    for platform in ("linux", "win32"):
        assert machine_folders({"SPOT_PC_HOME": "x", "PROGRAMDATA": "P"}, platform).logs == Path("x/logs")


def drawn() -> "itertools.count[int]":
    return itertools.count(1)


@pytest.mark.parametrize(
    ("here", "expected", "said"),
    [
        (HERE, KEPT, ""),
        (replace(HERE, host="pc-001"), replace(KEPT, host="pc-001"), ""),
        (replace(HERE, machine=""), KEPT, ""),
        (replace(HERE, boot="boot-2"), replace(KEPT, boot="boot-2"), ""),
        (replace(HERE, boot="", booted=HERE.booted + SAME_BOOT), replace(KEPT, booted=HERE.booted + SAME_BOOT), ""),
        (
            replace(HERE, boot="", booted=HERE.booted + SAME_BOOT + 1),
            replace(KEPT, boot="drawn1", booted=HERE.booted + SAME_BOOT + 1),
            "",
        ),
        (replace(HERE, host="PC-002"), replace(KEPT, host="PC-002", early=True), "now PC-002"),
        (
            replace(HERE, machine="machine-b"),
            Installation("drawn1", "machine-b", "PC-001", "boot-1", HERE.booted),
            "image",
        ),
    ],
)
def test_what_a_start_finds(here: Here, expected: Installation, said: str) -> None:
    numbers = drawn()
    found, words = settled(KEPT, here, lambda: f"drawn{next(numbers)}")
    assert found == expected
    assert said in words
    assert bool(said) == bool(words)


def test_the_first_start_draws_an_id_that_later_ones_keep(tmp_path: Path) -> None:
    first, _ = settle(tmp_path / "agent", HERE)
    assert (len(first.id), first.early) == (32, True)
    assert settle(tmp_path / "agent", HERE) == (first, "")
    assert settle(tmp_path / "other", HERE)[0].id != first.id
    if sys.platform != "win32":
        assert (tmp_path / "agent").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("lost", ["another machine", "no installation"])
def test_what_another_machine_left_is_forgotten(tmp_path: Path, lost: str) -> None:
    first, _ = settle(tmp_path, HERE)
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "PC-001_1.json").write_text("{}")
    assert settle(tmp_path, HERE)[0] == first
    assert (tmp_path / "spool" / "PC-001_1.json").exists()
    if lost == "no installation":
        (tmp_path / "machine.json").write_text("{")
    now, _ = settle(tmp_path, HERE if lost == "no installation" else replace(HERE, machine="machine-b"))
    assert now.id != first.id
    assert [path.name for path in tmp_path.iterdir()] == ["machine.json"]


def test_what_is_kept_later_is_found_and_forgetting_counts_it(tmp_path: Path) -> None:
    first, _ = settle(tmp_path / "agent", HERE)
    keep(tmp_path / "agent", replace(first, early=False))
    assert not settle(tmp_path / "agent", HERE)[0].early
    assert (forget(tmp_path / "agent"), forget(tmp_path / "agent")) == (1, 0)
    assert not (tmp_path / "agent").exists()


def test_this_machine_says_the_same_of_itself_each_time() -> None:
    first, second = this_machine(), this_machine()
    assert replace(first, booted=0) == replace(second, booted=0)
    assert abs(first.booted - second.booted) <= 1
    assert first.host
