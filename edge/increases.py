"""How much counters have grown that only ever grow: bytes since boot, errors since boot. Pure arithmetic.

Knows no source. What can't be right is left out: an instance (adapter, disk) that has come or gone, a counter that fell
(it began anew, or wrapped at 32 bits), and growth over a gap, since nobody knows in which minute that was.
"""

from collections.abc import Mapping

LONGEST_GAP = 900
"""Seconds between two readings over which growth is still told: a window, so it is at least in the right one."""


def increases(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return by instance how much a counter grew, of those instances of which that can be told."""
    return {name: value - before[name] for name, value in after.items() if name in before and value >= before[name]}
