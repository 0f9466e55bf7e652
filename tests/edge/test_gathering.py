"""From raw readings to an agent's files: minutes, periods, restarts and clocks that are set."""

import json
import random
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import wire
from domain.agent_file import FileHead, decode_file
from domain.minutes import WINDOW
from domain.samples import Dimensions, Sample
from edge import VERSION
from edge.files import path_of, write_file
from edge.gathering import Agent, Identity
from edge.machine import Installation
from edge.program import LATE_SECONDS, MOST_UNREAD, Program
from edge.spool import MOST_WAITING, Spool
from edge.telegraf import Moment
from tests.builders import TENANT, VM, WINDOW_START, a_record, a_sample

IDENTITY = Identity(TENANT, VM, Dimensions(Region="eastus"))
CPU = "win_cpu.percent_processor_time"
ERRORS = "win_net.packets_received_errors"
LATE = LATE_SECONDS + WINDOW // 15
"""From when on a period's file is there, whatever the VM's name."""


def test_readings_are_reduced_to_one_sample_a_minute_stamped_second_30() -> None:
    agent = Agent(IDENTITY)
    for second, value in ((0, 10.0), (10, 20.0), (59, 60.0), (60, 1.0)):
        agent.add(WINDOW_START + second, {CPU: value, "win_system.processes": value})
    samples = agent.samples(WINDOW_START, WINDOW_START + 120)
    assert [(sample.timestamp - WINDOW_START, sample.PerfName, sample.PerfValue) for sample in samples] == [
        (30, "percent_processor_time", 30),
        (30, "processes", 60),
        (90, "percent_processor_time", 1),
        (90, "processes", 1),
    ]
    assert {(sample.MaskedTenantId, sample.MaskedVMName, sample.Region) for sample in samples} == {
        (TENANT, VM, "eastus")
    }


def test_a_reduction_can_be_overridden() -> None:
    agent = Agent(IDENTITY, reductions={CPU: "max"})
    agent.add(WINDOW_START, {CPU: 1.0})
    agent.add(WINDOW_START + 10, {CPU: 3.0})
    assert [sample.PerfValue for sample in agent.samples(WINDOW_START, WINDOW_START + 60)] == [3]


def test_a_minute_that_is_not_over_gives_no_sample_yet_and_one_without_readings_none_ever() -> None:
    agent = Agent(IDENTITY)
    agent.add(WINDOW_START + 5, {CPU: 1.0})
    agent.add(WINDOW_START + 60, {})
    assert agent.samples(WINDOW_START, WINDOW_START + 59) == []
    assert len(agent.samples(WINDOW_START, WINDOW_START + WINDOW)) == 1


def test_a_reading_that_comes_late_in_its_minute_counts_also_after_the_period_was_written() -> None:
    agent = Agent(IDENTITY)
    agent.add(WINDOW_START, {CPU: 1.0})
    agent.add(WINDOW_START + WINDOW, {CPU: 9.0})
    assert agent.changed(WINDOW_START + WINDOW) == [WINDOW_START]
    agent.written(WINDOW_START)
    assert agent.changed(WINDOW_START + WINDOW) == []
    agent.add(WINDOW_START + 50, {CPU: 3.0})
    assert agent.changed(WINDOW_START + WINDOW) == [WINDOW_START]
    assert [sample.PerfValue for sample in agent.samples(WINDOW_START, WINDOW_START + WINDOW)] == [2]


def test_what_was_written_long_ago_is_forgotten() -> None:
    agent = Agent(IDENTITY)
    for number in range(100):
        agent.add(WINDOW_START + number * WINDOW, {CPU: 1.0})
        agent.written(WINDOW_START + number * WINDOW)
    assert len(agent._readings) == 2


@given(st.lists(st.tuples(st.integers(0, 1799), st.floats(0, 100)), min_size=1, max_size=60), st.randoms())
def test_samples_are_the_means_of_their_minutes_in_whatever_order_readings_come(
    readings: list[tuple[int, float]], chance: random.Random
) -> None:
    shuffled = readings.copy()
    chance.shuffle(shuffled)
    agent = Agent(IDENTITY)
    for second, value in shuffled:
        agent.add(WINDOW_START + second, {CPU: value})
    found = {
        sample.timestamp: sample.PerfValue
        for period in agent.open()
        for sample in agent.samples(period, period + WINDOW)
    }
    minutes: dict[int, list[float]] = {}
    for second, value in readings:
        minutes.setdefault(WINDOW_START + second // 60 * 60 + 30, []).append(value)
    assert found == {minute: pytest.approx(statistics.fmean(values)) for minute, values in minutes.items()}


def test_a_file_is_named_after_tenant_vm_and_time_and_is_a_message(tmp_path: Path) -> None:
    agent = Agent(IDENTITY)
    agent.add(WINDOW_START, {CPU: 1.0})
    samples = agent.samples(WINDOW_START, WINDOW_START + 60)
    path = write_file(tmp_path, IDENTITY, WINDOW_START, samples)
    tenant, vm, stamp = path.stem.split("_")
    assert tenant == "wYAVC3oWQU~2BozhgAAg5f~2Fw~3D~3D637841132085596403"
    assert (vm, stamp) == ("Sharedfk6hZ4v5Xkmu0clBsg~2BaYw~3D~3D63784", str(WINDOW_START))
    assert wire.decode(path.read_bytes()).samples == samples
    assert set(json.loads(path.read_bytes())["metrics"][0]) == set(a_record())
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


class Scripted:
    """A source that gives what it is told to, once."""

    every = 10
    waits = False
    again = False
    ended = False
    trouble = ""

    def __init__(self) -> None:
        self.next: list[Moment] = []
        self.saves = 0

    def read(self) -> Sequence[Sequence[Moment]]:
        given, self.next = self.next, []
        return [given]

    def save(self) -> None:
        self.saves += 1


HERE = Installation("0" * 32, "machine-a", "PC-001", "boot-1", 1_790_000_000)


def a_program(folder: Path | None, source: Scripted, *, early: bool = False) -> Program:
    """A program that has just started: it makes files of what an earlier one left. Without a folder, a dry run."""

    def identify(host: str | None) -> Identity:
        return Identity(TENANT, host or VM, Dimensions())

    spool = Spool(folder, HERE) if folder else None
    if spool and spool.folder.is_dir():
        spool.recover()
    return Program(source, spool, identify, early=early)


def run(program: Program, source: Scripted, times: Sequence[int], value: float = 1.0) -> list[Path]:
    """Tick at these times of the clock, with a reading at each."""
    written = []
    for now in times:
        source.next.append(Moment(None, now, {CPU: value}))
        written += program.tick(now)
    return written


def values_of(path: Path) -> dict[int, float]:
    return {sample.timestamp - WINDOW_START: sample.PerfValue for sample in wire.decode(path.read_bytes()).samples}


def every_ten_seconds(start: int, end: int) -> range:
    return range(WINDOW_START + start, WINDOW_START + end, 10)


ALL_MINUTES = dict.fromkeys(range(30, WINDOW, 60), 1.0)


def test_every_fifteen_minutes_one_file_appears_whole(tmp_path: Path) -> None:
    source = Scripted()
    written = run(a_program(tmp_path, source), source, every_ten_seconds(0, WINDOW + LATE))
    assert [path.name.rpartition("_")[2] for path in written] == [f"{WINDOW_START}.json"]
    assert values_of(written[0]) == ALL_MINUTES
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".part"]  # and the next one is begun


def test_a_restart_loses_at_most_the_current_minute(tmp_path: Path) -> None:
    source = Scripted()
    run(a_program(tmp_path, source), source, every_ten_seconds(0, 430))  # killed at minute 7, second 10
    (written,) = run(a_program(tmp_path, source), source, every_ten_seconds(430, WINDOW + LATE), value=3.0)
    found = values_of(written)
    assert [minute // 60 for minute in found] == list(range(15))
    assert [value for minute, value in found.items() if minute < 420] == [1.0] * 7
    assert [value for minute, value in found.items() if minute > 420] == [3.0] * 8


def test_what_a_killed_agent_left_is_a_file_at_once_at_the_next_start(tmp_path: Path) -> None:
    source = Scripted()
    run(a_program(tmp_path, source), source, every_ten_seconds(0, 620))
    assert list(tmp_path.glob("*.json")) == []
    a_program(tmp_path, source)
    (path,) = tmp_path.iterdir()
    assert values_of(path) == dict.fromkeys(range(30, 600, 60), 1.0)
    assert decode_file(path.read_bytes()).head == FileHead(HERE.id, HERE.boot, WINDOW_START + 600, VERSION)


def test_what_a_killed_agent_left_joins_what_still_waits_of_its_period(tmp_path: Path) -> None:
    source = Scripted()
    run(a_program(tmp_path, source), source, every_ten_seconds(0, 190))
    run(a_program(tmp_path, source), source, every_ten_seconds(190, 430), value=3.0)
    a_program(tmp_path, source)
    (path,) = tmp_path.glob("*.json")
    assert values_of(path) == {minute: 1.0 if minute < 180 else 3.0 for minute in range(30, 420, 60)}


def test_a_new_vm_writes_what_it_has_after_two_full_minutes_once_and_later_all_of_it(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(tmp_path, source, early=True)
    assert run(program, source, every_ten_seconds(40, 180)) == []
    (early,) = run(program, source, every_ten_seconds(180, 190))
    assert values_of(early) == {30: 1.0, 90: 1.0, 150: 1.0}
    early.unlink()  # it is delivered
    (whole,) = run(program, source, every_ten_seconds(190, WINDOW + LATE))
    assert values_of(whole) == ALL_MINUTES


def test_a_vm_that_is_known_writes_nothing_early(tmp_path: Path) -> None:
    source = Scripted()
    assert run(a_program(tmp_path, source), source, every_ten_seconds(0, WINDOW)) == []


def test_an_agent_that_ends_writes_its_complete_minutes(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(tmp_path, source)
    run(program, source, every_ten_seconds(0, 430))
    assert program.close(WINDOW_START + 430)
    (path,) = tmp_path.glob("*.json")
    assert values_of(path) == dict.fromkeys(range(30, 420, 60), 1.0)
    assert not list(tmp_path.glob(".*"))
    assert source.saves == 9  # once a minute, the first with the first reading, and at the end


def test_plain_names_make_a_plain_file_that_is_named_after_the_vm(tmp_path: Path) -> None:
    source = Scripted()
    program = Program(source, Spool(tmp_path, HERE), lambda _: Identity("", "BÜRO 1", Dimensions(Region="eastus")))
    (path,) = run(program, source, every_ten_seconds(0, WINDOW + LATE))
    assert path.name == f"B~C3~9CRO~201_{WINDOW_START}.json"
    found = decode_file(path.read_bytes())
    assert found.plain
    assert {(sample.MaskedVMName, sample.Region) for sample in found.samples} == {("BÜRO 1", "eastus")}
    assert len(found.samples) == 15


@pytest.mark.parametrize("jump", [-20, -90, -600, -1500, -7200])
def test_a_clock_that_is_set_back_neither_duplicates_nor_loses_minutes(tmp_path: Path, jump: int) -> None:
    source = Scripted()
    program = a_program(tmp_path, source)
    run(program, source, every_ten_seconds(0, 700))
    run(program, source, every_ten_seconds(700 + jump, WINDOW + LATE))
    found = values_of(path_of(tmp_path, Identity(TENANT, VM, Dimensions()), WINDOW_START))
    assert found == ALL_MINUTES


def test_a_clock_that_is_set_forward_loses_only_what_it_leapt_over(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(tmp_path, source)
    run(program, source, [*every_ten_seconds(0, 310), *every_ten_seconds(2 * WINDOW, 3 * WINDOW + LATE)])
    of = Identity(TENANT, VM, Dimensions())
    assert list(values_of(path_of(tmp_path, of, WINDOW_START))) == [30, 90, 150, 210, 270, 330]
    assert len(values_of(path_of(tmp_path, of, WINDOW_START + 2 * WINDOW))) == 15


def test_a_file_that_still_waits_keeps_what_a_second_writing_does_not_have(tmp_path: Path) -> None:
    def of(minute: int, value: float) -> Sample:
        return a_sample(timestamp=WINDOW_START + 30 + 60 * minute, PerfValue=value)

    write_file(tmp_path, IDENTITY, WINDOW_START, [of(0, 1), of(1, 1)])
    path = write_file(tmp_path, IDENTITY, WINDOW_START, [of(1, 2), of(2, 2)])
    assert values_of(path) == {30: 1, 90: 2, 150: 2}


def test_a_broken_part_of_an_earlier_run_does_no_harm(tmp_path: Path) -> None:
    name = path_of(tmp_path, Identity(TENANT, VM, Dimensions()), WINDOW_START).name
    (tmp_path / f".{name}.part").write_text("{")
    source = Scripted()
    (written,) = run(a_program(tmp_path, source), source, every_ten_seconds(0, WINDOW + LATE))
    assert values_of(written) == ALL_MINUTES


def test_hosts_of_a_source_are_vms_of_their_own(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(tmp_path, source)
    source.next = [Moment("pc1", WINDOW_START, {CPU: 1.0}), Moment("pc2", WINDOW_START, {CPU: 2.0})]
    written = program.tick(WINDOW_START + WINDOW + LATE)
    samples = [wire.decode(path.read_bytes()).samples[0] for path in written]
    assert sorted((sample.MaskedVMName, sample.PerfValue) for sample in samples) == [("pc1", 1), ("pc2", 2)]


def test_a_dry_run_prints_each_sample_once_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = Scripted()
    run(a_program(None, source), source, every_ten_seconds(0, WINDOW + LATE))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["timestamp"] - WINDOW_START for line in lines] == list(range(30, WINDOW + 60, 60))[: len(lines)]
    assert len(lines) >= 15
    assert not list(tmp_path.iterdir())
    assert source.saves == 0


def test_how_far_a_source_was_read_is_kept_once_a_minute_after_what_was_read(tmp_path: Path) -> None:
    source = Scripted()
    run(a_program(tmp_path, source), source, every_ten_seconds(0, 300))
    assert source.saves == 5


def of(host: str) -> Identity:
    return Identity(TENANT, host, Dimensions())


def locked(folder: Path, host: str, period: int = WINDOW_START) -> Path:
    """Keep a file from being written: what is written first stands in the way."""
    path = path_of(folder, of(host), period)
    (in_the_way := path.with_name(f".{path.name}.tmp")).mkdir()
    return in_the_way


def test_one_vms_file_that_can_not_be_written_holds_up_no_other_and_is_written_whole_later(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(tmp_path, source)
    in_the_way = locked(tmp_path, "pc1")
    source.next = [Moment(host, WINDOW_START + 10 * n, {ERRORS: 1.0}) for n in range(6) for host in ("pc1", "pc2")]
    for number in range(5):
        written = program.tick(WINDOW_START + WINDOW + LATE + 60 * number)
        assert [path.name for path in written] == [path_of(tmp_path, of("pc2"), WINDOW_START).name][number:]
        assert "files of 1 VMs can't be written" in program.trouble
    assert source.saves == 0  # a crash now would find pc1's lines again
    in_the_way.rmdir()
    (path,) = program.tick(WINDOW_START + WINDOW + LATE + 300)
    assert values_of(path) == values_of(path_of(tmp_path, of("pc2"), WINDOW_START)) == {30: 6.0}
    assert (program.trouble, source.saves) == ("", 1)


def away(tmp_path: Path) -> Path:
    """A folder that can't be reached until this file is removed."""
    (tmp_path / "share").write_text("")
    return tmp_path / "share"


def test_what_was_measured_while_the_folder_was_away_is_written_when_it_is_back(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(away(tmp_path) / "in", source)
    assert run(program, source, every_ten_seconds(0, 3 * WINDOW)) == []
    assert program.trouble
    (tmp_path / "share").unlink()
    written = run(program, source, [WINDOW_START + 3 * WINDOW + LATE])
    assert [values_of(path) for path in written] == [
        {minute + at: 1.0 for minute in ALL_MINUTES} for at in (0, WINDOW, 2 * WINDOW)
    ]


def test_a_source_that_waits_is_not_read_while_too_much_waits_to_be_written(tmp_path: Path) -> None:
    source = Scripted()
    source.waits = True
    program = a_program(away(tmp_path), source)
    pieces = 0
    for period in range(50):
        now = WINDOW_START + period * WINDOW
        pieces += not source.next
        source.next = source.next or [Moment(None, now, {CPU: 1.0})]
        program.tick(now + WINDOW + LATE)
    assert pieces == MOST_UNREAD + 1  # one of which still waits in the source
    assert (program.lost, len(source.next)) == (0, 1)


def test_of_a_source_that_can_not_wait_the_oldest_is_lost_in_the_end_and_said_to_be(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(away(tmp_path), source)
    for period in range(MOST_WAITING + 10):
        source.next = [Moment(None, WINDOW_START + period * WINDOW, {CPU: 1.0})]
        program.tick(WINDOW_START + (period + 1) * WINDOW + LATE)
    assert program.lost == 10
    assert "10 files are lost" in program.trouble
    (tmp_path / "share").unlink()
    assert len(program.tick(WINDOW_START + (MOST_WAITING + 10) * WINDOW + LATE)) == MOST_WAITING


def test_two_spellings_of_a_host_are_one_vm(tmp_path: Path) -> None:
    source = Scripted()
    program = Program(source, Spool(tmp_path, HERE), lambda host: of(str(host).casefold()))
    source.next = [Moment("PC1", WINDOW_START, {CPU: 1.0}), Moment("pc1", WINDOW_START + 10, {CPU: 3.0})]
    (written,) = program.tick(WINDOW_START + WINDOW + LATE)
    assert values_of(written) == {30: 2.0}


def test_a_reading_of_a_time_to_come_is_told(tmp_path: Path) -> None:
    source = Scripted()
    program = a_program(tmp_path, source)
    source.next = [Moment(None, WINDOW_START + 3600, {CPU: 1.0})]
    program.tick(WINDOW_START)
    assert "1 readings were of a time to come" in program.trouble


@pytest.mark.parametrize("vm", ["..", ".hidden", "\u65e5\u672c" * 20, "a" * 128, "../../etc/passwd"])
def test_a_vm_has_a_file_whatever_its_name_is(tmp_path: Path, vm: str) -> None:
    spool = Spool(tmp_path, HERE)
    sample = a_sample(MaskedVMName=vm)
    paths = [spool.write(Identity("", name, Dimensions()), WINDOW_START, [sample], 1) for name in (vm, f"{vm}x")]
    assert len(set(paths)) == 2
    assert sorted(spool.waiting()) == sorted(paths)
    spool.save_part(Identity("", vm, Dimensions()), WINDOW_START, [sample], 1)
    assert spool.recover() == paths[:1]
