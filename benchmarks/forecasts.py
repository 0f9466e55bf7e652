"""``python -m benchmarks forecasts``: how true is what is said of the future, beside simple rivals.

Usage on real VMs (benchmarks.traces), full disks on made ones (benchmarks.disks), log-ons of made people and real VMs
(benchmarks.people).

Rolling origins: every 7 hours from the sixth week on, 48 hours ahead. Ours are as learned four hours before midnight,
corrected by the hours of the day so far, as answers are. All rivals know every hour up to the origin. Their bands are
the 10 and 90 % quantiles of their own errors in the last four weeks, two days ahead; for the median of the hour of the
week, those of its values, as usual.
"""

import time
import warnings
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from benchmarks.disks import bench_disks
from benchmarks.people import bench_people
from benchmarks.traces import NAMES, Array, there, trace
from domain.baselines import HOURS, MOST_DAYS
from domain.forecasting import learn
from domain.forecasts import DAYS_AHEAD, Forecasts, course, joined

AHEAD = 48
EVERY = 7
"""Hours from one origin to the next: all hours of the day have their turn."""

FIRST_DAY = 35
BACK = 28
LEARNED_BEFORE = 4
WEEK = 7 * HOURS

Band = tuple[Array, Array, Array]
"""By series and hour ahead: expected, low and high."""


def yesterday(known: Array) -> Band:
    """Return the last 24 hours, twice."""
    return _with_errors(known, lambda values: np.tile(_filled(values, HOURS)[:, -HOURS:], AHEAD // HOURS))


def last_week(known: Array) -> Band:
    """Return the same hours of the last week."""
    return _with_errors(known, lambda values: _filled(values, WEEK)[:, -WEEK:][:, :AHEAD])


def hour_of_week(known: Array) -> Band:
    """Return the median, and the 10th and 90th percentile, of the same hours of eight weeks."""
    end = known.shape[1]
    columns = []
    for hour in range(end, end + AHEAD):
        same = [at for at in range(hour - WEEK, max(-1, hour - 8 * WEEK - 1), -WEEK) if at < end]
        columns.append(np.nanquantile(known[:, same], (0.5, 0.1, 0.9), axis=1))
    median, low, high = np.stack(columns, axis=2)
    return median, low, high


RIVALS: dict[str, Callable[[Array], Band]] = {
    "same time yesterday": yesterday,
    "same time last week": last_week,
    "hour-of-week median": hour_of_week,
}


def _filled(values: Array, period: int) -> Array:
    """Return values with what is missing taken from a period before, as far back as four."""
    values = values[:, -5 * WEEK :].copy()
    for _ in range(4):
        missing = np.isnan(values)
        missing[:, :period] = False
        values[missing] = np.roll(values, period, axis=1)[missing]
    return values


def _with_errors(known: Array, method: Callable[[Array], Array]) -> Band:
    expected = method(known)
    end = known.shape[1]
    origins = range(end - BACK * HOURS, end - AHEAD + 1, HOURS)
    errors = np.concatenate([known[:, at : at + AHEAD] - method(known[:, :at]) for at in origins], axis=1)
    low, high = np.nanquantile(errors, (0.1, 0.9), axis=1)
    return expected, expected + low[:, None], expected + high[:, None]


def bench_forecasts() -> dict[str, dict[str, float]]:
    """Measure all that is foretold: usage, full disks, and log-ons."""
    found = _usage() if there() else {}
    if not found:
        print("forecasts: the traces are not here, so forecasts of usage are not measured")
    return found | bench_disks() | bench_people()


def _usage() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    ratios, worst = [], 0.0
    for name in NAMES:
        figures = _measured(trace(name))
        for method, told in figures.items():
            print(
                f"forecasts, {name:12}{method:22}{told['mase']:>6.2f} MASE{told['pinball']:>7.3f} pinball"
                f"{told['covered']:>7.1%} within 80 %{told['ms']:>7.2f} ms a series"
            )
        found |= {f"{name}, {method}": told for method, told in figures.items()}
        ours, rivals = figures["ours"], [figures[rival] for rival in RIVALS]
        ratios.append(ours["mase"] / figures["same time yesterday"]["mase"])
        pinball = ours["pinball"] / min(rival["pinball"] for rival in rivals)
        worst = max(worst, pinball)
        print(
            f"forecasts, {name:12}beside yesterday's{ratios[-1]:>6.3f}; beside the best rival's "
            f"{ours['mase'] / min(rival['mase'] for rival in rivals):.3f}, pinball {pinball:.3f} (at most 0.8)"
        )
    mean = float(np.mean(ratios))
    print(f"forecasts           mean of MASE beside same time yesterday: {mean:.3f} (at most 0.85)")
    found["all"] = {"ratio": mean, "pinball": worst}
    return found


def _measured(values: Array) -> dict[str, dict[str, float]]:
    """Return the mean scaled error, the pinball loss, the share within the band and the cost, by method."""
    series, days, _ = values.shape
    flat = values.reshape(series, -1)
    scale = np.nanmean(np.abs(flat[:, HOURS:] - flat[:, :-HOURS]), axis=1)[:, None]
    errors, losses, inside = defaultdict(list), defaultdict(list), defaultdict(list)
    spent: defaultdict[str, float] = defaultdict(float)
    learned: dict[int, Forecasts] = {}
    origins = range(FIRST_DAY * HOURS, (days - 2) * HOURS, EVERY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for origin in origins:
            day = origin // HOURS
            if day not in learned:
                learned[day], took = _learned(values, day)
                spent["ours"] += took
            made = {"ours": _ours(learned[day], flat, day, origin)}
            for rival, method in RIVALS.items():
                began = time.process_time()
                made[rival] = method(flat[:, :origin])
                spent[rival] += time.process_time() - began
            came = flat[:, origin : origin + AHEAD]
            for each, (expected, low, high) in made.items():
                errors[each].append(np.nanmean(np.abs(came - expected) / scale, axis=1))
                loss = sum(_pinball(came, *at) for at in ((expected, 0.5), (low, 0.1), (high, 0.9)))
                losses[each].append(np.nanmean(loss / scale, axis=1))
                known = ~np.isnan(came) & ~np.isnan(low)
                inside[each].append(((came >= low) & (came <= high))[known])
    times = {method: len(learned) if method == "ours" else len(origins) for method in made}
    return {
        method: {
            "mase": float(np.nanmean(errors[method])),
            "pinball": float(np.nanmean(losses[method])) / 3,
            "covered": float(np.concatenate(inside[method]).mean()),
            "ms": 1e3 * spent[method] / times[method] / series,
        }
        for method in made
    }


def _learned(values: Array, day: int) -> tuple[Forecasts, float]:
    first = max(0, day - MOST_DAYS)
    history = values[:, first:day].copy()
    history[:, -1, -LEARNED_BEFORE:] = np.nan
    began = time.process_time()
    found = joined(list(learn(history, [each % 7 for each in range(first, day)], day % 7)))
    return found, time.process_time() - began


def _ours(learned: Forecasts, flat: Array, day: int, origin: int) -> Band:
    begins = day * HOURS
    lines = []
    for row in range(len(flat)):
        came = np.full(DAYS_AHEAD * HOURS, np.nan)
        came[: origin - begins] = flat[row, begins:origin]
        lines.append(np.stack(course(learned, row, day % 7, came))[:, origin - begins : origin - begins + AHEAD])
    expected, low, high = np.stack(lines, axis=1)
    return expected, low, high


def _pinball(came: Array, forecast: Array, share: float) -> Array:
    return np.maximum(share * (came - forecast), (share - 1) * (came - forecast))
