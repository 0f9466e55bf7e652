"""Windows open and close, the fleet's newest minute, and what may still be recomputed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.closing import ENOUGH, MARGIN, MOST_OPEN, REMEMBERED, Progress, Times
from domain.minutes import HOUR, MINUTE, MINUTES_PER_WINDOW, WINDOW, minutes_of
from tests.builders import LATENESS, NOW, TIMES, WINDOW_START

DAY = 86_400


@given(st.integers(-10 * WINDOW, 10 * WINDOW), st.integers(0, HOUR), st.integers(-HOUR, 3 * HOUR))
def test_a_window_is_due_at_its_end_or_its_first_arrival_plus_the_allowed_lateness(
    arrived: int, lateness: int, later: int
) -> None:
    progress = Progress().opening(WINDOW_START, NOW + arrived)
    times = Times(NOW + later, lateness, 30 * DAY)
    due = NOW + later >= NOW + lateness and NOW + later >= NOW + arrived + lateness
    assert progress.due(times) == ([WINDOW_START] if due else [])


def test_a_minute_is_final_once_its_window_is_closed_and_stays_so() -> None:
    first, second = WINDOW_START - WINDOW, WINDOW_START
    progress = Progress().opening(first, first).opening(second, second)
    assert not any(progress.is_final(at) for window in (first, second) for at in minutes_of(window))
    closed = progress.closing(second)
    assert all(closed.is_final(at) for at in minutes_of(second))
    assert not any(closed.is_final(at) for at in minutes_of(first))
    assert (closed.closed, closed.closing(first).closed) == (second, second)


counts = st.lists(st.lists(st.integers(0, 9), min_size=15, max_size=15), min_size=1, max_size=8)


@given(counts)
def test_the_newest_minute_is_the_newest_that_half_of_the_hours_vms_have_reached(windows: list[list[int]]) -> None:
    progress = Progress()
    by_minute: dict[int, int] = {}
    for number, vms in enumerate(windows):
        window = WINDOW_START + number * WINDOW
        progress = progress.counting(window, vms)
        by_minute |= dict(zip(minutes_of(window), vms, strict=True))
    reached = [
        at
        for at, count in by_minute.items()
        if count and count >= ENOUGH * max(by_minute.get(at - back * MINUTE, 0) for back in range(60))
    ]
    assert progress.newest == max(reached, default=None)


def test_what_is_final_counts_as_reached_so_an_evening_does_not_stand_still() -> None:
    """Nine of ten VMs are shut down at once: what the tenth brings is the newest when its window has closed."""
    progress = Progress().counting(WINDOW_START, [10] * 15).counting(NOW, [1] * 15).opening(NOW, NOW)
    assert progress.newest == minutes_of(WINDOW_START)[-1]
    assert progress.closing(NOW).newest == minutes_of(NOW)[-1]


@given(st.permutations(range(20)))
def test_only_the_newest_windows_are_remembered_in_whatever_order_they_come(order: list[int]) -> None:
    progress = Progress()
    for number in order:
        progress = progress.counting(WINDOW_START + number * WINDOW, [number] * MINUTES_PER_WINDOW)
    assert list(progress.vms) == [WINDOW_START + number * WINDOW for number in range(20 - REMEMBERED, 20)]


@given(st.lists(st.tuples(st.integers(0, 20 * DAY), st.integers(2, 30)), min_size=1, max_size=8), st.integers(0, 60))
def test_what_is_recomputable_has_lived_under_every_lifetime_that_there_was(
    looks: list[tuple[int, int]], age: int
) -> None:
    """``looks``: seconds that pass, and for how many days samples are kept from then on."""
    progress, now = Progress(), NOW
    gone_before = 0
    """Samples of windows before this second are gone: worked out by removing them as time passes."""
    days = looks[0][1]
    for passed, then in looks:
        now += passed
        gone_before = max(gone_before, now - days * DAY)
        progress = progress.kept_for(replace(TIMES, now=now, kept=then * DAY))
        days = then
    gone_before = max(gone_before, now - days * DAY)
    window = (now - age * DAY // 2) // WINDOW * WINDOW
    times = replace(TIMES, now=now, kept=days * DAY)
    if progress.recomputable(window, times):
        assert window >= gone_before
    if window >= gone_before + MARGIN:
        assert progress.recomputable(window, times)


def test_lateness_of_the_tests_is_that_of_the_settings() -> None:
    assert LATENESS == 20 * MINUTE


def test_no_more_windows_are_open_than_fit_into_a_document() -> None:
    full = Progress(opened={window * WINDOW: NOW for window in range(MOST_OPEN)})
    assert full.opening(NOW, NOW) == full
    assert full.is_final(NOW + 30)


def test_a_clock_that_was_ahead_once_keeps_no_data_out_for_ever() -> None:
    ahead = replace(TIMES, now=NOW + 5000 * DAY, kept=8 * DAY)
    progress = Progress().kept_for(ahead).kept_for(replace(ahead, kept=31 * DAY))
    assert progress.whole_from > NOW
    assert progress.kept_for(TIMES).whole_from <= NOW - DAY
