"""Delivers the files of the spool (edge.spool) to a drop (edge.drops), in a thread of its own.

Whatever the drop does (refuse, or never answer), readings go on, and files wait on this machine. What can't be
delivered is tried again with growing pauses. Does not know samples and options.
"""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

from domain.errors import Unavailable
from edge.drops import Drop
from edge.spool import MOST_WAITING, Spool

LONGEST_PAUSE = 300.0
MOST_FAILURES = 3
"""After so many files that fail one after the other, the drop counts as away, and the others are not tried."""

SLOW = 60
"""Seconds after which a drop that does not answer is told."""


class Deliverer:
    """Delivers in the background from :meth:`start` to :meth:`finish`."""

    def __init__(self, spool: Spool, drop: Drop, say: Callable[[str], None], first_pause: float = 2.0) -> None:
        """``say`` tells the administrator what is delivered. It is called by the thread."""
        self._spool = spool
        self._drop = drop
        self._say = say
        self._first_pause = first_pause
        self._failures = 0
        self._failure = ""
        self._since: float | None = None
        self._ending = threading.Event()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deliverer", daemon=True)
        self.lost = 0
        """How many files were removed, because they could not be delivered for a day."""

    def start(self) -> None:
        """Begin with the files that wait."""
        self._wanted.set()
        self._thread.start()

    def written(self) -> None:
        """Deliver, since there are new files. Of each VM, a day of files may wait. Raises OSError."""
        self._wanted.set()
        self.lost += self._spool.remove_oldest()

    def finish(self, seconds: float) -> int:
        """Deliver what waits now, for at most so many seconds, and end. Return how many files still wait."""
        self._ending.set()
        self._wanted.set()
        self._thread.join(seconds)
        return len(self._spool.waiting())

    @property
    def trouble(self) -> str:
        """What can't be delivered now, in words. Empty if all can."""
        since, parts = self._since, []
        if since is not None and time.monotonic() - since >= SLOW:
            parts.append(f"{self._drop.where} has not answered for {time.monotonic() - since:.0f} s; files wait here")
        elif self._failure:
            parts.append(f"files can't be delivered, and wait here: {self._failure}; tries again")
        if self.lost:
            parts.append(f"{self.lost} files are lost: of each VM, only {MOST_WAITING} may wait to be delivered")
        return "; ".join(parts)

    def _run(self) -> None:
        last = False
        while not last:
            if self._failures:
                longest = min(LONGEST_PAUSE, self._first_pause * 2.0 ** min(self._failures - 1, 20))
                # Not all VMs at once: a share that comes back is busy enough.
                self._ending.wait(longest * random.uniform(0.5, 1))  # noqa: S311
            else:
                self._wanted.wait()
            self._wanted.clear()
            last = self._ending.is_set()
            self._round()

    def _round(self) -> None:
        """Deliver all files that wait. One that can't be read or delivered holds up no other."""
        failed = 0
        failure = ""
        for path in self._spool.waiting():
            try:
                self._deliver(path)
                failed = 0
            except FileNotFoundError:  # it was removed as one of too many
                continue
            except Exception as error:  # noqa: BLE001  (whatever it is, the thread must go on)
                failed += 1
                failure = str(error) if isinstance(error, (Unavailable, OSError)) else repr(error)
                if failed == MOST_FAILURES:
                    break
        self._drop.close()
        self._failures = self._failures + 1 if failure else 0
        self._failure = failure

    def _deliver(self, path: Path) -> None:
        body = path.read_bytes()
        if body.strip(b"\0"):  # an empty file is what a loss of power can leave
            self._since = time.monotonic()
            try:
                self._drop.put(path.name, body)
            finally:
                self._since = None
            self._say(f"delivered {path.name} to {self._drop.where}")
        self._spool.finished(path, body)
