"""The fleet's final minutes for Prometheus, with their quantiles, and what its groups had in final windows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from domain.errors import BadParameters
from domain.fleet_summary import FleetSummary
from domain.minutes import HOUR, MINUTE, WINDOW, window_of
from domain.openmetrics import QUANTILES, GroupPoint, Point
from pipeline.concurrency import gather
from pipeline.queries.charts import Question, get_data
from pipeline.queries.lists import list_counters
from pipeline.queries.names import sorted_entries
from pipeline.queries.view import AT_ONCE, View, newest_minute, progress_of
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS


@dataclass(frozen=True, slots=True)
class Exported:
    """What is exported: points, counter after counter by name, each oldest first; and groups, none for tenants.

    The groups are sorted by counter, dimension and value, each with its oldest window first.
    """

    points: Sequence[Point]
    groups: Sequence[GroupPoint] = field(default=())


async def newest_export(tables: Tables, view: View) -> Exported:
    """Return the newest final minute of every counter in the fleet's newest hour, and the window that it belongs to."""
    newest = await newest_minute(tables) or 0
    counters = {entry.name: entry.newest for entry in await sorted_entries(tables, COUNTERS)}

    async def one(key: str) -> Exported:
        answer = await get_data(tables, Question([key], minutes=1, final=True, percentiles=QUANTILES), view)
        if not answer.data:
            return Exported([])
        window = window_of(answer.data[-1].timestamp)
        return Exported(answer.data, await _groups(tables, key, window, window))

    found = await gather((one(key) for key, seen in counters.items() if seen > newest - HOUR), AT_ONCE)
    return Exported(
        [item for each in found for item in each.points],
        [group for each in found for group in each.groups],
    )


async def final_export(
    tables: Tables, keys: Sequence[str], start: int, end: int | None, most: int, view: View
) -> Exported:
    """Return all final minutes of counters in a range, and all final windows that end in it.

    Without ``keys``: all counters that the caller may know. Raises NotFound. Raises BadParameters if the number of
    minutes times the number of counters is more than ``most``.
    """
    progress = await progress_of(tables)
    if not keys:
        end = progress.newest if end is None else end
        counters = await list_counters(tables, view)
        # For a tenant's caller, ``newest`` is a counter's newest minute in that tenant, and not in the fleet.
        keys = [each.key for each in counters if view.caller.tenant or each.newest >= start]
    keys = sorted(set(keys))
    minutes = ((view.now if end is None else end) - start) // MINUTE + 1
    if minutes * len(keys) > most:
        fewer = f"ask for {most // len(keys)} minutes at a time, or for fewer counters"
        raise BadParameters({"start": f"makes, times {len(keys)} counters, more than {most} minutes: {fewer}"})
    if not keys:
        return Exported([])
    question = Question(keys, start=start, end=end, final=True)
    if view.caller.tenant:
        return Exported((await get_data(tables, question, view)).data)
    answer = await get_data(tables, replace(question, percentiles=QUANTILES), view)
    last = answer.end
    read = await gather((_groups(tables, key, start - WINDOW, last) for key in keys), AT_ONCE)
    groups = [
        group for each in read for group in each if start <= group.timestamp <= last and progress.is_final(group.window)
    ]
    return Exported(answer.data, groups)


async def _groups(tables: Tables, key: str, first: int, last: int) -> list[GroupPoint]:
    summaries = await tables.summaries.of_fleet_between(key, window_of(first), window_of(last))
    return groups_of(key, summaries.items())


def groups_of(key: str, summaries: Collection[tuple[int, FleetSummary]]) -> list[GroupPoint]:
    """Return what the groups of a counter had in windows, given the windows' summaries, the oldest first."""
    points = [
        GroupPoint(key, window, group.dimension, group.value, figures)
        for window, summary in summaries
        for group, figures in zip(summary.groups, summary.figures, strict=True)
        if group.dimension
    ]
    return sorted(points, key=lambda each: (each.dimension, each.group or "", each.window))
