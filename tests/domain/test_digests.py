"""Day digests against brute force, over clock changes, moving VMs and missing windows."""

import math
import random
from collections import defaultdict
from datetime import date
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.baselines import HOURS
from domain.buckets import TINY
from domain.day_baselines import day_baselines
from domain.digests import Digest, FleetDay, Series, TenantDay, Whose, fleet_averages, kept_of_vms, rounded
from domain.fleet_summary import FleetSummary
from domain.histogram import histograms_of
from domain.histories import history_in_steps, history_of
from domain.minutes import WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.summary import WHOLE, GroupKey, figures_of
from domain.zones import local, windows_of_day

CPU, NETWORK, SERVICE = "win_cpu.percent_processor_time", "win_net.bytes_sent_persec", "win_service.TermService"
DAYS = st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 11, 26)])
ZONES = st.sampled_from([None, "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])


def dimensions(pool: str | None) -> Dimensions:
    return Dimensions(None, pool, None, None)


def standings_of(vms: dict[str, tuple[str | None, dict[str, float]]]) -> Standings:
    """Standings of VMs: the pool of each, and its values by counter."""
    names = sorted(vms)
    keys = sorted({key for _, values in vms.values() for key in values})
    return Standings(
        [StandingVm(name, 0, dimensions(vms[name][0])) for name in names],
        {key: np.array([vms[name][1].get(key, math.nan) for name in names]) for key in keys},
    )


def hours_of(digest: Digest) -> dict[Series, dict[int, float]]:
    return {
        series: {hour: value for hour, value in enumerate(row) if not math.isnan(value)}
        for series, row in zip(digest.series, digest.hours.tolist(), strict=True)
    }


@settings(max_examples=40)
@given(DAYS, ZONES, st.booleans(), st.integers(0, 2**32))
def test_an_hour_is_the_mean_of_its_windows_by_the_clocks_of_the_zone(
    day: date, zone: str | None, whole: bool, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    made = TenantDay(day, zone, {"a", "b", "c"}, whole=whole)
    expected: dict[Series, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    days = windows_of_day(day, zone)
    for window in range(days[0] - 2 * WINDOW, days[-1] + 2 * WINDOW, WINDOW):
        if chance.random() < 0.1:  # a window that is missing
            continue
        vms = {
            vm: (
                chance.choice([None, "x", "y"]),  # a VM may move at any time
                {key: chance.uniform(-5, 5) for key in (CPU, NETWORK, SERVICE) if chance.random() < 0.9},
            )
            for vm in "abcd"
            if chance.random() < 0.8
        }
        made.add(window, standings_of(vms))
        here = local(window, zone)
        if here.day != day:
            continue
        for key in (CPU, NETWORK, SERVICE):
            having = {vm: (pool, values[key]) for vm, (pool, values) in vms.items() if key in values}
            if whole and having:
                expected[Series(Whose("tenant"), key)][here.hour].append(fmean(value for _, value in having.values()))
            if key == NETWORK:
                continue
            for pool in {pool for pool, _ in having.values()} if whole else ():
                of_pool = [value for each, value in having.values() if each == pool]
                expected[Series(Whose("pool", pool), key)][here.hour].append(fmean(of_pool))
            for vm in having.keys() & {"a", "b", "c"}:
                expected[Series(Whose("vm", vm), key)][here.hour].append(having[vm][1])
    found = hours_of(made.digest)
    assert found == {
        series: {hour: pytest.approx(fmean(values), rel=2e-4) for hour, values in hours.items()}
        for series, hours in expected.items()
    }
    assert made.digest.zone == zone


def test_only_counters_that_people_look_at_first_are_kept_of_each_vm() -> None:
    assert [kept_of_vms(key) for key in (CPU, NETWORK, SERVICE, "own.counter")] == [True, False, True, False]


def a_summary(values: dict[str | None, list[float]]) -> FleetSummary:
    """A summary whose VMs are in these regions."""
    every = [value for of in values.values() for value in of]
    regions = sorted(values, key=lambda name: name or "")
    groups = [WHOLE, *(GroupKey("Region", region) for region in regions)]
    figures = [figures_of(every), *(figures_of(values[region]) for region in regions)]
    histograms = histograms_of(every, [0] * len(every), 1)
    return FleetSummary(groups, figures, {}, histograms, [[]] * len(groups), [])


def test_the_fleet_and_its_groups_have_the_averages_of_their_windows() -> None:
    day, zone = date(2026, 10, 25), "Europe/London"
    windows = windows_of_day(day, zone)
    summaries = {
        window: a_summary({"uksouth": [float(at), at + 2.0], None: [7.0]})
        for at, window in enumerate(windows)
        if at != 1
    }
    made = FleetDay(day, zone, ["uksouth", None], whole=True)
    for window, summary in summaries.items():
        made.add(window, fleet_averages({CPU: summary}))
    found = hours_of(made.digest)
    # The hour from one to two comes twice.
    assert found[Series(Whose("Region", "uksouth"), CPU)][1] == fmean(at + 1 for at in range(4, 12))
    assert found[Series(Whose("Region", "uksouth"), CPU)][0] == pytest.approx(
        fmean(at + 1 for at in (0, 2, 3)), rel=2e-4
    )
    assert set(found[Series(Whose("Region"), CPU)].values()) == {7.0}
    assert found[Series(Whose("fleet"), CPU)][23] == pytest.approx(
        fmean((2 * at + 9) / 3 for at in range(96, 100)), rel=2e-4
    )
    assert len(found) == 3


def test_sums_beyond_the_largest_double_have_a_mean() -> None:
    made = TenantDay(date(2026, 11, 26), None, "abc", whole=True)
    for window in windows_of_day(date(2026, 11, 26), None):
        made.add(window, standings_of({vm: (None, {CPU: 1.5e308}) for vm in "abc"}))
    assert np.allclose(made.digest.hours, 1.5e308, rtol=2e-4)
    assert len(made.digest.series) == 1 + 1 + 3
    assert made.digest.hours.shape == (5, HOURS)


@given(st.floats(), st.sampled_from([12, 23]))
def test_a_rounded_value_is_near_and_has_few_bits(value: float, bits: int) -> None:
    (found,) = rounded(np.array([value]), bits).tolist()
    if math.isfinite(value):
        assert math.isfinite(found)
        assert abs(found - value) <= max(abs(value) * 2.0**-bits, 1e-300)
        assert int(np.array([found]).view(np.int64)[0]) % (1 << (52 - bits)) == 0
        assert rounded(np.array([found]), bits).tolist() == [found]
    else:
        assert repr(found) == repr(value)


def test_a_day_without_anything_is_empty() -> None:
    assert not TenantDay(date(2026, 11, 26), None, (), whole=True).digest


@given(st.lists(st.floats(-1e300, 1e300).filter(lambda value: not 0 < abs(value) < TINY), min_size=1, max_size=5))
def test_what_is_kept_of_a_constant_holds_it(values: list[float]) -> None:
    """Ends are rounded outwards."""
    days = [date(2026, 11, 2 + day) for day in range(5)]
    series = [Series(Whose("vm", str(number)), CPU) for number in range(len(values))]
    hours = np.repeat(np.array(values)[:, None], HOURS, axis=1)
    comes = date(2026, 11, 7)
    bands = day_baselines(comes, None, history_of(comes, {day: Digest(None, series, hours) for day in days})).bands
    constant = np.array(values)[:, None]
    assert (bands.low <= constant).all()
    assert (bands.high >= constant).all()
    assert bands.expected == pytest.approx(hours, rel=3e-4)


def test_a_history_is_put_together_with_a_pause_after_each_day() -> None:
    days = [date(2026, 11, 2 + day) for day in range(5)]
    digests = {day: Digest(None, [Series(Whose("vm", "v"), CPU)], np.full((1, HOURS), float(day.day))) for day in days}
    *steps, whole = history_in_steps(date(2026, 11, 7), digests)
    assert len(steps) == len(days)
    assert whole.hours[0, :, 0].tolist() == [2, 3, 4, 5, 6]
