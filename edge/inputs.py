"""Where an agent's readings come from: this machine, Telegraf's files, or its output on a stream.

None knows what becomes of them.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Protocol

from edge.telegraf import Files, Folding, Moment, Parser

READ_EVERY = 10
"""How many seconds pass from one raw reading to the next."""


class Source(Protocol):
    """Where readings come from."""

    every: int
    """How many seconds to let pass between readings."""

    def read(self) -> Iterable[Sequence[Moment]]:
        """Return what has come since the last call, in pieces. Raises OSError."""

    def save(self) -> None:
        """Keep how far was read; called when all of it is saved."""

    @property
    def trouble(self) -> str:
        """What can't be read now, in words; empty if all can."""

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come any more."""


class MachineSource:
    """The machine that this runs on, by psutil."""

    every = READ_EVERY
    ended = False

    def __init__(self, services: Sequence[str]) -> None:
        from edge.readings import Machine  # noqa: PLC0415  (psutil is wanted on machines that are measured only)

        self._machine = Machine(services)

    def read(self) -> Iterable[Sequence[Moment]]:
        """See Source."""
        values = self._machine.read()
        return [[Moment(None, int(time.time()), values)]]

    def save(self) -> None:
        """See Source: there is nothing to remember."""

    @property
    def trouble(self) -> str:
        """See Source."""
        return "; ".join(f"{group}: {reason}" for group, reason in self._machine.failed.items())


class FilesSource:
    """A file or a folder that Telegraf writes."""

    every = READ_EVERY
    ended = False

    def __init__(self, path: Path, state: Path) -> None:
        self._files = Files(path, state)

    def read(self) -> Iterable[Sequence[Moment]]:
        """See Source."""
        return self._files.read()

    def save(self) -> None:
        """See Source."""
        self._files.save()

    @property
    def trouble(self) -> str:
        """See Source."""
        return f"{self._files.bad} lines were no Telegraf metrics" if self._files.bad else ""


class StreamSource:
    """Telegraf's output on a stream, such as standard input (Telegraf: ``outputs.execd``, or a pipe)."""

    every = 1

    def __init__(self, stream: IO[str]) -> None:
        self._parser = Parser()
        self._folding = Folding()
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._drained = False
        threading.Thread(target=self._follow, args=(stream,), daemon=True).start()

    def _follow(self, stream: IO[str]) -> None:
        for line in stream:
            with self._lock:
                self._lines.append(line)
        self._closed.set()

    def read(self) -> Iterable[Sequence[Moment]]:
        """See Source."""
        closed = self._closed.is_set()
        with self._lock:
            lines, self._lines = self._lines, []
        found = self._folding.add(self._parser.feed("".join(lines), last=closed)) if lines or closed else []
        self._drained = closed
        yield [*found, *(self._folding.flush() if closed or not lines else [])]

    def save(self) -> None:
        """See Source: a stream can't be read again."""

    @property
    def trouble(self) -> str:
        """See Source."""
        return f"{self._parser.bad} lines were no Telegraf metrics" if self._parser.bad else ""

    @property
    def ended(self) -> bool:
        """See Source."""
        return self._drained
