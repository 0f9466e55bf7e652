"""Ranges of minutes, and the groups that they are divided into."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from domain.minutes import IDENTIFIER_SECOND, MINUTE


@dataclass(frozen=True, slots=True)
class Span:
    """The minutes from ``first`` to ``last``, both included, as identifier timestamps. Empty if ``last < first``."""

    first: int
    last: int

    @classmethod
    def latest(cls, minutes: int, newest: int) -> "Span":
        """Return the latest ``minutes`` minutes, counted back from ``newest``."""
        return cls(newest - (minutes - 1) * MINUTE, newest)

    @classmethod
    def fixed(cls, start: int, end: int) -> "Span":
        """Return the minutes whose identifier timestamp lies from ``start`` to ``end`` (Unix seconds, both included).

        There are 60 such minutes from one full hour to the next.
        """
        first = start + (IDENTIFIER_SECOND - start) % MINUTE
        last = end - (end - IDENTIFIER_SECOND) % MINUTE
        return cls(first, last)

    @property
    def minutes(self) -> int:
        """The number of minutes."""
        return max(0, (self.last - self.first) // MINUTE + 1)

    def groups(self, interval: int) -> Iterator["Span"]:
        """Yield consecutive groups of ``interval`` minutes, oldest first. The last group ends at ``last``.

        If the interval does not divide the span, the first group is shorter: it never starts before ``first``.
        """
        if not self.minutes:
            return
        step = interval * MINUTE
        end = self.last - (self.minutes - 1) // interval * step
        for last in range(end, self.last + 1, step):
            yield Span(max(self.first, last - step + MINUTE), last)


class Timed(Protocol):
    """A value of a minute."""

    @property
    def timestamp(self) -> int:
        """The minute's identifier timestamp."""


ATime = TypeVar("ATime", bound=Timed)


def grouped(minutes: Sequence[ATime], span: Span, interval: int) -> Iterator[tuple[Span, list[ATime]]]:
    """Yield each group that has data, with its minutes. The minutes must be given oldest first."""
    position = 0
    for group in span.groups(interval):
        members = []
        while position < len(minutes) and minutes[position].timestamp <= group.last:
            members.append(minutes[position])
            position += 1
        if members:
            yield group, members
