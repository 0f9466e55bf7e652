"""Standings: the window value of every VM of a tenant, counter by counter, with the VMs' dimensions.

A *window value* is one VM's value of one counter over a window: the values of its minutes, reduced by the counter's own
rule (domain.counters). Knows how standings are made from VM windows, and which end of a list is the worse one. Refuses
to know what follows from them (domain.summary), and where they are kept.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from domain.counters import Reduction, reduction_of
from domain.minutes import minutes_of
from domain.samples import Dimensions, VmWindow
from domain.window_matrix import Block, reduce_minutes

if TYPE_CHECKING:
    from domain.buckets import Floats

Dimension = Literal["Region", "MachineSize", "ResourcePoolName", "SiteName"]
DIMENSIONS: tuple[Dimension, ...] = ("Region", "MachineSize", "ResourcePoolName", "SiteName")


class StandingVm(NamedTuple):
    """A VM in standings: its masked name, its newest minute in the window, and its dimensions."""

    vm: str
    newest: int
    dimensions: Dimensions

    def value_of(self, dimension: Dimension) -> str | None:
        """Return the VM's value of a dimension, or None if it is unknown."""
        value: str | None = getattr(self.dimensions, dimension)
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """A tenant's VMs in one window, in the order of their names, and each counter's column of their window values.

    A column has one value for each VM, in the order of the VMs; NaN where a VM has no sample of the counter.
    """

    vms: Sequence[StandingVm]
    columns: "Mapping[str, Floats]"

    def __eq__(self, other: object) -> bool:
        """Tell whether both hold the same."""
        import numpy as np  # noqa: PLC0415

        return (
            isinstance(other, Standings)
            and self.vms == other.vms
            and self.columns.keys() == other.columns.keys()
            and all(np.array_equal(column, other.columns[key], equal_nan=True) for key, column in self.columns.items())
        )

    __hash__ = None  # type: ignore[assignment]

    def without(self, vm: str) -> "Standings":
        """Return these standings without a VM."""
        kept = [at for at, each in enumerate(self.vms) if each.vm != vm]
        return Standings([self.vms[at] for at in kept], {key: column[kept] for key, column in self.columns.items()})

    def __bool__(self) -> bool:
        """Tell whether there is any VM."""
        return bool(self.vms)


def standings_of(
    vm_windows: Sequence[VmWindow], blocks: Sequence[Block], reductions: Mapping[str, Reduction] | None = None
) -> Standings:
    """Return standings, given all VM windows of a tenant and a window by name, and their values.

    ``reductions`` are the deployment's own rules; they override those of the counters' table.
    """
    vms = [StandingVm(each.vm, _newest(each), each.dimensions) for each in vm_windows]
    columns: dict[str, Floats] = {}
    for block in blocks:
        of: dict[Reduction, list[int]] = defaultdict(list)
        for at, key in enumerate(block.keys):
            of[reduction_of(key, reductions)].append(at)
        for reduction, some in of.items():
            reduced = reduce_minutes(reduction, block.values[:, some])
            columns.update(zip((block.keys[at] for at in some), reduced.T, strict=True))
    return Standings(vms, dict(sorted(columns.items())))


def _newest(vm_window: VmWindow) -> int:
    """Return the newest minute in which any counter of a VM window has a sample, or 0."""
    stamps = minutes_of(vm_window.window)
    newest = -1
    for row in vm_window.series.values():
        at = len(row) - 1
        while at > newest and row[at] is None:
            at -= 1
        newest = max(newest, at)
    return stamps[newest] if newest >= 0 else 0


NO_STANDINGS = Standings([], {})
