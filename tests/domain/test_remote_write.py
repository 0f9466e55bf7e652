"""Remote write: what a request's body says, read by a decoder of the tests' own, and which windows are due."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.closing import MOST_CLOSED_LATE, Progress
from domain.minutes import DAY, WINDOW
from domain.remote_write import LONGEST_LITERAL, Cursor, TimeSeries, request_body, series_of, snappy_block
from tests.builders import NOW, WINDOW_START
from tests.domain.test_openmetrics import an_item
from tests.peers.prometheus import received, unpacked

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def test_a_request_byte_for_byte() -> None:
    """As protoc and snappy would write it: worked out by hand from types.proto and format_description.txt."""
    label = b"\x0a\x06" + b"\x0a\x01a" + b"\x12\x01b"
    sample = b"\x12\x0c" + b"\x09" + struct.pack("<d", 2.5) + b"\x10\xd0\x0f"  # 2,000 ms
    series = b"\x0a" + bytes([len(label + sample)]) + label + sample
    body = request_body([TimeSeries({"a": "b"}, [(2, 2.5)])])
    assert body == bytes([len(series), 61 << 2, len(series) - 1, 0]) + series


@given(st.lists(st.tuples(st.dictionaries(TEXT, TEXT), st.lists(st.tuples(st.integers(0, 10**10), st.floats())))))
def test_any_series_can_be_read_back(series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> None:
    found = received(request_body(TimeSeries(labels, samples) for labels, samples in series))
    assert [labels for labels, _ in found] == [sorted(labels.items()) for labels, _ in series]
    for (_, got), (_, sent) in zip(found, series, strict=True):
        assert [at for at, _ in got] == [at * 1000 for at, _ in sent]
        assert [struct.pack("<d", value) for _, value in got] == [struct.pack("<d", value) for _, value in sent]


@pytest.mark.parametrize("size", [0, 1, LONGEST_LITERAL, LONGEST_LITERAL + 1, 3 * LONGEST_LITERAL])
def test_a_block_of_any_length(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    assert unpacked(snappy_block(content)) == content


def test_series_are_the_metrics_of_a_counters_minutes_and_what_is_null_is_left_out() -> None:
    items = [an_item(), an_item(timestamp=WINDOW_START + 90, average=7.0, stddev=None)]
    found = {each.labels["__name__"]: each for each in series_of(items)}
    assert len(found) == 7
    assert found["spot_fleet_average"].samples == [(WINDOW_START + 30, 2.5), (WINDOW_START + 90, 7.0)]
    assert found["spot_fleet_stddev"].samples == [(WINDOW_START + 30, 0.5)]
    assert {name: value for name, value in found["spot_fleet_vms"].labels.items() if name != "__name__"} == {
        "perf_type": "a",
        "perf_name": "b",
    }
    assert series_of([]) == []


W = WINDOW_START // (100 * WINDOW) * 100 * WINDOW
"""A window; the ones after it are numbered from 1 on."""


def windows(*numbers: int) -> tuple[int, ...]:
    return tuple(W + number * WINDOW for number in numbers)


def progress(opened: tuple[int, ...], closed: int, late: tuple[int, ...] = ()) -> Progress:
    return Progress(dict.fromkeys(windows(*opened), 0), W + closed * WINDOW, closed_late=windows(*late))


@pytest.mark.parametrize(
    ("opened", "closed", "due"),
    [
        ((), 0, ()),
        ((), 3, (1, 2, 3)),
        ((4, 5), 3, (1, 2, 3)),
        ((2,), 3, (1,)),
        ((-7,), 2, (1, 2)),
    ],
    ids=["nothing closed", "three closed", "newer are open", "an open one is waited for", "an older one is not"],
)
def test_windows_are_due_in_order_up_to_one_that_is_open(
    opened: tuple[int, ...], closed: int, due: tuple[int, ...]
) -> None:
    assert tuple(Cursor(W).due(progress(opened, closed))) == windows(*due)


def test_sending_begins_with_what_closes_from_now_on() -> None:
    cursor = Cursor.first(progress((5,), 4, (2,)), NOW)
    assert list(cursor.due(progress((5,), 4, (2,)))) == []
    assert list(cursor.due(progress((), 5, (2,)))) == [*windows(5)]
    assert list(cursor.late(progress((), 5, (2,)))) == []  # it closed before there was a cursor


def test_where_nothing_has_closed_yet_it_begins_with_the_last_day() -> None:
    cursor = Cursor.first(Progress(), NOW)
    assert next(iter(cursor.due(Progress(closed=NOW)))) == NOW - DAY + WINDOW


def test_a_window_that_closes_behind_the_cursor_is_late_once() -> None:
    before = progress((1,), 2)
    cursor = Cursor(W + 2 * WINDOW)
    after = before.closing(W + WINDOW)
    assert list(cursor.late(after)) == [*windows(1)]
    assert list(cursor.counted(W + WINDOW, 7, after).late(after)) == []
    assert cursor.counted(W + WINDOW, 7, after).late_rows == 7


def test_one_that_was_sent_in_its_turn_is_not_late() -> None:
    """After an outage averaging closes the newest first; the cursor has waited."""
    closed = progress((1, 2), 0).closing(W + 2 * WINDOW).closing(W + WINDOW)
    cursor = Cursor(W)
    for window in cursor.due(closed):
        cursor = cursor.sent(window, closed)
    assert cursor.window == W + 2 * WINDOW
    assert list(cursor.late(closed)) == []


def test_what_is_remembered_of_late_windows_is_bounded() -> None:
    closed = progress(tuple(range(1, 300)), 0)
    for number in reversed(range(1, 300)):
        closed = closed.closing(W + number * WINDOW)
    assert closed.closed_late == windows(*range(299 - MOST_CLOSED_LATE, 299))
    cursor = Cursor(W + 300 * WINDOW, handled=windows(1, 2, 298))
    assert cursor.sent(W + 301 * WINDOW, closed).handled == windows(298)
