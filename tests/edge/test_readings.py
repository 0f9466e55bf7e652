"""What raw values mean: of Windows' performance counters, of sessions, of psutil; on any system, by fakes of our ports.

On Windows' own CPython, under Wine: tests/windows.
"""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counters import COUNTERS
from edge.parts import Disks, Network, Sessions, processor_shares
from edge.readings import Machine, plausible
from edge.sessions import Session, changes, states
from edge.spans import LONGEST_SPAN, Now, span
from edge.windows import DELAY_PATH, GAUGES, INSTANCES, LATENCIES, RATES, RETRY_SECONDS, Counters, EverySecond
from tests.app.conftest import wait_for

ALL = {**GAUGES, **RATES, **INSTANCES}


def at(seconds: float) -> Now:
    return Now(100 + seconds, 1_790_000_000 + seconds)


class Windows:
    """Performance counters as a Windows might have them."""

    def __init__(self) -> None:
        self.values_: dict[str, float | Mapping[str, float] | None] = dict.fromkeys([*ALL.values(), DELAY_PATH], 1.0)
        self.collected = 0
        self.broken = False

    def add(self, path: str) -> object:
        if path not in self.values_:
            raise OSError("PDH returned the error 0xC0000BB8")
        return path

    def collect(self) -> None:
        if self.broken:
            raise OSError("broken")
        self.collected += 1

    def value(self, counter: object) -> float | None:
        found = self.values_[str(counter)]
        return found if isinstance(found, float | int) else None

    def values(self, counter: object) -> Mapping[str, float]:
        found = self.values_[str(counter)]
        return found if isinstance(found, Mapping) else {}


def of(windows: Windows, *times: float) -> dict[str, float]:
    """What is read at the last of these times."""
    counters = Counters(lambda: windows)
    found: dict[str, float] = {}
    for time in times:
        found = counters.read(at(time))
    return found


def test_windows_counters_are_the_tables() -> None:
    assert ALL.keys() <= COUNTERS.keys()
    windows = Windows()
    windows.values_ |= {path: {"a": 1.0} for path in INSTANCES.values()}
    assert of(windows, 0, 10).keys() >= ALL.keys() - {"win_session.input_delay_ms"}


def test_rates_want_two_readings_and_no_gap() -> None:
    gauges = GAUGES.keys()
    for times in ([0], [0, 10, 10 + LONGEST_SPAN + 1]):
        assert of(Windows(), *times).keys() - {"win_session.input_delay_ms"} == gauges
    assert of(Windows(), 0, 10).keys() >= RATES.keys()


def test_a_machine_that_slept_by_one_clock_only_slept_too() -> None:
    assert span(Now(0, 0), Now(10, 10)) == 10
    assert span(Now(0, 0), Now(10, 10_000)) is None
    assert span(Now(0, 0), Now(10_000, 10)) is None
    assert span(Now(5, 0), Now(5, 10)) is None
    assert span(None, Now(5, 10)) is None
    assert span(Now(0, 0), Now(10, -3600)) == 10  # the wall's clock was set back


def test_free_space_is_the_least_and_the_queue_the_longest_of_the_drives() -> None:
    windows = Windows()
    disks = {"C:": 5.0, "D:": 80.0, "HarddiskVolume3": 1.0, "_Total": 60.0}
    for key in ("win_disk.percent_free_space", "win_disk.current_disk_queue_length"):
        windows.values_[ALL[key]] = disks
    found = of(windows, 0)
    assert (found["win_disk.percent_free_space"], found["win_disk.current_disk_queue_length"]) == (5, 80)


def test_adapters_are_added_and_their_errors_told_as_they_come() -> None:
    windows = Windows()
    counters = Counters(lambda: windows)
    found = []
    readings: Sequence[dict[str, float]] = (
        {"a": 5},
        {"a": 7, "b": 100},
        {"a": 2, "b": 101},
        {"a": 3, "c": 9},
        {"d": 1},
    )
    for number, errors in enumerate(readings):
        windows.values_[ALL["win_net.packets_received_errors"]] = errors
        windows.values_[ALL["win_net.bytes_sent_persec"]] = {"a": 10.0, "b": 5.0}
        found.append(counters.read(at(10 * number)))
    assert [each.get("win_net.packets_received_errors") for each in found] == [None, 2, 1, 1, None]
    assert [each.get("win_net.bytes_sent_persec") for each in found] == [None, 15, 15, 15, 15]


def test_where_nothing_was_read_there_is_no_latency_of_reading() -> None:
    windows = Windows()
    windows.values_ |= {ALL[key]: 0.0 for key in LATENCIES}
    assert not of(windows, 0, 10).keys() & LATENCIES


def test_a_counter_that_is_not_there_is_named_and_tried_again_and_the_others_go_on() -> None:
    windows = Windows()
    path = windows.values_.pop(ALL["win_mem.available_bytes"]), ALL["win_mem.available_bytes"]
    counters = Counters(lambda: windows)
    assert "win_mem.available_bytes" not in counters.read(at(0))
    assert list(counters.missing) == ["win_mem.available_bytes"]
    assert path[1] in counters.missing["win_mem.available_bytes"]
    windows.values_[path[1]] = 7.0
    assert "win_mem.available_bytes" not in counters.read(at(10))
    assert counters.read(at(RETRY_SECONDS))["win_mem.available_bytes"] == 7
    assert not counters.missing


def test_a_value_that_is_not_valid_now_is_left_out() -> None:
    windows = Windows()
    windows.values_[ALL["win_system.processes"]] = None
    assert "win_system.processes" not in of(windows, 0)


def test_after_a_collection_that_failed_rates_begin_anew() -> None:
    windows = Windows()
    counters = Counters(lambda: windows)
    counters.read(at(0))
    windows.broken = True
    with pytest.raises(OSError, match="broken"):
        counters.read(at(10))
    windows.broken = False
    assert not counters.read(at(20)).keys() & RATES.keys()
    assert counters.read(at(30)).keys() >= RATES.keys()


def test_the_greatest_input_delay_between_two_readings_counts() -> None:
    windows = Windows()
    delay = EverySecond(windows, DELAY_PATH, every=0.001)

    def meanwhile(value: float | None) -> None:
        windows.values_[DELAY_PATH] = value
        seen = windows.collected
        wait_for(lambda: windows.collected > seen + 1, "two more collections")

    for value in (3.0, 90.0, None, 4.0):
        meanwhile(value)
    assert delay.take() == 90
    meanwhile(None)
    delay.take()
    assert delay.take() is None


ANN, BOB = Session((2, "ann"), active=True), Session((3, "bob"), active=True)
BOB_AWAY = Session((3, "bob"), active=False)


@pytest.mark.parametrize(
    ("before", "after", "logons", "logoffs"),
    [
        ([], [ANN, BOB], 2, 0),
        ([ANN, BOB], [ANN], 0, 1),
        ([ANN, BOB], [ANN, BOB_AWAY], 0, 0),  # disconnected
        ([BOB_AWAY], [BOB], 0, 0),  # and connected again
        ([BOB], [Session((4, "bob"), active=True)], 1, 1),
        ([BOB], [Session((3, "eve"), active=True)], 1, 1),
    ],
)
def test_log_ons_and_log_offs_are_sessions_that_came_and_went(
    before: Sequence[Session], after: Sequence[Session], logons: int, logoffs: int
) -> None:
    assert changes(before, after) == {"win_session.logons": logons, "win_session.logoffs": logoffs}


def test_a_disconnected_session_is_not_active() -> None:
    found = states([ANN, BOB_AWAY])
    assert found == {"win_session.active_sessions": 1, "win_session.disconnected_sessions": 1}


def test_who_logged_on_while_the_machine_slept_is_not_this_minutes() -> None:
    given = iter([[], [ANN], [ANN, BOB]])
    sessions = Sessions(lambda: next(given))
    assert "win_session.logons" not in sessions.read(at(0))
    assert "win_session.logons" not in sessions.read(at(5000))
    assert sessions.read(at(5010))["win_session.logons"] == 1


ZERO = {"user": 0.0, "system": 0.0, "idle": 0.0, "interrupt": 0.0, "dpc": 0.0}


def shares(**after: float) -> list[float]:
    return list(processor_shares(ZERO, {**ZERO, **after}).values())


def test_interrupts_and_dpcs_are_part_of_system_time() -> None:
    assert shares(user=10, system=20, idle=70, interrupt=5, dpc=5) == [30, 10, 20]


def test_waiting_for_a_disk_is_idling_and_a_guests_time_is_users() -> None:
    assert shares(user=10, system=20, idle=60, iowait=10, guest=10) == [30, 10, 20]


def test_processor_time_that_fell_tells_nothing() -> None:
    assert processor_shares({**ZERO, "idle": 5.0}, {**ZERO, "user": 3.0}) == {}
    assert processor_shares(ZERO, ZERO) == {}


@given(st.lists(st.floats(0, 1e6), min_size=7, max_size=7))
def test_shares_of_processor_time_are_shares(spent: list[float]) -> None:
    names = ["user", "system", "idle", "iowait", "interrupt", "dpc", "guest"]
    for share in shares(**dict(zip(names, spent, strict=True))):
        assert 0 <= share <= 100.000001


def a_disk(**counts: int) -> SimpleNamespace:
    return SimpleNamespace(**{"read_bytes": 0, "write_bytes": 0, "read_time": 0, "write_time": 0, **counts})


def busy(read_bytes: int = 0, busy_time: int = 0) -> SimpleNamespace:
    return a_disk(read_bytes=read_bytes, busy_time=busy_time)


def an_adapter(received: int = 0, sent: int = 0, errors: int = 0) -> SimpleNamespace:
    return SimpleNamespace(bytes_recv=received, bytes_sent=sent, errin=errors)


def of_disks(*counts: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, seconds: float = 10) -> dict[str, float]:
    given = iter(counts)
    monkeypatch.setattr(psutil, "disk_io_counters", lambda perdisk: next(given) if perdisk else None)
    disks = Disks()
    return [disks.read(at(seconds * number)) for number in range(len(counts))][-1]


IDLE = "win_disk.percent_idle_time"


def test_on_windows_busy_time_is_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    found = of_disks({"d0": a_disk()}, {"d0": a_disk(read_time=5, write_time=4)}, monkeypatch=monkeypatch)
    assert found[IDLE] == pytest.approx(10)


def test_on_linux_busy_time_is_in_milliseconds_and_partitions_are_no_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    before = {"sda": busy(), "sda1": busy(), "sdb": busy()}
    after = {"sda": busy(100, 9000), "sda1": busy(100), "sdb": busy(10)}
    found = of_disks(before, after, monkeypatch=monkeypatch)
    assert found == pytest.approx({IDLE: 55, "win_disk.read_bytes_persec": 11, "win_disk.write_bytes_persec": 0})


def test_disks_that_come_and_go_or_begin_anew_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"a": busy(5000, 5000), "b": busy(100)}
    after = {"a": busy(10), "b": busy(200, 1000), "c": busy(10**12)}
    found = of_disks(before, after, monkeypatch=monkeypatch)
    assert found == pytest.approx({IDLE: 90, "win_disk.read_bytes_persec": 10, "win_disk.write_bytes_persec": 0})
    assert of_disks(before, {}, monkeypatch=monkeypatch) == {}
    assert of_disks(before, after, monkeypatch=monkeypatch, seconds=LONGEST_SPAN + 1) == {}


def test_adapters_are_added_without_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    loopback = "Loopback Pseudo-Interface 1"
    before = {"eth0": an_adapter(0, 0, 7), "lo": an_adapter(), loopback: an_adapter(), "wifi": an_adapter(50)}
    after = {"eth0": an_adapter(100, 10, 9), "lo": an_adapter(9, 9), loopback: an_adapter(9), "wifi": an_adapter()}
    given = iter([before, after])
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic: next(given) if pernic else None)
    network = Network()
    assert network.read(at(0)) == {}
    assert network.read(at(10)) == {
        "win_net.bytes_received_persec": 10,
        "win_net.bytes_sent_persec": 1,
        "win_net.packets_received_errors": 2,
    }


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        (IDLE, 100.4, 100),
        (IDLE, 250, None),
        (IDLE, -1, None),
        (IDLE, math.nan, None),
        ("win_net.bytes_sent_persec", 1e12, 1e12),
        ("win_net.bytes_sent_persec", math.inf, None),
        ("a.b", 3, 3),
    ],
)
def test_a_reading_that_can_not_be_right_is_none(key: str, value: float, right: float | None) -> None:
    assert plausible(key, value) == right


SOURCES = [
    "cpu_times", "pids", "virtual_memory", "swap_memory", "disk_io_counters", "disk_partitions", "net_io_counters",
    "users",
]  # fmt: skip


@pytest.fixture
def whole() -> frozenset[str]:
    machine = Machine()
    return frozenset(wait_for(lambda: (found := machine.read()) and CPU in found and found, "a reading"))


CPU = "win_cpu.percent_processor_time"


@pytest.mark.parametrize("when", ["at start", "later"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_fails_costs_its_own_figures_only(
    source: str, when: str, whole: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise PermissionError(5, "Access is denied")

    machine = Machine() if when == "later" else None
    monkeypatch.setattr(psutil, source, refused)
    machine = machine or Machine()
    found = wait_for(lambda: (read := machine.read()) and (CPU in read or source == "cpu_times") and read, "a reading")
    assert len(machine.failed) == 1
    assert "Access is denied" in next(iter(machine.failed.values()))
    missing = whole - found.keys()
    assert len({key.split(".")[0] for key in missing}) <= 1  # of one group
    monkeypatch.undo()
    wait_for(lambda: whole <= machine.read().keys(), "all of it again")
    assert machine.failed == {}


class Service:
    def __init__(self, name: str, status: str) -> None:
        self._name, self._status = name, status

    def name(self) -> str:
        return self._name

    def status(self) -> str:
        if self._status == "refused":
            raise psutil.AccessDenied
        return self._status


def services(monkeypatch: pytest.MonkeyPatch, *names: str, **installed: str) -> tuple[dict[str, float], list[str]]:
    def get(name: str) -> Service:
        if name not in installed:
            raise psutil.NoSuchProcess(0, name)
        return Service(name, installed[name])

    def each() -> Iterator[Service]:
        return (Service(*service) for service in installed.items())

    monkeypatch.setattr(psutil, "win_service_get", get, raising=False)
    monkeypatch.setattr(psutil, "win_service_iter", each, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    machine = Machine(names)
    found = {key: value for key, value in machine.read().items() if key.startswith("win_service")}
    return found, [name for name in machine.failed if name.startswith("service")]


def test_of_three_services_one_that_refuses_costs_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    found = services(monkeypatch, "A", "B", "C", "D", A="running", B="refused", C="stopped")
    assert found == ({"win_service.A": 1, "win_service.C": 0}, ["service B", "service D"])  # D is not installed


def test_a_service_that_each_user_has_runs_where_all_of_its_instances_do(monkeypatch: pytest.MonkeyPatch) -> None:
    users = {"Cdp": "stopped", "Cdp_3f2a1": "running", "Cdp_b0041": "running", "CdpOther_12345": "stopped"}
    assert services(monkeypatch, "Cdp", **users)[0] == {"win_service.Cdp": 1}
    assert services(monkeypatch, "Cdp", **{**users, "Cdp_b0041": "stopped"})[0] == {"win_service.Cdp": 0}
