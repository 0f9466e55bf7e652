"""Disclosure control: the decision as a table of cases, against brute force, and what follows for charts."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.charts import Aggregation, FleetItem, Minute, Span
from domain.disclosure import NEVER_SHOWN, disclosed_items, reason_to_suppress
from domain.partials import merge, partial_of
from domain.report import ReportRow, report_rows
from tests.builders import WINDOW_START

FIRST = WINDOW_START + 30
FEW = "fewer than 5 other tenants took part"
DOMINANT = "one of the other tenants brought more than half of their VMs"
OPEN = "the minute is not final yet"


def a_row(vms: Sequence[int], minute: int = 0, value: float = 1.0) -> ReportRow:
    """The report row of tenants with these numbers of VMs."""
    whole = merge([partial_of([value] * count) for count in vms])
    (row,) = report_rows("a.b", WINDOW_START, [whole if at == minute else None for at in range(15)])
    return row


@pytest.mark.parametrize(
    ("own", "others", "final", "reason"),
    [
        # enough others, none too great
        (1, [1, 1, 1, 1, 1], True, None),
        (0, [1, 1, 1, 1, 1], True, None),
        (100, [1, 1, 1, 1, 1], True, None),  # the caller's own part is no secret of another
        (3, [3, 3, 3, 3, 3], True, None),
        (2, [5, 1, 1, 1, 1, 1], True, None),  # exactly half is not more than half
        (5, [5, 2, 1, 1, 1], True, None),
        # too few others
        (1, [1, 1, 1, 1], True, FEW),
        (0, [1, 1, 1, 1], True, FEW),
        (7, [], True, FEW),
        # one of them too great, whether the caller is greater or not
        (1, [5, 1, 1, 1, 1], True, DOMINANT),
        (9, [5, 1, 1, 1, 1], True, DOMINANT),
        (5, [5, 1, 1, 1, 1], True, DOMINANT),
        (0, [99, 1, 1, 1, 1, 1], True, DOMINANT),
        (50, [6, 1, 1, 1, 1, 1], True, DOMINANT),  # less than half of all, more than half of the others
        # not final: whatever else holds
        (1, [1, 1, 1, 1, 1], False, OPEN),
        (1, [1], False, OPEN),
    ],
)
def test_the_decision(own: int, others: list[int], final: bool, reason: str | None) -> None:
    row = a_row([own, *others] if own else others)
    assert reason_to_suppress(row, own, final=final, min_tenants=5) == reason


@given(st.integers(0, 12), st.lists(st.integers(1, 12), max_size=9), st.integers(1, 6))
def test_the_decision_is_that_of_somebody_who_knows_every_tenant(own: int, others: list[int], min_tenants: int) -> None:
    everybody = [own, *others] if own else others
    if not everybody:
        return
    shown = len(others) >= min_tenants and max(others, default=0) * 2 <= sum(others)
    assert (reason_to_suppress(a_row(everybody), own, final=True, min_tenants=min_tenants) is None) == shown


def test_a_row_that_does_not_say_how_it_is_shared_out_is_suppressed() -> None:
    """As those that were stored before that was kept: one tenant may have brought all."""
    row = structs.replace(a_row([1] * 9), shares=(0, 0))
    assert reason_to_suppress(row, 1, final=True, min_tenants=5) == DOMINANT


def chart(
    fleets: Sequence[Sequence[int]], values: Sequence[float], interval: int, by: Aggregation = "avg"
) -> list[FleetItem]:
    """The chart of a caller without data, over minutes with these tenants, all of whose VMs have the minute's value."""
    minutes = [
        Minute(a_row(vms, minute, value), 1.0, final=True)
        for minute, (vms, value) in enumerate(zip(fleets, values, strict=True))
        if vms
    ]
    return disclosed_items(minutes, {}, Span.latest(len(fleets), FIRST + 60 * (len(fleets) - 1)), interval, by, 5)


MANY, LITTLE = [1] * 6, [1] * 2


def test_a_suppressed_minute_takes_no_part_in_its_group() -> None:
    items = chart([MANY, LITTLE, MANY, LITTLE, LITTLE, LITTLE], [1.0, 50.0, 3.0, 7.0, 7.0, 7.0], 3)
    assert [(item.average, item.PerfValue, item.suppressed) for item in items] == [
        (2.0, 2.0, f"in part: {FEW}"),
        (None, None, FEW),
    ]


def test_what_can_be_shown_is_shown_as_to_the_operator() -> None:
    items = chart([MANY] * 4, [1.0, 2.0, 3.0, 9.0], 2, "max")
    assert [(item.timestamp, item.average, item.suppressed) for item in items] == [
        (FIRST, 2, None),
        (FIRST + 120, 9, None),
    ]


def test_counts_and_extremes_are_never_shown() -> None:
    for interval in (1, 3):
        for item in chart([MANY, LITTLE, MANY], [1.0, 2.0, 3.0], interval):
            assert [getattr(item, name) for name in NEVER_SHOWN] == [None] * len(NEVER_SHOWN)


@given(
    st.lists(st.sampled_from([MANY, LITTLE, [9, 1, 1, 1, 1, 1], []]), min_size=1, max_size=15),
    st.data(),
    st.integers(1, 6),
    st.sampled_from(["avg", "min", "max"]),
)
def test_no_chart_depends_on_what_is_suppressed(
    fleets: list[list[int]], data: st.DataObject, interval: int, by: Aggregation
) -> None:
    values = st.lists(st.floats(0, 100), min_size=len(fleets), max_size=len(fleets))
    one, other = data.draw(values), data.draw(values)
    changed = [was if vms is MANY else now for vms, was, now in zip(fleets, one, other, strict=True)]
    assert chart(fleets, one, interval, by) == chart(fleets, changed, interval, by)
