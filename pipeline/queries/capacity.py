"""Capacity as an answer: the VMs of the fleet or of a tenant that reach a limit, the soonest first.

Reads what was learned (pipeline.learning_capacity): of the counter that is asked, one document for each tenant and
zone, or a few where a tenant has thousands of VMs. So the fleet's list grows with the fleet, by some 60 bytes a VM, and
never reads samples, windows or digests. A tenant's caller gets its own VMs.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from domain.capacity import FEWEST_DAYS, Dates, dates
from domain.day_capacity import LIMITED, DayCapacity, falls, limit_of
from domain.disclosure import ForTenants
from domain.errors import BadParameters, Forbidden
from domain.zones import local
from pipeline.concurrency import gather
from pipeline.queries.names import known_counters, tenant_named
from pipeline.queries.view import AT_ONCE, View
from storage.tables import Tables
from storage.tables.catalogue import TENANTS

OLDEST = 3
"""What was learned so many days ago, or before, is told no more: learning runs twice a day, so something is wrong."""

NOT_LEARNED = "nothing is learned of it yet: learning runs twice a day, and it must be known of a whole day"
NOT_OF_VMS = f"it is learned only of the counters that people look at first: {', '.join(LIMITED)}"
NO_LIMIT = "is missing: only a counter in percent has a limit of its own (95, or 5 if it is bad when low)"


class Place(NamedTuple):
    """Where a page begins: after this VM, in the order of a list."""

    earliest: str
    latest: str
    tenant: str
    vm: str


@dataclass(frozen=True, slots=True)
class CapacityQuestion:
    """What is asked: a counter, its limit (None: its own), whose VMs, and the page."""

    key: str
    limit: float | None = None
    tenant: str | None = None
    lines: int = 100
    place: Place | None = None


@dataclass(slots=True)
class CapacityItem:
    """A VM that reaches the limit, or has reached it."""

    tenant: str
    vm: str
    value: float
    """Its worst hour of the last day that has values (a mean of the hour's windows)."""
    perDay: float | None
    """By how much that changes in a day; null: it does not change, or not towards the limit, or nobody can say."""
    reached: bool
    """Whether the value is at the limit already, or beyond. Then both dates are the day on which this was learned."""
    earliest: str
    """The first local day on which it may reach the limit (ISO 8601)."""
    latest: str
    """The last such day."""
    history: int
    """The days from which this was learned."""
    timeZone: str
    """Whose days these are: those of the VM's region. UTC, if no region is known."""


@dataclass(slots=True)
class OwnCapacityItem(CapacityItem, ForTenants):
    """A VM that reaches the limit, or has reached it, as its tenant's caller sees it."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The VMs that reach a limit, the soonest first."""

    key: str
    limit: float
    tenant: str | None
    """The tenant; null: the fleet."""
    of: int
    """How many VMs have the counter."""
    tooYoung: int
    """Of how many of these nothing is told of days to come, since they have values of fewer than 21 days."""
    reason: str | None
    """Why nothing is known; null: something is. With null and no data, no VM reaches the limit in a time that can be
    seen: six times its history."""
    nextPage: str | None
    """The value for the parameter page; null: this is the last page."""
    data: list[CapacityItem]


@dataclass(frozen=True, slots=True)
class OwnCapacity(ForTenants):
    """A tenant's VMs that reach a limit, the soonest first, as that tenant's caller sees it."""

    key: str
    limit: float
    tenant: str
    of: int
    """How many VMs have the counter."""
    tooYoung: int
    """Of how many of these nothing is told of days to come, since they have values of fewer than 21 days."""
    reason: str | None
    """Why nothing is known; null: something is. With null and no data, no VM reaches the limit in a time that can be
    seen: six times its history."""
    nextPage: str | None
    """The value for the parameter page; null: this is the last page."""
    data: list[OwnCapacityItem]


_fields: Callable[[CapacityItem], tuple[Any, ...]] = attrgetter(*(each.name for each in fields(CapacityItem)))


async def get_capacity(
    tables: Tables, question: CapacityQuestion, view: View, token_of: Callable[[Place], str]
) -> Capacity | OwnCapacity:
    """Return a page of the list. ``token_of`` makes the token of the page that begins at a place.

    Raises NotFound, BadParameters, and Forbidden where a tenant's caller asks for the fleet.
    """
    if question.tenant is None and view.caller.tenant:
        raise Forbidden("which VMs of the fleet run full is not for tenants: give the parameter tenant")
    (key,) = await known_counters(tables, [question.key], view)
    limit = limit_of(key) if question.limit is None else question.limit
    if limit is None:
        raise BadParameters({"limit": NO_LIMIT})
    tenant = None if question.tenant is None else await tenant_named(tables, question.tenant, view)
    tenants = [tenant] if tenant is not None else sorted(await tables.catalogue.entries(TENANTS))
    read = await gather((tables.capacity.of_tenant(each, key) for each in tenants), AT_ONCE) if key in LIMITED else []
    lines: list[_Line] = []
    of = young = 0
    for name, stored in zip(tenants, read, strict=False):
        for zone, rows in _newest([each for each in stored if _is_new(each, view.now)]):
            of += len(rows)
            young += int((zone.growth.days[rows] < FEWEST_DAYS).sum())
            lines += _lines(name, zone, rows, dates(zone.growth, limit, falls=falls(key)))
    lines.sort(key=attrgetter("place"))
    left = [each for each in lines if question.place is None or each.place > question.place]
    page = left[: question.lines]
    token = token_of(page[-1].place) if len(left) > len(page) else None
    reason = (NOT_LEARNED if key in LIMITED else NOT_OF_VMS) if not of else None
    items = [_item(each) for each in page]
    if tenant is not None and view.caller.tenant:
        own = [OwnCapacityItem(*_fields(each)) for each in items]
        return OwnCapacity(key, limit, tenant, of, young, reason, token, own)
    return Capacity(key, limit, tenant, of, young, reason, token, items)


class _Line(NamedTuple):
    """A line of the list: its place, and where its figures are."""

    place: Place
    reached: bool
    zone: DayCapacity
    row: int


def _is_new(learned: DayCapacity, now: int) -> bool:
    return (local(now, learned.zone).day - learned.day).days < OLDEST


def _newest(zones: Sequence[DayCapacity]) -> Iterator[tuple[DayCapacity, Sequence[int]]]:
    """Yield of each zone the rows of the VMs that are in no other, or had their last values in this one.

    A VM that has moved to another region is in both for some days.
    """
    if len(zones) == 1:
        yield zones[0], range(len(zones[0].vms))
        return
    last: dict[str, tuple[date, int]] = {}
    for at, zone in enumerate(zones):
        for vm, ago in zip(zone.vms, zone.growth.ago.tolist(), strict=True):
            seen = (zone.day - timedelta(days=int(ago)), at)
            last[vm] = max(last.get(vm, seen), seen)
    for at, zone in enumerate(zones):
        yield zone, [row for row, vm in enumerate(zone.vms) if last[vm][1] == at]


def _lines(tenant: str, zone: DayCapacity, rows: Sequence[int], found: Dates) -> Iterator[_Line]:
    earliest, latest, reached = found.earliest.tolist(), found.latest.tolist(), found.reached.tolist()
    for row in rows:
        if earliest[row] >= 0:  # NaN is not: nothing is told
            first, last = _day(zone.day, earliest[row]), _day(zone.day, latest[row])
            yield _Line(Place(first, last, tenant, zone.vms[row]), reached[row], zone, row)


@lru_cache(1024)
def _day(first: date, after: float) -> str:
    return (first + timedelta(days=after)).isoformat()


def _item(line: _Line) -> CapacityItem:
    growth, place = line.zone.growth, line.place
    slope = float(growth.slope[line.row])
    return CapacityItem(
        tenant=place.tenant,
        vm=place.vm,
        value=float(growth.value[line.row]),
        perDay=None if math.isnan(slope) else slope,
        reached=line.reached,
        earliest=place.earliest,
        latest=place.latest,
        history=int(growth.days[line.row]),
        timeZone=line.zone.zone or "UTC",
    )
