"""Telegraf's JSON as its documentation shows it, whole and in pieces, as readings."""

import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.inputs import FilesSource, StreamSource
from edge.telegraf import Files, Moment, Parser, moments, seconds_of
from tests.app.conftest import wait_for

AT = 1_790_000_000


def a_metric(name: str, fields: dict[str, Any], timestamp: float = AT, **tags: str) -> dict[str, Any]:
    return {"fields": fields, "name": name, "tags": {"host": "pc1", **tags}, "timestamp": timestamp}


def read_back(*metrics: dict[str, Any]) -> dict[str, float]:
    (moment,) = moments(metrics)
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


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_timestamps_are_taken_in_any_of_telegrafs_units(unit: int) -> None:
    assert seconds_of(AT * unit) == AT


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


METRICS = [a_metric("a", {"b": number}, AT + number, instance="ü") for number in range(4)]
FORMS = {
    "a line each": "\n".join(map(json.dumps, METRICS)) + "\n",
    "a batch": json.dumps({"metrics": METRICS}) + "\n",
    "batches": "\n".join(json.dumps({"metrics": METRICS[at : at + 2]}) for at in (0, 2)) + "\n",
    "on many lines": "\n".join(json.dumps(metric, indent=4) for metric in METRICS),
    "a batch on many lines": json.dumps({"metrics": METRICS}, indent=4),
}


@pytest.mark.parametrize("form", FORMS)
def test_metrics_and_batches_are_read_on_one_line_or_many(form: str) -> None:
    parser = Parser()
    assert list(parser.feed(FORMS[form], last=True)) == METRICS
    assert parser.bad == 0


@given(st.sampled_from(sorted(FORMS)), st.lists(st.integers(0, 400), max_size=8))
def test_pieces_make_no_difference(form: str, cuts: list[int]) -> None:
    text = FORMS[form]
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parser = Parser()
    found = []
    for start, end in pairwise(places):
        found += list(parser.feed(text[start:end]))
    assert [*found, *parser.feed("", last=True)] == METRICS
    assert parser.bad == 0


@pytest.mark.parametrize(
    "bad", ["nonsense", '{"fields": 3}', '{"name": "a", "fields": {"b": ', "[1]", '{"metrics": 5}']
)
def test_a_bad_line_is_passed_over_and_counted(bad: str) -> None:
    parser = Parser()
    text = "\n".join([json.dumps(METRICS[0]), bad, json.dumps(METRICS[1])])
    assert list(parser.feed(text, last=True)) == METRICS[:2]
    assert parser.bad == 1


def all_of(files: Files) -> list[Moment]:
    """What has come, also what is held back until the next time."""
    return [moment for _ in range(2) for piece in files.read() for moment in piece]


def lines(*metrics: dict[str, Any]) -> str:
    return "".join(json.dumps(metric) + "\n" for metric in metrics)


def test_a_file_is_followed_as_it_grows_and_from_the_beginning_when_it_was_rotated(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(lines(*METRICS[:2]) + json.dumps(METRICS[2])[:20])
    files = Files(path, tmp_path / "state")
    assert [moment.timestamp - AT for moment in all_of(files)] == [0, 1]
    with path.open("a") as more:
        more.write(json.dumps(METRICS[2])[20:] + "\n")
    assert [moment.timestamp - AT for moment in all_of(files)] == [2]
    path.rename(tmp_path / "metrics.1.json")
    path.write_text(lines(METRICS[3]))
    assert [moment.timestamp - AT for moment in all_of(files)] == [3]


def test_a_restart_goes_on_where_it_had_saved(tmp_path: Path) -> None:
    path, state = tmp_path / "metrics.json", tmp_path / "state.json"
    path.write_text(lines(*METRICS[:2]))
    files = Files(path, state)
    assert len(all_of(files)) == 2
    files.save()
    with path.open("a") as more:
        more.write(lines(*METRICS[2:]))
    assert [moment.timestamp - AT for moment in all_of(Files(path, state))] == [2, 3]
    state.write_text("{]")
    assert len(all_of(Files(path, state))) == 4


def test_instances_of_a_moment_that_come_in_two_pieces_are_folded_together(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    files = Files(path, tmp_path / "state")
    path.write_text(lines(a_metric("win_net", {"Bytes_Sent_persec": 1.0}, instance="a")))
    first = [moment for piece in files.read() for moment in piece]
    with path.open("a") as more:
        more.write(lines(a_metric("win_net", {"Bytes_Sent_persec": 2.0}, instance="b")))
    assert first == []
    assert [dict(moment.values) for moment in all_of(files)] == [{"win_net.bytes_sent_persec": 3.0}]


def test_a_folder_of_files_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, metric in enumerate(METRICS):
        (tmp_path / "in" / f"{number}.json").write_text(json.dumps(metric, indent=2))
    source = FilesSource(tmp_path / "in", tmp_path / "state.json")
    found = [moment.timestamp - AT for _ in range(2) for piece in source.read() for moment in piece]
    assert sorted(found) == [0, 1, 2, 3]
    assert source.trouble == ""


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nothing"):
        list(FilesSource(tmp_path / "nothing", tmp_path / "state").read())


def test_a_stream_is_read_to_its_end() -> None:
    source = StreamSource(io.StringIO(lines(*METRICS) + "nonsense\n"))
    found: list[int] = []

    def all_read() -> bool:
        found.extend(moment.timestamp - AT for piece in source.read() for moment in piece)
        return source.ended

    wait_for(all_read, "the end of the stream")
    assert found == [0, 1, 2, 3]
    assert "1 lines" in source.trouble
