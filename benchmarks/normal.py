"""``python -m benchmarks normal``: how true baselines are on real VMs, one day ahead, beside naive rivals.

The traces are 40 business VMs over 13 weeks (GWA-T-12 Bitbrains; Shen, van Beek and Iosup, "Statistical
Characterization of Business-Critical Workloads Hosted in Cloud Datacenters", CCGrid 2015). They are not part of the
project: without them there is nothing to measure.
"""

import csv
import gzip
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.baselines import HOURS, MOST_DAYS, learn

TRACES = Path(__file__).parents[2] / "shared/data/vm-traces"
NAMES = ("cpu_pct", "mem_used_kb", "net_r")
FIRST_DAY = 28
"""Days before this one are history only."""

Array = NDArray[np.float64]
Band = tuple[Array, Array, Array]
"""By series and hour: expected, low and high."""


def trace(name: str) -> Array:
    """Return a trace by VM, day and hour, the first day a Monday; NaN where a value is missing."""
    with gzip.open(TRACES / f"{name}.hourly.csv.gz", "rt") as file:
        rows = list(csv.reader(file))[1:]
    values = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows])
    return values.T.reshape(values.shape[1], -1, HOURS)


def ours(history: Array, weekday: int) -> Band:
    """Return our baselines."""
    days = history.shape[1]
    bands = learn(history, [(weekday - days + day) % 7 for day in range(days)], weekday)
    return bands.expected, bands.low, bands.high


def hour_of_week(history: Array, weekday: int) -> Band:
    """Return the median, and the 10th and 90th percentile, of the same hour of the same weekday."""
    days = history.shape[1]
    same = history[:, [day for day in range(days) if (weekday - days + day) % 7 == weekday]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        median, low, high = np.nanquantile(same, (0.5, 0.1, 0.9), axis=1)
    return median, low, high


def last_day(history: Array, weekday: int) -> Band:  # noqa: ARG001
    """Return the mean of the last day, and the normal distribution's 10th and 90th percentile by its deviation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, spread = (of(history[:, -1], axis=1)[:, None] * np.ones(HOURS) for of in (np.nanmean, np.nanstd))
    return mean, mean - 1.2816 * spread, mean + 1.2816 * spread


RIVALS: dict[str, Callable[[Array, int], Band]] = {
    "ours": ours,
    "hour of week": hour_of_week,
    "last day": last_day,
}


def bench_normal() -> dict[str, dict[str, float]]:
    """Measure the share of values within an 80 % band, the pinball loss of its ends, and the cost."""
    if not TRACES.is_dir():
        print("normal: the traces are not here, so nothing is measured")
        return {}
    found: dict[str, dict[str, float]] = {}
    for name in NAMES:
        values = trace(name)
        usual = np.nanmean(np.abs(values[:, 1:] - values[:, :-1]), axis=(1, 2))
        for rival, method in RIVALS.items():
            inside, losses, errors, spent = [], [], [], 0.0
            for day in range(FIRST_DAY, values.shape[1]):
                began = time.process_time()
                expected, low, high = method(values[:, max(0, day - MOST_DAYS) : day], day % 7)
                spent += time.process_time() - began
                came = values[:, day]
                known = ~np.isnan(came) & ~np.isnan(low)
                inside.append(((came >= low) & (came <= high))[known])
                loss = _pinball(came, low, 0.1) + _pinball(came, high, 0.9)
                losses.append((loss / usual[:, None])[known])
                errors.append((np.abs(came - expected) / usual[:, None])[known])
            days = values.shape[1] - FIRST_DAY
            share = float(np.concatenate(inside).mean())
            found[f"{name}, {rival}"] = {
                "covered": share,
                "pinball": float(np.concatenate(losses).mean()),
                "error": float(np.concatenate(errors).mean()),
                "ms": 1e3 * spent / days / len(values),
            }
            told = found[f"{name}, {rival}"]
            print(
                f"normal, {name:12}{rival:14}{share:>7.1%} within 80 %{told['pinball']:>7.2f} pinball"
                f"{told['error']:>7.2f} error (1: as yesterday){told['ms']:>7.2f} ms a series"
            )
    return found


def _pinball(came: Array, forecast: Array, share: float) -> Array:
    return np.maximum(share * (came - forecast), (share - 1) * (came - forecast))
