"""A container of Azure Blob Storage (ADLS Gen2 too) as a source of the SPOC. See edge.sources for what a source does.

A batch is a list of names and etags in a local file. Nothing is moved in the container until the batch is sent.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from domain.errors import Unavailable
from domain.minutes import DAY
from domain.wire import MAX_BYTES
from edge.sources import FILES_AT_ONCE, REFUSED, Found, Waiting, age, too_large

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

CHUNK = 4 * 1024 * 1024
"""How many bytes of a blob are read at a time. The container is to be opened with this as ``max_single_get_size``."""

_LEASED = 412


class BlobSource:
    """The blobs ``*.json`` of a container."""

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
        stuck = self._clear_sent()
        if self._batch_file.exists():
            self._batch = _load(self._batch_file)
            return sorted(self._batch)
        self._batch = {}
        for blob in self._blobs():
            if stuck.get(blob.name) == blob.etag:  # sent already
                continue
            self._batch[blob.name] = blob.etag
            if len(self._batch) == FILES_AT_ONCE:
                break
        if self._batch:
            _save(self._batch_file, self._batch)
        return sorted(self._batch)

    def _blobs(self) -> Iterator[Any]:
        aside = tuple(f"{self._prefix}{name}/" for name in (REFUSED, "archive"))
        with _storage(self._container):
            for blob in self._container.list_blobs(name_starts_with=self._prefix or None):
                if blob.name.endswith(".json") and not blob.name.startswith(aside):
                    yield blob

    def read(self, name: str) -> Found | None:
        """See Source."""
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

        try:
            with _storage(self._container):
                blob = self._container.download_blob(name, **_if_unchanged(self._batch[name]))
                if blob.size > MAX_BYTES:
                    raise too_large(blob.size)
                return Found(bytes(blob.readall()), blob.properties.last_modified.timestamp())
        except (ResourceNotFoundError, ResourceModifiedError):
            return None

    def refuse(self, name: str, reason: str) -> None:
        """See Source."""
        self._copy(name, self._batch[name], REFUSED)
        with _storage(self._container):
            aside = self._aside(name, REFUSED)
            self._container.upload_blob(f"{aside}.reason.txt", reason + "\n", overwrite=True)

    def _aside(self, name: str, folder: str) -> str:
        return f"{self._prefix}{folder}/{name.removeprefix(self._prefix)}"

    def _copy(self, name: str, etag: str, folder: str) -> None:
        """Copy a blob, unless it has changed or gone. It goes through this machine piece by piece, whatever its size.

        A copy by the service itself wants more rights than a SAS for this container may have.
        """
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

        try:
            with _storage(self._container):
                blob = self._container.download_blob(name, **_if_unchanged(etag))
                self._container.upload_blob(self._aside(name, folder), blob.chunks(), overwrite=True)
        except (ResourceNotFoundError, ResourceModifiedError):
            return

    def finish(self) -> None:
        """See Source. A single rename marks the whole batch as sent."""
        if stuck := _load(self._sent_file):
            _save(self._batch_file, stuck | _load(self._batch_file))
        self._batch_file.replace(self._sent_file)
        self._clear_sent()

    def _clear_sent(self) -> Mapping[str, str]:
        """Remove sent blobs. Return the names and etags of those that can't be removed now, because they are leased."""
        from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

        stuck: dict[str, str] = {}
        for name, etag in _load(self._sent_file).items():
            try:
                if self._archive:
                    self._copy(name, etag, "archive")
                with _storage(self._container):
                    self._container.delete_blob(name, **_if_unchanged(etag))
            except (ResourceNotFoundError, ResourceModifiedError):  # deleted, or rewritten and to be sent later
                continue
            except Unavailable as error:
                cause = error.__cause__
                if not isinstance(cause, HttpResponseError) or cause.status_code != _LEASED:
                    raise
                stuck[name] = etag
        if stuck:
            _save(self._sent_file, stuck)
        else:
            self._sent_file.unlink(missing_ok=True)
        return stuck

    def probe(self) -> None:
        """Write a blob, list and read it, and remove it. Raises Unavailable if that is not allowed."""
        name = f"{self._prefix}spot-pc-join-{secrets.token_hex(4)}"
        with _storage(self._container):
            self._container.upload_blob(name, b"join")
            found = [blob.name for blob in self._container.list_blobs(name_starts_with=name)]
            self._container.download_blob(name).readall()
            self._container.delete_blob(name)
        if found != [name]:
            raise Unavailable(f"{self._container.url.partition('?')[0]} does not list the blob {name}")

    def waiting(self) -> Waiting:
        """See Source."""
        stuck = _load(self._sent_file)
        times = [blob.last_modified.timestamp() for blob in self._blobs() if stuck.get(blob.name) != blob.etag]
        return Waiting(len(times), age(times), len(stuck))


def sas_days(container: str, now: float) -> float | None:
    """Return for how many days the SAS in a container's URL is valid yet (negative: expired). None: it has none.

    Raises ValueError if its time can't be read.
    """
    expiry = parse_qs(urlsplit(container).query).get("se")
    if not expiry:
        return None
    end = datetime.fromisoformat(expiry[0])
    return (end.replace(tzinfo=end.tzinfo or UTC).timestamp() - now) / DAY


def _load(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf8")))
    except FileNotFoundError:
        return {}


def _save(path: Path, blobs: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(blobs), encoding="utf8")
    temporary.replace(path)


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
