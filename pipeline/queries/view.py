"""What every answer depends on besides its question: who asks, when, and how far averaging has come."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from domain.access import Caller
from domain.closing import Progress
from domain.counters import Reduction
from domain.minutes import MINUTE
from domain.spans import Span
from storage.tables import Tables

AT_ONCE = 16
"""How many documents or ranges a query reads side by side."""


@dataclass(frozen=True, slots=True)
class View:
    """What an answer depends on besides the question and the store.

    ``caller``: who asks. ``now``: the time, in Unix seconds. ``reductions`` are the deployment's own; they override
    those of the counters' table.
    """

    caller: Caller
    now: int
    reductions: Mapping[str, Reduction] = field(default_factory=dict)


class JudgedMinute(Protocol):
    """A minute of a counter as a caller sees it."""

    @property
    def timestamp(self) -> int:
        """Its identifier timestamp."""

    @property
    def final(self) -> bool:
        """Whether its window is closed."""


ATime = TypeVar("ATime", bound=JudgedMinute)

Read = Callable[[Tables, Collection[str], Span, Progress], Awaitable[dict[str, list[ATime]]]]
"""Reads counters' minutes of a span, oldest first. The list of open windows must be read before."""


async def newest_minute(tables: Tables) -> int | None:
    """Return the newest minute of the report that the fleet has reached; None: there is none yet."""
    return (await progress_of(tables)).newest


async def progress_of(tables: Tables) -> Progress:
    """Return averaging's stored progress of windows."""
    stored = await tables.progress.read()
    return stored.value if stored else Progress()


def age(minute: int, now: int) -> int:
    """Return how many seconds have passed since the end of a minute."""
    return max(0, now - minute - MINUTE // 2)
