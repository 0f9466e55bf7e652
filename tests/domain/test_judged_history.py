"""What was learned from days judges the windows after them: incidents in the history, renamed VMs, clock changes."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.baselines import HOURS, learn
from domain.day_baselines import day_baselines
from domain.digests import Digest, Series, TenantDay, Whose
from domain.histories import history_of
from domain.judged import Normals
from domain.judging import judge_tenant
from domain.standings import Standings
from domain.zones import local, windows_of_day
from tests.domain.judged_cases import CPU, judge, lasting, some_dimensions, standings_of

SEEDS = st.integers(0, 2**32 - 1)
HERE = some_dimensions()


def digests_of(values: Sequence[Sequence[float]], first: date = date(2026, 3, 2)) -> dict[date, Digest]:
    """Digests of one VM's days."""
    series = [Series(Whose("vm", "vm"), CPU)]
    return {first + timedelta(days=at): Digest(None, series, np.array([day], float)) for at, day in enumerate(values)}


def score_after(history: dict[date, Digest], value: float, hour: int = 12) -> float:
    """The score of a value that lasts on the day after some days."""
    day = max(history) + timedelta(days=1)
    learned = day_baselines(day, None, history_of(day, history))
    normals = Normals(list(learned.series), learned.bands.lines[:, :, hour])
    judged = lasting({"vm": {CPU: value}}, {"vm": HERE}, normals)
    return next((each.beyond for each in judged.deviations), 0.0)


@settings(max_examples=10)
@given(SEEDS)
def test_what_was_learned_finds_an_incident_and_only_it(seed: int) -> None:
    chance = np.random.default_rng(seed)
    days = 20 + chance.normal(0, 1, (28, HOURS))
    calm, wild = digests_of(days.tolist()), days.copy()
    wild[chance.integers(28)] = math.nan
    wild[chance.integers(28), chance.integers(HOURS)] = 1e15
    wild[7:14] = math.nan  # a week without data
    for history in (calm, digests_of(wild.tolist())):
        assert score_after(history, 20.0) == 0
        # Six widths of 2.6: far beyond what is rare even where one day of 20 was odd.
        assert score_after(history, 20 + 6 * 2.6) > 1


def test_a_vm_renamed_is_silent_under_its_old_name_for_some_days_and_not_judged_under_the_new() -> None:
    usual = np.full(HOURS, 20.0)
    for after, silent in ((1, True), (6, True), (9, False)):
        hours = np.full((2, 28, HOURS), np.nan)
        hours[0, : 28 - after] = usual
        hours[1, 28 - after :] = usual
        weekdays = [(at + 1) % 7 for at in range(28)]
        lines = learn(hours, weekdays, 1).lines[:, :, 12]
        normals = Normals([Series(Whose("vm", name), CPU) for name in ("old", "new")], lines)
        judged = judge([{"new": {CPU: 20.0}}] * 4, {"old": HERE, "new": HERE}, normals)[-1]
        assert [each.whose.name for each in judged.deviations] == (["old"] if silent else [])


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("Europe/London", date(2026, 3, 29)),
        ("Europe/London", date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
    ],
)
def test_on_the_days_after_a_clock_change_people_are_expected_by_their_own_clocks(zone: str, changes: date) -> None:
    """A VM is busy from 9 to 17 by local clocks, every day; the clock changes after 28 days, or in their midst."""
    for after in (1, 14):
        day = changes + timedelta(days=after)
        digests = {}
        for back in range(1, 29):
            past = day - timedelta(days=back)
            made = TenantDay(past, zone, {"vm"}, whole=False)
            for window in windows_of_day(past, zone):
                made.add(window, _busy(window, zone))
            digests[past] = made.digest
        learned = day_baselines(day, zone, history_of(day, digests))
        for window in windows_of_day(day, zone):
            hour = local(window, zone).hour
            normals = Normals(list(learned.series), learned.bands.lines[:, :, hour])
            found = judge_tenant(window, _busy(window, zone), normals, [], {})
            assert not found.deviations
        idle = judge_tenant(
            0, standings_of({"vm": {CPU: 5.0}}, {}), Normals(list(learned.series), learned.bands.lines[:, :, 9]), [], {}
        )
        assert idle.deviations


def _busy(window: int, zone: str) -> Standings:
    busy = 9 <= local(window, zone).hour < 17
    return standings_of({"vm": {CPU: 80.0 if busy else 5.0}}, {"vm": HERE})
