"""Rollups: the partials of a window, of one tenant, of a branch of tenants, of the fleet; and the tree that they form.

Tenants are gathered in branches and these in greater branches, so that after one tenant's change only that tenant's
branches are merged anew: what that costs depends on the tree's width and hardly on how many tenants there are.

**Where a rollup has no room for all counters,** each counter has a *place*: how many bytes of other counters come
before it in the list of the tenant that has it foremost (each tenant's commonest counters come first). Those with the
smallest places stay. So every tenant keeps the same number of bytes of its own list before anybody keeps more, and a
tenant that floods the system, with names or with numbers, displaces its own counters. A minute counts whether it has
samples or not: room is bounded by the number of counters, too, and else the emptiest would take all of it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.minutes import MINUTES_PER_WINDOW
from domain.partials import Partial, merge, partial_of
from domain.samples import MOST_COUNTERS

Series = Sequence[Partial | None]
"""A counter's partials for the 15 minutes of a window, oldest first; None where no VM had a sample."""

NO_SERIES: Series = [None] * MINUTES_PER_WINDOW

MOST_TERMS = 4
"""Of the exact sum of a tenant's samples, so many terms are kept: 212 bits, which is exact for all values but those
that are made to be summed badly. So a tenant can't make a counter's series much longer for all who have it."""

A_PARTIAL, A_TERM = 100, 20
"""About how many bytes a partial takes where it is kept, and each term of its sum besides."""


class Placed(NamedTuple):
    """A counter in a rollup: its place (see above) and its series."""

    place: int
    series: Series


Rollup = Mapping[str, Placed]
"""The partials of one window, by counter key."""

DEPTH = 2
"""Levels of branches between the fleet and its tenants. With eight to a branch, 500 tenants make about 8 a branch."""


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A place in the tree: a tenant (which hangs on the branch named), a branch, or the fleet (the branch "").

    ``branch`` is a string of octal digits, one a level.
    """

    branch: str = ""
    tenant: str | None = None

    @classmethod
    def of(cls, tenant: str) -> "Node":
        """Return a tenant's place: its branch follows from its name, so it is the same for ever."""
        digest = hashlib.sha256(tenant.encode()).digest()
        return cls("".join(str(byte % 8) for byte in digest[:DEPTH]), tenant)

    @property
    def parent(self) -> "Node":
        """The branch that this hangs on. The fleet hangs on none and is its own parent."""
        return Node(self.branch) if self.tenant is not None else Node(self.branch[:-1])


FLEET = Node()


def roll_up(vms: Iterable[Mapping[str, Sequence[float | None]]]) -> Iterator[tuple[str, Placed]]:
    """Yield a tenant's rollup, by counter, from its VMs' series of one window, given in the order of their ids.

    A VM's series map a counter to 15 values, None where it has no sample. Of more than MOST_COUNTERS counters, those
    that most VMs have.
    """
    by_key: dict[str, list[Sequence[float | None]]] = {}
    for series in vms:
        for key, row in series.items():
            by_key.setdefault(key, []).append(row)
    place = 0
    for key in sorted(by_key, key=lambda key: (-len(by_key[key]), key))[:MOST_COUNTERS]:
        rolled = [_column(column) for column in zip(*by_key[key], strict=True)]
        yield key, Placed(place, rolled)
        terms = sum(len(partial.total) for partial in rolled if partial)
        place += len(key.encode()) + A_PARTIAL * MINUTES_PER_WINDOW + A_TERM * terms


def _column(column: Sequence[float | None]) -> Partial | None:
    values = column if None not in column else [value for value in column if value is not None]
    if not values:
        return None
    partial = partial_of(values)  # type: ignore[arg-type]
    return partial if len(partial.total) <= MOST_TERMS else partial._replace(total=partial.total[:MOST_TERMS])


def merge_rollups(rollups: Iterable[Rollup]) -> Iterator[tuple[str, Placed]]:
    """Yield the rollups of one window merged, by counter. They are given in the order of their ids."""
    by_key: dict[str, list[Placed]] = {}
    for rollup in rollups:
        for key, placed in rollup.items():
            by_key.setdefault(key, []).append(placed)
    places = {key: min(each.place for each in placed) for key, placed in by_key.items()}
    for key in sorted(places, key=lambda key: (places[key], key))[:MOST_COUNTERS]:
        columns = zip(*(placed.series for placed in by_key[key]), strict=True)
        parts = ([part for part in column if part is not None] for column in columns)
        yield key, Placed(places[key], [merge(part) if part else None for part in parts])


def smaller(rollup: Rollup) -> Rollup:
    """Return a rollup without an eighth of its counters, those with the greatest places, for want of room."""
    in_order = sorted(rollup, key=lambda key: (rollup[key].place, key))
    return {key: rollup[key] for key in in_order[: len(in_order) * 7 // 8]}


def vms_of_minutes(rollup: Rollup) -> Sequence[int]:
    """Return how many VMs each minute of a window has: as many as its commonest counter has."""
    columns = zip(*(placed.series for placed in rollup.values()), strict=True)
    return [max((part.count for part in column if part), default=0) for column in columns] or [0] * MINUTES_PER_WINDOW
