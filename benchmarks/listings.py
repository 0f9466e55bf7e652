"""How often VMs are listed as unusual, and as notable, on real VMs where nothing is known to be wrong.

The VMs of the traces are judged as a tenant, each hour as a window, by what was learned of up to 56 days before the
day. A VM counts once a week, however often it is listed; how often that begins is told, too.
"""

import warnings
from collections.abc import Iterator

import numpy as np

from benchmarks.traces import NAMES, Array, Flags, trace
from domain.baselines import HOURS, LINES, MOST_DAYS, learn
from domain.causes import Population
from domain.digests import Series, Whose
from domain.findings import findings
from domain.judged import Judged, Normals
from domain.judging import judge_tenant
from domain.minutes import WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.unusual import OF_THEM, WINDOWS

FIRST_DAY = 28
"""Days before this one are history only."""

KEYS = ("win_cpu.percent_processor_time", "win_mem.percent_used", "win_disk.latency_read_seconds")


def bench_listings() -> dict[str, dict[str, float]]:
    """Print how many VMs are listed a VM and week: by us, and by naive rivals."""
    values = np.stack([trace(name) for name in NAMES])
    listed, notable = _ours(values)
    ways = {"ours": listed, "ours, notable": notable, "hour of week": _hour_of_week(values), "last day": _z(values)}
    found = {}
    for way, each in ways.items():
        weeks = each.reshape(len(each), -1, 7 * HOURS).any(axis=2)
        begins = float((each[:, 1:] & ~each[:, :-1]).sum() / weeks.size)
        found[way] = {"listed": float(weeks.mean()), "begins": begins, "share": float(each.mean())}
        most = {"ours": " (at most 0.30)", "ours, notable": " (at most 0.05)"}.get(way, "")
        print(
            f"normal, listed      {way:24}{weeks.mean():>6.2f} VMs listed a VM and week{most}; "
            f"begins {begins:.2f} times, {each.mean():.1%} of the time"
        )
    return found


def _ours(values: Array) -> tuple[Flags, Flags]:
    """Return by VM and hour whether it is listed, and whether it is notable."""
    _, vms, days, _ = values.shape
    names = [f"vm{at:02}" for at in range(vms)]
    series = [Series(Whose("vm", name), key) for key in KEYS for name in names]
    standing = [StandingVm(name, WINDOW, Dimensions()) for name in names]
    listed = np.zeros((2, vms, (days - FIRST_DAY) * HOURS), np.bool_)
    before: list[Judged] = []
    for at, (lines, now) in enumerate(_hours(values)):
        standings = Standings(standing, dict(zip(KEYS, now, strict=True)))
        judged = judge_tenant(at * WINDOW, standings, Normals(series, lines), before, {})
        before = [judged, *before][: WINDOWS - 1]
        for each in findings({"t": judged}, None, Population("tenant", "t")):
            if each.vm is not None:
                listed[:, names.index(each.vm), at] = True, each.notable
    return listed[0], listed[1]


def _hours(values: Array) -> Iterator[tuple[Array, Array]]:
    """Yield what is normal, by line and series, and the values by counter and VM, hour by hour."""
    for day in range(FIRST_DAY, values.shape[2]):
        history = values[:, :, max(0, day - MOST_DAYS) : day].reshape(-1, min(day, MOST_DAYS), HOURS)
        weekdays = [(day - back) % 7 for back in range(history.shape[1], 0, -1)]
        lines = learn(history, weekdays, day % 7).lines
        for hour in range(HOURS):
            yield lines[:LINES, :, hour], values[:, :, day, hour]


def _hour_of_week(values: Array) -> Flags:
    """Return whether a VM is outside the 1st to 99th percentile of the hour of the week in 3 of 4 hours."""
    outside = []
    for day in range(FIRST_DAY, values.shape[2]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            low, high = np.nanquantile(values[:, :, day % 7 : day : 7][:, :, -8:], (0.01, 0.99), 2)
        outside.append((values[:, :, day] < low) | (values[:, :, day] > high))
    return _lasting(np.concatenate(outside, axis=2))


def _z(values: Array) -> Flags:
    """Return whether a VM is more than three standard deviations off the mean of the day before in 3 of 4 hours."""
    course = values.reshape(*values.shape[:2], -1)
    outside = []
    for at in range(FIRST_DAY * HOURS, course.shape[2]):
        last = course[:, :, at - HOURS : at]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            outside.append(np.abs(course[:, :, at] - np.nanmean(last, 2)) > 3 * np.nanstd(last, 2))
    return _lasting(np.stack(outside, axis=2))


def _lasting(outside: Flags) -> Flags:
    """Return by VM and hour whether any counter was outside in OF_THEM of the last WINDOWS hours."""
    of = np.cumsum(np.pad(outside, ((0, 0), (0, 0), (WINDOWS, 0))), axis=2)
    lasting = np.asarray(of[:, :, WINDOWS:] - of[:, :, :-WINDOWS] >= OF_THEM)
    return np.asarray(lasting.any(axis=0))
