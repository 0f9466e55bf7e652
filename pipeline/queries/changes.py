"""Changes: which counters of the fleet or of a tenant moved most between two ranges of windows, and where.

A tenant's VMs come from its standings, and are compared VM by VM. The fleet's tenants and groups come from its
summaries, where VMs are known by number only: two windows are compared if that number is about the same. Never reads a
VM window, and nothing whose size grows with the fleet but the figures of tenants.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal

from domain.change_lines import lines_of_tenants, lines_of_vms
from domain.changes import Change, Kind, changes_of, in_order
from domain.disclosure import ForTenants
from domain.errors import BadParameters, Forbidden
from domain.minutes import DAY, WINDOW, window_of
from domain.standings import NO_STANDINGS
from pipeline.concurrency import cooperatively, gather
from pipeline.queries.names import known_counters, tenant_named
from pipeline.queries.view import AT_ONCE, View, progress_of
from pipeline.queries.windows import ended, newest_of_tenant
from storage.tables import Tables
from storage.tables.catalogue import COUNTERS

Against = Literal["previous", "day", "week"]
KEPT_BACK: Mapping[Against, int] = {"day": DAY, "week": 7 * DAY}

NEWEST = 4
"""How many windows are compared if no range is given: an hour."""

MOST_SUMMARIES = 2_000
"""The most summaries of the fleet that an answer reads: 40 counters in 25 windows of both ranges."""

MOST_VALUES = 10_000_000
"""The most window values of a tenant that an answer reads. They take 80 MB."""

NOT_THERE = "there are no data of this range"
NOTHING_BEFORE = "there are no data of the range that this one is compared with; they have expired or never came"
NO_PAIRS = (
    "nothing has values in at least two pairs of windows of both ranges; where VMs are known by number only, windows "
    "whose numbers differ by more than a tenth are not compared"
)


@dataclass(frozen=True, slots=True)
class ChangesQuestion:
    """What is asked of changes: of the windows from that of ``start`` to the last one that begins before ``end``.

    Both are Unix seconds. None: the newest windows.
    """

    start: int | None = None
    end: int | None = None
    against: Against = "previous"
    tenant: str | None = None
    key: str | None = None
    limit: int = 20


@dataclass(slots=True)
class ChangeItem:
    """What moved."""

    key: str
    kind: Kind
    """fleet, Region, MachineSize, tenant or vm."""
    name: str | None
    """The region, size, tenant or VM; null: the whole fleet, or VMs whose region or size is unknown."""
    before: float
    """The mean of its window values in the earlier range."""
    after: float
    """The same in the later range, over the same VMs or tenants."""
    change: float
    """after less before."""
    score: float
    """The change in robust units: by what it usually moves from one window to the next. So scores of different counters
    compare. In an hour, 4 and more is hardly chance."""
    worse: bool | None
    """Whether it moved to the counter's worse side; null: the counter has none."""
    vms: int
    """How many VMs it has."""
    windows: int
    """How many pairs of windows were compared."""


@dataclass(slots=True)
class OwnChangeItem(ChangeItem, ForTenants):
    """What moved of a tenant, as that tenant's caller sees it."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What moved most, the highest scores first: what was asked, resolved, and the changes."""

    tenant: str | None
    """The tenant; null: the fleet."""
    against: Against
    start: int | None
    """The first second of the later range; null: there are no windows yet."""
    end: int | None
    """Its last second."""
    beforeStart: int | None
    """The first second of the earlier range."""
    beforeEnd: int | None
    """Its last second."""
    reason: str | None
    """Why nothing can be compared; null: it was."""
    data: list[ChangeItem]


@dataclass(frozen=True, slots=True)
class OwnChanges(ForTenants):
    """What moved most of a tenant, as that tenant's caller sees it."""

    tenant: str
    against: Against
    start: int | None
    """The first second of the later range; null: there are no windows yet."""
    end: int | None
    """Its last second."""
    beforeStart: int | None
    """The first second of the earlier range."""
    beforeEnd: int | None
    """Its last second."""
    reason: str | None
    """Why nothing can be compared; null: it was."""
    data: list[OwnChangeItem]


_fields: Callable[[Change], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(Change)))


async def get_changes(tables: Tables, question: ChangesQuestion, view: View) -> Changes | OwnChanges:
    """Return what moved most. Raises NotFound, BadParameters, and Forbidden where a tenant asks for the fleet."""
    keys = list(await known_counters(tables, [question.key], view)) if question.key else None
    if question.tenant is None:
        if view.caller.tenant:
            raise Forbidden("changes of the fleet are not for tenants: give the parameter tenant")
        ranges = _Ranges.of(question, (await progress_of(tables)).newest_summarized, view.now)
        reason, found = await _of_fleet(tables, ranges, keys, question.limit) if ranges else (NOT_THERE, [])
        items = [ChangeItem(*_fields(each)) for each in found]
        return Changes(None, question.against, *_told(ranges), reason, items)
    tenant = await tenant_named(tables, question.tenant, view)
    ranges = _Ranges.of(question, await newest_of_tenant(tables, tenant, view.now), view.now)
    reason, found = await _of_tenant(tables, tenant, ranges, keys, question.limit) if ranges else (NOT_THERE, [])
    if view.caller.tenant:
        own = [OwnChangeItem(*_fields(each)) for each in found]
        return OwnChanges(tenant, question.against, *_told(ranges), reason, own)
    items = [ChangeItem(*_fields(each)) for each in found]
    return Changes(tenant, question.against, *_told(ranges), reason, items)


@dataclass(frozen=True, slots=True)
class _Ranges:
    """The windows of both ranges, oldest first."""

    before: range
    after: range

    @staticmethod
    def of(question: ChangesQuestion, newest: int | None, now: int) -> "_Ranges | None":
        """Return the ranges, given the newest window that there is; None: there is none, or it is before ``start``."""
        last = ended(newest, now) if question.end is None else window_of(question.end - 1)
        if last is None:
            return None
        first = last - (NEWEST - 1) * WINDOW if question.start is None else window_of(question.start)
        after = range(max(first, 0), last + 1, WINDOW)
        back = KEPT_BACK.get(question.against, len(after) * WINDOW)
        return _Ranges(range(after.start - back, after.stop - back, WINDOW), after) if after else None

    @property
    def all(self) -> Sequence[int]:
        """All windows, those of the earlier range first."""
        return [*self.before, *self.after]


def _told(ranges: _Ranges | None) -> tuple[int | None, int | None, int | None, int | None]:
    """Return the first and the last second of the later and of the earlier range."""
    if ranges is None:
        return None, None, None, None
    before, after = ranges.before, ranges.after
    return after[0], after[-1] + WINDOW - 1, before[0], before[-1] + WINDOW - 1


async def _of_tenant(
    tables: Tables, tenant: str, ranges: _Ranges, keys: Sequence[str] | None, limit: int
) -> tuple[str | None, list[Change]]:
    listed = await tables.catalogue.counters_of(tenant)
    newest = await tables.standings.read(tenant, ranges.after[-1], [])
    counters = len(keys if keys is not None else listed.value if listed else ())
    _check(len(newest.value.vms if newest else ()) * counters * len(ranges.all), MOST_VALUES, "window values")
    read = await gather((tables.standings.read(tenant, each, keys) for each in ranges.all), AT_ONCE)
    standings = [each.value if each else NO_STANDINGS for each in read]
    lines = lines_of_vms(tenant, standings)
    found = await cooperatively(_compared(changes_of(key, each, "vm"), limit) for key, each in lines)
    before, after = standings[: len(ranges.before)], standings[len(ranges.before) :]
    return _reason(any(before), any(after), found), _first(found, limit)


async def _of_fleet(
    tables: Tables, ranges: _Ranges, keys: Sequence[str] | None, limit: int
) -> tuple[str | None, list[Change]]:
    if keys is None:
        entries = await tables.catalogue.entries(COUNTERS)
        keys = [key for key, entry in entries.items() if entry.value.newest >= ranges.before.start]
    _check(len(keys) * len(ranges.all), MOST_SUMMARIES, "summaries")

    async def of(key: str) -> tuple[bool, bool, _Compared]:
        before, after = [
            await tables.summaries.figures_between(key, each[0], each[-1]) for each in (ranges.before, ranges.after)
        ]
        summaries = [{**before, **after}.get(window) for window in ranges.all]
        return bool(before), bool(after), _compared(changes_of(key, lines_of_tenants(summaries), "tenant"), limit)

    read = await gather(map(of, keys), AT_ONCE)
    found = [changes for _, _, changes in read]
    before, after = (any(there) for there in zip(*(each[:2] for each in read), strict=True)) if read else (False, False)
    return _reason(before, after, found), _first(found, limit)


_Compared = tuple[bool, list[Change]]
"""Whether anything of a counter was compared, and what moved most of it."""


def _compared(changes: Sequence[Change], limit: int) -> _Compared:
    return bool(changes), in_order(changes)[:limit]


def _check(number: int, most: int, what: str) -> None:
    if number > most:
        problem = f"makes too much to compare, {number} {what} of at most {most}: ask for fewer windows, or for one key"
        raise BadParameters({"start": problem})


def _reason(before: bool, after: bool, found: Sequence[_Compared]) -> str | None:  # noqa: FBT001
    """Return why nothing was compared, or None, given whether there is anything of each range."""
    if not after:
        return NOT_THERE
    if not before:
        return NOTHING_BEFORE
    return None if any(compared for compared, _ in found) else NO_PAIRS


def _first(found: Iterable[_Compared], limit: int) -> list[Change]:
    return in_order([change for _, changes in found for change in changes])[:limit]
