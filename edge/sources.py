"""Where the tenant's collector (SPOC) finds the agents' files: a folder, or a container of Azure Blob Storage.

A source returns files in *batches*. A batch is fixed before any of it is sent, and does not change until all of it is
acknowledged, even after a crash. So a SPOC that sends it again sends the same messages with the same ids. Then the
whole batch is removed at once. Knows nothing of the files' content.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from domain.errors import Unavailable

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

FILES_AT_ONCE = 500
"""The most files of a batch. Their samples are sent together, and after a crash sent again together."""

WORK = ".spoc"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The number of files that wait to be sent, and for how many seconds the oldest has waited."""

    files: int
    oldest_seconds: int


class Source(Protocol):
    """A source of files. Every method raises Unavailable if the source can't be reached."""

    def claim(self) -> Sequence[str]:
        """Return the names of a batch's files: of an unfinished batch, or else of a new one. Empty if no file waits."""

    def read(self, name: str) -> bytes | None:
        """Return a file of the batch. None if it has changed or gone since; then it no longer belongs to the batch."""

    def refuse(self, name: str, body: bytes, reason: str) -> None:
        """Keep a copy of a refused file with the reason."""

    def finish(self) -> None:
        """Remove the batch, since all of it is acknowledged or refused."""

    def waiting(self) -> Waiting:
        """Return what waits to be sent, including the batch."""


class FolderSource:
    """The files ``*.json`` in a folder. A batch is a subfolder to which the agents' files are moved."""

    def __init__(self, folder: Path, archive: Path | None = None, batch_files: int = FILES_AT_ONCE) -> None:
        """Move sent files to ``archive``; without it, delete them."""
        self._folder = folder
        self._work = folder / WORK
        self._archive = archive
        self._batch_files = batch_files
        self._batch: Path | None = None

    def claim(self) -> Sequence[str]:
        """See Source."""
        try:
            self._clear_sent()
            for batch in sorted(self._work.glob("batch-*")):
                if names := sorted(path.name for path in batch.iterdir()):
                    self._batch = batch
                    return names
                batch.rmdir()
            return self._new_batch()
        except OSError as error:
            raise Unavailable(f"the folder {self._folder} can't be read or changed: {error}") from error

    def _new_batch(self) -> Sequence[str]:
        files = sorted(self._files())[: self._batch_files]
        if not files:
            return []
        # A unique name, so that finishing an old batch never removes a new one.
        self._batch = self._work / f"batch-{int(time.time()):010d}-{uuid.uuid4().hex[:8]}"
        self._batch.mkdir(parents=True)
        claimed = []
        for path in files:
            try:
                claimed.append(path.rename(self._batch / path.name).name)
            except (FileNotFoundError, PermissionError):  # taken, or still open on Windows: left for the next batch
                continue
        return claimed

    def _files(self) -> Iterator[Path]:
        with os.scandir(self._folder) as entries:  # needs no further request to a share per file
            for entry in entries:
                if entry.name.endswith(".json") and not entry.name.startswith(".") and entry.is_file():
                    yield Path(entry.path)

    def read(self, name: str) -> bytes | None:
        """See Source."""
        path = self._current() / name
        try:
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None
            except PermissionError as error:  # one file's error must not stop the others
                self._set_aside(name, f"the file can't be read: {error.strerror}")
                _move(path, self._folder / REFUSED / name)
                return None
        except OSError as error:
            raise Unavailable(f"{path} can't be read: {error}") from error

    def _current(self) -> Path:
        if self._batch is None:
            raise RuntimeError("no batch is claimed")
        return self._batch

    def refuse(self, name: str, body: bytes, reason: str) -> None:
        """See Source."""
        try:
            self._set_aside(name, reason)
            (self._folder / REFUSED / name).write_bytes(body)
        except OSError as error:
            raise Unavailable(f"{self._folder / REFUSED} can't be written: {error}") from error

    def _set_aside(self, name: str, reason: str) -> None:
        folder = self._folder / REFUSED
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.reason.txt").write_text(reason + "\n", encoding="utf8")

    def finish(self) -> None:
        """See Source. A single rename marks the whole batch as sent."""
        batch = self._current()
        try:
            batch.rename(batch.with_name(batch.name.replace("batch-", "sent-")))
            self._clear_sent()
        except FileNotFoundError:  # another process finished it
            pass
        except OSError as error:
            raise Unavailable(f"{batch} can't be removed: {error}") from error

    def _clear_sent(self) -> None:
        for sent in sorted(self._work.glob("sent-*")):
            if self._archive:
                self._archive.mkdir(parents=True, exist_ok=True)
                for path in sent.iterdir():
                    _move(path, self._archive / path.name)
            shutil.rmtree(sent)

    def waiting(self) -> Waiting:
        """See Source."""
        try:
            times = [path.stat().st_mtime for path in [*self._files(), *self._work.glob("batch-*/*")]]
        except OSError as error:
            raise Unavailable(f"the folder {self._folder} can't be read: {error}") from error
        return Waiting(len(times), max(0, round(time.time() - min(times))) if times else 0)


def _move(path: Path, target: Path) -> None:
    """Move a file. It replaces an existing one, and may go to another file system."""
    try:
        path.replace(target)
    except OSError:
        shutil.copyfile(path, target)
        path.unlink()


class BlobSource:
    """The blobs ``*.json`` of a container (ADLS Gen2 too). A batch is a list of names and etags in a local file."""

    def __init__(self, container: "ContainerClient", state: Path, prefix: str = "", *, archive: bool = False) -> None:
        """Read blobs whose names begin with ``prefix``. With ``archive``, move sent ones to ``archive/``."""
        self._container = container
        self._prefix = prefix
        self._archive = archive
        self._batch_file = state / "batch.json"
        self._sent_file = state / "sent.json"
        self._batch: dict[str, str] = {}

    def claim(self) -> Sequence[str]:
        """See Source."""
        self._clear_sent()
        if self._batch_file.exists():
            self._batch = json.loads(self._batch_file.read_text())
            return sorted(self._batch)
        self._batch = {}
        for blob in self._blobs():
            self._batch[blob.name] = blob.etag
            if len(self._batch) == FILES_AT_ONCE:
                break
        if self._batch:
            self._batch_file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._batch_file.with_suffix(".tmp")
            temporary.write_text(json.dumps(self._batch))
            temporary.replace(self._batch_file)
        return sorted(self._batch)

    def _blobs(self) -> Iterator[Any]:
        aside = tuple(f"{self._prefix}{name}/" for name in (REFUSED, "archive"))
        with _storage(self._container):
            for blob in self._container.list_blobs(name_starts_with=self._prefix or None):
                if blob.name.endswith(".json") and not blob.name.startswith(aside):
                    yield blob

    def read(self, name: str) -> bytes | None:
        """See Source."""
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

        try:
            with _storage(self._container):
                return bytes(self._container.download_blob(name, **_if_unchanged(self._batch[name])).readall())
        except (ResourceNotFoundError, ResourceModifiedError):
            return None

    def refuse(self, name: str, body: bytes, reason: str) -> None:
        """See Source."""
        aside = f"{self._prefix}{REFUSED}/{name.removeprefix(self._prefix)}"
        with _storage(self._container):
            self._container.upload_blob(aside, body, overwrite=True)
            self._container.upload_blob(f"{aside}.reason.txt", reason + "\n", overwrite=True)

    def finish(self) -> None:
        """See Source. A single rename marks the whole batch as sent."""
        self._batch_file.replace(self._sent_file)
        self._clear_sent()

    def _clear_sent(self) -> None:
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

        if not self._sent_file.exists():
            return
        for name, etag in json.loads(self._sent_file.read_text()).items():
            unchanged = _if_unchanged(etag)
            try:
                with _storage(self._container):
                    if self._archive:
                        body = self._container.download_blob(name, **unchanged).readall()
                        kept = f"{self._prefix}archive/{name.removeprefix(self._prefix)}"
                        self._container.upload_blob(kept, body, overwrite=True)
                    self._container.delete_blob(name, **unchanged)
            except (ResourceNotFoundError, ResourceModifiedError):  # deleted, or rewritten and to be sent later
                continue
        self._sent_file.unlink()

    def waiting(self) -> Waiting:
        """See Source."""
        times = [blob.last_modified.timestamp() for blob in self._blobs()]
        return Waiting(len(times), max(0, round(time.time() - min(times))) if times else 0)


def _if_unchanged(etag: str) -> dict[str, Any]:
    from azure.core import MatchConditions  # noqa: PLC0415

    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


@contextmanager
def _storage(container: "ContainerClient") -> Iterator[None]:
    """Turn the SDK's errors into Unavailable, except those that say that a blob has changed or gone."""
    from azure.core.exceptions import AzureError, ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

    try:
        yield
    except ResourceModifiedError:
        raise
    except AzureError as error:
        if isinstance(error, ResourceNotFoundError) and getattr(error, "error_code", None) == "BlobNotFound":
            raise
        where = container.url.partition("?")[0]
        raise Unavailable(f"{where} is not available: {str(error).splitlines()[0]}") from error
