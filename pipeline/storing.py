"""Stores a VM window: creates it, or merges it into the stored one. Other processes may write it at the same time.

Knows which part of a window can't be stored and why. Refuses to know where the window came from.
"""

from collections.abc import Collection
from dataclasses import dataclass

from domain.samples import NO_ROOM, VmWindow
from storage.documents import Conflict, Corrupt, TooLarge
from storage.tables import Tables

CORRUPT = "the VM's window in the store is corrupt (docs/runbook.md, Corrupt documents)"
NO_PLACE = "the store has no room for the VM's window (docs/runbook.md, Quarantine)"


@dataclass(frozen=True, slots=True)
class Rest:
    """The part of a VM window that could not be stored, and the reason."""

    window: VmWindow
    reason: str


async def store(tables: Tables, window: VmWindow, *, again: bool) -> tuple[bool, Rest | None]:
    """Merge a VM window into the store. Return whether the store changed, and the part that could not be stored.

    Most windows are new, so the first attempt creates the document: one write and no read.
    """
    try:
        return await _create_or_merge(tables, window, again=again)
    except Corrupt:  # averaging reports which document it is
        return False, Rest(window, CORRUPT)
    except TooLarge:
        return False, Rest(window, NO_PLACE)


async def _create_or_merge(tables: Tables, window: VmWindow, *, again: bool) -> tuple[bool, Rest | None]:
    new, rest = _fitting(window)
    try:
        await tables.samples.write(new, None)
    except Conflict:
        pass
    else:
        return True, rest
    while True:
        stored = await tables.samples.read(window.tenant, window.vm, window.window)
        new, rest = _fitting(window, stored.value.series if stored else ())
        merged = new
        if stored:
            merged = new.merged(stored.value) if again else stored.value.merged(new)
        if stored and merged == stored.value:
            return False, rest
        try:
            await tables.samples.write(merged, stored.etag if stored else None)
        except Conflict:
            continue
        return True, rest


def _fitting(window: VmWindow, known: Collection[str] = ()) -> tuple[VmWindow, Rest | None]:
    fits, excess = window.fitting(known)
    return fits, None if excess is None else Rest(excess, NO_ROOM)
