"""Request units: adds up what the store charges for its calls.

An adapter reports the charge of each call. ``metered`` collects the charges made inside its block, by this task and
the tasks that it starts. A store without charges (SQLite) reports nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """The number of calls of one kind, and their total charge in request units."""

    calls: int = 0
    units: float = 0.0


@dataclass(slots=True)
class Meter:
    """The charges by request. A request is a method of the port and a table, such as ``create samples``."""

    requests: dict[str, Tally] = field(default_factory=dict)

    @property
    def units(self) -> float:
        """The total charge in request units."""
        return sum(tally.units for tally in self.requests.values())

    def add(self, request: str, units: float) -> None:
        """Count one call."""
        tally = self.requests.setdefault(request, Tally())
        tally.calls += 1
        tally.units += units

    def __str__(self) -> str:
        """For a log line: the total, then each request's calls and units, the most expensive first."""
        dearest = sorted(self.requests.items(), key=lambda each: (-each[1].units, each[0]))
        parts = (f"{request} {tally.calls}/{tally.units:.1f}" for request, tally in dearest)
        return f"{self.units:.1f} RU" + (f" ({', '.join(parts)})" if dearest else "")


_meters: ContextVar[tuple[Meter, ...]] = ContextVar("meters", default=())


@contextmanager
def metered() -> Iterator[Meter]:
    """Collect the charges made inside the block. Blocks may be nested: each meter gets every charge inside its own."""
    meter = Meter()
    token = _meters.set((*_meters.get(), meter))
    try:
        yield meter
    finally:
        _meters.reset(token)


def charge(request: str, units: float) -> None:
    """Report the charge of one call."""
    for meter in _meters.get():
        meter.add(request, units)
