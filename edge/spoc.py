"""The SPOC: a tenant's only way to the queue. Collects the agents' files, packs them into messages, sends them.

``python -m edge.spoc --help``. A file is removed only after every message that holds a part of it was taken by the
queue; dying before that sends it once more, which changes nothing (ingest is idempotent). A file that is no message is
set aside in ``refused/``, with its reason beside it.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain import wire
from domain.errors import BadMessage
from domain.packing import Packed, pack

STANDARD_LIMIT = 256 * 1024
HEADER_ROOM = 4 * 1024
"""Room in a message for what the protocol adds to the body."""

FILES_AT_ONCE = 500


class Destination(Protocol):
    """Where messages go."""

    def send(self, message_id: str, body: bytes) -> None:
        """Hand a message over; it is safe when this returns. The same id again is the same message again."""


@dataclass(frozen=True, slots=True)
class FolderDestination:
    """The folder queue of the local host: a message is a file, moved into it."""

    folder: Path

    def send(self, message_id: str, body: bytes) -> None:
        """See Destination."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{message_id}.tmp"
        temporary.write_bytes(body)
        temporary.replace(self.folder / message_id)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push did."""

    files: int
    samples: int
    messages: int
    bytes: int
    refused: int


def push(folder: Path, destination: Destination, limit: int = STANDARD_LIMIT - HEADER_ROOM) -> Pushed:
    """Send all files of a folder. Raises OSError where a folder or the destination fails; nothing is lost then."""
    files = samples = messages = size = refused = 0
    names = sorted(path for path in folder.glob("*.json") if path.is_file()) if folder.is_dir() else []
    for start in range(0, len(names), FILES_AT_ONCE):
        read = []
        for path in names[start : start + FILES_AT_ONCE]:
            try:
                decoded = wire.decode(path.read_bytes())
            except BadMessage as error:
                _set_aside(path, str(error))
                refused += 1
                continue
            if decoded.refused:
                _set_aside(path, "; ".join(f"metrics[{each.position}]: {each.reason}" for each in decoded.refused))
                refused += 1
                continue
            read.append((path, decoded.samples))
        for message in pack([batch for _, batch in read], limit):
            destination.send(_message_id(message), message.body)
            samples += message.samples
            messages += 1
            size += len(message.body)
        for path, _ in read:
            path.unlink()
        files += len(read)
    return Pushed(files, samples, messages, size, refused)


def _message_id(message: Packed) -> str:
    return hashlib.sha256(message.body).hexdigest()[:32]


def _set_aside(path: Path, reason: str) -> None:
    refused = path.parent / "refused"
    refused.mkdir(exist_ok=True)
    (refused / f"{path.name}.reason.txt").write_text(reason + "\n")
    path.replace(refused / path.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Push a folder's files to a queue again and again until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m edge.spoc", description="Send the agents' files to the queue.")
    parser.add_argument("--folder", type=Path, required=True, help="where the agents write their files")
    parser.add_argument("--queue-folder", type=Path, required=True, help="the local host's DATA/queue")
    parser.add_argument("--every", type=int, default=60, help="seconds between pushes (default: 60)")
    parser.add_argument("--once", action="store_true", help="push what is there, then end")
    options = parser.parse_args(arguments)
    try:
        while True:
            done = push(options.folder, FolderDestination(options.queue_folder))
            if done.files or done.refused:
                print(
                    f"pushed files={done.files} samples={done.samples} messages={done.messages} bytes={done.bytes} "
                    f"refused={done.refused}"
                )
            if options.once:
                return 0
            time.sleep(options.every)
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
