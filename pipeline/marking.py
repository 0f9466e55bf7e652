"""Clears marks after what they ask for is done."""

from storage.documents import Changed, Gone
from storage.tables.marks import Mark, Marks
from storage.tables.table import Stored


async def clear(marks: Marks, mark: Stored[Mark]) -> None:
    """Clear a mark. If it was set again meanwhile, it stays. If it is gone, set it again.

    A missing mark means that another run cleared it, perhaps after reading less than this one. Each run may then have
    kept the result that the other read. Doing the work once more settles it.
    """
    try:
        await marks.clear(mark)
    except Gone:
        await marks.set(mark.value)
    except Changed:
        pass
