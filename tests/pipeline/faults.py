"""A documents port over another one, in which calls go wrong as they do in a cloud. Passes everything else through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import TypeVar

from domain.errors import Unavailable
from storage.documents import Body, Conflict, Document, Documents, Place
from tests.pipeline.memory import MemoryDocuments

Result = TypeVar("Result")


class Fault(Enum):
    """What may happen to a call."""

    BEFORE = "it fails, and nothing was done"
    AFTER = "it was done, and its answer is lost"
    BUSY = "it is refused, since there is too much to do"
    TOUCHED = "somebody else writes the same document first, so its etag changes"
    SLOW = "others have a few turns first"
    TIMEOUT = "it is given up, and done after all, when the next call comes"
    DIED = "the process dies: neither this call nor any after it is made"
    LAGS = "it reads a replica that lags behind, if the account's consistency level lets it"


LAG = 5
"""By how many writes a replica lags behind."""


class FaultyDocuments:
    """See Documents. ``plan`` says which calls from now on go wrong, counted from 1, and how.

    ``consistency`` is the account's level, by Azure's names. At Strong a reader sees every write that was acknowledged,
    whichever replica it asks; at the others one who did not write it may not. (Only the fake has replicas that lag.)
    """

    def __init__(self, inner: Documents, consistency: str = "Strong") -> None:
        self._inner = inner
        self._strong = consistency == "Strong"
        self._plan: dict[int, Fault] = {}
        self._calls = 0
        self._dead = False
        self._late: list[Callable[[], Awaitable[object]]] = []
        self.happened: set[Fault] = set()

    def plan(self, faults: Iterable[tuple[int, Fault]] = ()) -> None:
        self._plan = dict(faults)
        self._calls = 0
        self._dead = False

    async def _next(self) -> Fault | None:
        """Begin a call: tell what is to go wrong with it. What timed out before is done first."""
        self._calls += 1
        fault = self._plan.get(self._calls)
        if fault:
            self.happened.add(fault)
        self._dead |= fault is Fault.DIED
        if self._dead:
            raise Unavailable("injected: the process died")
        late, self._late = self._late, []
        for each in late:
            with suppress(Conflict):
                await each()
        return fault

    async def _do(
        self, table: str, partition: str, document_id: str, call: Callable[[Fault | None], Awaitable[Result]]
    ) -> Result:
        fault = await self._next()
        await self._before(fault, table, partition, document_id)
        if fault is Fault.TIMEOUT:
            self._late.append(partial(call, None))
            raise Unavailable("injected: timeout")
        result = await call(fault)
        if fault is Fault.AFTER:
            raise Unavailable("injected: after")
        return result

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

    def _replica(self, fault: Fault | None) -> Documents:
        """The replica that a reader asks: one that lags behind, where that is planned and allowed."""
        if fault is Fault.LAGS and not self._strong and isinstance(self._inner, MemoryDocuments):
            return self._inner.as_it_was(LAG)
        return self._inner

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        here = (table, partition, document_id)
        return await self._do(*here, lambda fault: self._replica(fault).read(*here))

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        here = (table, partition, document_id)
        await self._do(*here, lambda _: self._inner.create(*here, body))

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        here = (table, partition, document_id)
        await self._do(*here, lambda _: self._inner.replace(*here, body, etag))

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        here = (table, partition, document_id)
        await self._do(*here, lambda _: self._inner.upsert(*here, body))

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        here = (table, partition, document_id)
        await self._do(*here, lambda _: self._inner.delete(*here, etag))

    async def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        fault = await self._next()
        if fault is not Fault.TOUCHED:
            await self._before(fault, table, partition, from_id)
        async for document in self._replica(fault).scan(table, partition, from_id, to_id):
            yield document
            if fault in (Fault.AFTER, Fault.TIMEOUT):
                raise Unavailable("injected: in the middle of a scan")

    async def places(self, table: str) -> AsyncIterator[Place]:
        fault = await self._next()
        if fault is not Fault.TOUCHED:
            await self._before(fault, table, "", "")
        async for place in self._inner.places(table):
            yield place
            if fault in (Fault.AFTER, Fault.TIMEOUT):
                raise Unavailable("injected: in the middle of it")

    async def close(self) -> None:
        await self._inner.close()
