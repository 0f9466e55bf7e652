"""Gaps: chart points that stand for missing data, so that a chart program draws no line there."""

from collections.abc import Sequence
from typing import Literal, TypeVar

from domain.charts import FleetItem
from domain.disclosed_charts import DisclosedItem
from domain.names import split_key
from domain.spans import Span

Gaps = Literal["null"]
"""How a chart shows groups of minutes without data, if it shows them: as points whose figures are null."""

Item = TypeVar("Item", bound=FleetItem | DisclosedItem)


def with_gaps(items: Sequence[Item], kind: type[Item], key: str, span: Span, interval: int) -> list[Item]:
    """Return a counter's points, oldest first, with a point of null figures for each group without data."""
    there = {item.timestamp: item for item in items}
    perf_type, perf_name = split_key(key)
    return [
        there.get(group.first) or kind(group.first, perf_type, perf_name, None, None) for group in span.groups(interval)
    ]
