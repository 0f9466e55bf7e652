"""Rollups: the partials of a window, of one tenant, of a branch of tenants, of the fleet; and the tree that they form.

Tenants are gathered in branches and these in greater branches, so that after one tenant's change only that tenant's
branches are merged anew: what that costs depends on the tree's width and hardly on how many tenants there are.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.partials import Partial, merge, partial_of
from domain.samples import MOST_COUNTERS

Series = Sequence[Partial | None]
"""A counter's partials for the 15 minutes of a window, oldest first; None where no VM had a sample."""

Rollup = Mapping[str, Series]
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


def roll_up(vms: Iterable[Mapping[str, Sequence[float | None]]]) -> Iterator[tuple[str, Series]]:
    """Yield a tenant's rollup, by counter, from its VMs' series of one window, given in the order of their ids.

    A VM's series map a counter to 15 values, None where it has no sample.
    """
    by_key: dict[str, list[Sequence[float | None]]] = {}
    for series in vms:
        for key, row in series.items():
            by_key.setdefault(key, []).append(row)
    keys = sorted(by_key, key=lambda key: (-len(by_key[key]), key))[:MOST_COUNTERS]  # those that most VMs have
    for key in sorted(keys):
        yield key, [_column(column) for column in zip(*by_key[key], strict=True)]


def _column(column: Sequence[float | None]) -> Partial | None:
    values = column if None not in column else [value for value in column if value is not None]
    return partial_of(values) if values else None  # type: ignore[arg-type]


def merge_rollups(rollups: Iterable[Rollup]) -> Iterator[tuple[str, Series]]:
    """Yield the rollups of one window merged, by counter. They are given in the order of their ids.

    Where there is no room for all counters, each rollup's commonest come first, in turns: so one tenant's flood of
    counters displaces no other's.
    """
    rollups = list(rollups)
    by_key: dict[str, list[Series]] = {}
    for rollup in rollups:
        for key, series in rollup.items():
            by_key.setdefault(key, []).append(series)
    for key in sorted(by_key if len(by_key) <= MOST_COUNTERS else _in_turns(rollups)):
        parts = ([part for part in column if part is not None] for column in zip(*by_key[key], strict=True))
        yield key, [merge(part) if part else None for part in parts]


def _in_turns(rollups: Sequence[Rollup]) -> list[str]:
    """Return MOST_COUNTERS of the rollups' counters: of each the commonest, then of each the next, and so on."""
    places: dict[str, int] = {}
    for rollup in rollups:
        for place, key in enumerate(sorted(rollup, key=lambda key: (-_vms(rollup[key]), key))):
            places[key] = min(place, places.get(key, place))
    return sorted(places, key=lambda key: (places[key], key))[:MOST_COUNTERS]


def smaller(rollup: Rollup) -> Rollup:
    """Return half of a rollup's counters, for one that a document has no room for.

    Those whose sums have the most terms go: values of wildly different magnitudes made it so large.
    """

    def terms(key: str) -> int:
        return sum(len(part.total) for part in rollup[key] if part)

    return {key: rollup[key] for key in sorted(sorted(rollup, key=lambda key: (terms(key), key))[: len(rollup) // 2])}


def _vms(series: Series) -> int:
    return max((part.count for part in series if part), default=0)
