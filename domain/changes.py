"""Changes: what moved most between two ranges of windows, in units that make counters comparable.

A *line* is a VM, a tenant, a group or the whole, with a counter's values by window in both ranges. Windows are compared
in pairs, one of each range, and only where both have a value. Knows how lines are compared and put in order. Refuses to
know whose values they are and where these come from.

**The unit.** What a line usually moves from one window to the next is taken from the differences of successive windows
within each range, so a step between the ranges does not count (von Neumann and others, "The Mean Square Successive
Difference", 1941). The median of their sizes makes it robust: for a normal distribution it is 0.954 of the standard
deviation (0.6745, the normal's upper quartile, times the square root of 2). Where most of them are zero, as for
services and queues, the root of their mean square takes its place, as if those that are not zero were all of their
median size, and that no larger than the counter's usual size. So no single VM makes the unit large.

All members together tell what one VM usually moves; the mean of n VMs moves by that, divided by the square root of n.
If a line moves more, its unit is larger, the more so the more differences tell it. And a unit is at least LEAST of the
counter's usual size, so that a constant counter has one too: a service that stops comes out on top.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from domain.counters import worse_of

if TYPE_CHECKING:
    from domain.buckets import Floats

Kind = Literal["fleet", "Region", "MachineSize", "tenant", "vm"]
KINDS: tuple[Kind, ...] = ("fleet", "Region", "MachineSize", "tenant", "vm")

NORMAL = 0.6744897501960817 * math.sqrt(2)
"""The median size of the difference of two values of a normal distribution, by its standard deviation."""

PRIOR = 8
"""As much as so many differences of a line's own count those of all members."""

LEAST = 0.01
"""The smallest unit, as a share of the counter's usual size."""

FEWEST = 2
"""The fewest pairs of windows in which a line is compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line: its values by window of the earlier and of the later range (NaN: none), as many of each.

    ``name`` is None for the whole, and for a group whose value is unknown. ``vms``: how many VMs it is the mean of.
    """

    kind: Kind
    name: str | None
    vms: int
    before: "Floats"
    after: "Floats"


@dataclass(frozen=True, slots=True)
class Change:
    """How a line moved. ``score`` is the change in robust units; ``worse``: whether it became worse, None: neither.

    ``windows`` is how many pairs of windows were compared.
    """

    key: str
    kind: Kind
    name: str | None
    before: float
    after: float
    change: float
    score: float
    worse: bool | None
    vms: int
    windows: int


def changes_of(key: str, lines: Sequence[Line], member: Kind) -> list[Change]:
    """Return how a counter's lines moved, if they did, of those that can be compared.

    Lines of the kind ``member`` tell what is usual.
    """
    import numpy as np  # noqa: PLC0415

    if not lines:
        return []
    before = np.stack([line.before for line in lines])
    after = np.stack([line.after for line in lines])
    both = ~(np.isnan(before) | np.isnan(after))
    before, after = np.where(both, before, np.nan), np.where(both, after, np.nan)
    pairs = both.sum(axis=1)
    shares = np.where(both, 1 / np.maximum(pairs, 1)[:, None], 0.0)
    earlier, later = ((np.where(both, each, 0.0) * shares).sum(axis=1) for each in (before, after))
    with np.errstate(over="ignore", invalid="ignore"):  # a change beyond all doubles is left out
        moved = later - earlier
        units = _units(before, after, np.sqrt([line.vms for line in lines]), [line.kind == member for line in lines])
        scores = np.divide(moved, units, out=np.zeros_like(moved), where=units > 0) * np.sqrt(pairs / 2)
    worse = worse_of(key)
    return [
        Change(
            key,
            line.kind,
            line.name,
            float(earlier[at]),
            float(later[at]),
            float(moved[at]),
            float(scores[at]),
            None if worse == "none" else bool((moved[at] > 0) == (worse == "high")),
            line.vms,
            int(pairs[at]),
        )
        for at, line in enumerate(lines)
        if pairs[at] >= FEWEST and np.isfinite(scores[at])
    ]


def in_order(changes: Sequence[Change]) -> list[Change]:
    """Return what moved, the largest score first, whichever its sign; ties by counter, kind and name."""
    moved = [each for each in changes if each.score]
    return sorted(moved, key=lambda each: (-abs(each.score), each.key, KINDS.index(each.kind), each.name or ""))


def _units(before: "Floats", after: "Floats", roots: "Floats", members: Sequence[bool]) -> "Floats":
    """Return each line's unit, given its values by window, the root of its number of VMs, and which are members."""
    import numpy as np  # noqa: PLC0415

    steps = np.abs(np.concatenate([np.diff(before, axis=1), np.diff(after, axis=1)], axis=1))
    size = _size(np.abs(np.concatenate([before[members], after[members]])))
    usual = _usual(steps[members], roots[members], size) / roots
    told = (~np.isnan(steps)).sum(axis=1)
    units = usual + np.maximum(_medians(steps) / NORMAL - usual, 0) * told / (told + PRIOR)
    return np.asarray(np.maximum(units, LEAST * size), np.float64)


def _usual(steps: "Floats", roots: "Floats", size: float) -> float:
    """Return what a VM usually moves from one window to the next, as a standard deviation; 0 if that is unknown.

    Given are members' steps, and the roots of their numbers of VMs.
    """
    import numpy as np  # noqa: PLC0415

    known = ~np.isnan(steps)
    if not known.any():
        return 0.0
    of_one = steps * roots[:, None]
    if median := float(np.median(of_one[known])):
        return median / NORMAL
    moving = known & (steps > 0)
    if not moving.any():
        return 0.0
    limited = np.minimum(of_one, size * roots[:, None])
    return float(np.median(limited[moving])) * math.sqrt(moving.sum() / known.sum() / 2)


def _size(values: "Floats") -> float:
    """Return the usual size of values: their median, or their max if that is zero."""
    import numpy as np  # noqa: PLC0415

    known = values[~np.isnan(values)]
    return (float(np.median(known)) or float(known.max())) if len(known) else 0.0


def _medians(rows: "Floats") -> "Floats":
    """Return the median of each row without its NaN; 0 for a row of nothing else."""
    import numpy as np  # noqa: PLC0415

    if not rows.shape[1]:
        return np.zeros(len(rows))
    ordered: Floats = np.sort(rows, axis=1)  # NaN come last
    counts = (~np.isnan(ordered)).sum(axis=1)
    at = np.arange(len(rows))
    low, high = ordered[at, np.maximum(counts - 1, 0) // 2], ordered[at, counts // 2]
    return np.where(counts > 0, low / 2 + high / 2, 0.0)
