"""The documents port on Azure Cosmos DB for NoSQL.

Each table is a container. The adapter uses point operations and ranges of ids in one partition. An item holds the
body's fields beside ``id`` and ``pk``, so any tool shows it as a plain record.

A call that failed for a transient reason (storage.cosmos_errors) is retried for a limited time, as the port allows.
Throttled calls (429) are the exception: the SDK retries them and waits as long as the service says. A call that still
fails raises Unavailable. Reads use the account's own consistency; a warning is logged if that is too weak for
averaging. Knows nothing of what the documents mean.
"""

import asyncio
import itertools
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

import msgspec
from azure.core import MatchConditions
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import (
    CosmosHttpResponseError,
)

from domain.errors import Unavailable
from storage.charges import charge
from storage.cosmos_client import (
    LONGEST_PAUSE_SECONDS,
    LONGEST_WAIT_SECONDS,
    Account,
    Client,
    Connection,
)
from storage.cosmos_errors import SDK_ERRORS, asked_to_wait, is_a_bad_request, is_denied, passes, translated
from storage.documents import MOST_BYTES, Body, Document, Gone, Place, TooLarge
from storage.schema import INDEXING_POLICY, PARTITION_KEY, Table

CALLS_AT_ONCE = 32
"""The number of point operations that run concurrently. More would not be faster, since the service answers in some
milliseconds and this process makes its requests on one core; and a small account would be throttled at once."""

SCAN_PAGE = 200
PLACES_PAGE = 1000
ANSWER_SECONDS = 8
"""The time that an attempt waits for the next byte of its answer. The service itself needs milliseconds."""

FIRST_PAUSE_SECONDS = 0.05
"""The first pause between attempts. Each pause is twice the last, up to the longest. A random part of up to half of it
is taken off, so that calls that failed together are not retried together."""

Result = TypeVar("Result")
_Pages = AsyncIterator[AsyncIterator[dict[str, Any]]]
_PARTITION = PARTITION_KEY.strip("/")
_PLACES = f"SELECT c.id, c.{_PARTITION}, c._etag FROM c"  # noqa: S608  (constants)
_RANGE = "SELECT * FROM c WHERE c.id >= @from AND c.id < @to ORDER BY c.id"


class CosmosDocuments:
    """The documents of one database. The first call connects, in its event loop."""

    def __init__(
        self,
        account: Account,
        tables: Mapping[str, Table],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Store where to connect; nothing is opened yet. ``sleep`` waits between attempts."""
        self._account = account
        self._tables = tables
        self.client = Client(account, tables)
        self._sleep = sleep
        self._given_up = -math.inf
        self._taking: set[str] = set()
        self._turns = asyncio.Semaphore(CALLS_AT_ONCE)

    async def consistency(self) -> tuple[str, bool]:
        """Return the account's consistency in words, and whether it suffices. Raises Unavailable."""

        async def connected(_: Connection) -> None:
            """Do nothing: connecting reads the account."""

        await self._persistently("read the account", connected)
        return self.client.words_of_consistency()

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        """See Documents."""
        call = partial(ContainerProxy.read_item, item=document_id, partition_key=partition)
        try:
            item = await self._call("read", table, call)
        except Gone:
            return None
        return _document(item)

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        item = _item(partition, document_id, body)
        await self._write("create", table, partial(ContainerProxy.create_item, body=item))

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        item = _item(partition, document_id, body)
        await self._write("upsert", table, partial(ContainerProxy.upsert_item, body=item))

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        """See Documents."""
        item = _item(partition, document_id, body)
        call = partial(ContainerProxy.replace_item, item=document_id, body=item, **_only_if(etag))
        await self._write("replace", table, call)

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        """See Documents."""
        call = partial(ContainerProxy.delete_item, item=document_id, partition_key=partition, **_only_if(etag))
        await self._call("delete", table, call)

    async def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        """See Documents."""
        request = f"scan {table}"

        def query(container: ContainerProxy) -> _Pages:
            return container.query_items(
                _RANGE,
                parameters=[{"name": "@from", "value": from_id}, {"name": "@to", "value": to_id}],
                partition_key=partition,
                max_item_count=SCAN_PAGE,
                read_timeout=ANSWER_SECONDS,
                response_hook=_Hook(request),
            ).by_page()

        async for page in self._pages(request, table, query):
            if page:
                from_id = page[-1]["id"] + "-"  # the first id after it: "-" sorts before every other character of ids
            for item in page:
                yield _document(item)

    async def places(self, table: str) -> AsyncIterator[Place]:
        """See Documents. After a failure it begins again, so it then gives documents twice."""
        request = f"places {table}"

        def query(container: ContainerProxy) -> _Pages:
            return container.query_items(
                _PLACES, max_item_count=PLACES_PAGE, read_timeout=ANSWER_SECONDS, response_hook=_Hook(request)
            ).by_page()

        async for page in self._pages(request, table, query):
            for item in page:
                yield Place(item[_PARTITION], item["id"], item["_etag"])

    async def _pages(
        self, request: str, table: str, query: Callable[[ContainerProxy], _Pages]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the pages of a query. After a failure or with a new connection, ``query`` is asked for a new one."""
        under_way: tuple[Connection, _Pages] | None = None

        async def next_page(connection: Connection) -> list[dict[str, Any]] | None:
            nonlocal under_way
            goes_on = under_way is not None and under_way[0] is connection
            pages = under_way[1] if under_way and goes_on else query(connection.containers[table])
            under_way = None
            try:
                page = [item async for item in await anext(pages)]
            except StopAsyncIteration:
                return None
            under_way = connection, pages
            return page

        while (page := await self._persistently(request, next_page)) is not None:
            yield page

    async def _write(self, verb: str, table: str, call: Callable[..., Awaitable[Any]]) -> None:
        """Do a point operation that writes a document.

        A bad request (400) is attributed to this document only if this process has already written to the table.
        Otherwise the container may be the wrong one, or the SDK may be at fault, and no document could be stored.
        """
        try:
            await self._call(verb, table, call)
        except Unavailable as unavailable:
            if table in self._taking and is_a_bad_request(unavailable.__cause__):
                raise TooLarge(f"{verb} {table}: the store refuses this document: {unavailable}") from unavailable
            raise
        self._taking.add(table)

    async def _call(self, verb: str, table: str, call: Callable[..., Awaitable[Any]]) -> Any:
        """Do a point operation (a method of ContainerProxy) within the concurrency limit, and report its charge.

        A call keeps its place while it pauses, so a store in trouble gets fewer calls.
        """
        request = f"{verb} {table}"

        async def attempt(connection: Connection) -> Any:
            container = connection.containers[table]
            return await call(container, read_timeout=ANSWER_SECONDS, response_hook=_Hook(request))

        async with self._turns:
            return await self._persistently(request, attempt)

    async def _persistently(self, request: str, attempt: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Make an attempt, and retry it after transient failures; translate the SDK's last error.

        If access is denied, there is one more attempt with a new connection: the SDK never renews a token that the
        service considers expired (azure-sdk-for-python 45886).

        After a call has been given up, later calls are not retried, until one gets an answer or LONGEST_WAIT_SECONDS
        have passed. Otherwise hundreds of calls would each wait in turn for a store that is down.
        """
        left = float(LONGEST_WAIT_SECONDS)
        renewed = False
        for failures in itertools.count():
            began = time.monotonic()
            connection: Connection | None = None
            try:
                async with asyncio.timeout(left), self.client.using() as connection:
                    result = await attempt(connection)
            except SDK_ERRORS as error:
                if isinstance(error, CosmosHttpResponseError):
                    _charged(request, error.headers or {})
                now = time.monotonic()
                pause = max(_pause(failures), asked_to_wait(error) or 0)
                left -= now - began + pause
                if is_denied(error) and not renewed:
                    renewed = True
                    if connection:
                        await self.client.renew(connection)
                    continue
                if not passes(error):
                    self._given_up = -math.inf
                    raise self._translated(error, request) from error
                if left <= 0 or now - self._given_up < LONGEST_WAIT_SECONDS:
                    self._given_up = now
                    raise self._translated(error, request) from error
            else:
                self._given_up = -math.inf
                return result
            await self._sleep(pause)
        raise AssertionError  # unreachable: the loop has no end

    def _translated(self, error: Exception, request: str) -> Exception:
        return translated(error, request, self._account.endpoint, self._account.database, LONGEST_WAIT_SECONDS)

    async def create_tables(self) -> None:
        """Create the missing database and containers. For emulators and tests; in Azure, Bicep creates them."""
        try:
            async with self.client.using() as connection:
                database = await connection.client.create_database_if_not_exists(self._account.database)
                for table in self._tables.values():
                    await database.create_container_if_not_exists(
                        table.name,
                        PartitionKey(PARTITION_KEY),
                        indexing_policy=cast("Any", INDEXING_POLICY),
                        default_ttl=table.time_to_live,
                    )
        except SDK_ERRORS as error:
            raise self._translated(error, "create tables") from error

    async def close(self) -> None:
        """See Documents."""
        await self.client.close()


class _Hook:
    """The SDK calls this with each response's headers."""

    def __init__(self, request: str) -> None:
        self._request = request

    def __call__(self, headers: Mapping[str, str], _: object) -> None:
        _charged(self._request, headers)


def _charged(request: str, headers: Mapping[str, str]) -> None:
    charge(request, float(headers.get("x-ms-request-charge", 0)))


def _pause(failures: int) -> float:
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures)
    return random.uniform(longest / 2, longest)  # noqa: S311  (no secret)


def _only_if(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _item(partition: str, document_id: str, body: Body) -> dict[str, Any]:
    if len(msgspec.json.encode(body)) > MOST_BYTES:
        raise TooLarge(f"{document_id}: the document is too large")
    return {"id": document_id, _PARTITION: partition, **body}


def _document(item: Mapping[str, Any]) -> Document:
    body = {name: value for name, value in item.items() if not (name in ("id", _PARTITION) or name.startswith("_"))}
    return Document(item["id"], body, item["_etag"])
