"""What a tenant's caller may see of the fleet: read only from the disclosed figures.

Where nothing is disclosed (yet), the answer lists the minutes in which the caller's own tenant had samples.
"""

from collections.abc import Collection
from itertools import chain

from domain.closing import Progress
from domain.disclosed_charts import DisclosedMinute, disclosed_minutes
from domain.disclosure import NEVER_DISCLOSED, NOT_FINAL
from domain.minutes import minutes_of, windows_between
from domain.rollups import NO_SERIES, Node
from domain.spans import Span
from pipeline.concurrency import gather
from pipeline.queries.view import AT_ONCE, Read, progress_of
from storage.tables import Tables


def disclosed_to(tenant: str, *, percentiles: bool) -> Read[DisclosedMinute]:
    """Return a function that reads counters' minutes as a tenant's caller sees them, perhaps for their percentiles."""

    async def read(
        tables: Tables, keys: Collection[str], span: Span, progress: Progress
    ) -> dict[str, list[DisclosedMinute]]:
        windows = windows_between(span.first, span.last) if span.minutes else range(0)
        found = dict(
            zip(
                keys,
                await gather(
                    (tables.disclosed.between(key, span.first, span.last, histograms=percentiles) for key in keys),
                    AT_ONCE,
                ),
                strict=True,
            )
        )
        without = [window for window in windows if any(window not in disclosed for disclosed in found.values())]
        own = dict(
            zip(
                without,
                await gather((tables.rollups.partials(Node.of(tenant), each, keys) for each in without), AT_ONCE),
                strict=True,
            )
        )
        later = await progress_of(tables)

        def of_window(key: str, window: int) -> Collection[DisclosedMinute]:
            if window in found[key]:
                return list(disclosed_minutes(window, found[key][window]))
            final = progress.is_final(window) and later.is_final(window)
            series = zip(minutes_of(window), own[window].get(key, NO_SERIES), strict=True)
            reason = NEVER_DISCLOSED if final else NOT_FINAL
            return [DisclosedMinute(at, None, reason, final) for at, partial in series if partial]

        return {
            key: [
                minute
                for minute in chain.from_iterable(of_window(key, window) for window in windows)
                if span.first <= minute.timestamp <= span.last
            ]
            for key in keys
        }

    return read
