"""Sets marks of days that learning has left behind, and clears marks after what they ask for is done."""

from domain.learning_times import late_day
from storage.documents import Changed, Gone
from storage.tables.marks import Mark, Marks
from storage.tables.table import Stored


async def mark_late(marks: Marks, tenant: str, window: int, now: int) -> None:
    """Mark the UTC day of a window, if learning would not look at it by itself (domain.learning_times)."""
    day = late_day(window, now)
    if day is not None:
        await marks.set(Mark(tenant, day))


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
