"""A folder as a queue: a file that is moved into it is one message, and its bytes are the body.

A file is removed only when its message has been completed. After a failure it is delivered again, up to 60 times; then
it is moved to ``dead/``. Files are taken in the order of their times. Folders are ignored, and so are files whose name
begins with a dot or ends with ``.tmp``. So a writer can first write such a file and then rename it.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_DELIVERIES = 60
"""The limit of deliveries, as of the queue in Azure (infra/modules/servicebus.bicep gives the reason)."""

MOST_BATCH_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is being delivered for the ``count``-th time."""

    path: Path
    body: bytes
    count: int


class FolderQueue:
    """The queue. Only one process may take messages at a time; any number may add them."""

    def __init__(self, folder: Path) -> None:
        """Create the folder if it does not exist."""
        self.folder = folder
        self.dead = folder / "dead"
        self.dead.mkdir(parents=True, exist_ok=True)
        # Delivery counts survive a restart, as in Azure. The file exists only after failures.
        self._counts_file = folder / ".deliveries.json"
        self._counts: dict[str, int] = self._load()

    def _load(self) -> dict[str, int]:
        try:
            counts = json.loads(self._counts_file.read_text())
            return {str(name): int(count) for name, count in counts.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def waiting(self) -> list[Path]:
        """Return the waiting files, oldest first."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(".tmp") or not entry.is_file():
                    continue
                try:
                    found.append((entry.stat().st_mtime_ns, entry.name))
                except FileNotFoundError:
                    continue
        return [self.folder / name for _, name in sorted(found)]

    def take(self, most: int) -> tuple[list[Delivery], list[tuple[Path, OSError]]]:
        """Return up to ``most`` messages (fewer if they are large), and the files that can't be read.

        Taken files stay in the folder until they are completed.
        """
        deliveries: list[Delivery] = []
        unreadable: list[tuple[Path, OSError]] = []
        size = 0
        waiting = self.waiting()
        # If a file was removed, a new file with its name is another message and must not inherit its count.
        self._forget(self._counts.keys() - {path.name for path in waiting})
        for path in waiting:
            if len(deliveries) == most:
                break
            try:
                length = path.stat().st_size
                if deliveries and size + length > MOST_BATCH_BYTES:
                    break
                deliveries.append(Delivery(path, path.read_bytes(), self._counts.get(path.name, 0) + 1))
            except FileNotFoundError:
                continue
            except OSError as error:
                unreadable.append((path, error))
                continue
            size += length
        return deliveries, unreadable

    def complete(self, deliveries: list[Delivery]) -> None:
        """Remove processed messages."""
        for delivery in deliveries:
            delivery.path.unlink(missing_ok=True)
        self._forget(delivery.path.name for delivery in deliveries)

    def abandon(self, deliveries: list[Delivery]) -> list[Path]:
        """Keep failed messages for another delivery. Move those that failed too often to ``dead/``, and return them."""
        dead = []
        for delivery in deliveries:
            if delivery.count >= MOST_DELIVERIES:
                target = self.dead / delivery.path.name
                with suppress(FileNotFoundError):
                    delivery.path.replace(target)
                    dead.append(target)
            else:
                self._counts[delivery.path.name] = delivery.count
        self._forget(delivery.path.name for delivery in deliveries if delivery.count >= MOST_DELIVERIES)
        self._save()
        return dead

    def _forget(self, names: Iterable[str]) -> None:
        known = [name for name in names if name in self._counts]
        for name in known:
            del self._counts[name]
        if known:
            self._save()

    def _save(self) -> None:
        if not self._counts:
            self._counts_file.unlink(missing_ok=True)
            return
        temporary = self._counts_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._counts))
        temporary.replace(self._counts_file)
