"""A documents port over another one, in which calls go wrong as they do in a cloud. Passes everything else through."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from enum import Enum

from domain.errors import Unavailable
from storage.documents import Body, Document, Documents


class Fault(Enum):
    """What may happen to a call."""

    BEFORE = "it fails, and nothing was done"
    AFTER = "it was done, and its answer is lost"
    BUSY = "it is refused, since there is too much to do"
    TOUCHED = "somebody else writes the same document first, so its etag changes"
    SLOW = "others have a few turns first"


class FaultyDocuments:
    """See Documents. ``plan`` says which calls from now on go wrong, counted from 1, and how."""

    def __init__(self, inner: Documents) -> None:
        self._inner = inner
        self._plan: dict[int, Fault] = {}
        self._calls = 0
        self.happened: set[Fault] = set()

    def plan(self, faults: Iterable[tuple[int, Fault]] = ()) -> None:
        self._plan = dict(faults)
        self._calls = 0

    def _next(self) -> Fault | None:
        self._calls += 1
        fault = self._plan.get(self._calls)
        if fault:
            self.happened.add(fault)
        return fault

    async def _before(self, fault: Fault | None, table: str, partition: str, document_id: str) -> None:
        match fault:
            case Fault.BEFORE:
                raise Unavailable("injected: before")
            case Fault.BUSY:
                raise Unavailable("injected: 429", 1)
            case Fault.SLOW:
                for _ in range(20):
                    await asyncio.sleep(0)
            case Fault.TOUCHED:
                found = await self._inner.read(table, partition, document_id)
                if found:
                    await self._inner.upsert(table, partition, document_id, found.body)

    @staticmethod
    def _after(fault: Fault | None) -> None:
        if fault is Fault.AFTER:
            raise Unavailable("injected: after")

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        fault = self._next()
        await self._before(fault, table, partition, document_id)
        found = await self._inner.read(table, partition, document_id)
        self._after(fault)
        return found

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        fault = self._next()
        await self._before(fault, table, partition, document_id)
        await self._inner.create(table, partition, document_id, body)
        self._after(fault)

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        fault = self._next()
        await self._before(fault, table, partition, document_id)
        await self._inner.replace(table, partition, document_id, body, etag)
        self._after(fault)

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        fault = self._next()
        await self._before(fault, table, partition, document_id)
        await self._inner.upsert(table, partition, document_id, body)
        self._after(fault)

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        fault = self._next()
        await self._before(fault, table, partition, document_id)
        await self._inner.delete(table, partition, document_id, etag)
        self._after(fault)

    async def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        fault = self._next()
        if fault is not Fault.TOUCHED:
            await self._before(fault, table, partition, from_id)
        async for document in self._inner.scan(table, partition, from_id, to_id):
            yield document
            if fault is Fault.AFTER:
                raise Unavailable("injected: in the middle of a scan")

    async def close(self) -> None:
        await self._inner.close()
