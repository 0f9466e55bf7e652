"""Request units: what the store charges for each call, added up for whoever asks.

An adapter says what a call was charged; ``metered`` gathers what is charged inside of it, in this task and those that
it starts. A store without charges (SQLite) says nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """How many calls of one kind there were, and what they were charged together, in request units."""

    calls: int = 0
    units: float = 0.0


@dataclass(slots=True)
class Meter:
    """What was charged, by request: a method of the port and a table, such as ``create samples``."""

    requests: dict[str, Tally] = field(default_factory=dict)

    @property
    def units(self) -> float:
        """All of it, in request units."""
        return sum(tally.units for tally in self.requests.values())

    def add(self, request: str, units: float) -> None:
        """Count one call."""
        tally = self.requests.setdefault(request, Tally())
        tally.calls += 1
        tally.units += units

    def __str__(self) -> str:
        """For a log line: the total, then each request's calls and units, dearest first."""
        dearest = sorted(self.requests.items(), key=lambda each: (-each[1].units, each[0]))
        parts = (f"{request} {tally.calls}/{tally.units:.1f}" for request, tally in dearest)
        return f"{self.units:.1f} RU" + (f" ({', '.join(parts)})" if dearest else "")


_meters: ContextVar[tuple[Meter, ...]] = ContextVar("meters", default=())


@contextmanager
def metered() -> Iterator[Meter]:
    """Gather what is charged meanwhile. May be nested: each meter gets all that is charged inside of it."""
    meter = Meter()
    token = _meters.set((*_meters.get(), meter))
    try:
        yield meter
    finally:
        _meters.reset(token)


def charge(request: str, units: float) -> None:
    """Say what a call was charged."""
    for meter in _meters.get():
        meter.add(request, units)
