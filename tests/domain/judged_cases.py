"""Tenants to judge: VMs with made values, of which it is known what is normal."""

from collections.abc import Mapping, Sequence

import numpy as np

from domain.baselines import LINES
from domain.digests import Series, Whose
from domain.fleet_summary import FleetSummary
from domain.judged import Judged, Normals
from domain.judging import judge_fleet, judge_tenant, silent_vms
from domain.minutes import WINDOW
from domain.samples import Dimensions
from domain.standings import Standings, StandingVm

CPU, FREE, SESSIONS = "win_cpu.percent_processor_time", "win_disk.percent_free_space", "win_session.active_sessions"
"""Counters that are worse if high, if low, and neither."""

USUAL, HIGH, VERY_HIGH, LOW = 50.0, 120.0, 400.0, -20.0
"""Values: in the band; far beyond it, and beyond what is rare (3 widths); much farther; the same below."""

_BAND = (USUAL, 40.0, 60.0, 30.0, 70.0, 1.0)

Values = Mapping[str, Mapping[str, float]]
"""By VM and counter."""


def some_dimensions(pool: int = 0, size: int = 0, region: int = 0) -> Dimensions:
    """A VM's dimensions."""
    return Dimensions(None, f"pool{pool}", f"region{region}", f"size{size}")


def standings_of(values: Values, dimensions: Mapping[str, Dimensions]) -> Standings:
    """Standings of VMs, in the order of their names; NaN for what a VM lacks."""
    vms = sorted(values)
    keys = sorted({key for of in values.values() for key in of})
    columns = {key: np.array([values[vm].get(key, np.nan) for vm in vms], np.float64) for key in keys}
    return Standings([StandingVm(vm, 0, dimensions.get(vm, Dimensions())) for vm in vms], columns)


def normals_of(series: Sequence[tuple[str, str]], band: Sequence[float] = _BAND) -> Normals:
    """What is normal for VMs' counters: the same for all."""
    lines = np.repeat(np.array([band], np.float64).T, len(series), axis=1)
    return Normals([Series(Whose("vm", vm), key) for vm, key in series], lines)


def no_normals() -> Normals:
    """Nothing is known."""
    return Normals([], np.empty((LINES, 0)))


def judge(
    windows: Sequence[Values], dimensions: Mapping[str, Dimensions], normals: Normals | None = None
) -> list[Judged]:
    """Judge windows of a tenant, the oldest first. Without ``normals`` all VMs and counters have the same."""
    every = sorted({(vm, key) for values in windows for vm, of in values.items() for key in of})
    found: list[Judged] = []
    for at, values in enumerate(windows):
        standings = standings_of(values, dimensions)
        known = normals or normals_of(every)
        silent = {vm: dimensions[vm] for vm in silent_vms(standings, known) if vm in dimensions}
        found.append(judge_tenant(at * WINDOW, standings, known, found[::-1], silent))
    return found


def lasting(values: Values, dimensions: Mapping[str, Dimensions], normals: Normals | None = None) -> Judged:
    """Judge a tenant whose values have been the same for an hour."""
    return judge([values] * 4, dimensions, normals)[-1]


def fleet_of(tenants: Mapping[str, Judged], summaries: Mapping[str, FleetSummary] | None = None) -> Judged:
    """What is found of the fleet, whose averages are not known."""
    return judge_fleet(0, summaries or {}, no_normals(), [], tenants)
