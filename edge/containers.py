"""A container of blobs, as the SPOC needs it, and Azure's SDK as one: for connection strings and signed-in users.

Knows single blobs; refuses to know batches (edge.blobs). With a SAS or a VM's own identity, no SDK is needed: see
edge.http_container.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from domain.errors import Unavailable
from domain.wire import MAX_BYTES
from edge.shared_files import too_large
from edge.sources import Found

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

CHUNK = 4 * 1024 * 1024
"""How many bytes of a blob are read at a time."""

LEASED = 412


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob. Its etag changes when it is written. ``modified`` is when that was, in Unix seconds."""

    name: str
    etag: str
    modified: float


class Container(Protocol):
    """A container. Every method raises Unavailable. With an etag, only the blob that has it counts."""

    @property
    def where(self) -> str:
        """The container's URL, without any secret."""

    def blobs(self, prefix: str) -> Iterator[Blob]:
        """Return the blobs whose names begin with ``prefix``."""

    def read(self, name: str, etag: str) -> Found | None:
        """Return a blob; None if it has changed or gone. Raises BadMessage if it is too large to be read."""

    def write(self, name: str, body: bytes) -> None:
        """Write a blob, in place of an earlier one."""

    def copy(self, name: str, etag: str, target: str) -> None:
        """Copy a blob, unless it has changed or gone. It goes through this machine piece by piece.

        Of one that is much larger than a file may be (MAX_BYTES), the beginning is copied: it could hold up the others.

        A copy by the service itself wants more rights than a SAS for the container may have.
        """

    def remove(self, name: str, etag: str) -> bool:
        """Remove a blob, unless it has changed or gone. Return False if that is impossible now: it is leased."""


class SdkContainer:
    """A container by Azure's SDK. Open the client with CHUNK as its ``max_single_get_size``."""

    def __init__(self, client: "ContainerClient") -> None:
        """Use a client of the SDK."""
        self._client = client

    @property
    def where(self) -> str:
        """See Container."""
        return str(self._client.url).partition("?")[0]

    def blobs(self, prefix: str) -> Iterator[Blob]:
        """See Container."""
        with _storage(self.where):
            for blob in self._client.list_blobs(name_starts_with=prefix or None):
                yield Blob(blob.name, str(blob.etag), blob.last_modified.timestamp())

    def read(self, name: str, etag: str) -> Found | None:
        """See Container."""
        try:
            with _storage(self.where):
                blob = self._client.download_blob(name, **_if_unchanged(etag))
                if blob.size > MAX_BYTES:
                    raise too_large(blob.size)
                return Found(bytes(blob.readall()), blob.properties.last_modified.timestamp())
        except Changed:
            return None

    def write(self, name: str, body: bytes) -> None:
        """See Container."""
        with _storage(self.where):
            self._client.upload_blob(name, body, overwrite=True)

    def copy(self, name: str, etag: str, target: str) -> None:
        """See Container."""
        try:
            with _storage(self.where):
                blob = self._client.download_blob(name, **_if_unchanged(etag))
                self._client.upload_blob(target, islice(blob.chunks(), MAX_BYTES // CHUNK + 1), overwrite=True)
        except Changed:
            return

    def remove(self, name: str, etag: str) -> bool:
        """See Container."""
        from azure.core.exceptions import HttpResponseError  # noqa: PLC0415

        try:
            with _storage(self.where):
                self._client.delete_blob(name, **_if_unchanged(etag))
        except Changed:
            return True
        except Unavailable as error:
            cause = error.__cause__
            if isinstance(cause, HttpResponseError) and cause.status_code == LEASED:
                return False
            raise
        return True


class Changed(Exception):
    """The blob has changed or gone."""


def _if_unchanged(etag: str) -> dict[str, Any]:
    from azure.core import MatchConditions  # noqa: PLC0415

    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


@contextmanager
def _storage(where: str) -> Iterator[None]:
    """Turn the SDK's errors into Unavailable or Changed."""
    from azure.core.exceptions import AzureError, ResourceModifiedError, ResourceNotFoundError  # noqa: PLC0415

    try:
        yield
    except ResourceModifiedError as error:
        raise Changed from error
    except AzureError as error:
        if isinstance(error, ResourceNotFoundError) and getattr(error, "error_code", None) == "BlobNotFound":
            raise Changed from error
        raise Unavailable(f"{where} is not available: {str(error).splitlines()[0]}") from error
