"""Disclosure control: the decisions as tables of cases, against brute force, and what is disclosed of a window."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.disclosure import (
    DOMINATED,
    NOTHING_DISCLOSED,
    DisclosedWindow,
    contributions_of,
    disclosed_histograms,
    figures,
    may_be_ranked,
    ranked_minutes,
    reason_to_suppress,
)
from domain.histogram import Histograms, histograms_of
from domain.minutes import MINUTES_PER_WINDOW
from domain.partials import Partial, merge, partial_of

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


@pytest.mark.parametrize(
    ("enrolled", "made_up", "ranked"),
    [
        ([6] * 6, [], True),  # 30 VMs of others, whoever asks
        ([6] * 5 + [5], [], False),  # whoever has six sees 29
        ([5] * 7, [], True),
        ([10, 6, 6, 6, 6, 6], [], True),
        ([10, 6, 6, 6, 6, 5], [], False),  # the one with ten sees 29
        ([6] * 5 + [5], [50] * 9, False),  # whoever is not enrolled may be made up
        ([31, 30, 1, 1, 1, 1], [], False),  # many, but the average is suppressed
        ([40] * 5, [], False),
    ],
)
def test_percentiles_and_ranks_need_many_vms_of_others_besides(
    enrolled: list[int], made_up: list[int], ranked: bool
) -> None:
    assert may_be_ranked(a_fleet(enrolled, made_up), 5, 30) == ranked
    vms = {f"t{number}": count for number, count in enumerate([*enrolled, *made_up])}
    known = contributions_of(vms, [f"t{number}" for number in range(len(enrolled))])
    assert may_be_ranked(known, 5, 30) == ranked


@given(st.lists(st.integers(1, 12), max_size=9), st.integers(1, 40))
def test_whoever_asks_there_are_enough_vms_of_others(vms: list[int], min_vms: int) -> None:
    known = contributions_of({str(number): count for number, count in enumerate(vms)}, list(map(str, range(len(vms)))))
    fewest = min((sum(vms) - own for own in vms), default=0)
    assert may_be_ranked(known, 2, min_vms) == (reason_to_suppress(known, 2) is None and fewest >= min_vms)


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


def minutes_of_values(minutes: Sequence[Sequence[float]]) -> Histograms:
    slots = [minute for minute, values in enumerate(minutes) for _ in values]
    return histograms_of([value for values in minutes for value in values], slots, MINUTES_PER_WINDOW)


def test_of_the_minutes_only_those_are_disclosed_that_have_many_vms_and_the_samples_of_the_average() -> None:
    series = [a_fleet([6] * 6), a_fleet([1] * 6), None, a_fleet([6] * 6), *[None] * 11]
    counts = ranked_minutes(series, 5, 30)
    assert counts == {0: 36, 3: 36}
    came = minutes_of_values([[1.0] * 36, [1.0] * 6, [], [1.0] * 37, *[[]] * 11])
    found = disclosed_histograms(came, counts, None)
    assert found.totals.tolist() == [36, *[0] * 15]
    with_values = disclosed_histograms(came, counts, histograms_of([1.0, 2.0, 9.0], [0, 0, 1], 2))
    assert with_values.totals.tolist() == [36, *[0] * 14, 2]


def of_values(values: Sequence[float]) -> DisclosedWindow:
    none = histograms_of([], [], MINUTES_PER_WINDOW)
    return DisclosedWindow(
        [None] * MINUTES_PER_WINDOW, disclosed_histograms(none, {}, histograms_of(values, [0] * len(values), 1))
    )


def test_ranks_are_shown_to_five_points_from_ten_to_ninety() -> None:
    hundred = of_values([2.0**exponent for exponent in range(100)])
    shown = hundred.ranks([2.0**exponent for exponent in range(100)])
    assert set(shown) == {float(rank) for rank in range(10, 95, 5)}
    assert shown == sorted(shown, key=float)  # type: ignore[arg-type]
    for exponent, rank in enumerate(shown):
        assert rank is not None
        assert abs(rank - min(max(exponent + 0.5, 10), 90)) <= 2.5
    assert hundred.ranks([0.0, -1e9, 1e300]) == [10.0, 10.0, 90.0]


def test_ranks_that_are_not_disclosed_are_null() -> None:
    assert NOTHING_DISCLOSED.ranks([1.0, 2.0]) == [None, None]
    assert of_values([]).ranks([1.0]) == [None]
