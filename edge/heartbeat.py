"""The heartbeat: turns what a SPOC knows into the few words that it sends every 15 minutes, also without files.

Pure: knows neither clock nor files nor how it is sent. What a heartbeat may hold: domain.heartbeat.
"""

from domain.heartbeat import MOST_NAMED, Heartbeat, VmClock
from domain.masking import is_masked
from domain.minutes import DAY
from domain.names import MAX_NAME
from edge.fleet import Fleet

EVERY = 900
"""Seconds from one heartbeat to the next."""


def heartbeat(
    fleet: Fleet, now: int, version: str, *, offset: float | None, oldest: float | None, sas_days: float | None
) -> Heartbeat:
    """Return the heartbeat of this moment (Unix seconds).

    ``offset`` is this machine's clock minus the server's, in seconds. ``oldest`` is for how many seconds the oldest
    file has waited; None if none waits. Only masked names are in it.
    """
    off = fleet.clocks_off(now)
    twice = fleet.twice(now)
    return Heartbeat(
        sent=now,
        version=version[:40],
        vms=sum(now - vm.heard < DAY for vm in fleet.vms.values()),
        offset=offset,
        clocks_off=len(off),
        clocks=tuple(VmClock(name, seconds) for name, seconds in off if _may_leave(name))[:MOST_NAMED],
        refused=fleet.refused_lately(now),
        oldest_file=oldest,
        twice=tuple(filter(_may_leave, twice))[:MOST_NAMED],
        twice_count=len(twice),
        sas_days=None if sas_days is None else round(sas_days, 2),
    )


def _may_leave(name: str) -> bool:
    """Agents of other makers may write names that are not masked. Their samples are the operator's matter."""
    return is_masked(name) and len(name) <= MAX_NAME
