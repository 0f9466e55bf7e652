"""The sources of an agent's readings: this machine, Telegraf's files, or its output on a stream.

Sources refuse to know how readings are used.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol

from edge.following import Files
from edge.telegraf import Folding, Moment
from edge.telegraf_json import Parser

READ_EVERY = 10
"""The seconds between two raw readings."""

CHUNK = 1 << 20
MOST_PIECES = 16
"""The most chunks of a stream that wait to be read. After that, the writer has to wait."""


class Source(Protocol):
    """A source of readings."""

    every: int
    """The seconds between two calls of :meth:`read`."""

    waits: bool
    """Whether unread data stay in the source, so that the caller may pause reading."""

    again: bool
    """Whether the next start returns the readings after the last :meth:`save` again."""

    def read(self) -> Iterable[Sequence[Moment]]:
        """Return the readings since the last call, in pieces. Raises OSError."""

    def save(self) -> None:
        """Store the position. Call this when all readings so far are saved. Raises OSError."""

    @property
    def trouble(self) -> str:
        """What can't be read, in words. Empty if everything can be read."""

    @property
    def ended(self) -> bool:
        """Whether the source will never return readings again."""


class MachineSource:
    """The machine on which this program runs."""

    every = READ_EVERY
    waits = False
    again = False
    ended = False

    def __init__(self, services: Sequence[str]) -> None:
        from edge.readings import Machine  # noqa: PLC0415  (only measured machines need psutil)

        self._machine = Machine(services)

    def read(self) -> Iterable[Sequence[Moment]]:
        """See Source."""
        values = self._machine.read()
        return [[Moment(None, int(time.time()), values)]]

    def save(self) -> None:
        """See Source. There is no position."""

    @property
    def trouble(self) -> str:
        """See Source."""
        return "; ".join(f"{group}: {reason}" for group, reason in self._machine.failed.items())


class FilesSource:
    """A file or folder that Telegraf writes."""

    every = READ_EVERY
    waits = True
    again = True
    ended = False

    def __init__(self, path: Path, state: Path, folding: Folding | None = None) -> None:
        self._files = Files(path, state, folding or Folding())

    def read(self) -> Iterable[Sequence[Moment]]:
        """See Source."""
        return self._files.read()

    def save(self) -> None:
        """See Source."""
        self._files.save()

    @property
    def trouble(self) -> str:
        """See Source."""
        return "; ".join([*_counted(self._files.folding), *self._files.troubles.values()])


class StreamSource:
    """Telegraf's output on a stream, such as standard input (Telegraf: ``outputs.execd``, or a pipe).

    The stream must be an unbuffered byte stream, so that a read returns the bytes that are available.
    """

    every = 1
    waits = True
    again = False

    def __init__(self, stream: IO[bytes], folding: Folding | None = None) -> None:
        self._folding = folding or Folding()
        self._parser = Parser(self._folding.unread)
        self._pieces: list[bytes] = []
        self._changed = threading.Condition()
        self._closed = False
        self._failure = ""
        self._drained = False
        threading.Thread(target=self._follow, args=(stream,), daemon=True).start()

    def _follow(self, stream: IO[bytes]) -> None:
        try:
            while piece := stream.read(CHUNK):
                with self._changed:
                    self._changed.wait_for(lambda: len(self._pieces) < MOST_PIECES)
                    self._pieces.append(piece)
        except (OSError, ValueError) as error:
            self._failure = f"the stream can no longer be read: {error}"
        finally:
            self._closed = True

    def _taken(self) -> Iterator[bytes]:
        """Yield the waiting pieces. Each piece is removed from the queue before it is yielded."""
        for _ in range(MOST_PIECES):
            with self._changed:
                if not self._pieces:
                    return
                piece = self._pieces.pop(0)
                self._changed.notify()
            yield piece

    def read(self) -> Iterator[Sequence[Moment]]:
        """See Source."""
        closed = self._closed  # read first, so that pieces that arrive before the end are taken
        for piece in self._taken():
            yield self._folding.add(self._parser.feed(piece))
        if closed and not self._pieces:
            yield [*self._folding.add(self._parser.feed(b"", last=True)), *self._folding.flush()]
            self._drained = True
        else:
            yield self._folding.settle()

    def save(self) -> None:
        """See Source. A stream can't be read again."""

    @property
    def trouble(self) -> str:
        """See Source."""
        return "; ".join([*_counted(self._folding), *([self._failure] if self._failure else [])])

    @property
    def ended(self) -> bool:
        """See Source."""
        return self._drained


def _counted(folding: Folding) -> list[str]:
    return [f"{count} {what}" for what, count in sorted(folding.unread.items())]
