"""Where a SPOC finds the agents' files: a folder (local or shared), or a container of Azure Blob Storage.

A source gives files in *batches*. A batch is fixed before anything of it is sent and stays as it is until all of it was
acknowledged, also over a crash: so what is sent again is the same messages with the same ids. Then it is forgotten, all
at once. Knows nothing of what the files hold.
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
"""Files of a batch: their samples are sent together, and sent again together after a crash."""

WORK = ".spoc"
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be sent: how many files, and for how many seconds the oldest."""

    files: int
    oldest_seconds: int


class Source(Protocol):
    """Where files come from. All raise Unavailable where they can't be reached."""

    def claim(self) -> Sequence[str]:
        """Return the names of the files of a batch: of one that was not finished, or of a new one; none: none wait."""

    def read(self, name: str) -> bytes | None:
        """Return a file of the batch; None: it has changed or gone since, and is no part of the batch any more."""

    def refuse(self, name: str, body: bytes, reason: str) -> None:
        """Set a copy of a file aside, with the reason."""

    def finish(self) -> None:
        """Forget the batch: all of it is acknowledged or set aside."""

    def waiting(self) -> Waiting:
        """Return what waits, the batch included."""


class FolderSource:
    """The files ``*.json`` of a folder. A batch is a folder of its own below it, where the agents' files are moved."""

    def __init__(self, folder: Path, archive: Path | None = None, batch_files: int = FILES_AT_ONCE) -> None:
        """Keep sent files in ``archive``, or delete them."""
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
            raise Unavailable(f"the folder {self._folder} can't be worked on: {error}") from error

    def _new_batch(self) -> Sequence[str]:
        files = sorted(self._files())[: self._batch_files]
        if not files:
            return []
        # A name of its own, so that whoever finishes an old batch never removes a new one.
        self._batch = self._work / f"batch-{int(time.time()):010d}-{uuid.uuid4().hex[:8]}"
        self._batch.mkdir(parents=True)
        claimed = []
        for path in files:
            try:
                claimed.append(path.rename(self._batch / path.name).name)
            except (FileNotFoundError, PermissionError):  # taken, or still open on Windows: next time
                continue
        return claimed

    def _files(self) -> Iterator[Path]:
        with os.scandir(self._folder) as entries:  # which asks nothing more of a share for each file
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
            except PermissionError as error:  # this file's own trouble, which must not hold up the others
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
        """See Source: one renaming says that all of the batch is sent."""
        batch = self._current()
        try:
            batch.rename(batch.with_name(batch.name.replace("batch-", "sent-")))
            self._clear_sent()
        except FileNotFoundError:  # somebody else finished it
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
    """Move a file, over one that is there, also to another file system."""
    try:
        path.replace(target)
    except OSError:
        shutil.copyfile(path, target)
        path.unlink()


class BlobSource:
    """The blobs ``*.json`` of a container (ADLS Gen2 too). A batch is a list of names and etags in a local file."""

    def __init__(self, container: "ContainerClient", state: Path, prefix: str = "", *, archive: bool = False) -> None:
        """Work on the blobs whose names begin with ``prefix``; ``archive``: keep sent ones below ``archive/``."""
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
        """See Source: one renaming says that all of the batch is sent."""
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
            except (ResourceNotFoundError, ResourceModifiedError):  # gone already, or written anew: that is to be sent
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
    """Turns what the SDK raises into Unavailable, but for what says that a blob is not as it was."""
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
