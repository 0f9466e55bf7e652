"""Charts of all counters over the fleet, page by page: which counters a page has, and over which minutes.

All pages of a question have the same minutes, which its first page fixes. Does not know what a point is.
"""

from dataclasses import dataclass, replace

from domain.closing import Progress
from domain.errors import NotFound
from domain.minutes import DAY, MINUTE, window_of
from domain.spans import Span
from pipeline.queries.answers import DisclosedAnswer, FleetAnswer
from pipeline.queries.charts import Question, get_data
from pipeline.queries.lists import list_counters
from pipeline.queries.view import View, progress_of
from storage.tables import Tables


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: at this counter, or the next by name. ``span``: the minutes of all pages."""

    key: str
    span: Span


async def get_every(
    tables: Tables, question: Question, place: Place | None, most: int, most_keys: int, view: View
) -> tuple[FleetAnswer | DisclosedAnswer, Place | None]:
    """Return a page of all counters that the caller may know, by name, and where the next page begins.

    ``question``: its ``keys`` are ignored. A page has at most ``most`` minutes, summed over its counters, and at most
    ``most_keys`` counters. Raises NotFound if there is no counter, or none where the page begins.
    """
    newest = {each.key: each.newest for each in await list_counters(tables, view)}
    if not newest or (place and place.key > max(newest)):
        raise NotFound("no counter has been seen" if place is None else "no counter is left for this page")
    span = place.span if place else await _minutes(tables, question, max(newest.values()), view)
    # For a tenant's caller, ``newest`` is a counter's newest minute in that tenant, and not in the fleet.
    begun = place.key if place else ""
    keys = sorted(key for key, last in newest.items() if key >= begun and (view.caller.tenant or last >= span.first))
    size = max(1, min(most_keys, most // max(1, span.minutes)))
    # If no counter has data in the range, any of them makes an empty answer that says the range.
    asked = replace(
        question, keys=keys[:size] or [max(newest)], minutes=None, start=span.first, end=span.last, exact=True
    )
    answer = await get_data(tables, asked, view)
    return answer, Place(keys[size], span) if len(keys) > size else None


async def _minutes(tables: Tables, question: Question, seen: int, view: View) -> Span:
    """Return the minutes of a question, as get_data finds them for a single counter (see Question)."""
    progress = await progress_of(tables)
    newest = seen if progress.newest is None else min(seen, progress.newest)
    if question.start is None:
        last = _newest_final(progress, newest) if question.final else newest
        return Span.latest(question.minutes or 1, last)
    asked = Span.fixed(question.start, newest if question.end is None else question.end)
    # A minute beyond the clock has no data, but may get some while pages are read.
    return Span(asked.first, min(asked.last, seen, Span.fixed(0, view.now).last))


def _newest_final(progress: Progress, newest: int) -> int:
    """Return the newest minute whose window is closed; at most a day of open windows is passed over."""
    last = newest
    while not progress.is_final(last) and newest - last < DAY:
        last = window_of(last) - MINUTE // 2
    return last
