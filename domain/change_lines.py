"""The lines in which changes are looked for (domain.changes): from a tenant's standings, or the fleet's summaries.

In standings each VM is known, so VMs are compared one by one. In summaries the VMs of a tenant or a group are known by
number only: windows are compared where that number is about the same in both.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from domain.changes import Kind, Line
from domain.fleet_summary import FleetFigures
from domain.standings import Dimension, Standings
from domain.summary import Figures

if TYPE_CHECKING:
    from domain.buckets import Floats

Name = TypeVar("Name", str, str | None)

_GROUPS: tuple[Literal["Region", "MachineSize"], ...] = ("Region", "MachineSize")
"""The dimensions by which the fleet is grouped (domain.summary.GROUPED)."""

ABOUT = 0.9
"""Two windows have about the same number of VMs if the smaller number is at least this share of the larger one."""


def lines_of_vms(tenant: str, standings: Sequence[Standings]) -> Iterator[tuple[str, list[Line]]]:
    """Yield each counter's lines: the tenant as a whole, and its VMs.

    ``standings`` are those of all windows: first those of the earlier range, then as many of the later one.
    """
    import numpy as np  # noqa: PLC0415

    names = sorted({vm.vm for each in standings for vm in each.vms})
    place = {name: at for at, name in enumerate(names)}
    places = [[place[vm.vm] for vm in each.vms] for each in standings]
    for key in sorted({key for each in standings for key in each.columns}):
        values = np.full((len(names), len(standings)), np.nan)
        for at, each in enumerate(standings):
            if key in each.columns:
                values[places[at], at] = each.columns[key]
        ones = np.where(np.isnan(values), 0.0, 1.0)
        yield key, [*_whole("tenant", tenant, values, ones), *_lines("vm", names, values, ones)]


def lines_of_tenants(summaries: Sequence[FleetFigures | None]) -> list[Line]:
    """Return a counter's lines: the fleet as a whole, its groups, and its tenants.

    ``summaries`` are those of all windows: first those of the earlier range, then as many of the later one.
    """
    names, values, vms = _matrices([each.tenants if each else {} for each in summaries])
    lines = _whole("fleet", None, values, vms)
    for dimension in _GROUPS:
        lines += _lines(dimension, *_matrices([_groups(each, dimension) if each else {} for each in summaries]))
    return [*lines, *_lines("tenant", names, values, vms)]


def _groups(summary: FleetFigures, dimension: Dimension) -> Mapping[str | None, Figures]:
    groups = zip(summary.groups, summary.figures, strict=True)
    return {group.value: figures for group, figures in groups if group.dimension == dimension}


def _matrices(windows: Sequence[Mapping[Name, Figures]]) -> tuple[list[Name], "Floats", "Floats"]:
    """Return all names, and by name and window the averages and the numbers of VMs."""
    import numpy as np  # noqa: PLC0415

    names = sorted({name for each in windows for name in each}, key=lambda name: (name is None, name or ""))
    values, vms = np.full((len(names), len(windows)), np.nan), np.zeros((len(names), len(windows)))
    for row, name in enumerate(names):
        for at, each in enumerate(windows):
            if figures := each.get(name):
                values[row, at], vms[row, at] = figures.average, figures.count
    return names, values, vms


def _compared(values: "Floats", vms: "Floats") -> "tuple[Floats, Floats]":
    """Return the values of both ranges, NaN where a pair of windows is not compared."""
    import numpy as np  # noqa: PLC0415

    (before, after), (fewer, more) = np.split(values, 2, axis=1), np.sort(np.split(vms, 2, axis=1), axis=0)
    alike = (fewer > 0) & (fewer >= ABOUT * more)
    return np.where(alike, before, np.nan), np.where(alike, after, np.nan)


def _lines(kind: Kind, names: Sequence[str | None], values: "Floats", vms: "Floats") -> list[Line]:
    import numpy as np  # noqa: PLC0415

    before, after = _compared(values, vms)
    there = ~np.isnan(before)
    most = np.where(there, np.split(vms, 2, axis=1)[1], 0).max(axis=1).astype(int).tolist()
    return [Line(kind, names[at], number, before[at], after[at]) for at, number in enumerate(most) if number]


def _whole(kind: Kind, name: str | None, values: "Floats", vms: "Floats") -> list[Line]:
    """Return the line of all members together: in each pair of windows of those that are in both."""
    import numpy as np  # noqa: PLC0415

    before, after = _compared(values, vms)
    there = ~np.isnan(before)
    weights = np.where(there, np.split(vms, 2, axis=1)[1], 0.0)  # of the later range in both, so that they move nothing
    totals = weights.sum(axis=0)
    if not totals.any():
        return []
    shares = weights / np.where(totals > 0, totals, np.nan)
    means = [(np.where(there, each, 0.0) * shares).sum(axis=0) for each in (before, after)]
    return [Line(kind, name, int(totals.max()), *means)]
