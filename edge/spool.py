"""The spool: the folder on its own machine in which an agent's files wait until they are delivered (edge.delivering).

The agent always writes here and never into a share, so that readings never wait for a network, and here alone is what
a killed agent leaves. Two threads use it: one writes, one delivers. Does not know where files are delivered to.
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from domain.agent_file import FileHead
from domain.samples import Sample
from edge import VERSION
from edge.files import recover_parts, save_part, write_file
from edge.gathering import Identity
from edge.machine import Installation

MOST_WAITING = 96
"""The most files of a VM that wait: a day's. Then the oldest is lost."""


class Spool:
    """A folder of files that wait. Its methods raise OSError."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        """Files say that they are of this installation."""
        self.folder = folder
        self._installation = installation
        self._writing = threading.Lock()

    def write(self, identity: Identity, period: int, samples: Sequence[Sample], now: int) -> Path:
        """Write a period's samples to its file, beside those that it has if it still waits. Return the path."""
        with self._writing:
            return write_file(self.folder, identity, period, samples, self._head(now))

    def save_part(self, identity: Identity, period: int, samples: Sequence[Sample], now: int) -> None:
        """Save the samples so far of a period that has not ended."""
        save_part(self.folder, identity, period, samples, self._head(now))

    def recover(self) -> list[Path]:
        """Make files of what an earlier run could not end. Return their paths."""
        with self._writing:
            self.folder.mkdir(parents=True, exist_ok=True)
            return recover_parts(self.folder)

    def _head(self, now: int) -> FileHead:
        return FileHead(self._installation.id, self._installation.boot, now, VERSION)

    def waiting(self) -> list[Path]:
        """Return the files that wait, oldest period first."""
        return sorted(self.folder.glob("[!.]*.json"), key=lambda path: (_period(path), path.name))

    def finished(self, path: Path, body: bytes) -> None:
        """Remove a file, unless it has changed since its body was read: then it waits to be delivered again."""
        with self._writing:
            if path.read_bytes() == body:
                path.unlink()

    def remove_oldest(self) -> int:
        """Remove each VM's oldest files beyond MOST_WAITING. Return how many that were."""
        of_vm: dict[str, list[Path]] = defaultdict(list)
        for path in self.waiting():
            of_vm[path.name.rpartition("_")[0]].append(path)
        lost = [path for paths in of_vm.values() for path in paths[: max(0, len(paths) - MOST_WAITING)]]
        for path in lost:
            path.unlink(missing_ok=True)
        return len(lost)


def _period(path: Path) -> int:
    stamp = path.stem.rpartition("_")[2]
    return int(stamp) if stamp.isdecimal() else 0
