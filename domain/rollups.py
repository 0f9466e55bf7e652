"""Rollups: the partials of a window, for one tenant, a branch of tenants or the fleet; and the tree that they form.

Tenants are grouped in branches, and these in larger branches. After a change of one tenant only its branches are merged
again. The cost depends on the tree's width and hardly on the number of tenants.

**If a rollup has no room for all counters,** the counters with the smallest *places* stay. Each tenant has a list of
its counters, the commonest first. A counter's place in that list is the number of bytes of the counters before it; its
place in a merged rollup is the smallest of its tenants' places. So every tenant keeps the same number of bytes of its
own list before another tenant keeps more. A tenant that floods the system with names or numbers displaces only its own
counters. Minutes without samples count as bytes too: the number of counters is limited as well, and otherwise the
emptiest counters would take all of the room.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.minutes import MINUTES_PER_WINDOW
from domain.partials import Partial, merge, partials_of_columns
from domain.samples import MOST_COUNTERS
from domain.window_matrix import Block

Series = Sequence[Partial | None]
"""A counter's partials for the 15 minutes of a window, oldest first. None means that no VM had a sample."""

NO_SERIES: Series = [None] * MINUTES_PER_WINDOW

MOST_TERMS = 4
"""The most terms that are kept of the exact sum of a tenant's samples: 212 bits. That is exact except for values chosen
to sum badly. So a tenant can't make a counter's series much longer for the others."""

A_PARTIAL, A_TERM = 100, 20
"""The approximate bytes of a stored partial, and of each term of its sum in addition."""


class Placed(NamedTuple):
    """A counter in a rollup: its place (see above) and its series."""

    place: int
    series: Series


Rollup = Mapping[str, Placed]
"""The partials of one window, by counter key."""

DEPTH = 2
"""Levels of branches between the fleet and its tenants. Each has eight branches, so of 500 tenants a lowest branch has
about eight."""


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A node of the tree: a tenant (below the given branch), a branch, or the fleet (the branch "").

    ``branch`` is a string of octal digits, one per level.
    """

    branch: str = ""
    tenant: str | None = None

    @classmethod
    def of(cls, tenant: str) -> "Node":
        """Return a tenant's node. Its branch is derived from its name, so it never changes."""
        digest = hashlib.sha256(tenant.encode()).digest()
        return cls("".join(str(byte % 8) for byte in digest[:DEPTH]), tenant)

    @property
    def parent(self) -> "Node":
        """The branch above this node. The fleet is its own parent."""
        return Node(self.branch) if self.tenant is not None else Node(self.branch[:-1])

    @property
    def top(self) -> "Node":
        """The greatest branch that this node belongs to, just below the fleet."""
        return Node(self.branch[:1])


FLEET = Node()


def roll_up(blocks: Iterable[Block], *, enrolled: bool = False) -> Iterator[tuple[str, Placed]]:
    """Yield a tenant's rollup by counter, given the values of its VMs' window, the VMs in the order of their names.

    ``enrolled``: whether the operator has enrolled the tenant.
    """
    place = 0
    for block in blocks:
        columns = block.values.reshape(len(block.values), -1)
        partials = [each and _limited(each) for each in partials_of_columns(columns, enrolled=enrolled)]
        for at, key in enumerate(block.keys):
            series = partials[at * MINUTES_PER_WINDOW : (at + 1) * MINUTES_PER_WINDOW]
            yield key, Placed(place, series)
            terms = sum(len(partial.total) for partial in series if partial)
            place += len(key.encode()) + A_PARTIAL * MINUTES_PER_WINDOW + A_TERM * terms


def _limited(partial: Partial) -> Partial:
    return partial if len(partial.total) <= MOST_TERMS else partial._replace(total=partial.total[:MOST_TERMS])


def merge_rollups(rollups: Iterable[Rollup]) -> Iterator[tuple[str, Placed]]:
    """Merge the rollups of one window, given in the order of their ids. Yield the result by counter."""
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
    """Return a rollup without the eighth of its counters that has the largest places, to save room."""
    in_order = sorted(rollup, key=lambda key: (rollup[key].place, key))
    return {key: rollup[key] for key in in_order[: len(in_order) * 7 // 8]}


def vms_of_minutes(rollup: Rollup) -> Sequence[int]:
    """Return the number of VMs in each minute of a window: those of the minute's commonest counter."""
    columns = zip(*(placed.series for placed in rollup.values()), strict=True)
    return [max((part.count for part in column if part), default=0) for column in columns] or [0] * MINUTES_PER_WINDOW
