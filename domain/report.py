"""Report rows: one counter in one minute over all VMs of all tenants, and which share of the fleet it covers."""

from collections import deque
from collections.abc import Sequence

import msgspec

from domain.minutes import HOUR, minutes_of
from domain.names import split_key
from domain.rollups import Series


class ReportRow(msgspec.Struct, frozen=True, gc=False):
    """One counter, one minute, over all VMs of all tenants.

    ``count`` VMs of ``tenants`` tenants had a sample. ``stddev`` is the population standard deviation over them.

    A msgspec struct and not a dataclass, because a day's chart reads 1,500 rows.
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


def report_rows(key: str, window: int, series: Series) -> list[ReportRow]:
    """Return a counter's report rows of a window, oldest first. Minutes without samples in the series have no row."""
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
        )
        for timestamp, partial in zip(minutes_of(window), series, strict=True)
        if partial
    ]


def coverages(counts: Sequence[tuple[int, int]]) -> list[float]:
    """Return each minute's count divided by the largest count of that minute and the 59 before: from 0 to 1.

    ``counts`` are identifier timestamps, oldest first, with their counts.
    """
    shares = []
    # The counts that can still be the largest of an hour. From left to right they get newer and smaller.
    candidates: deque[tuple[int, int]] = deque()
    for timestamp, count in counts:
        while candidates and candidates[0][0] <= timestamp - HOUR:
            candidates.popleft()
        while candidates and candidates[-1][1] <= count:
            candidates.pop()
        candidates.append((timestamp, count))
        shares.append(count / candidates[0][1])
    return shares
