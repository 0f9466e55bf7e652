"""Series of business VMs for the benchmarks of baselines and verdicts: real ones, or made-up ones without them.

The traces are 40 business VMs over 13 weeks (GWA-T-12 Bitbrains; Shen, van Beek and Iosup, "Statistical
Characterization of Business-Critical Workloads Hosted in Cloud Datacenters", CCGrid 2015). They are not part of the
project.
"""

import csv
import gzip
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.baselines import HOURS

TRACES = Path(__file__).parents[2] / "shared/data/vm-traces"
NAMES = ("cpu_pct", "mem_used_kb", "net_r")
QUARTERS = 4
"""Windows of an hour."""

ODD = 8
"""In robust standard deviations: a day whose mean is farther from the VM's others is an incident of unknown cause, and
no noise. These are 6 days of 100."""

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


def there() -> bool:
    """Tell whether the traces are here."""
    return TRACES.is_dir()


@cache
def trace(name: str) -> Array:
    """Return a trace by VM, day and hour, the first day a Monday; NaN where a value is missing."""
    values = _read(f"{name}.hourly.csv.gz")
    return values.reshape(len(values), -1, HOURS)


def office() -> Array:
    """Return the network traffic of four office VMs by VM, day and quarter hour, the first day a Monday."""
    values = _read("office_net_r.quarter-hourly.csv.gz")
    return values.reshape(len(values), -1, HOURS * QUARTERS)


def hours(chance: np.random.Generator, vms: int, counters: int, weekdays: Sequence[int]) -> Array:
    """Return series of VMs over days of these weekdays: by VM, counter, day and hour.

    A counter is one of the traces, and a VM one of its VMs, times a number so that no two have the same values. Each
    day is one of theirs at random, a workday or one of a weekend (a bootstrap of whole days): so the course of the day,
    how errors hang together and how large they may be are as they were, and VMs share what they shared on that day.
    What happens on one day happens on others, too: a VM's odd days are replaced by others of its own.
    """
    weekend = np.array(weekdays) >= _SATURDAY
    found = np.empty((vms, counters, len(weekdays), HOURS))
    for counter in range(counters):
        if there():
            name = NAMES[counter % len(NAMES)]
            days = np.where(weekend, *(chance.choice(each, len(weekdays)) for each in _days(name)))
            for vm, one in enumerate(chance.permutation(np.arange(vms) % len(trace(name)))):
                own = np.where(weekend, *(chance.choice(each, len(weekdays)) for each in _days(name, one)))
                usable = np.isin(days, np.concatenate(_days(name, one)))
                found[vm, counter] = trace(name)[one, np.where(usable, days, own)]
        else:
            found[:, counter] = _made_up(chance, vms, weekdays)
    return np.asarray(found * np.exp(chance.normal(0, 0.3, (vms, counters, 1, 1))))


@cache
def _days(name: str, vm: int | None = None) -> tuple[Ints, Ints]:
    """Return the days of weekends, and workdays: of a VM those whose mean is not odd beside its others of the kind."""
    every = trace(name)
    weekend = np.arange(every.shape[1]) % 7 >= _SATURDAY
    kinds = np.flatnonzero(weekend), np.flatnonzero(~weekend)
    if vm is None:
        return kinds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        means = np.nanmean(every[vm], axis=1)
        apart = [np.abs(means[each] - np.nanmedian(means[each])) / np.nanmedian(means[each]) for each in kinds]
        spreads = [np.maximum(1.4826 * np.nanmedian(each), 0.05) for each in apart]
    kept = [each[far <= ODD * spread] for each, far, spread in zip(kinds, apart, spreads, strict=True)]
    return kept[0], kept[1]


def windows(chance: np.random.Generator, day: Array) -> Array:
    """Return the windows of a day's hours (the last axis): each hour's value, and how quarters differ from it.

    They differ by as much of the steps from hour to hour as the quarters of the real VMs do.
    """
    steps = np.abs(np.diff(day, axis=-1))
    steps = np.nan_to_num(np.concatenate([steps[..., :1], steps], axis=-1), nan=0.0)
    size = (steps + np.roll(steps, -1, axis=-1)) / 2
    shares = _shares()
    apart = shares[chance.integers(0, len(shares), day.shape)] * size[..., None]
    return np.asarray(np.maximum(day[..., None] + apart, 0).reshape(*day.shape[:-1], -1))


@cache
def _shares() -> Array:
    """Return how the quarters of hours differ from the hour, as a share of the mean step to the hours beside it."""
    if not there():
        return np.random.default_rng(1).standard_t(4, (5000, QUARTERS)) / 2
    values = _read("office_net_r.quarter-hourly.csv.gz")
    quarters = values[:, : values.shape[1] // QUARTERS * QUARTERS].reshape(len(values), -1, QUARTERS)
    of_hour = quarters.mean(axis=2)
    steps = np.abs(np.diff(of_hour, axis=1))
    size = (steps[:, :-1] + steps[:, 1:]) / 2
    apart = quarters[:, 1:-1] - of_hour[:, 1:-1, None]
    used = size > np.nanmean(size, axis=1)[:, None] / 4
    found = (apart / np.where(used, size, 1)[:, :, None])[used]
    return np.asarray(found[~np.isnan(found).any(axis=1)])


def _read(name: str) -> Array:
    with gzip.open(TRACES / name, "rt") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in rows]).T


def _made_up(chance: np.random.Generator, vms: int, weekdays: Sequence[int]) -> Array:
    """Return series that are high by day on workdays, with errors that hang together and are now and then large."""
    hour = np.arange(HOURS)
    workday = np.array(weekdays) < _SATURDAY
    usual = 20 + 30 * workday[:, None] * ((hour >= 8) & (hour < 18))
    errors = 3 * chance.standard_t(3, (vms, len(weekdays) * HOURS))
    for at in range(1, errors.shape[1]):
        errors[:, at] += 0.7 * errors[:, at - 1]
    return np.maximum(usual + errors.reshape(vms, len(weekdays), HOURS), 0)


_SATURDAY = 5
