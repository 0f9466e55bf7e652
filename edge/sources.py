"""Where the tenant's collector (SPOC) finds the agents' files: what any source does, and a folder as a source.

A source returns files in *batches*. A batch is fixed before any of it is sent, and does not change until all of it is
acknowledged, even after a crash. So a SPOC that sends it again sends the same messages with the same ids. Then the
whole batch is removed at once. Knows nothing of the files' content. The other source is a blob container (edge.blobs).
"""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.errors import BadMessage, Unavailable
from edge.shared_files import keep, kept_name, move, read_file, write_anew

FILES_AT_ONCE = 500
"""The most files of a batch. Their samples are sent together, and after a crash sent again together."""

LOCK_PATIENCE = 300
"""For how many seconds a file that can't be read is tried again, before it is refused. Virus scanners, backups and
indexers lock a file for seconds."""

LOCK_PAUSE = 20
"""The seconds between two tries."""

MOST_REFUSED = 1_000
"""How many refused files are kept, the newest. Of a hundred machines with one name, a thousand a day are refused."""

WORK = ".spoc"
REFUSED = "refused"
REASON = ".reason.txt"
SENT = ".sent"
"""The file in a batch's folder that marks it as sent. It holds the names of files that were locked, and not sent."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The number of files that wait to be sent, and for how many seconds the oldest has waited."""

    files: int
    oldest_seconds: int
    stuck: int = 0
    """The number of sent files that could not be removed yet."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file's content, and when it was written: Unix seconds by the clock of the folder or container."""

    body: bytes
    written: float


class Source(Protocol):
    """A source of files. Every method raises Unavailable if the source can't be reached."""

    def claim(self) -> Sequence[str]:
        """Return the names of a batch's files: of an unfinished batch, or else of a new one. Empty if no file waits."""

    def read(self, name: str) -> Found | None:
        """Return a file of the batch. None if it does not belong to the batch any longer: gone, changed or locked.

        A locked file waits, and is in a later batch. Raises BadMessage, with the reason, for a file that nobody can
        read for minutes, and for one so large that it is not read at all.
        """

    def refuse(self, name: str, reason: str) -> None:
        """Keep a copy of a file of the batch below ``refused``, with the reason. The newest MOST_REFUSED are kept."""

    def finish(self) -> None:
        """Remove the batch, since all of it is acknowledged or refused."""

    def waiting(self) -> Waiting:
        """Return what waits to be sent, including the batch."""


class FolderSource:
    """The files ``*.json`` in a folder. A batch is a subfolder to which the agents' files are moved."""

    def __init__(
        self,
        folder: Path,
        archive: Path | None = None,
        batch_files: int = FILES_AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Move sent files to ``archive``; without it, delete them. ``clock`` measures how long a file is locked."""
        self._folder = folder
        self._work = folder / WORK
        self._archive = archive
        self._batch_files = batch_files
        self._clock = clock
        self._batch: Path | None = None
        self._held: set[str] = set()
        self._refused = False
        self._locked: dict[str, tuple[float, float]] = {}
        """The locked files: since when, and when to try again."""

    def claim(self) -> Sequence[str]:
        """See Source."""
        self._held = set()
        try:
            for batch in sorted(self._work.glob("*-*")):
                if batch.name.startswith("sent-") or (batch / SENT).exists():
                    self._clear(batch)
                elif names := sorted(path.name for path in batch.iterdir() if not path.name.startswith(".")):
                    self._batch = batch
                    return names
                else:
                    shutil.rmtree(batch)
            return self._new_batch()
        except OSError as error:
            raise Unavailable(f"the folder {self._folder} can't be read or changed: {error}") from error

    def _new_batch(self) -> Sequence[str]:
        now = self._clock()
        files = sorted(path for path in self._files() if self._locked.get(path.name, (0, now))[1] <= now)
        if not files:
            return []
        # A unique name, so that finishing an old batch never removes a new one.
        self._batch = self._work / f"batch-{int(time.time()):010d}-{uuid.uuid4().hex[:8]}"
        self._batch.mkdir(parents=True)
        claimed: list[str] = []
        for path in files:
            if len(claimed) == self._batch_files:
                break
            try:
                claimed.append(path.rename(self._batch / path.name).name)
            except (FileNotFoundError, PermissionError):  # taken, or still open on Windows: left for the next batch
                continue
        return claimed

    def _files(self) -> Iterator[Path]:
        with os.scandir(self._folder) as entries:  # needs no further request to a share per file
            for entry in entries:
                named = entry.name.endswith(".json") and not entry.name.startswith(".")
                if named and entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)

    def read(self, name: str) -> Found | None:
        """See Source."""
        path = self._current() / name
        try:
            body, written = read_file(path)
        except FileNotFoundError:
            return None
        except PermissionError as error:  # one file's error must not stop the others
            if self._locked_for(name) >= LOCK_PATIENCE:
                raise BadMessage(f"the file can't be read: {error.strerror}") from error
            self._hold(name)
            return None
        except OSError as error:
            raise Unavailable(f"{path} can't be read: {error}") from error
        self._locked.pop(name, None)
        return Found(body, written)

    def _locked_for(self, name: str) -> float:
        return self._clock() - self._locked[name][0] if name in self._locked else 0

    def _current(self) -> Path:
        if self._batch is None:
            raise RuntimeError("no batch is claimed")
        return self._batch

    def refuse(self, name: str, reason: str) -> None:
        """See Source."""
        aside = self._folder / REFUSED
        path = self._current() / name
        try:
            aside.mkdir(exist_ok=True)
            kept = kept_name(name)
            write_anew(aside / f"{kept}{REASON}", reason + "\n")
            if keep(path, aside / kept):
                self._locked.pop(name, None)
            else:
                self._hold(name)
            self._refused = True
        except OSError as error:
            raise Unavailable(f"{aside} can't be written: {error}") from error

    def _thin_out(self) -> None:
        """Remove the oldest refused files beyond MOST_REFUSED."""
        with os.scandir(self._folder / REFUSED) as entries:
            kept = sorted((entry.stat().st_mtime, entry.path) for entry in entries if entry.name.endswith(REASON))
        for _, reason in kept[:-MOST_REFUSED]:
            Path(reason.removesuffix(REASON)).unlink(missing_ok=True)
            Path(reason).unlink(missing_ok=True)

    def _hold(self, name: str) -> None:
        """Leave a locked file out of the batch, for a later one. The batch's other files are sent."""
        now = self._clock()
        self._locked[name] = (self._locked.get(name, (now, now))[0], now + LOCK_PAUSE)
        self._held.add(name)

    def finish(self) -> None:
        """See Source. A single rename marks the whole batch as sent."""
        batch = self._current()
        try:
            temporary = batch / f"{SENT}.tmp"
            temporary.write_text("\n".join(sorted(self._held)), encoding="utf8")
            temporary.replace(batch / SENT)
            if self._refused:
                self._refused = False
                self._thin_out()
            self._clear(batch)
        except FileNotFoundError:  # another process finished it
            pass
        except OSError as error:
            raise Unavailable(f"{batch} can't be removed: {error}") from error

    def _clear(self, batch: Path) -> None:
        """Remove a sent batch as far as it can be removed now. A file that is locked stays there until a later time."""
        mark = batch / SENT
        held = set(mark.read_text(encoding="utf8").splitlines()) if mark.exists() else set()
        left = False
        for path in [path for path in batch.iterdir() if path != mark]:
            try:
                if path.name not in held:
                    self._remove(path)
                elif (self._folder / path.name).exists():  # a newer one of its name goes first
                    left = True
                else:
                    path.rename(self._folder / path.name)
            except PermissionError:
                left = True
        if not left:
            shutil.rmtree(batch)

    def _remove(self, path: Path) -> None:
        if self._archive and not path.name.startswith("."):
            self._archive.mkdir(parents=True, exist_ok=True)
            move(path, self._archive / path.name)
        else:
            path.unlink()

    def waiting(self) -> Waiting:
        """See Source."""
        times: list[float] = []
        try:
            marked = {path.parent for path in self._work.glob(f"batch-*/{SENT}")}
            batches = list(self._work.glob("batch-*/*.json"))
            stuck = sum(path.parent in marked for path in batches)
            for path in (*self._files(), *(path for path in batches if path.parent not in marked)):
                try:
                    times.append(path.stat().st_mtime)
                except FileNotFoundError:  # collected or replaced at this moment
                    continue
        except OSError as error:
            raise Unavailable(f"the folder {self._folder} can't be read: {error}") from error
        return Waiting(len(times), age(times), stuck)


def age(times: Sequence[float]) -> int:
    """Return how many seconds ago the earliest of these times was."""
    return max(0, round(time.time() - min(times))) if times else 0
