"""A container of Azure Blob Storage (ADLS Gen2 too) as a source of the SPOC. See edge.sources for what a source does.

A batch is a list of names and etags in a local file. Nothing is moved in the container until the batch is sent.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

from domain.errors import Unavailable
from domain.minutes import DAY
from edge.containers import Blob, Container
from edge.shared_files import kept_name
from edge.sources import FILES_AT_ONCE, MOST_REFUSED, REASON, REFUSED, Found, Waiting, age

ARCHIVE = "archive"


class BlobSource:
    """The blobs ``*.json`` of a container."""

    def __init__(self, container: Container, state: Path, prefix: str = "", *, archive: bool = False) -> None:
        """Read blobs whose names begin with ``prefix``. With ``archive``, move sent ones to ``archive/``."""
        self._container = container
        self._prefix = prefix
        self._archive = archive
        self._batch_file = state / "batch.json"
        self._sent_file = state / "sent.json"
        self._batch: dict[str, str] = {}
        self._refused = False

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

    def _blobs(self) -> Iterator[Blob]:
        aside = tuple(self._aside("", folder) for folder in (REFUSED, ARCHIVE))
        for blob in self._container.blobs(self._prefix):
            if blob.name.endswith(".json") and not blob.name.startswith(aside):
                yield blob

    def read(self, name: str) -> Found | None:
        """See Source."""
        return self._container.read(name, self._batch[name])

    def refuse(self, name: str, reason: str) -> None:
        """See Source."""
        aside = self._aside(kept_name(name.removeprefix(self._prefix)), REFUSED)
        self._container.copy(name, self._batch[name], aside)
        self._container.write(f"{aside}{REASON}", f"{reason}\n".encode())
        self._refused = True

    def _thin_out(self) -> None:
        """Remove the oldest refused blobs beyond MOST_REFUSED."""
        found = {blob.name: blob for blob in self._container.blobs(self._aside("", REFUSED))}
        kept = sorted((blob for blob in found.values() if blob.name.endswith(REASON)), key=lambda blob: blob.modified)
        for reason in kept[:-MOST_REFUSED]:
            for blob in (found.get(reason.name.removesuffix(REASON)), reason):
                if blob:
                    self._container.remove(blob.name, blob.etag)

    def _aside(self, name: str, folder: str) -> str:
        return f"{self._prefix}{folder}/{name.removeprefix(self._prefix)}"

    def finish(self) -> None:
        """See Source. A single rename marks the whole batch as sent."""
        if stuck := _load(self._sent_file):
            _save(self._batch_file, stuck | _load(self._batch_file))
        self._batch_file.replace(self._sent_file)
        self._clear_sent()
        if self._refused:
            self._refused = False
            self._thin_out()

    def _clear_sent(self) -> Mapping[str, str]:
        """Remove sent blobs. Return the names and etags of those that can't be removed now, because they are leased."""
        stuck: dict[str, str] = {}
        for name, etag in _load(self._sent_file).items():
            if self._archive:
                self._container.copy(name, etag, self._aside(name, ARCHIVE))
            if not self._container.remove(name, etag):
                stuck[name] = etag
        if stuck:
            _save(self._sent_file, stuck)
        else:
            self._sent_file.unlink(missing_ok=True)
        return stuck

    def probe(self) -> None:
        """Write a blob, list and read it, and remove it. Raises Unavailable if that is not allowed."""
        name = f"{self._prefix}spot-pc-join-{secrets.token_hex(4)}"
        self._container.write(name, b"join")
        blob = next((blob for blob in self._container.blobs(name) if blob.name == name), None)
        if blob is None or self._container.read(name, blob.etag) is None:
            raise Unavailable(f"{self._container.where} does not list or give the blob {name}, which was just written")
        self._container.remove(name, blob.etag)

    def waiting(self) -> Waiting:
        """See Source."""
        stuck = _load(self._sent_file)
        times = [blob.modified for blob in self._blobs() if stuck.get(blob.name) != blob.etag]
        return Waiting(len(times), age(times), len(stuck))


def sas_days(sas: str, now: float) -> float | None:
    """Return for how many days a SAS is valid yet (negative: expired). None: it does not say."""
    expiry = parse_qs(sas).get("se")
    if not expiry:
        return None
    try:
        end = datetime.fromisoformat(expiry[0])
    except ValueError:
        return None
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
