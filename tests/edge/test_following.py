"""Files that Telegraf writes: every line is read once, over rotation, restarts, and files that can't be read."""

import itertools
import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.following import LOST, Files
from edge.telegraf import Moment

AT = 1_790_000_000


def a_metric(second: int, host: str = "pc1", value: float = 1.0, **tags: str) -> dict[str, Any]:
    return {"fields": {"b": value}, "name": "a", "tags": {"host": host, **tags}, "timestamp": AT + second}


def lines(*seconds: int, **how: Any) -> str:
    return "".join(json.dumps(a_metric(second, **how), ensure_ascii=False) + "\n" for second in seconds)


def append(path: Path, text: str) -> None:
    with path.open("ab") as file:
        file.write(text.encode())


def once(files: Files) -> list[Moment]:
    return [moment for piece in files.read() for moment in piece]


def seconds(files: Files) -> list[int]:
    """What has come, also what is held back until the next time."""
    return [moment.timestamp - AT for _ in range(2) for moment in once(files)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in" / "telegraf.json"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


ARCHIVES = ["telegraf.2026-11-26-1795665600.json", "telegraf.json.1", "telegraf.json-20261126", "telegraf.1.json"]


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize("archive", ARCHIVES)
def test_a_file_that_is_renamed_loses_and_repeats_nothing(path: Path, state: Path, archive: str, folder: bool) -> None:
    files = Files(path.parent if folder else path, state)
    append(path, lines(0, 1) + lines(2)[:20])
    assert seconds(files) == [0, 1]
    append(path, lines(2)[20:] + lines(3))
    path.rename(path.with_name(archive))
    append(path, lines(4, 5, 6, 7))
    assert seconds(files) == [2, 3, 4, 5, 6, 7]
    append(path, lines(8))
    assert seconds(files) == [8]
    assert not files.folding.unread


@pytest.mark.parametrize("folder", [False, True])
def test_a_file_that_is_copied_and_cut_off_loses_and_repeats_nothing(path: Path, state: Path, folder: bool) -> None:
    files = Files(path.parent if folder else path, state)
    append(path, lines(0, 1, 2))
    assert seconds(files) == [0, 1, 2]
    append(path, lines(3))
    shutil.copy(path, path.with_name("telegraf.json.1"))
    path.write_text(lines(4, 5, 6, 7, 8))
    assert seconds(files) == [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("folder", [False, True])
def test_files_that_were_rotated_while_nobody_looked_are_all_read(path: Path, state: Path, folder: bool) -> None:
    where = path.parent if folder else path
    append(path, lines(0, 1))
    files = Files(where, state)
    assert seconds(files) == [0, 1]
    files.save()
    append(path, lines(2))
    path.rename(path.with_name("telegraf.2026-11-26-1.json"))
    append(path, lines(3, 4))
    path.rename(path.with_name("telegraf.2026-11-26-2.json"))
    append(path, lines(5))
    assert sorted(seconds(Files(where, state))) == [2, 3, 4, 5]


def test_a_new_file_that_has_an_old_ones_inode_is_read_from_its_beginning(path: Path, state: Path) -> None:
    append(path, lines(0, 1))
    files = Files(path, state)
    assert seconds(files) == [0, 1]
    inode = path.stat().st_ino
    path.write_text(lines(2, 3, 4))  # the same inode, and longer than before
    assert path.stat().st_ino == inode
    assert seconds(files) == [2, 3, 4]


def test_instances_of_a_moment_on_both_sides_of_a_rotation_are_folded_together(path: Path, state: Path) -> None:
    files = Files(path, state)
    append(path, lines(0, instance="x", value=1.0))
    path.rename(path.with_name(ARCHIVES[0]))
    append(path, lines(0, instance="y", value=3.0))
    files._new = False
    assert [dict(moment.values) for _ in range(2) for moment in once(files)] == [{"a.b": 2.0}]


def test_what_was_rotated_before_the_first_start_is_not_read_nor_are_other_files_beside_it(
    path: Path, state: Path
) -> None:
    append(path.with_name(ARCHIVES[0]), lines(0))
    append(path, lines(1))
    append(path.with_name("telegraf.other.json"), lines(2))
    files = Files(path, state)
    assert seconds(files) == [1]
    append(path.with_name("telegraf.other.json"), lines(3))
    assert seconds(files) == []


def test_a_file_that_was_rotated_away_and_is_gone_is_told(path: Path, state: Path) -> None:
    files = Files(path, state)
    append(path, lines(0, 1))
    seconds(files)
    path.unlink()
    append(path, lines(2))
    assert seconds(files) == [2]
    assert files.folding.unread[LOST] == 1


def test_while_a_file_is_between_two_names_its_archive_is_read(path: Path, state: Path) -> None:
    files = Files(path, state)
    append(path, lines(0))
    seconds(files)
    append(path, lines(1, 2))
    path.rename(path.with_name(ARCHIVES[0]))
    reading = files.read()
    assert [moment.timestamp - AT for moment in next(reading)] == [1]
    with pytest.raises(FileNotFoundError):
        list(reading)
    append(path, lines(3))
    assert seconds(files) == [2, 3]


def test_a_restart_goes_on_where_it_had_saved(path: Path, state: Path) -> None:
    append(path, lines(0, 1) + lines(2)[:30])
    files = Files(path, state)
    assert seconds(files) == [0, 1]
    files.save()
    append(path, lines(2)[30:] + lines(3))
    assert seconds(Files(path, state)) == [2, 3]


@pytest.mark.parametrize("saved", ["{]", "[]", '{"telegraf.json": [1]}', '{"telegraf.json": 5}', "\ud800"])
def test_a_broken_note_of_how_far_was_read_means_from_the_beginning(path: Path, state: Path, saved: str) -> None:
    append(path, lines(0, 1))
    state.write_bytes(saved.encode(errors="surrogatepass"))
    assert seconds(Files(path, state)) == [0, 1]


def test_who_stops_in_between_goes_on_behind_it(path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.following.CHUNK", 300)
    append(path, lines(*range(50)))
    files = Files(path, state)
    found: list[int] = []
    for _ in range(200):
        found += [moment.timestamp - AT for piece in itertools.islice(files.read(), 1) for moment in piece]
    assert found == list(range(50))


def test_a_character_that_is_cut_by_a_read_makes_no_other_host(
    path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in range(40, 60):
        monkeypatch.setattr("edge.following.CHUNK", size)
        path.write_bytes(lines(*range(9), host="BÜRO").encode())
        found = [moment for files in [Files(path, state)] for _ in range(2) for moment in once(files)]
        assert Counter(moment.host for moment in found) == {"BÜRO": 9}


def test_one_file_that_can_not_be_read_is_told_and_the_others_are_read(
    path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> Any:
        if path.name == "a.json":
            raise PermissionError(13, "in use", str(path))
        return path.open("rb")

    append(path, lines(1))
    append(path.with_name("a.json"), lines(0))
    files = Files(path.parent, state)
    with monkeypatch.context() as locked:
        locked.setattr("edge.following.open_shared", refused)
        assert seconds(files) == [1]
        assert "a.json" in files.troubles["a.json"]
    append(path, lines(2))
    assert sorted(seconds(files)) == [0, 2]
    assert not files.troubles


def test_what_is_held_back_of_one_host_does_not_wait_for_others(path: Path, state: Path) -> None:
    files = Files(path.parent, state)
    append(path, lines(0, host="quiet"))
    assert once(files) == []
    append(path, lines(1, host="busy"))
    assert [moment.host for moment in once(files)] == ["quiet"]


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_whatever_happens_to_the_files_each_line_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, folder: bool
) -> None:
    base = tmp_path_factory.mktemp("x")
    (base / "in").mkdir()
    path, state = base / "in" / "telegraf.json", base / "state"
    path.touch()
    where = path.parent if folder else path
    files = Files(where, state)
    found: list[int] = seconds(files)
    files.save()
    written = 0
    for step in range(30):
        match chance.choice(["write", "write", "half", "rename", "copy", "read", "restart"]):
            case "write":
                append(path, lines(written, written + 1))
                written += 2
            case "half":
                text = lines(written)
                append(path, text[:25])
                found += seconds(files)
                append(path, text[25:])
                written += 1
            case "rename":
                path.rename(path.with_name(f"telegraf.2026-11-26-{step}.json"))
                path.touch()
            case "copy":
                found += seconds(files)
                shutil.copy(path, path.with_name(f"telegraf.json.{step}"))
                path.write_text("")
            case "read":
                found += seconds(files)
            case "restart":
                found += seconds(files)
                files.save()
                files = Files(where, state)
    assert sorted([*found, *seconds(files)]) == list(range(written))
