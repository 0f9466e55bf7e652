"""One derived document: read it, derive it from its sources, write it with its etag if it changed.

In this order, so that an old result never replaces a newer one: whoever writes has read the target before its sources,
and a write with an older etag is refused. Any number of runs may overlap. Knows nothing of what is derived.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from storage.documents import Conflict, Corrupt, TooLarge
from storage.tables.table import Stored

Value = TypeVar("Value")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Derived(Generic[Value, Found]):
    """A document that is up to date."""

    before: Value
    """What it said before; nothing (an empty value), where there was none or it was corrupt."""
    now: Value
    """What it says now; nothing, where it is gone."""
    found: Found
    """What else was found in the sources of ``now``."""


async def derived(
    read: Callable[[], Awaitable[Stored[Value] | None]],
    derive: Callable[[], Awaitable[tuple[Value, Found]]],
    write: Callable[[Value, str | None], Awaitable[None]],
    delete: Callable[[str], Awaitable[None]],
    nothing: Value,
    shrink: Callable[[Value], Value],
) -> Derived[Value, Found]:
    """Bring a document up to date, whatever others write meanwhile.

    It goes where nothing is derived. What the store has no room for is shrunk until it has. Raises Unavailable.
    """
    while True:
        stored = await unless_corrupt(read(), nothing)
        value, found = await derive()
        try:
            if stored and not value:
                await delete(stored.etag)
            while value and (stored is None or not stored.current or stored.value != value):
                try:
                    await write(value, stored.etag if stored else None)
                    break
                except TooLarge:
                    value = shrink(value)
        except Conflict:
            continue
        return Derived(stored.value if stored else nothing, value, found)


async def unless_corrupt(reading: Awaitable[Stored[Value] | None], nothing: Value) -> Stored[Value] | None:
    """Return what is read of a derived document. Where that is corrupt, return nothing, to be written anew.

    (What others are derived from, and can't be made again, raises Corrupt.)
    """
    try:
        return await reading
    except Corrupt as corrupt:
        return Stored(nothing, corrupt.etag, current=False)
