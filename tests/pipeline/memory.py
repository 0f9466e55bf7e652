"""A fake of the documents port in memory, with a hook at every call: for interleavings and faults.

It passes the same contract suite as the adapters (tests/storage/test_documents_contract.py).
"""

import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from domain.errors import Unavailable
from storage.documents import MOST_BYTES, AlreadyExists, Body, Changed, Document, Gone, Place, TooLarge
from storage.schema import Table

Hook = Callable[[str, str, str], Awaitable[None]]
"""Awaited before and after every call, with the call's name ("before read", "after create", ...), table and id; and
with "document" for each that a scan gives."""


REMEMBERED = 20
"""Of how many writes the store remembers what was there before."""


async def _nothing(call: str, table: str, document_id: str) -> None:
    pass


class MemoryDocuments:
    """See Documents. ``hook`` may raise, wait, or do other calls on the same store."""

    def __init__(self, tables: Mapping[str, Table] | None = None, clock: Callable[[], float] = lambda: 0) -> None:
        self._tables = dict(tables or {})
        self._clock = clock
        self._documents: dict[tuple[str, str, str], tuple[str, str, float]] = {}
        self._etags = itertools.count()
        self._closed = False
        self._before_writes: deque[dict[tuple[str, str, str], tuple[str, str, float]]] = deque(maxlen=REMEMBERED)
        self.hook: Hook = _nothing

    def as_it_was(self, writes: int) -> "MemoryDocuments":
        """Return the store of so many writes ago, as far as that is remembered: a replica that lags behind."""
        replica = MemoryDocuments(self._tables, self._clock)
        past = min(writes, len(self._before_writes))
        replica._documents = dict(self._before_writes[-past]) if past else dict(self._documents)
        return replica

    def sweep(self) -> None:
        """Remove for good what has expired."""
        self._documents = {place: found for place, found in self._documents.items() if self._get(*place)}

    def _get(self, table: str, partition: str, document_id: str) -> tuple[str, str] | None:
        found = self._documents.get((table, partition, document_id))
        if found is None:
            return None
        live = self._tables[table].time_to_live if table in self._tables else None
        return None if live is not None and found[2] <= self._clock() - live else found[:2]

    def _put(self, table: str, partition: str, document_id: str, body: Body) -> None:
        text = json.dumps(body, allow_nan=False)
        if len(text) > MOST_BYTES:
            raise TooLarge
        self._before_writes.append(dict(self._documents))
        self._documents[table, partition, document_id] = (text, str(next(self._etags)), self._clock())

    async def _before(self, call: str, table: str, document_id: str) -> None:
        if self._closed:
            raise Unavailable("closed")
        await self.hook(f"before {call}", table, document_id)

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        await self._before("read", table, document_id)
        found = self._get(table, partition, document_id)
        await self.hook("after read", table, document_id)
        return Document(document_id, json.loads(found[0]), found[1]) if found else None

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        await self._before("create", table, document_id)
        if self._get(table, partition, document_id):
            raise AlreadyExists
        self._put(table, partition, document_id, body)
        await self.hook("after create", table, document_id)

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        await self._before("replace", table, document_id)
        self._check(table, partition, document_id, etag)
        self._put(table, partition, document_id, body)
        await self.hook("after replace", table, document_id)

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        await self._before("upsert", table, document_id)
        self._put(table, partition, document_id, body)
        await self.hook("after upsert", table, document_id)

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        await self._before("delete", table, document_id)
        self._check(table, partition, document_id, etag)
        self._before_writes.append(dict(self._documents))
        del self._documents[table, partition, document_id]
        await self.hook("after delete", table, document_id)

    def _check(self, table: str, partition: str, document_id: str, etag: str) -> None:
        found = self._get(table, partition, document_id)
        if found is None:
            raise Gone
        if found[1] != etag:
            raise Changed

    async def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        await self._before("scan", table, from_id)
        for document_id in sorted(key[2] for key in self._documents if key[:2] == (table, partition)):
            if from_id <= document_id < to_id and (found := self._get(table, partition, document_id)):
                await self.hook("document", table, document_id)
                yield Document(document_id, json.loads(found[0]), found[1])
        await self.hook("after scan", table, from_id)

    async def places(self, table: str) -> AsyncIterator[Place]:
        await self._before("places", table, "")
        for place in sorted(self._documents):
            if place[0] == table and (found := self._get(*place)):
                yield Place(*place[1:], found[1])
        await self.hook("after places", table, "")

    async def close(self) -> None:
        self._closed = True
