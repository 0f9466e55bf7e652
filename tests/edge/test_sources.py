"""A folder as a source, when files are locked, too large, or change: the others go on, and nothing is lost."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from domain import wire
from domain.errors import Unavailable
from edge.destinations import FolderDestination
from edge.pushing import Pushed, push
from edge.sources import LOCK_PATIENCE, LOCK_PAUSE, FolderSource
from tests.edge.test_spoc import a_file, fill, left, samples_of


class Locks:
    """Files that behave as locked ones do on Windows. (Rights don't do: tests may run as root.)"""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unreadable: set[str] = set()
        self.immovable: set[str] = set()
        for owner, names, locked in (
            (os, ("open",), self.unreadable),
            (shutil, ("copyfile",), self.unreadable),
            (Path, ("rename", "unlink", "replace"), self.immovable),
            (os, ("replace",), self.immovable),
        ):
            for name in names:
                monkeypatch.setattr(owner, name, self._guarded(getattr(owner, name), locked))

    @staticmethod
    def _guarded(real: Any, locked: set[str]) -> Any:
        def guarded(path: Path, *more: Any, **options: Any) -> Any:
            if Path(path).name in locked:
                raise PermissionError(13, "Permission denied")
            return real(path, *more, **options)

        return guarded


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> Locks:
    return Locks(monkeypatch)


def send(source: FolderSource, tmp_path: Path) -> Pushed:
    return push(source, FolderDestination(tmp_path / "queue"))


def sent(tmp_path: Path) -> list[bytes]:
    return [path.read_bytes() for path in (tmp_path / "queue").iterdir()]


def test_a_lock_that_passes_delays_its_file_and_no_other(tmp_path: Path, locks: Locks) -> None:
    expected = fill(tmp_path / "in", files=3)
    clock = Clock()
    source = FolderSource(tmp_path / "in", clock=clock)
    name = sorted(left(tmp_path / "in"))[1]
    locks.unreadable.add(name)
    assert send(source, tmp_path).files == 2
    assert left(tmp_path / "in") == [name]
    assert source.waiting().files == 1
    locks.unreadable.clear()
    assert send(source, tmp_path).files == 0  # it rests
    clock.now = LOCK_PAUSE
    assert send(source, tmp_path).files == 1
    assert samples_of(sent(tmp_path)) == expected
    assert not (tmp_path / "in" / "refused").exists()
    assert left(tmp_path / "in") == []


def test_a_file_that_cannot_be_read_for_minutes_is_set_aside(tmp_path: Path, locks: Locks) -> None:
    fill(tmp_path / "in", files=1)
    clock = Clock()
    source = FolderSource(tmp_path / "in", clock=clock)
    (name,) = left(tmp_path / "in")
    locks.unreadable.add(name)
    while clock.now < LOCK_PATIENCE:
        assert send(source, tmp_path) == Pushed()
        clock.now += LOCK_PAUSE
    assert send(source, tmp_path).refused == 1
    assert "Permission denied" in (tmp_path / "in" / "refused" / f"{name}.reason.txt").read_text()
    assert (tmp_path / "in" / "refused" / name).exists()
    assert left(tmp_path / "in") == []


def test_a_file_that_can_be_neither_read_nor_moved_stops_no_other(tmp_path: Path, locks: Locks) -> None:
    expected = fill(tmp_path / "in", files=2)
    clock = Clock()
    source = FolderSource(tmp_path / "in", clock=clock)
    names = source.claim()
    locks.unreadable.add(names[0])
    locks.immovable.add(names[0])
    for _ in range(40):
        send(source, tmp_path)
        clock.now += LOCK_PAUSE
    assert len(samples_of(sent(tmp_path))) == len(expected) / 2
    (tmp_path / "in" / "new.json").write_bytes(a_file(7))
    assert send(source, tmp_path).files == 1
    locks.unreadable.clear()
    locks.immovable.clear()
    clock.now += LOCK_PAUSE
    assert send(source, tmp_path).files == 1
    assert samples_of(sent(tmp_path)) == expected | samples_of([a_file(7)])
    assert left(tmp_path / "in") == []


@pytest.mark.parametrize("archived", [False, True])
def test_a_sent_file_that_is_locked_stops_nothing_is_never_sent_again_and_goes_later(
    tmp_path: Path, locks: Locks, archived: bool
) -> None:
    archive = tmp_path / "archive" if archived else None
    fill(tmp_path / "in", files=3)
    source = FolderSource(tmp_path / "in", archive)
    name = min(left(tmp_path / "in"))
    names = source.claim()
    locks.immovable.add(name)
    assert send(source, tmp_path).files == 3
    assert (source.waiting().files, source.waiting().stuck) == (0, 1)
    (tmp_path / "in" / names[1]).write_bytes(a_file(8))
    assert send(FolderSource(tmp_path / "in", archive), tmp_path).files == 1
    assert source.waiting().stuck == 1
    locks.immovable.clear()
    assert send(source, tmp_path).files == 0
    assert source.waiting().stuck == 0
    assert [path for path in (tmp_path / "in").rglob("*") if path.is_file()] == []
    assert len(list((tmp_path / "archive").glob("*"))) == (3 if archived else 0)


def test_what_an_earlier_version_marked_as_sent_is_removed(tmp_path: Path) -> None:
    old = tmp_path / "in" / ".spoc" / "sent-1790000000-ab"
    old.mkdir(parents=True)
    (old / "t_vm_0.json").write_bytes(a_file(1))
    assert send(FolderSource(tmp_path / "in"), tmp_path).files == 0
    assert not old.exists()


def test_a_file_beyond_the_limit_is_set_aside_and_not_copied(tmp_path: Path) -> None:
    expected = fill(tmp_path / "in", files=1)
    with (tmp_path / "in" / "huge.json").open("wb") as file:
        file.truncate(wire.MAX_BYTES + 1)
    before = (tmp_path / "in" / "huge.json").stat()
    done = send(FolderSource(tmp_path / "in"), tmp_path)
    assert (done.files, done.refused) == (1, 1)
    assert "16,777,217 bytes" in (tmp_path / "in" / "refused" / "huge.json.reason.txt").read_text()
    after = (tmp_path / "in" / "refused" / "huge.json").stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, wire.MAX_BYTES + 1)
    assert samples_of(sent(tmp_path)) == expected


def test_a_refused_folder_that_cannot_be_written_is_said_and_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.json").write_bytes(b"{")
    (tmp_path / "in" / "refused").write_bytes(b"a file where the folder should be")
    with pytest.raises(Unavailable, match="refused can't be written"):
        send(FolderSource(tmp_path / "in"), tmp_path)
    assert left(tmp_path / "in") == ["bad.json"]


def test_of_refused_files_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.sources.MOST_REFUSED", 3)
    (tmp_path / "in").mkdir()
    source = FolderSource(tmp_path / "in")
    for number in range(7):
        (tmp_path / "in" / f"{number}.json").write_bytes(b"{")
        assert send(source, tmp_path).refused == 1
        for path in (tmp_path / "in" / "refused").iterdir():
            os.utime(path, (int(path.name[0]),) * 2)  # as if they had come second by second
    kept = sorted(path.name for path in (tmp_path / "in" / "refused").iterdir())
    assert kept == [f"{number}.json{end}" for number in (4, 5, 6) for end in ("", ".reason.txt")]


def test_link_in_the_drop_tells_nobody_what_only_the_spoc_may_read(tmp_path: Path) -> None:
    secret = tmp_path / "masking.key"
    secret.write_text("a secret", encoding="utf8")
    drop = tmp_path / "drop"
    fill(drop)
    (drop / "link.json").symlink_to(secret)
    (drop / "refused").mkdir()
    (drop / "bad.json").write_text("no message", encoding="utf8")
    for name in ("bad.json", "bad.json.reason.txt"):
        (drop / "refused" / name).symlink_to(secret)

    send(FolderSource(drop), tmp_path)

    assert secret.read_text(encoding="utf8") == "a secret"
    assert all(path.is_symlink() or path.read_bytes() != b"a secret" for path in drop.rglob("*") if path.is_file())
    assert (drop / "refused" / "bad.json").read_bytes() == b"no message"


def test_file_that_becomes_a_link_after_it_was_collected_is_refused_unread(tmp_path: Path) -> None:
    secret = tmp_path / "masking.key"
    secret.write_text("a secret", encoding="utf8")
    drop = tmp_path / "drop"
    fill(drop)
    source = FolderSource(drop)
    name = source.claim()[0]
    collected = next(drop.glob(f".spoc/*/{name}"))
    collected.unlink()
    collected.symlink_to(secret)

    assert send(source, tmp_path).refused == 1

    kept = drop / "refused" / name
    assert kept.is_symlink()
    assert "a link" in (drop / "refused" / f"{name}.reason.txt").read_text(encoding="utf8")


def test_bad_file_with_the_longest_name_stops_no_other(tmp_path: Path) -> None:
    expected = fill(tmp_path / "in", files=2)
    for letter in "éa":
        name = letter * (250 // len(letter.encode())) + ".json"
        (tmp_path / "in" / name).write_bytes(b"no message")
    done = send(FolderSource(tmp_path / "in"), tmp_path)
    assert (done.files, done.refused) == (4, 2)
    assert samples_of(sent(tmp_path)) == expected
    assert len(list((tmp_path / "in" / "refused").iterdir())) == 4
