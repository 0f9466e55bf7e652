"""The growth of counters that only grow, such as bytes or errors since boot. Pure arithmetic; knows no source.

Unreliable values are left out: an instance (adapter, disk) that has appeared or disappeared, a counter that fell
(because it restarted, or wrapped at 32 bits), and growth over a gap, since its minute is unknown.
"""

from collections.abc import Mapping

LONGEST_GAP = 900
"""The most seconds between two readings for which growth is reported: a window, so it is at least in the right one."""


def increases(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return a counter's growth by instance, for instances that both readings have and whose counter has not fallen."""
    return {name: value - before[name] for name, value in after.items() if name in before and value >= before[name]}
