"""Report rows: one counter in one minute over all VMs of all tenants, and how much of the fleet is in it."""

from collections import deque
from collections.abc import Sequence

import msgspec

from domain.minutes import HOUR, minutes_of
from domain.names import split_key
from domain.rollups import Series


class ReportRow(msgspec.Struct, frozen=True, gc=False):
    """One counter, one minute, over all VMs of all tenants.

    ``count`` VMs of ``tenants`` tenants had a sample; ``shares``: how many of them the tenant with the most has, and
    the next (the first 0: not known); ``stddev`` is the population standard deviation over them.

    A msgspec struct and no dataclass, because a day's chart reads 1,500 of them.
    """

    timestamp: int
    PerfType: str
    PerfName: str
    average: float
    count: int
    tenants: int
    min: float
    max: float
    stddev: float
    shares: tuple[int, int] = (0, 0)


def report_rows(key: str, window: int, series: Series) -> list[ReportRow]:
    """Return a counter's report rows of a window from the fleet's series, oldest first; none for a minute without."""
    perf_type, perf_name = split_key(key)
    return [
        ReportRow(
            timestamp,
            perf_type,
            perf_name,
            partial.mean,
            partial.count,
            partial.tenants,
            partial.min,
            partial.max,
            partial.stddev,
            (partial.largest, partial.second),
        )
        for timestamp, partial in zip(minutes_of(window), series, strict=True)
        if partial
    ]


def coverages(counts: Sequence[tuple[int, int]]) -> list[float]:
    """Return each minute's count over the greatest of the hour up to it (this minute and the 59 before), 0 to 1.

    ``counts``: identifier timestamps, oldest first, with their counts.
    """
    shares = []
    # What may still be the greatest of some hour: of falling counts, each newer than the one before it.
    candidates: deque[tuple[int, int]] = deque()
    for timestamp, count in counts:
        while candidates and candidates[0][0] <= timestamp - HOUR:
            candidates.popleft()
        while candidates and candidates[-1][1] <= count:
            candidates.pop()
        candidates.append((timestamp, count))
        shares.append(count / candidates[0][1])
    return shares
