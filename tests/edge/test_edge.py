"""Agent, SPOC and sample fleet: the way from readings to messages in a queue folder."""

import json
from pathlib import Path

import pytest

from domain import wire
from domain.minutes import WINDOW
from domain.samples import Dimensions, Sample
from edge.agent import Agent, Identity, write_file
from edge.readings import Machine
from edge.spoc import FolderDestination, push
from local.edge import Edge
from local.fleet import desktops, moments
from tests.builders import TENANT, VM, WINDOW_START, a_message, a_record

IDENTITY = Identity(TENANT, VM, Dimensions(Region="eastus"))
CPU = "win_cpu.percent_processor_time"


def sent(queue: Path) -> list[Sample]:
    return [sample for path in sorted(queue.iterdir()) for sample in wire.decode(path.read_bytes()).samples]


def test_an_agent_reduces_readings_to_one_sample_a_minute_stamped_second_30() -> None:
    agent = Agent(IDENTITY)
    for second, value in ((0, 10.0), (10, 20.0), (59, 60.0), (60, 1.0)):
        agent.add(WINDOW_START + second, {CPU: value, "win_system.processes": value})
    samples = agent.take(WINDOW_START + 120)
    assert [(sample.timestamp - WINDOW_START, sample.PerfName, sample.PerfValue) for sample in samples] == [
        (30, "percent_processor_time", 30),
        (30, "processes", 60),
        (90, "percent_processor_time", 1),
        (90, "processes", 1),
    ]
    assert {(sample.MaskedTenantId, sample.MaskedVMName, sample.Region) for sample in samples} == {
        (TENANT, VM, "eastus")
    }


def test_a_minute_that_is_not_over_is_not_taken_and_none_is_taken_twice() -> None:
    agent = Agent(IDENTITY)
    agent.add(WINDOW_START + 5, {CPU: 1.0})
    assert agent.take(WINDOW_START + 59) == []
    agent.add(WINDOW_START + 59, {CPU: 3.0})
    assert [sample.PerfValue for sample in agent.take(WINDOW_START + 60)] == [2]
    assert agent.take(WINDOW_START + 60) == []


def test_a_counter_without_a_reading_in_a_minute_gives_no_sample() -> None:
    agent = Agent(IDENTITY)
    agent.add(WINDOW_START, {CPU: 1.0})
    agent.add(WINDOW_START + 60, {})
    assert len(agent.take(WINDOW_START + 300)) == 1


def test_a_file_is_named_after_tenant_vm_and_time_and_is_a_message(tmp_path: Path) -> None:
    agent = Agent(IDENTITY)
    agent.add(WINDOW_START, {CPU: 1.0})
    samples = agent.take(WINDOW_START + 60)
    path = write_file(tmp_path, samples)
    tenant, vm, stamp = path.stem.split("_")
    assert tenant == "wYAVC3oWQU~2BozhgAAg5f~2Fw~3D~3D637841132085596403"
    assert (vm, stamp) == ("Sharedfk6hZ4v5Xkmu0clBsg~2BaYw~3D~3D63784", str(WINDOW_START + 30))
    assert wire.decode(path.read_bytes()).samples == samples
    assert set(json.loads(path.read_bytes())["metrics"][0]) == set(a_record())
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_spoc_sends_what_the_agents_wrote_and_then_forgets_it(tmp_path: Path) -> None:
    written = []
    for vm in range(20):
        agent = Agent(Identity(TENANT, f"vm{vm}", Dimensions()))
        agent.add(WINDOW_START, {CPU: float(vm)})
        written += agent.take(WINDOW_START + 60)
        write_file(tmp_path / "files", written[-1:])
    done = push(tmp_path / "files", FolderDestination(tmp_path / "queue"))
    assert (done.files, done.samples, done.messages, done.refused) == (20, 20, 1, 0)
    assert sorted(sample.MaskedVMName for sample in sent(tmp_path / "queue")) == sorted(f"vm{vm}" for vm in range(20))
    assert list((tmp_path / "files").iterdir()) == []
    assert push(tmp_path / "files", FolderDestination(tmp_path / "queue")).files == 0


class Broken:
    """A destination that is down."""

    def send(self, message_id: str, body: bytes) -> None:  # noqa: ARG002
        message = "down"
        raise OSError(message)


def test_a_spoc_keeps_its_files_while_the_queue_is_down(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(a_message([a_record()]))
    with pytest.raises(OSError, match="down"):
        push(tmp_path, Broken())
    assert (tmp_path / "one.json").exists()


def test_sending_the_same_files_again_makes_the_same_message(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "one.json").write_bytes(a_message([a_record()]))
        push(tmp_path, FolderDestination(tmp_path / "queue"))
    assert len(list((tmp_path / "queue").iterdir())) == 1


@pytest.mark.parametrize("body", [b"{", b"", a_message([a_record(PerfValue="x")])])
def test_a_file_that_is_no_message_is_set_aside_with_its_reason_and_the_others_are_sent(
    tmp_path: Path, body: bytes
) -> None:
    (tmp_path / "bad.json").write_bytes(body)
    (tmp_path / "good.json").write_bytes(a_message([a_record()]))
    done = push(tmp_path, FolderDestination(tmp_path / "queue"))
    assert (done.files, done.refused) == (1, 1)
    assert (tmp_path / "refused" / "bad.json").read_bytes() == body
    assert (tmp_path / "refused" / "bad.json.reason.txt").read_text().strip()
    assert not (tmp_path / "bad.json").exists()


def test_this_machine_gives_real_readings_of_known_counters() -> None:
    readings = Machine().read()
    assert 0 < readings["win_mem.percent_used"] < 100
    assert readings["win_system.processes"] >= 1
    assert all(isinstance(value, float) for value in readings.values())


def test_the_sample_fleet_is_deterministic_by_seed() -> None:
    one, two, other = (desktops(6, seed)[4].readings(WINDOW_START) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_the_sample_fleet_has_tenants_regions_sizes_and_pools() -> None:
    fleet = desktops(60)
    assert len({desktop.identity.vm for desktop in fleet}) == 60
    for name, least in (("Region", 6), ("MachineSize", 3), ("ResourcePoolName", 12)):
        assert len({getattr(desktop.identity.dimensions, name) for desktop in fleet}) >= least
    assert len({desktop.identity.tenant for desktop in fleet}) == 6


MONDAY = 1_790_553_600  # a Monday's midnight in UTC


def mean(number: int, key: str, hour: float) -> float:
    desktop = desktops(number + 1)[number]
    start = int(MONDAY + (hour - desktop.hours) * 3600)
    values = [desktop.readings(moment)[key] for moment in moments(start, start + 1200)]
    return sum(values) / len(values)


def test_desktops_work_in_the_hours_of_their_region_with_a_storm_of_log_ons_in_the_morning() -> None:
    for number in (0, 2, 5):
        assert mean(number, CPU, 11) > 2 * mean(number, CPU, 3)
        assert mean(number, CPU, 12.5) < mean(number, CPU, 11)
        assert mean(number, "win_session.logons", 8.6) > mean(number, "win_session.logons", 11)


def test_one_desktop_is_slow_one_disturbs_its_pool_one_loses_a_service() -> None:
    assert mean(8, "win_session.input_delay_ms", 11) > 2 * mean(14, "win_session.input_delay_ms", 11)
    assert desktops(2)[1].noisy
    assert mean(7, "win_disk.percent_idle_time", 3.1) < mean(12, "win_disk.percent_idle_time", 3.1)
    stops = {desktops(4)[3].readings(MONDAY + 60 * minute)["win_service.WinDefend"] for minute in range(60)}
    assert stops == {0, 1}


def test_filling_twice_puts_the_same_samples_and_the_second_time_only_what_is_new(tmp_path: Path) -> None:
    now = WINDOW_START + 7 * 60 + 12
    edge = Edge(tmp_path, 3)
    edge.fill(now)
    samples = sent(tmp_path / "queue")
    assert {sample.timestamp for sample in samples} == set(range(now - 12 - 7200 + 30, now - 12, 60))
    for path in (tmp_path / "queue").iterdir():
        path.unlink()
    Edge(tmp_path, 3).fill(now + WINDOW)
    assert {sample.timestamp for sample in sent(tmp_path / "queue")} == set(range(now - 12 + 30, now - 12 + WINDOW, 60))
