"""Telegraf's JSON as its documentation shows it, whole and in pieces, as readings."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inputs import FilesSource, StreamSource
from edge.telegraf import Folding, Moment
from edge.telegraf_json import Parser, seconds_of, strptime_of
from tests.app.conftest import wait_for

AT = 1_790_000_000


def a_metric(name: str, fields: dict[str, Any], timestamp: float = AT, **tags: str) -> dict[str, Any]:
    return {"fields": fields, "name": name, "tags": {"host": "pc1", **tags}, "timestamp": timestamp}


def moments(metrics: Sequence[dict[str, Any]], **how: Any) -> list[Moment]:
    folding = Folding(**how)
    return sorted([*folding.add(metrics), *folding.flush()], key=lambda moment: (moment.timestamp, moment.host or ""))


def read_back(*metrics: dict[str, Any], **how: Any) -> dict[str, float]:
    (moment,) = moments(metrics, **how)
    return dict(moment.values)


def test_a_counter_is_measurement_and_field_in_lower_case() -> None:
    values = read_back(a_metric("win_disk", {"Percent_Idle_Time": 97.5, "text": "x", "on": True}, instance="_Total"))
    assert values == {"win_disk.percent_idle_time": 97.5}


@pytest.mark.parametrize(
    ("name", "field", "instances", "expected"),
    [
        ("win_cpu", "Percent_Processor_Time", {"0": 10.0, "1": 30.0, "_Total": 21.0}, 21),  # the total alone
        ("cpu", "usage_idle", {"cpu0": 10.0, "cpu-total": 90.0}, 90),
        ("win_disk", "Percent_Idle_Time", {"C:": 90.0, "D:": 100.0}, 95),  # a mean of shares
        ("win_disk", "Percent_Free_Space", {"C:": 5.0, "D:": 80.0}, 5),  # the least
        ("win_net", "Bytes_Sent_persec", {"Ethernet": 100.0, "Wi-Fi": 20.0}, 120),  # bytes a second are added
        ("win_disk", "Current_Disk_Queue_Length", {"C:": 1.0, "D:": 7.0}, 7),  # the longest
        ("mine", "unknown", {"a": 1.0, "b": 2.0}, 1.5),
    ],
)
def test_instances_are_folded_by_what_the_counter_is(
    name: str, field: str, instances: dict[str, float], expected: float
) -> None:
    metrics = [a_metric(name, {field: value}, instance=instance) for instance, value in instances.items()]
    assert list(read_back(*metrics).values()) == [expected]


def test_a_service_is_1_when_it_runs_and_0_in_any_other_state() -> None:
    values = read_back(
        a_metric("win_services", {"state": 4, "startup_mode": 2}, service_name="WinDefend", display_name="Defender"),
        a_metric("win_services", {"state": 1, "startup_mode": 2}, service_name="TermService", display_name="RDS"),
    )
    assert values == {"win_service.WinDefend": 1, "win_service.TermService": 0}


EACH_UNIT = [AT // 10, AT, *(AT * 10**digits for digits in range(1, 10))]
"""json_timestamp_units of 10s, 1s, 100ms, 10ms, 1ms … 1ns."""


@pytest.mark.parametrize("timestamp", [*EACH_UNIT, AT + 0.5, float(AT) * 1e9])
def test_timestamps_are_taken_in_any_of_telegrafs_units(timestamp: float) -> None:
    assert seconds_of(timestamp) == AT


TEXTS = [
    ("2026-09-21T14:13:20Z", None),
    ("2026-09-21T14:13:20.123456789Z", None),
    ("2026-09-21 14:13:20", None),
    ("2026-09-21T16:13:20+02:00", None),
    ("20260921T141320Z", None),
    ("20260921141320", None),
    ("Mon Sep 21 14:13:20 2026", None),
    ("Mon, 21 Sep 2026 14:13:20 UTC", None),
    ("Mon, 21 Sep 2026 14:13:20 +0000", None),
    ("21.09.2026 14:13:20", "02.01.2006 15:04:05"),
    ("9/21/2026 2:13:20.000 PM", "1/2/2006 3:04:05.000 PM"),
]


@pytest.mark.parametrize(("text", "layout"), TEXTS)
def test_times_are_taken_as_texts_in_utc(text: str, layout: str | None) -> None:
    assert seconds_of(text, strptime_of(layout) if layout else None) == AT


@pytest.mark.parametrize("layout", ["2006-01-02", "15:04", "nonsense", "%"])
def test_a_layout_that_does_not_tell_the_minute_is_refused(layout: str) -> None:
    with pytest.raises(ValueError, match=r"layout|minute"):
        strptime_of(layout)


NO_TIMES: list[Any] = [
    True,
    None,
    "",
    "yesterday",
    "2026-09-21",
    "20260921",
    [],
    math.nan,
    math.inf,
    -5,
    0,
    AT // 100,
    10**400,
]


@pytest.mark.parametrize("timestamp", NO_TIMES, ids=lambda value: repr(value)[:20])
def test_a_time_that_can_not_be_told_is_counted(timestamp: Any) -> None:
    folding = Folding()
    folding.add([a_metric("a", {"b": 1}, timestamp), a_metric("a", {"b": 2})])
    assert [moment.timestamp for moment in folding.flush()] == [AT]
    assert list(folding.unread.values()) == [1]


def test_hosts_and_seconds_are_told_apart_and_come_in_the_order_of_time() -> None:
    metrics = [
        a_metric("a", {"b": 2}, AT + 10),
        a_metric("a", {"b": 1}, AT),
        {"fields": {"b": 3}, "name": "a", "tags": {}, "timestamp": AT},
    ]
    assert moments(metrics) == [
        Moment(None, AT, {"a.b": 3}),
        Moment("pc1", AT, {"a.b": 1}),
        Moment("pc1", AT + 10, {"a.b": 2}),
    ]


METRICS = [a_metric("a", {"b": number}, AT + number, instance="ü€") for number in range(4)]


def dumps(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)


FORMS = {
    "a line each": "\n".join(map(dumps, METRICS)) + "\n",
    "with escapes": "\n".join(map(json.dumps, METRICS)) + "\n",
    "with a byte order mark": "\ufeff" + "\r\n".join(map(dumps, METRICS)) + "\r\n",
    "a batch": dumps({"metrics": METRICS}) + "\n",
    "batches": "\n".join(json.dumps({"metrics": METRICS[at : at + 2]}) for at in (0, 2)) + "\n",
    "on many lines": "\n".join(dumps(metric, indent=4) for metric in METRICS),
    "a batch on many lines": dumps({"metrics": METRICS}, indent=4),
}


@pytest.mark.parametrize("form", FORMS)
def test_metrics_and_batches_are_read_on_one_line_or_many(form: str) -> None:
    parser = Parser()
    assert list(parser.feed(FORMS[form].encode(), last=True)) == METRICS
    assert not parser.unread


@given(st.sampled_from(sorted(FORMS)), st.lists(st.integers(0, 400), max_size=8))
def test_pieces_make_no_difference(form: str, cuts: list[int]) -> None:
    text = FORMS[form].encode()
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parser = Parser()
    found = []
    for start, end in pairwise(places):
        found += list(parser.feed(text[start:end]))
    assert [*found, *parser.feed(b"", last=True)] == METRICS
    assert not parser.unread


BAD = [
    b"nonsense",
    b'{"fields": 3}',
    b'{"name": "a", "fields": {"b": ',
    b"[1]",
    b'{"metrics": 5}',
    b'{"name": "\x81"}',
    b"\xff\xfe",
    b"[" * 100_000,
    b"1" * 5000,
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_passed_over_and_counted(bad: bytes) -> None:
    parser = Parser()
    text = b"\n".join([dumps(METRICS[0]).encode(), bad, dumps(METRICS[1]).encode()])
    assert list(parser.feed(text, last=True)) == METRICS[:2]
    assert list(parser.unread.values()) == [1]


@pytest.mark.parametrize(
    "metric",
    [
        a_metric("a", {"b": 1}, host="\ud800"),
        a_metric("a", {"b": 1}, host="x" * 200),
        a_metric("", {"b": 1}),
        a_metric("a", {"": 1}),
    ],
)
def test_a_name_that_can_not_be_taken_is_counted(metric: dict[str, Any]) -> None:
    folding = Folding()
    assert moments([metric]) == []
    folding.add([metric])
    assert list(folding.unread.values()) == [1]


def test_numbers_that_are_none_are_no_readings() -> None:
    assert moments([a_metric("a", {"b": math.nan, "c": math.inf, "d": 10**400, "e": "1", "f": True})]) == []


def test_a_measurement_with_dots_is_a_counter_too() -> None:
    assert read_back(a_metric("app.web", {"Requests.Failed": 3})) == {"app_web.requests.failed": 3}


def of_instances(name: str, field: str, values: Mapping[str, float]) -> list[dict[str, Any]]:
    return [a_metric(name, {field: value}, instance=instance) for instance, value in values.items()]


DELAYS = {"1": 50.0, "2": 150.0, "Average": 100.0, "Max": 150.0, "_Total": 200.0}


@pytest.mark.parametrize(
    ("delays", "reduction", "expected"),
    [
        (DELAYS, None, 100),
        (DELAYS, "max", 150),
        (DELAYS, "min", 50),
        ({"1": 50.0, "2": 60.0, "Max": 60.0}, None, 55),
        ({"Max": 7.0, "Average": 3.0}, None, 7),
        ({"Average": 3.0}, None, 3),
    ],
)
def test_what_is_over_all_sessions_is_no_session_and_reduce_is_for_instances_too(
    delays: dict[str, float], reduction: Any, expected: float
) -> None:
    key = "win_session.max_input_delay"
    metrics = of_instances("win_session", "Max_Input_Delay", delays)
    assert read_back(*metrics, reductions={key: reduction} if reduction else {}) == {key: expected}


def test_reduce_is_for_instances_of_known_counters_too_but_bytes_of_disks_are_added() -> None:
    reductions = {"win_disk.percent_idle_time": "min", "win_disk.read_bytes_persec": "max"}
    idle = of_instances("win_disk", "Percent_Idle_Time", {"C:": 10.0, "D:": 90.0})
    read = of_instances("win_diskio", "Disk_Read_Bytes_persec", {"0 C:": 10.0, "1 D:": 90.0})
    assert read_back(*idle, *read, reductions=reductions) == {
        "win_disk.percent_idle_time": 10,
        "win_disk.read_bytes_persec": 100,
    }


def test_telegrafs_names_of_disk_counters_are_the_tables() -> None:
    fields = {
        "Disk_Read_Bytes_persec": "win_disk.read_bytes_persec",
        "Disk_Write_Bytes_persec": "win_disk.write_bytes_persec",
        "Avg._Disk_sec/Read": "win_disk.latency_read_seconds",
        "Avg._Disk_sec/Write": "win_disk.latency_write_seconds",
    }
    for measurement in ("win_disk", "win_diskio"):
        metric = a_metric(measurement, dict.fromkeys(fields, 2.0), instance="0 C:")
        assert read_back(metric) == dict.fromkeys(fields.values(), 2.0)


def test_where_nothing_was_read_there_is_no_latency_of_reading() -> None:
    metric = a_metric("win_disk", {"Avg._Disk_sec/Read": 0.0, "Avg._Disk_sec/Write": 0.002}, instance="_Total")
    assert read_back(metric) == {"win_disk.latency_write_seconds": 0.002}


def test_bytes_that_are_measured_of_logical_and_physical_disks_count_once() -> None:
    logical = of_instances("win_disk", "Disk_Read_Bytes_persec", {"C:": 1.0, "D:": 2.0})
    physical = of_instances("win_diskio", "Disk_Read_Bytes_persec", {"0 C: D:": 3.5})
    assert read_back(*physical, *logical) == {"win_disk.read_bytes_persec": 3}


def test_free_space_is_the_least_of_the_drives_and_that_of_all_together_is_called_otherwise() -> None:
    drives = {"C:": 5.0, "D:": 80.0, "HarddiskVolume1": 2.0, "_Total": 60.0}
    assert read_back(*of_instances("win_disk", "Percent_Free_Space", drives)) == {"win_disk.percent_free_space": 5}
    total = of_instances("win_disk", "Percent_Free_Space", {"_Total": 60.0})
    assert read_back(*total) == {"win_disk.percent_free_space_total": 60}


def a_service(name: str, state: int) -> dict[str, Any]:
    return a_metric("win_services", {"state": state}, service_name=name)


def test_services_that_each_user_has_are_one_counter() -> None:
    services = [a_service("CDPUserSvc", 1), a_service("CDPUserSvc_3f2a1", 4), a_service("CDPUserSvc_b0041", 4)]
    assert read_back(*services) == {"win_service.CDPUserSvc": 1}
    assert read_back(*services, a_service("CDPUserSvc_7d1e0", 1)) == {"win_service.CDPUserSvc": 0}
    assert read_back(a_service("clr_optimization_v4.0.30319_64", 4)) == {
        "win_service.clr_optimization_v4.0.30319_64": 1
    }


ERRORS = "win_net.packets_received_errors"


def counted(*readings: dict[str, float], every: int = 10) -> list[float]:
    """What comes of error counts since boot, by adapter."""
    metrics = [
        a_metric("win_net", {"Packets_Received_Errors": value}, AT + every * number, instance=adapter, objectname="N")
        for number, reading in enumerate(readings)
        for adapter, value in reading.items()
    ]
    return [moment.values[ERRORS] for moment in moments(metrics)]


def test_errors_since_boot_are_told_as_how_many_came() -> None:
    assert counted(*[{"a": 5.0}] * 6) == [0] * 5
    assert counted({"a": 5, "b": 1}, {"a": 7, "b": 1}, {"a": 7, "b": 4}) == [2, 3]


def test_growth_that_can_not_be_right_is_left_out() -> None:
    assert counted({"a": 5}, {"a": 2}, {"a": 3}) == [1]  # began anew
    assert counted({"a": 5}, {"a": 6, "b": 1000}, {"b": 1001}) == [1, 1]  # came and went
    assert counted({"a": 5}, {"a": 900}, every=3600) == []  # asleep


def test_counts_that_windows_did_not_count_are_taken_as_they_are() -> None:
    assert read_back(a_metric("win_net", {"Packets_Received_Errors": 1})) == {ERRORS: 1}


@pytest.mark.parametrize(
    ("tags", "host_tags", "host"),
    [
        ({"host": "COLLECTOR", "source": "PC-A"}, (), "PC-A"),
        ({"host": "COLLECTOR", "source": "localhost"}, (), "COLLECTOR"),
        ({"host": "COLLECTOR", "source": ""}, (), "COLLECTOR"),
        ({"host": "COLLECTOR", "source": "PC-A", "server": "PC-B"}, ("server",), "PC-B"),
        ({"host": "COLLECTOR", "source": "PC-A"}, ("server", "host"), "COLLECTOR"),
        ({}, (), None),
    ],
)
def test_the_computer_is_named_by_source_where_that_is_there_or_by_a_tag_of_ones_own(
    tags: dict[str, str], host_tags: Sequence[str], host: str | None
) -> None:
    metric = {"name": "a", "fields": {"b": 1}, "timestamp": AT, "tags": tags}
    assert [moment.host for moment in moments([metric], host_tags=host_tags)] == [host]


def test_computers_that_one_telegraf_reads_are_told_apart() -> None:
    both = [a_metric("a", {"b": value}, AT, source=name) for name, value in (("PC-A", 10), ("PC-B", 90))]
    assert moments(both) == [Moment("PC-A", AT, {"a.b": 10}), Moment("PC-B", AT, {"a.b": 90})]


def lines(*metrics: dict[str, Any]) -> bytes:
    return "".join(dumps(metric) + "\n" for metric in metrics).encode()


class Scripted(io.RawIOBase):
    """A stream that gives what it is told to, in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size
        self.taken += 1
        return self.pieces.pop(0) if self.pieces else b""


def all_of(source: StreamSource) -> list[Moment]:
    found: list[Moment] = []

    def all_read() -> bool:
        found.extend(moment for piece in source.read() for moment in piece)
        return source.ended

    wait_for(all_read, "the end of the stream")
    return found


def test_a_stream_is_read_to_its_end() -> None:
    source = StreamSource(io.BytesIO(lines(*METRICS) + b"nonsense\n"))
    assert [moment.timestamp - AT for moment in all_of(source)] == [0, 1, 2, 3]
    assert "1 lines" in source.trouble


def test_a_streams_characters_may_be_cut_anywhere_and_bad_bytes_end_nothing() -> None:
    text = b"\xff\n" + lines(*[a_metric("a", {"b": 1}, AT + number, host="BÜRO") for number in range(3)])
    source = StreamSource(Scripted(*[text[at : at + 1] for at in range(len(text))]))  # type: ignore[arg-type]
    found = all_of(source)
    assert {moment.host for moment in found} == {"BÜRO"}
    assert [moment.timestamp - AT for moment in found] == [0, 1, 2]


def test_who_writes_a_stream_waits_while_nobody_takes_what_there_is() -> None:
    stream = Scripted(*[lines(a_metric("a", {"b": 1}, AT + number)) for number in range(1000)])
    source = StreamSource(stream)  # type: ignore[arg-type]
    wait_for(lambda: len(source._pieces) >= 16, "a full queue")
    assert stream.taken <= 17
    assert len(all_of(source)) == 1000


def test_a_stream_that_breaks_is_said_and_ends() -> None:
    class Broken(Scripted):
        def read(self, size: int = -1) -> bytes:
            if not self.pieces:
                raise OSError("broken")
            return super().read(size)

    source = StreamSource(Broken(lines(METRICS[0])))  # type: ignore[arg-type]
    assert [moment.timestamp for moment in all_of(source)] == [AT]
    assert "broken" in source.trouble


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        list(FilesSource(tmp_path / "nothing", tmp_path / "state").read())
