"""Measures domain.capacity beside naive rivals: on made disks, whose truth is known, and on real VMs' memory.

Of a disk that fills, the true date is the day on which its daily worst value passes the limit. A range is right if it
holds that day. Disks that are full already are left out. ``SEED`` in the environment repeats a run.
"""

import os
import secrets
import time
import warnings
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from benchmarks.made_disks import DAYS, FILLING, LIMIT, NEVER, Floats, disks
from benchmarks.traces import there, trace
from domain.capacity import LATEST, dates, learn

EACH = 200
"""So many disks of each kind."""

_LEVEL = NormalDist().inv_cdf(0.975)

Range = tuple[Floats, Floats]
"""The first and the last day by disk; NaN where nothing is told."""


def ours(known: Floats, limit: float) -> Range:
    """Return our ranges; of every second disk as if its free space were known."""
    found = np.full((2, len(known)), np.nan)
    for free in (False, True):
        some = slice(int(free), None, 2)
        values = 100 - known[some] if free else known[some]
        told = dates(learn(values, falls=free), 100 - limit if free else limit, falls=free)
        found[:, some] = told.earliest, told.latest
    return found[0], found[1]


def least_squares(known: Floats, limit: float) -> Range:
    """Return the ranges by ordinary least squares over 28 days, with the 95 % interval of its slope."""
    values = _worst(known)[:, -28:]
    days = np.arange(values.shape[1]) - (values.shape[1] - 1.0)
    there = ~np.isnan(values)
    number = there.sum(axis=1)
    means = [np.nansum(np.where(there, each, 0), axis=1) / number for each in (values, days + 0 * values)]
    apart = np.where(there, days - means[1][:, None], 0)
    squares = (apart**2).sum(axis=1)
    slope = np.nansum(apart * values, axis=1) / squares
    level = means[0] - slope * means[1]
    errors = np.where(there, values - level[:, None] - slope[:, None] * days, 0)
    error = _LEVEL * np.sqrt((errors**2).sum(axis=1) / (number - 2) / squares)
    return _range(limit - level, slope - error, slope + error)


def plain_theil_sen(known: Floats, limit: float) -> Range:
    """Return the ranges by Theil and Sen's slope over all days, with Sen's interval by Kendall's statistic (1968)."""
    values = _worst(known)
    first, second = np.triu_indices(values.shape[1], 1)
    days = np.arange(values.shape[1]) - (values.shape[1] - 1.0)
    found = []
    for each in values:
        slopes = np.sort((each[second] - each[first]) / (second - first))
        slopes = slopes[~np.isnan(slopes)]
        number = int((~np.isnan(each)).sum())
        apart = _LEVEL * np.sqrt(number * (number - 1) * (2 * number + 5) / 18)
        ends = (np.array([len(slopes) - apart, len(slopes) + apart]) / 2).astype(int).clip(0, len(slopes) - 1)
        found.append((np.nanmedian(each - np.median(slopes) * days), *slopes[ends]))
    level, low, high = np.array(found).T
    return _range(limit - level, low, high)


def _worst(known: Floats) -> Floats:
    return np.asarray(np.nanmax(known, axis=2))


def _range(room: Floats, low: Floats, high: Floats) -> Range:
    """Return the ranges of two slopes, as far ahead as ours."""
    earliest, latest = np.floor(np.maximum(room, 0) / high) - 1, np.ceil(np.maximum(room, 0) / low)
    told = (low > 0) & (latest <= LATEST * DAYS)
    return np.where(told, np.maximum(earliest, 0), np.nan), np.where(told, latest, np.nan)


RIVALS: dict[str, Callable[[Floats, float], Range]] = {
    "ours": ours,
    "least squares": least_squares,
    "Theil-Sen": plain_theil_sen,
}


def bench_disks() -> dict[str, dict[str, float]]:
    """Measure how often ranges hold the true date, and how often one is told of a disk that never fills."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    print(f"disks               seed {seed}")
    random = np.random.default_rng(seed)
    filling = {kind: disks(course, EACH, random) for kind, course in FILLING.items()}
    never = {kind: disks(course, EACH, random) for kind, course in NEVER.items()}
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # days without values
        for rival, method in RIVALS.items():
            began = time.process_time()
            told = {kind: method(known, LIMIT) for kind, (known, _) in (filling | never).items()}
            spent = time.process_time() - began
            of = {kind: _held(told[kind], whole) for kind, (_, whole) in filling.items()}
            false = {kind: _told(told[kind], whole) for kind, (_, whole) in never.items()}
            whole = np.sum(list(of.values()), axis=0)
            untold = 1 - sum(a for a, _ in false.values()) / sum(b for _, b in false.values())
            found[rival] = {
                "right": float(whole[1] / whole[0]),
                "told": float(whole[0] / whole[2]),
                "untold": float(untold),
                "width": float(np.median(np.concatenate([_widths(told[each], filling[each][1]) for each in filling]))),
                "ms": 1e3 * spent / len(told) / EACH,
            }
            _print(rival, found[rival], {kind: (a, b) for kind, (a, b, _) in of.items()}, false)
        if there():
            _real_memory()
    return found


def _true(whole: Floats, limit: float = LIMIT) -> Floats:
    """Return the day on which each disk passes the limit, 0 for the first after those that are known; inf: never."""
    passed = whole[:, DAYS:].max(axis=2) >= limit
    return np.where(passed.any(axis=1), passed.argmax(axis=1), np.inf)


def _open(whole: Floats) -> Floats:
    """Return 1 for each disk that was not full before."""
    return np.asarray(whole[:, :DAYS].max(axis=(1, 2)) < LIMIT, np.float64)


def _held(told: Range, whole: Floats) -> Sequence[float]:
    """Return how many ranges are told, how many of them are right, and how many disks there are."""
    true, among = _true(whole), _open(whole)
    right = (told[0] <= true) & (true <= told[1])
    return [float((each * among).sum()) for each in (~np.isnan(told[0]), right, np.isfinite(true))]


def _told(told: Range, whole: Floats) -> tuple[float, float]:
    """Return of how many disks that never fill a range is told, and how many there are."""
    among = _open(whole) * np.isinf(_true(whole))
    return float((~np.isnan(told[0]) * among).sum()), float(among.sum())


def _widths(told: Range, whole: Floats) -> Floats:
    """Return how wide the ranges are, against how far ahead the true date is."""
    true = _true(whole)
    some = ~np.isnan(told[0]) & np.isfinite(true) & (_open(whole) > 0)
    return np.asarray((told[1] - told[0])[some] / np.maximum(true[some], 1))


def _print(
    rival: str, of: dict[str, float], held: dict[str, tuple[float, float]], false: dict[str, tuple[float, float]]
) -> None:
    print(
        f"disks, {rival:14}{of['right']:>7.1%} of ranges hold the date{of['untold']:>7.1%} of those that never fill "
        f"have none{of['told']:>5.0%} of those that fill have one{of['width']:>6.2f} width / days ahead"
        f"{of['ms']:>6.2f} ms a series"
    )
    worst = min(held, key=lambda kind: held[kind][1] / max(held[kind][0], 1))
    most = max(false, key=lambda kind: false[kind][0] / max(false[kind][1], 1))
    print(
        f"disks, {rival:14}worst: {worst}, {held[worst][1] / max(held[worst][0], 1):.1%} hold it; {most}, "
        f"{1 - false[most][0] / max(false[most][1], 1):.1%} have no range"
    )


def _real_memory() -> None:
    """Tell how often a slope of real VMs' memory is told, and whether limits that it would reach were reached then."""
    values = trace("mem_used_kb")
    asked = told = right = wrong = later = 0
    for day in range(DAYS // 2, values.shape[1] - 14, 7):
        known, came = values[:, max(0, day - DAYS) : day], _worst(values[:, day:])
        growth = learn(known, falls=False)
        asked += len(values)
        for row in np.flatnonzero(growth.told).tolist():
            one = growth._replace(**{name: getattr(growth, name)[[row]] for name in growth._fields})
            for ahead in (7, 14, 28):
                found = dates(one, float(one.level[0] + ahead * one.slope[0]), falls=False)
                if np.isnan(found.earliest[0]) or found.reached[0]:
                    continue
                told += 1
                passed = came[row] >= one.level[0] + ahead * one.slope[0]
                true = float(passed.argmax()) if passed.any() else np.inf
                held = found.earliest[0] <= true <= found.latest[0]
                ends = not held and np.isinf(true) and found.latest[0] >= came.shape[1]
                right, later, wrong = right + held, later + ends, wrong + (not held and not ends)
    print(
        f"disks, real memory  {asked} times a VM was asked; of limits 7, 14 and 28 days ahead {told} ranges were told: "
        f"{right} held the day, {wrong} did not, of {later} the trace ends before"
    )
