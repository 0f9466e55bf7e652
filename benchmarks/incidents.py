"""Verdicts on made incidents of known cause, in fleets whose values are those of real VMs (benchmarks.traces).

A fleet has 300 VMs of 12 tenants; a tenant's pools are each in one region, and mostly of one size. VMs of a tenant
share shocks. In an incident, one counter of each VM of a population moves to its worse side by some widths of its own
band, for some hours. The verdict on one of these VMs should name the population, from the third window on. Without an
incident it should be none: that is asked of all VMs.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import get_args

import numpy as np

from benchmarks.traces import QUARTERS, Array, Flags, hours, windows
from domain.baselines import HOURS, LINES
from domain.counters import worse_of
from domain.day_baselines import day_baselines
from domain.digests import Digest, Series, Whose
from domain.histories import history_of
from domain.judged import Judged, Normals
from domain.judging import judge_fleet, judge_tenant
from domain.minutes import WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm
from domain.unusual import OF_THEM, WINDOWS
from domain.verdicts import Answer, verdict_on

TENANTS, VMS, POOLS, SIZES, REGIONS = 12, 25, 3, 4, 4
HISTORY = 28
KEYS = (
    "win_cpu.percent_processor_time",
    "win_mem.percent_used",
    "win_disk.latency_read_seconds",
    "win_session.input_delay_ms",
    "win_session.logon_seconds",
    "win_disk.percent_free_space",
)
CAUSES: tuple[Answer, ...] = tuple(each for each in get_args(Answer) if each not in ("none", "unknown"))
FLEETS, INCIDENTS, QUIET = 8, 50, 4
"""How many fleets, incidents of each, and windows of each without an incident."""
SIGNS = tuple(-1 if worse_of(key) == "low" else 1 for key in KEYS)
SHOCK = 0.5
"""How large the shocks of a tenant are, beside the steps of its VMs from hour to hour."""


@dataclass(frozen=True)
class Incident:
    """What happens on a day. ``vms``: the VMs that it meets, by number. It begins and ends with these windows."""

    cause: Answer
    vms: Flags
    vm: int
    counter: int
    widths: float
    begin: int
    end: int


class Fleet:
    """A fleet of 300 VMs with their history, and a day to judge."""

    def __init__(self, chance: np.random.Generator) -> None:
        self.chance = chance
        weekday = int(chance.integers(7))
        parts = [_tenant(chance, weekday) for _ in range(TENANTS)]
        self.hours = np.concatenate(parts)
        number = len(self.hours)
        self.tenant = np.repeat(np.arange(TENANTS), VMS)
        pool = np.concatenate([chance.permutation(np.arange(VMS) % POOLS) for _ in range(TENANTS)])
        self.pool = self.tenant * POOLS + pool
        self.region = chance.permutation(np.arange(TENANTS * POOLS) % REGIONS)[self.pool]
        size = chance.integers(0, SIZES, TENANTS * POOLS)[self.pool]
        self.size = np.where(chance.random(number) < 0.5, size, chance.integers(0, SIZES, number))
        self.windows = np.concatenate([windows(chance, part[:, :, -1]) for part in parts])
        day = date(2024, 1, 1) + timedelta(days=HISTORY + weekday)
        self.normals = [self._learned(tenant, day) for tenant in range(TENANTS)]

    def _learned(self, tenant: int, day: date) -> Array:
        """Return the lines of what is normal for a tenant's VMs, by line, VM, counter and hour."""
        some = self.hours[self.tenant == tenant]
        series = [Series(Whose("vm", str(vm)), key) for vm in range(VMS) for key in KEYS]
        digests = {
            day - timedelta(days=back): Digest(None, series, some[:, :, -1 - back].reshape(-1, HOURS))
            for back in range(1, HISTORY + 1)
        }
        learned = day_baselines(day, None, history_of(day, digests))
        at = {each: row for row, each in enumerate(learned.series)}
        rows = [at.get(each, -1) for each in series]
        lines = np.where(np.array(rows)[None, :, None] < 0, np.nan, learned.bands.lines[:, rows])
        return np.asarray(lines.reshape(-1, VMS, len(KEYS), HOURS))

    def populations(self, vm: int) -> Mapping[Answer, Flags]:
        """Return the VMs of each population that a VM is in, the smaller first."""
        every = np.arange(len(self.hours))
        return {
            "vm": every == vm,
            "pool": self.pool == self.pool[vm],
            "tenant": self.tenant == self.tenant[vm],
            "size": self.size == self.size[vm],
            "region": self.region == self.region[vm],
            "fleet": every >= 0,
        }

    def incident(self, cause: Answer) -> Incident:
        """Make up an incident of this cause, during the day."""
        chance = self.chance
        vm = int(chance.integers(len(self.hours)))
        begin = int(chance.integers(QUARTERS, HOURS * QUARTERS - 6 * QUARTERS))
        end = begin + int(chance.integers(QUARTERS, 6 * QUARTERS + 1))
        met = self.populations(vm)[cause]
        return Incident(cause, met, vm, int(chance.integers(len(KEYS))), chance.uniform(2, 6), begin, end)

    def values(self, incident: Incident | None, window: int) -> Array:
        """Return the values in a window, by VM and counter."""
        values: Array = self.windows[:, :, window].copy()
        if incident and incident.begin <= window < incident.end:
            lines = np.concatenate(self.normals, axis=1)[:, :, incident.counter, window // QUARTERS]
            width = incident.widths * (lines[2] - lines[1])
            values[:, incident.counter] += np.where(incident.vms, SIGNS[incident.counter] * width, 0)
        return values

    def dimensions(self, vm: int) -> Dimensions:
        """Return a VM's dimensions."""
        return Dimensions(None, f"p{self.pool[vm]}", f"r{self.region[vm]}", f"s{self.size[vm]}")

    def judged(self, incident: Incident | None, window: int) -> tuple[Mapping[str, Judged], Judged]:
        """Return what is found of each tenant, and of the fleet, in a window."""
        before: list[list[Judged]] = [[] for _ in range(TENANTS)]
        for at in range(window + 1 - WINDOWS, window + 1):
            values = self.values(incident, at)
            for tenant in range(TENANTS):
                own = np.flatnonzero(self.tenant == tenant)
                names = [str(vm) for vm in range(VMS)]
                vms = [StandingVm(name, 14, self.dimensions(vm)) for name, vm in zip(names, own.tolist(), strict=True)]
                order = np.argsort(names)
                standings = Standings([vms[each] for each in order], dict(zip(KEYS, values[own][order].T, strict=True)))
                series = [Series(Whose("vm", name), key) for name in names for key in KEYS]
                lines = self.normals[tenant][..., at // QUARTERS].reshape(-1, len(series))
                found = judge_tenant(at * WINDOW, standings, Normals(series, lines), before[tenant], {})
                before[tenant].insert(0, found)
        judged = {str(tenant): each[0] for tenant, each in enumerate(before)}
        return judged, judge_fleet(window * WINDOW, {}, Normals([], np.empty((LINES, 0))), [], judged)


def _tenant(chance: np.random.Generator, weekday: int) -> Array:
    """Return the hours of a tenant's VMs: as they are in the traces, and shocks that all have."""
    found = hours(chance, VMS, len(KEYS), [(weekday - back) % 7 for back in range(HISTORY, -1, -1)])
    steps = np.nanmean(np.abs(np.diff(found, axis=-1)), axis=(2, 3), keepdims=True)
    shocks = chance.standard_t(3, (len(KEYS), (HISTORY + 1) * HOURS))
    for at in range(1, shocks.shape[1]):
        shocks[:, at] += 0.5 * shocks[:, at - 1]
    return np.asarray(np.maximum(found + SHOCK * steps * shocks.reshape(1, len(KEYS), -1, HOURS), 0))


def bench_verdicts(chance: np.random.Generator) -> dict[str, dict[str, float]]:
    """Print how many verdicts are right, by cause: ours, ours as a tenant's caller sees it, and the rivals'."""
    right: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for at in range(FLEETS):
        fleet = Fleet(chance)
        for number in range(INCIDENTS):
            incident = fleet.incident(CAUSES[(at * INCIDENTS + number) % len(CAUSES)])
            window = int(chance.integers(incident.begin + 2, incident.end))
            judged = fleet.judged(incident, window)
            answers = _ours(fleet, *judged, incident.vm)
            answers |= {name: _naive(fleet, incident, incident.vm, window, band) for name, band in RIVALS.items()}
            for way, answer in answers.items():
                right[way][incident.cause].append(answer == incident.cause)
        for window in chance.integers(WINDOWS, HOURS * QUARTERS, QUIET).tolist():
            judged = fleet.judged(None, window)
            for vm in range(len(fleet.hours)):
                answers = _ours(fleet, *judged, vm)
                if vm % VMS == 0:  # the rivals are slow
                    answers |= {name: _naive(fleet, None, vm, window, band) for name, band in RIVALS.items()}
                for way, answer in answers.items():
                    right[way]["none"].append(answer == "none")
    found: dict[str, dict[str, float]] = {}
    for way, by_cause in right.items():
        shares: dict[str, float] = {cause: float(np.mean(by_cause[cause])) for cause in (*CAUSES, "none")}
        seen = (*(CAUSES[:3] if way == TENANTS_CALLER else CAUSES), "none")
        found[way] = {**shares, "all": float(np.mean([shares[cause] for cause in seen]))}
        told = "".join(f"{cause:>8}{shares[cause]:>5.0%}" for cause in seen)
        goal = " (at least 90 %, at most 2 %)" if way == OURS else ""
        print(
            f"normal, verdicts    {way:24}{found[way]['all']:>6.1%} right; of VMs without an incident"
            f"{1 - shares['none']:>6.1%} called something{goal}"
        )
        print(f"                    {'':24}{told}")
    return found


OURS, TENANTS_CALLER = "ours", "ours, a tenant's caller"


def _ours(fleet: Fleet, judged: Mapping[str, Judged], of_fleet: Judged, vm: int) -> dict[str, Answer]:
    """Return the verdict on a VM, given what was found: with the fleet, and without."""
    tenant = str(fleet.tenant[vm])
    who = tenant, str(vm % VMS), fleet.dimensions(vm), judged[tenant]
    return {
        OURS: verdict_on(*who, of_fleet, known=True).answer,
        TENANTS_CALLER: verdict_on(*who, None, known=True).answer,
    }


def _naive(fleet: Fleet, incident: Incident | None, vm: int, window: int, band: "Method") -> Answer:
    """Return the largest population that a VM is in whose average is outside a band: in 3 of 4 windows, by any counter.

    None if the VM is not. As ours, it looks to the worse side.
    """
    answer: Answer = "none"
    values = {at: fleet.values(incident, at) for at in range(window + 1 - WINDOWS, window + 1)}
    for name, some in fleet.populations(vm).items():
        course = _mean(fleet.hours[some])
        outside = np.zeros(len(KEYS))
        for at, now in values.items():
            low, high = band(course, at // QUARTERS)
            average = _mean(now[some])
            outside += np.where(np.array(SIGNS) > 0, average > high, average < low)
        if (outside >= OF_THEM).any():
            answer = name
        elif name == "vm":
            break
    return answer


def _mean(values: Array) -> Array:
    """Return the means over VMs, without NaN; NaN where there is no value."""
    known = ~np.isnan(values)
    return np.asarray(np.where(known, values, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan))


Method = Callable[[Array, int], tuple[Array, Array]]
"""From the hours by counter and day, of which the last is today, and an hour: its low and high ends."""


def _hour_of_week(course: Array, hour: int) -> tuple[Array, Array]:
    low, high = np.nanquantile(course[:, -8::-7, hour], (0.01, 0.99), axis=1)
    return low, high


def _last_day(course: Array, hour: int) -> tuple[Array, Array]:
    last = np.concatenate([course[:, -2, hour:], course[:, -1, :hour]], axis=1)
    mean, spread = np.nanmean(last, axis=1), np.nanstd(last, axis=1)
    return mean - 3 * spread, mean + 3 * spread


RIVALS: Mapping[str, Method] = {"hour of week": _hour_of_week, "last day": _last_day}
