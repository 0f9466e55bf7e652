"""Updates a derived document: reads it, derives it from its sources, and writes it with its etag if it has changed.

This order ensures that an old result never replaces a newer one: each run reads the target before its sources, and the
store refuses a write with an older etag. Any number of runs may overlap. Knows nothing of what is derived.
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
    """A derived document that is up to date."""

    before: Value
    """Its value before the update. It is empty if there was no document or it was corrupt."""
    now: Value
    """Its value now. It is empty if the document was deleted."""
    found: Found
    """The other result of deriving ``now`` from the sources."""


async def derived(
    read: Callable[[], Awaitable[Stored[Value] | None]],
    derive: Callable[[], Awaitable[tuple[Value, Found]]],
    write: Callable[[Value, str | None], Awaitable[None]],
    delete: Callable[[str], Awaitable[None]],
    nothing: Value,
    shrink: Callable[[Value], Value],
) -> Derived[Value, Found]:
    """Update a document. Other processes may write to it or its sources at the same time.

    The document is deleted if the derived value is empty. A value that is too large for the store is shrunk until it
    fits. Raises Unavailable.
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
    """Read a derived document. If it is corrupt, return ``nothing`` with its etag, so that it is written again.

    (A corrupt source document can't be derived again. Reading it raises Corrupt.)
    """
    try:
        return await reading
    except Corrupt as corrupt:
        return Stored(nothing, corrupt.etag, current=False)
