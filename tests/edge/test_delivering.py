"""From the spool to the drop: what is delivered, what waits, what is lost, while readings go on."""

import errno
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain.agent_file import decode_file
from domain.errors import Unavailable
from domain.minutes import WINDOW
from domain.samples import Dimensions
from edge import delivering
from edge.delivering import Deliverer
from edge.drops import Drop, FolderDrop, other_name
from edge.gathering import Identity
from edge.machine import Installation
from edge.program import Program
from edge.spool import MOST_WAITING, Spool
from edge.telegraf import Moment
from tests.app.conftest import wait_for
from tests.builders import WINDOW_START, a_sample

HERE = Installation("0" * 32, "machine-a", "PC-001", "boot-1", 1_790_000_000)
PC = Identity("", "PC-001", Dimensions())


def a_spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", HERE)


def write(spool: Spool, number: int = 0, value: float = 1.0, identity: Identity = PC) -> Path:
    """Write a file of one sample."""
    period = WINDOW_START + number * WINDOW
    sample = a_sample(timestamp=period + 30, MaskedVMName=identity.vm, PerfValue=value)
    return spool.write(identity, period, [sample], period + WINDOW)


class Scripted:
    """A drop that does what it is told: takes, refuses, or does not answer until it is let go."""

    where = "the drop"

    def __init__(self) -> None:
        self.taken: dict[str, bytes] = {}
        self.refuses: set[str] | None = set()
        """The names that it refuses; None: all."""
        self.tried: list[str] = []
        self.asked = threading.Event()
        self.free = threading.Event()
        self.free.set()

    def put(self, name: str, body: bytes) -> None:
        self.tried.append(name)
        self.asked.set()
        self.free.wait(60)
        if self.refuses is None or name in self.refuses:
            raise Unavailable(f"{name} is not taken")
        self.taken[name] = body

    def close(self) -> None:
        pass


@contextmanager
def delivering_to(drop: Drop, spool: Spool) -> Iterator[tuple[Deliverer, list[str]]]:
    said: list[str] = []
    deliverer = Deliverer(spool, drop, said.append, first_pause=0.01)
    deliverer.start()
    yield deliverer, said
    deliverer.finish(60)


def test_files_that_wait_and_new_ones_are_delivered_and_said(tmp_path: Path) -> None:
    spool, drop = a_spool(tmp_path), Scripted()
    first = write(spool)
    body = first.read_bytes()
    with delivering_to(drop, spool) as (deliverer, said):
        wait_for(lambda: not spool.waiting(), "the first file")
        second = write(spool, 1)
        deliverer.written()
        wait_for(lambda: not spool.waiting(), "the second file")
    assert sorted(drop.taken) == [first.name, second.name]
    assert drop.taken[first.name] == body
    assert said == [f"delivered {path.name} to the drop" for path in (first, second)]
    assert deliverer.trouble == ""


def test_a_drop_that_never_answers_holds_up_no_writing_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "SLOW", 0)
    spool, drop = a_spool(tmp_path), Scripted()
    drop.free.clear()
    with delivering_to(drop, spool) as (deliverer, _):
        for number in range(5):
            write(spool, number)
            deliverer.written()
            assert drop.asked.wait(60)
        assert (len(spool.waiting()), len(drop.tried)) == (5, 1)
        assert "the drop has not answered for" in deliverer.trouble
        assert deliverer.finish(0.01) == 5
        drop.free.set()


class Readings:
    """A source that gives one reading at each call."""

    every, waits, again, ended, trouble = 10, False, False, False, ""

    def __init__(self) -> None:
        self.now = WINDOW_START

    def read(self) -> list[list[Moment]]:
        return [[Moment(None, self.now, {"win_cpu.percent_processor_time": 1.0})]]

    def save(self) -> None:
        pass


def test_minutes_go_on_while_a_share_hangs(tmp_path: Path) -> None:
    spool, drop, source = a_spool(tmp_path), Scripted(), Readings()
    program = Program(source, spool, lambda _: PC)
    drop.free.clear()
    with delivering_to(drop, spool) as (deliverer, _):
        while source.now < WINDOW_START + 5 * WINDOW:
            if program.tick(source.now):
                deliverer.written()
                assert drop.asked.wait(60)
            source.now += source.every
        assert [len(decode_file(path.read_bytes()).samples) for path in spool.waiting()] == [15] * 4
        assert len(drop.tried) == 1
        drop.free.set()
        wait_for(lambda: len(drop.taken) == 4, "all four files, since the share answers again")


def test_what_is_refused_is_tried_again_until_it_is_taken(tmp_path: Path) -> None:
    spool, drop = a_spool(tmp_path), Scripted()
    drop.refuses = None
    write(spool)
    with delivering_to(drop, spool) as (deliverer, said):
        wait_for(lambda: len(drop.tried) >= 4, "four tries")
        assert "files can't be delivered, and wait here: PC-001" in deliverer.trouble
        assert (len(spool.waiting()), said) == (1, [])
        drop.refuses = set()
        wait_for(lambda: not spool.waiting(), "the file")
    assert deliverer.trouble == ""


def test_one_file_that_is_refused_holds_up_no_other_but_a_drop_that_is_away_is_not_asked_for_all(
    tmp_path: Path,
) -> None:
    spool, drop = a_spool(tmp_path), Scripted()
    paths = [write(spool, number) for number in range(6)]
    drop.refuses = {paths[1].name}
    with delivering_to(drop, spool):
        wait_for(lambda: len(drop.taken) == 5, "the others")
    assert [path.name for path in spool.waiting()] == [paths[1].name]
    away = Scripted()
    away.refuses = None
    for number in range(6):
        write(spool, number)
    with delivering_to(away, spool):
        wait_for(lambda: len(away.tried) > 6, "several rounds")
    assert set(away.tried) == {path.name for path in paths[: delivering.MOST_FAILURES]}


def test_of_each_vm_a_day_of_files_waits_and_then_the_oldest_is_lost_and_said(tmp_path: Path) -> None:
    spool, drop = a_spool(tmp_path), Scripted()
    drop.free.clear()
    write(spool, identity=Identity("", "PC-002", Dimensions()))
    with delivering_to(drop, spool) as (deliverer, _):
        paths = []
        for number in range(MOST_WAITING + 3):
            paths.append(write(spool, number))
            deliverer.written()
        assert "3 files are lost" in deliverer.trouble
        assert {path.name for path in paths} - {path.name for path in spool.waiting()} == {
            path.name for path in paths[:3]
        }
        drop.free.set()


def test_a_file_that_changes_while_it_is_delivered_is_delivered_again(tmp_path: Path) -> None:
    spool, drop = a_spool(tmp_path), FolderDrop(tmp_path / "drop")
    path = write(spool)
    body = path.read_bytes()
    drop.put(path.name, body)
    spool.write(PC, WINDOW_START, [a_sample(timestamp=WINDOW_START + 90, MaskedVMName="PC-001")], WINDOW_START + 900)
    spool.finished(path, body)
    assert [each.name for each in spool.waiting()] == [path.name]
    with delivering_to(drop, spool):
        wait_for(lambda: not spool.waiting(), "the changed file")
    found = [decode_file(each.read_bytes()).samples for each in (tmp_path / "drop").iterdir()]
    assert sorted(len(samples) for samples in found) == [1, 2]


def test_what_a_loss_of_power_left_is_not_delivered(tmp_path: Path) -> None:
    spool, drop = a_spool(tmp_path), Scripted()
    path = write(spool)
    path.write_bytes(bytes(100))
    with delivering_to(drop, spool):
        wait_for(lambda: not spool.waiting(), "the file to be removed")
    assert drop.taken == {}


def test_in_a_folder_a_taken_name_becomes_another_and_nothing_that_lies_there_changes(tmp_path: Path) -> None:
    drop = FolderDrop(tmp_path / "new" / "drop")
    for body in (b"one", b"two", b"two"):
        drop.put("PC-001_1.json", body)
    found = {path.name: path.read_bytes() for path in (tmp_path / "new" / "drop").iterdir()}
    assert found == {"PC-001_1.json": b"one", other_name("PC-001_1.json", b"two"): b"two"}


@pytest.mark.skipif(sys.platform == "win32", reason="there renaming never replaces a file")
def test_a_share_without_links_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    drop = FolderDrop(tmp_path)
    for body in (b"one", b"two", b"two"):
        drop.put("PC-001_1.json", body)
    found = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert found == {"PC-001_1.json": b"one", other_name("PC-001_1.json", b"two"): b"two"}


def test_a_file_of_the_spool_that_can_not_be_read_holds_up_no_other(tmp_path: Path) -> None:
    spool, drop = a_spool(tmp_path), Scripted()
    (in_the_way := spool.folder / f"PC-001_{WINDOW_START - WINDOW}.json").mkdir(parents=True)
    path = write(spool)
    with delivering_to(drop, spool) as (deliverer, _):
        wait_for(lambda: path.name in drop.taken, "the other file")
        wait_for(lambda: in_the_way.name in deliverer.trouble, "the trouble")
        in_the_way.rmdir()
        wait_for(lambda: not deliverer.trouble, "its end")
    assert list(drop.taken) == [path.name]


def test_an_error_that_nobody_foresaw_is_said_and_tried_again(tmp_path: Path) -> None:
    class Broken(Scripted):
        def put(self, name: str, body: bytes) -> None:
            super().put(name, body)
            if len(self.tried) < 3:
                raise ZeroDivisionError("of a library")

    spool = a_spool(tmp_path)
    write(spool)
    with delivering_to(drop := Broken(), spool):
        wait_for(lambda: not spool.waiting(), "the third try")
    assert len(drop.tried) == 3


def test_a_folder_that_is_away_is_said_with_the_reason_and_works_when_it_is_back(tmp_path: Path) -> None:
    (tmp_path / "share").write_text("")
    drop, spool = FolderDrop(tmp_path / "share" / "in"), a_spool(tmp_path)
    path = write(spool)
    with delivering_to(drop, spool) as (deliverer, _):
        wait_for(lambda: deliverer.trouble, "the trouble")
        assert f"the folder {tmp_path / 'share' / 'in'} can't be written" in deliverer.trouble
        (tmp_path / "share").unlink()
        wait_for(lambda: not spool.waiting(), "the file")
    assert [each.name for each in (tmp_path / "share" / "in").iterdir()] == [path.name]


def test_a_spool_that_is_gone_does_not_end_the_thread(tmp_path: Path) -> None:
    spool, drop = a_spool(tmp_path), Scripted()
    with delivering_to(drop, spool) as (deliverer, _):
        shutil.rmtree(spool.folder, ignore_errors=True)
        deliverer.written()
        path = write(spool)
        deliverer.written()
        wait_for(lambda: path.name in drop.taken, "the file")
    assert list(drop.taken) == [path.name]
