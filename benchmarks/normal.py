"""``python -m benchmarks normal``: how true baselines, lists and verdicts are, beside naive rivals.

On real VMs (benchmarks.traces), whose future is known: how many values the bands of the next day hold, and how many VMs
are listed as unusual. On made incidents of known cause (benchmarks.incidents): how many verdicts are right. The seed
differs each run, and is printed; ``SEED`` in the environment repeats one.
"""

import os
import secrets
import time
import warnings
from collections.abc import Callable

import numpy as np

from benchmarks.incidents import bench_verdicts
from benchmarks.listings import FIRST_DAY, bench_listings
from benchmarks.traces import NAMES, Array, there, trace
from domain.baselines import HOURS, MOST_DAYS, learn

Band = tuple[Array, Array, Array]
"""By series and hour: expected, low and high."""


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
    """Measure bands and lists on the traces, and verdicts on made incidents."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    print(f"normal              seed {seed}")
    found: dict[str, dict[str, float]] = {}
    if there():
        found |= _bands() | {f"listed, {way}": told for way, told in bench_listings().items()}
    else:
        print("normal: the traces are not here, so only verdicts are measured, on made-up values")
    began = time.process_time()
    found |= {f"verdicts, {way}": told for way, told in bench_verdicts(np.random.default_rng(seed)).items()}
    print(f"normal, verdicts    took {time.process_time() - began:.0f} s")
    return found


def _bands() -> dict[str, dict[str, float]]:
    """Measure the share of values within an 80 % band, the pinball loss of its ends, and the cost."""
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
