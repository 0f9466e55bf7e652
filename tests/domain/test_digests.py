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
from domain.digests import Digest, Series, TenantDay, Whose, fleet_digest, kept_of_vms, windows_needed
from domain.fleet_summary import FleetSummary
from domain.histogram import histograms_of
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.summary import WHOLE, GroupKey, figures_of
from domain.zones import local

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
@given(DAYS, ZONES, st.dictionaries(st.sampled_from(["a", "b", "c"]), ZONES), st.integers(0, 2**32))
def test_an_hour_is_the_mean_of_its_windows_by_the_clocks_of_each(
    day: date, zone: str | None, zones: dict[str, str | None], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    made = TenantDay(day, zone, zones)
    expected: dict[Series, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for window in windows_needed(day, {zone, *zones.values()}):
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
        for key in (CPU, NETWORK, SERVICE):
            having = {vm: (pool, values[key]) for vm, (pool, values) in vms.items() if key in values}
            if here.day == day and having:
                expected[Series(Whose("tenant"), key)][here.hour].append(fmean(value for _, value in having.values()))
            if key == NETWORK:
                continue
            for pool in {pool for pool, _ in having.values()} if here.day == day else ():
                of_pool = [value for each, value in having.values() if each == pool]
                expected[Series(Whose("pool", pool), key)][here.hour].append(fmean(of_pool))
            for vm, (_, value) in having.items():
                there = local(window, zones.get(vm, zone))
                if there.day == day:
                    expected[Series(Whose("vm", vm), key)][there.hour].append(value)
    found = hours_of(made.digest)
    assert found == {
        series: {hour: pytest.approx(fmean(values)) for hour, values in hours.items()}
        for series, hours in expected.items()
    }
    assert made.digest.zone == zone


def test_only_counters_that_people_look_at_first_are_kept_of_each_vm() -> None:
    assert [kept_of_vms(key) for key in (CPU, NETWORK, SERVICE, "own.counter")] == [True, False, True, False]


@pytest.mark.parametrize(
    ("day", "windows"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 11, 26), 96)]
)
def test_a_days_windows_are_those_of_its_clocks(day: date, windows: int) -> None:
    assert len(windows_needed(day, ["Europe/London"])) == windows
    both = windows_needed(day, ["Europe/London", "Europe/London", "Asia/Tokyo"])
    assert both == sorted(set(both))
    assert len(both) > windows


def a_summary(values: dict[str | None, list[float]]) -> FleetSummary:
    """A summary whose VMs are in these regions."""
    every = [value for of in values.values() for value in of]
    regions = sorted(values, key=lambda name: name or "")
    groups = [WHOLE, *(GroupKey("Region", region) for region in regions)]
    figures = [figures_of(every), *(figures_of(values[region]) for region in regions)]
    return FleetSummary(groups, figures, histograms_of(every, [0] * len(every), 1), [[]] * len(groups), [], {})


def test_the_fleet_and_its_groups_have_the_averages_of_their_windows() -> None:
    day, zone = date(2026, 10, 25), "Europe/London"
    windows = windows_needed(day, [zone])
    summaries = {
        window: a_summary({"uksouth": [float(at), at + 2.0], None: [7.0]})
        for at, window in enumerate(windows)
        if at != 1
    }
    found = hours_of(fleet_digest(day, zone, CPU, summaries))
    # The hour from one to two comes twice.
    assert found[Series(Whose("Region", "uksouth"), CPU)][1] == fmean(at + 1 for at in range(4, 12))
    assert found[Series(Whose("Region", "uksouth"), CPU)][0] == fmean(at + 1 for at in (0, 2, 3))
    assert set(found[Series(Whose("Region"), CPU)].values()) == {7.0}
    assert found[Series(Whose("fleet"), CPU)][23] == fmean((2 * at + 9) / 3 for at in range(96, 100))
    assert len(found) == 3


def test_sums_beyond_the_largest_double_have_a_mean() -> None:
    made = TenantDay(date(2026, 11, 26), None, {})
    for window in windows_needed(date(2026, 11, 26), [None]):
        made.add(window, standings_of({vm: (None, {CPU: 1.5e308}) for vm in "abc"}))
    assert np.allclose(made.digest.hours, 1.5e308)
    assert len(made.digest.series) == 1 + 1 + 3
    assert made.digest.hours.shape == (5, HOURS)


def test_a_day_without_anything_is_empty() -> None:
    assert not TenantDay(date(2026, 11, 26), None, {}).digest
