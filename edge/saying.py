"""What a program says to its administrator: on standard error, and in a log file of bounded size for a service.

When the file is full, it becomes ``FILE.1``, in place of an earlier one, and a new file begins.
"""

import sys
import threading
import time
from pathlib import Path

MOST_BYTES = 1024 * 1024


class Saying:
    """Says lines. Threads may share it."""

    def __init__(self, program: str, log: Path | None = None, most: int = MOST_BYTES) -> None:
        """Put the program's name before each line, and keep the lines in ``log`` too."""
        self._program = program
        self._log = log
        self._most = most
        self._alone = threading.Lock()

    def __call__(self, text: str) -> None:
        """Say a line. If the log file can't be written, that is said instead of it, once."""
        with self._alone:
            self._print(text)
            if self._log is not None:
                try:
                    self._keep(self._log, text)
                except OSError as error:
                    self._print(f"the log file can't be written, and is no longer tried: {error}")
                    self._log = None

    def _print(self, text: str) -> None:
        if sys.stderr is not None:  # a Windows program without a console has none
            print(f"{self._program}: {text}", file=sys.stderr, flush=True)

    def _keep(self, log: Path, text: str) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {self._program}: {text}\n".encode()
        if log.exists() and log.stat().st_size + len(line) > self._most:
            log.replace(log.with_name(f"{log.name}.1"))
        with log.open("ab") as file:
            file.write(line)
