"""In which quarters VMs and pools were used: from standings, by local clocks, also where these change."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.digests import Whose
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.use_days import ACTIVE, LOGONS, MOST_SESSIONS, TenantUse, UseDay, side_by_side
from domain.zones import windows_of_day

LONDON, LORD_HOWE = "Europe/London", "Australia/Lord_Howe"
MONDAY = date(2026, 11, 16)
MISSING = math.nan
OTHER = "win_cpu.percent_processor_time"

Windows = Mapping[int, Mapping[str, Sequence[float]]]
"""By window and VM, its active sessions and log-ons."""


def at(day: date, clock: str, zone: str | None = LONDON, *, second: bool = False) -> int:
    """The window at which clocks show this, or at which they show it for the second time."""
    hour, minute = map(int, clock.split(":"))
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone or "UTC"), fold=second)
    return int(moment.timestamp())


def standings(window: int, values: Mapping[str, Sequence[float]], pools: Mapping[str, str | None]) -> Standings:
    """Standings of VMs, by name, with their active sessions and log-ons."""
    vms = [StandingVm(name, window, Dimensions(ResourcePoolName=pools.get(name))) for name in values]
    columns = np.array(list(values.values())).T
    return Standings(vms, {ACTIVE: columns[0], LOGONS: columns[1], OTHER: np.ones(len(vms))})


def use_of(
    windows: Windows,
    day: date = MONDAY,
    zone: str | None = LONDON,
    pools: Mapping[str, str | None] | None = None,
    vms: Sequence[str] = ("a", "b"),
    *,
    whole: bool = True,
) -> UseDay:
    made = TenantUse(day, zone, vms, whole=whole)
    for window, values in windows.items():
        made.add(window, standings(window, values, pools or {}))
    return made.use_day


def quarters(of: UseDay, kind: str, name: str, *, seen: bool = False) -> list[int]:
    row = of.whose.index(Whose(kind, name))  # type: ignore[arg-type]
    return np.flatnonzero((of.seen if seen else of.used)[row]).tolist()


def test_a_vm_is_used_while_sessions_are_active_or_somebody_logs_on_and_seen_while_it_tells_of_them() -> None:
    made = use_of(
        {
            at(MONDAY, "08:45"): {"a": [0, 1], "b": [MISSING, MISSING]},
            at(MONDAY, "09:00"): {"a": [2, MISSING], "b": [0, 0]},
            at(MONDAY, "09:15"): {"a": [0, 0], "b": [MISSING, 3]},
        }
    )
    assert quarters(made, "vm", "a") == [35, 36]
    assert quarters(made, "vm", "a", seen=True) == [35, 36, 37]
    assert (quarters(made, "vm", "b"), quarters(made, "vm", "b", seen=True)) == ([37], [36, 37])
    assert (made.came, made.there) == (2, 2)


def test_windows_of_other_days_and_vms_that_tell_of_no_sessions_are_left_out() -> None:
    others: Windows = {
        at(MONDAY + timedelta(days=1), "09:00"): {"a": [1, 1]},
        at(MONDAY, "09:00"): {"b": [MISSING] * 2},
    }
    assert not use_of(others)
    silent = TenantUse(MONDAY, LONDON, ["a"], whole=True)
    silent.add(at(MONDAY, "09:00"), Standings([StandingVm("a", 0, Dimensions())], {OTHER: np.array([1.0])}))
    assert not silent.use_day


def test_a_pool_is_used_while_any_of_its_vms_is_also_of_another_zone_and_its_sessions_are_their_sum() -> None:
    windows: Windows = {
        at(MONDAY, "09:00"): {"a": [2, 0], "b": [0, 0], "tokyo": [3, 0], "lonely": [7, 0]},
        at(MONDAY, "09:15"): {"a": [0, 0], "b": [MISSING, 1], "tokyo": [MISSING] * 2, "lonely": [MISSING] * 2},
    }
    pools = {"a": "p", "b": "p", "tokyo": "p", "lonely": None}
    made = use_of(windows, pools=pools)
    assert list(made.whose) == [Whose("pool", "p"), Whose("vm", "a"), Whose("vm", "b")]
    assert quarters(made, "pool", "p") == [36, 37]
    assert made.sessions[0, 35:38].tolist() == [0, 5, 0]
    assert (made.came, made.there) == (4, 4)
    part = use_of(windows, pools=pools, whole=False)
    assert list(part.whose) == [Whose("vm", "a"), Whose("vm", "b")]
    assert len(part.sessions) == 0


@pytest.mark.parametrize("value", [1e308, math.inf, MOST_SESSIONS + 1])
def test_absurd_numbers_of_sessions_stay_finite(value: float) -> None:
    made = use_of({at(MONDAY, "09:00"): {"a": [value, 0], "b": [value, 0]}}, pools={"a": "p", "b": "p"})
    assert made.sessions.max() == MOST_SESSIONS


def test_a_skipped_hour_has_no_quarters_and_a_doubled_one_joins_both() -> None:
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    everywhere = {window: {"a": [1.0, 0.0]} for window in windows_of_day(spring, LONDON)}
    assert quarters(use_of(everywhere, spring), "vm", "a") == [*range(4), *range(8, 96)]
    twice: Windows = {
        at(autumn, "01:15"): {"a": [0, 0], "b": [4, 0]},
        at(autumn, "01:15", second=True): {"a": [1, 0], "b": [2, 0]},
        at(autumn, "01:30"): {"a": [1, 0], "b": [0, 0]},
        at(autumn, "01:30", second=True): {"a": [0, 0], "b": [0, 0]},
    }
    made = use_of(twice, autumn, pools={"a": "p", "b": "p"})
    assert (quarters(made, "vm", "a"), quarters(made, "vm", "b")) == ([5, 6], [5])
    assert made.sessions[0, 5:7].tolist() == [4, 1]


def test_half_an_hour_is_skipped_and_doubled_on_lord_howe_island() -> None:
    spring, autumn = date(2026, 10, 4), date(2026, 4, 5)
    for day, expected in ((spring, [*range(8), *range(10, 96)]), (autumn, [*range(96)])):
        everywhere = {window: {"a": [1.0, 0.0]} for window in windows_of_day(day, LORD_HOWE)}
        assert quarters(use_of(everywhere, day, LORD_HOWE), "vm", "a") == expected
    made = use_of({at(autumn, "01:45", LORD_HOWE, second=True): {"a": [1.0, 0.0]}}, autumn, LORD_HOWE)
    assert quarters(made, "vm", "a") == [7]


def test_a_session_over_midnight_is_in_both_days() -> None:
    night: Windows = {
        at(MONDAY, "23:45"): {"a": [1.0, 0.0]},
        at(MONDAY + timedelta(days=1), "00:00"): {"a": [1.0, 0.0]},
    }
    assert quarters(use_of(night), "vm", "a") == [95]
    assert quarters(use_of(night, MONDAY + timedelta(days=1)), "vm", "a") == [0]


def test_the_order_of_windows_makes_no_difference() -> None:
    chance = np.random.default_rng(1)
    windows = {
        window: {name: chance.choice([0, 1, MISSING], 2).tolist() for name in "ab"}
        for window in windows_of_day(MONDAY, LONDON)
    }
    backwards = dict(reversed(windows.items()))
    assert use_of(windows, pools={"a": "p", "b": "q"}) == use_of(backwards, pools={"a": "p", "b": "q"})


def day_of(number: int, came: int, names: str = "a") -> UseDay:
    """A day on which each of these VMs is used at one quarter."""
    whose = [Whose("pool", "p"), *(Whose("vm", name) for name in names)]
    used = np.zeros((len(whose), 96), np.bool_)
    used[:, number] = True
    return UseDay(LONDON, whose, used, used, np.full((1, 96), float(number)), came, 9)


def test_days_lie_side_by_side_from_the_first_on_which_anybody_was_seen() -> None:
    days = {MONDAY: day_of(1, 4, "ab"), MONDAY + timedelta(days=2): day_of(2, 8, "bc")}
    last = MONDAY + timedelta(days=3)
    use = side_by_side(days, last, 56)
    assert list(use.days) == [MONDAY + timedelta(days=more) for more in range(4)]
    assert use.weekdays == [0, 1, 2, 3]
    assert [each.name for each in use.whose] == ["p", "a", "b", "c"]
    assert use.known.tolist() == [True, False, True, False]
    assert use.used.sum(axis=2).tolist() == [[1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0]]
    assert use.sessions[0, :, 0].tolist() == [1, 0, 2, 0]


def test_only_so_many_days_before_the_last_count_and_none_after_it() -> None:
    days = {MONDAY + timedelta(days=more): day_of(1, 1) for more in range(9)}
    use = side_by_side(days, MONDAY + timedelta(days=6), 4)
    assert (use.days[0], use.days[-1]) == (MONDAY + timedelta(days=3), MONDAY + timedelta(days=6))
    assert not side_by_side(days, MONDAY - timedelta(days=1), 4).days
    assert not side_by_side({}, MONDAY, 4).whose


def test_a_weekday_on_which_mostly_nobody_is_seen_is_known_and_an_outage_is_not() -> None:
    """All VMs of a small tenant are stopped on weekends."""
    outage = MONDAY + timedelta(days=8)
    every = [MONDAY + timedelta(days=at) for at in range(21)]
    days = {day: day_of(1, 3) for day in every if day.weekday() < 5 and day != outage}
    use = side_by_side(days, every[-1], 56)
    assert [day for day, known in zip(use.days, use.known, strict=True) if not known] == [outage]
    assert np.isnan(use.tenant_used).tolist() == (~use.known).tolist()
    assert use.tenant_used[5:7].tolist() == [0, 0]
    young = side_by_side({MONDAY: day_of(1, 3)}, MONDAY + timedelta(days=6), 56)
    assert young.known.tolist() == [True] + [False] * 6


def test_the_share_of_a_tenants_vms_is_of_the_most_that_were_seen() -> None:
    came = [9, 6, 0]
    days = {MONDAY + timedelta(days=at): day_of(1, each) for at, each in enumerate(came)}
    used = side_by_side(days, MONDAY + timedelta(days=3), 56).tenant_used
    assert used[:3] == pytest.approx([1, 2 / 3, 0])
    assert math.isnan(used[3])
