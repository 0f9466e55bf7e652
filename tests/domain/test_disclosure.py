"""Disclosure control: the decision as a table of cases, against brute force, and what follows for charts."""

from collections.abc import Sequence
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.charts import Aggregation, FleetItem, TenantItem
from domain.disclosure import (
    DOMINATED,
    NEVER_SHOWN,
    NOT_FINAL,
    DisclosedItem,
    DisclosedMinute,
    DisclosedTenantItem,
    disclosed_items,
    disclosed_minutes,
    figures,
    reason_to_suppress,
)
from domain.partials import Partial, merge, partial_of
from domain.spans import Span
from tests.builders import WINDOW_START

FIRST = WINDOW_START + 30
FEW = "fewer than 5 other tenants took part"


def a_fleet(vms: Sequence[int], made_up: Sequence[int] = (), value: float = 1.0) -> Partial:
    """The partial of enrolled tenants with these numbers of VMs, and of others that are not enrolled."""
    parts = [partial_of([value] * count, enrolled=True) for count in vms]
    return merge([*parts, *(partial_of([value] * count) for count in made_up)])


@pytest.mark.parametrize(
    ("enrolled", "made_up", "reason"),
    [
        # enough, none too large
        ([1, 1, 1, 1, 1, 1], [], None),
        ([3, 3, 3, 3, 3, 3], [], None),
        ([4, 4, 1, 1, 1, 1], [], None),  # without any of them: exactly half of the others is not more than half
        ([5, 2, 2, 1, 1, 1], [], None),
        # too few: whoever asks may be one of them
        ([1, 1, 1, 1, 1], [], FEW),
        ([7], [], FEW),
        # one too large for whoever asks, though it is less than half of all
        ([6, 4, 1, 1, 1, 1], [], DOMINATED),
        ([4, 1, 1, 1, 1, 1], [], None),
        ([6, 1, 1, 1, 1, 1], [], DOMINATED),
        # the second too large, where the largest asks
        ([50, 6, 1, 1, 1, 1], [], DOMINATED),
        ([9, 5, 1, 1, 1, 1], [], DOMINATED),
        # whoever is not enrolled may be made up: neither tenants nor VMs
        ([1, 1, 1], [1] * 50, FEW),
        ([], [3] * 50, FEW),
        ([6, 1, 1, 1, 1, 1], [50] * 9, DOMINATED),
        ([1, 1, 1, 1, 1, 1], [50] * 9, None),
    ],
)
def test_the_decision(enrolled: list[int], made_up: list[int], reason: str | None) -> None:
    assert reason_to_suppress(a_fleet(enrolled, made_up), 5) == reason


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=9), st.lists(st.integers(1, 30), max_size=3), st.integers(1, 6)
)
def test_what_is_shown_is_safe_from_everybody_who_could_ask(
    vms: list[int], made_up: list[int], min_tenants: int
) -> None:
    """It is shown just where each tenant, and somebody without VMs, could be shown it by themselves."""

    def is_safe(others: list[int]) -> bool:
        return len(others) >= min_tenants and max(others) * 2 <= sum(others)

    safe = all(is_safe([*vms[:asker], *vms[asker + 1 :]]) for asker in range(len(vms))) and is_safe(vms)
    assert (reason_to_suppress(a_fleet(vms, made_up), min_tenants) is None) == safe


def test_a_figure_is_an_average_a_reason_or_nothing() -> None:
    series = [a_fleet([1] * 6, value=0.0), a_fleet([2] * 6, [1], 7.5), a_fleet([1] * 5), a_fleet([], [9]), *[None] * 11]
    assert figures(series, 5) == [0.0, 7.5, FEW, FEW, *[None] * 11]
    assert list(disclosed_minutes(WINDOW_START, figures(series, 5))) == [
        DisclosedMinute(FIRST, 0.0, None),
        DisclosedMinute(FIRST + 60, 7.5, None),
        DisclosedMinute(FIRST + 120, None, FEW),
        DisclosedMinute(FIRST + 180, None, FEW),
    ]


def test_points_for_tenants_have_the_fields_of_the_operators_and_those_that_are_not_disclosed_can_only_be_null() -> (
    None
):
    for shown, whole in ((DisclosedItem, FleetItem), (DisclosedTenantItem, TenantItem)):
        assert [each.name for each in fields(shown)] == [each.name for each in fields(whole)]
    assert NEVER_SHOWN == ("count", "sum", "tenants", "min", "max", "stddev", "sampleMean", "coverage")


def chart(minutes: Sequence[float | str | None], interval: int, by: Aggregation = "avg") -> list[DisclosedItem]:
    """The chart of these figures, one a minute."""
    disclosed = list(disclosed_minutes(WINDOW_START, [*minutes, *[None] * (15 - len(minutes))]))
    return disclosed_items("a.b", disclosed, Span.latest(len(minutes), FIRST + 60 * (len(minutes) - 1)), interval, by)


def test_a_suppressed_minute_takes_no_part_in_its_group() -> None:
    items = chart([1.0, FEW, 3.0, FEW, DOMINATED, FEW], 3)
    assert [(item.average, item.PerfValue, item.suppressed) for item in items] == [
        (2.0, 2.0, f"in part: {FEW}"),
        (None, None, f"{FEW}; {DOMINATED}"),
    ]


def test_a_point_is_made_as_asked() -> None:
    items = chart([1.0, 2.0, None, 9.0, None, None], 2, "max")
    assert [(item.timestamp, item.average, item.suppressed, item.final) for item in items] == [
        (FIRST, 2, None, True),
        (FIRST + 120, 9, None, True),
    ]


def test_a_minute_of_an_open_window_makes_its_group_one_that_is_not_final() -> None:
    minutes = [DisclosedMinute(FIRST, 1.0, None), DisclosedMinute(FIRST + 60, None, NOT_FINAL, final=False)]
    (item,) = disclosed_items("a.b", minutes, Span(FIRST, FIRST + 60), 2, "avg")
    assert (item.average, item.suppressed, item.final) == (1.0, f"in part: {NOT_FINAL}", False)
