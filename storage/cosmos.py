"""The documents port on Azure Cosmos DB for NoSQL: a container a table, point operations, id ranges of one partition.

The fields of a body stand beside ``id`` and ``pk`` in the item, so that it reads as a plain record in any tool.
A call that failed for a passing reason (PASSING, or no answer came) is made again, in bounded time, as the port allows;
only throttled calls (429) are left to the SDK, which waits as long as the service says. What is still refused then is
Unavailable. Reads are made at the account's own consistency; where that is too weak for averaging, it is said. Knows
nothing of what the documents mean.
"""

import asyncio
import itertools
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from domain.errors import Unavailable
from storage.charges import charge
from storage.documents import MOST_BYTES, AlreadyExists, Body, Changed, Document, Gone, TooLarge
from storage.schema import INDEXING_POLICY, PARTITION_KEY, Table

CALLS_AT_ONCE = 32
"""How many point operations run side by side. More gains nothing where the service's answer takes some milliseconds and
this process makes the requests on one core, and would throttle a small account at once."""

SCAN_PAGE = 200
THROTTLED_RETRIES = 9
LONGEST_WAIT_SECONDS = 20
"""How long a call takes at most, all its attempts included (of a scan: each page), so that a trigger is done well
before its lock or its caller's patience ends."""

ANSWER_SECONDS = 8
"""How long an attempt waits for the next byte of its answer. The service itself needs milliseconds."""

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5
"""The pause between attempts doubles from the first to the longest; chance takes up to half of it away, so that calls
which failed together do not come again together."""

PASSING = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.GONE,  # the partition is moving or being split
    449,  # "retry with": others write the same item
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""Answers after which the same call may well succeed ("Design resilient applications with Azure Cosmos DB SDKs")."""

Result = TypeVar("Result")
_PARTITION = PARTITION_KEY.strip("/")
_RANGE = "SELECT * FROM c WHERE c.id >= @from AND c.id < @to ORDER BY c.id"
_OWNER_NOT_FOUND = 1003
"""The sub-status of a 404 that means the container or the database."""

_NOT_FOUND_YET = {1002, 1013}
"""Those that mean a replica behind the session that was asked for, and a container that is still being made."""

_PARTITION_FULL = 1014
"""The sub-status of a 403 that means that the logical partition has reached 20 GB ("Troubleshoot Azure Cosmos DB
forbidden exceptions"). Other reasons of a 403 concern every document: a firewall, a missing role, a failover."""

_TOKEN_REFUSED = 5300
"""The sub-status of a 403 that means, among others, an expired token."""

WEAK = ("Session", "ConsistentPrefix", "Eventual")
"""The levels at which a reader may not see (yet) what another process wrote."""

log = logging.getLogger(__name__)

SDK_ERRORS = (AzureError, OSError, TimeoutError)
NO_ANSWER = (ServiceRequestError, ServiceResponseError, IncompleteReadError, OSError, TimeoutError)
"""Those of them that say that no answer came, or half of one. What was asked may have been done."""

_RETRY_AFTER = "x-ms-retry-after-ms"


@dataclass(frozen=True, slots=True)
class Account:
    """Where the documents are.

    Without a key, whoever runs this is identified (managed identity, Azure CLI, ...). Which of several managed
    identities is meant, the environment says: AZURE_CLIENT_ID.
    """

    endpoint: str
    database: str
    key: str | None = None


class CosmosDocuments:
    """The documents of one database. Connects at the first call, in that call's event loop."""

    def __init__(
        self,
        account: Account,
        tables: Mapping[str, Table],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take note of where to connect; nothing is opened yet. ``sleep`` waits between attempts."""
        self._account = account
        self._tables = tables
        self._sleep = sleep
        self._given_up = -math.inf
        self._taking: set[str] = set()
        # An emulator has a certificate of its own making, tells an address that only it can reach, and is one replica.
        self._emulator = urlsplit(account.endpoint).hostname in ("localhost", "127.0.0.1", "::1")
        self._consistency: str | None = None
        self._connection: _Connection | None = None
        self._opening = asyncio.Lock()
        self._turns = asyncio.Semaphore(CALLS_AT_ONCE)
        self._closed = False

    async def _connected(self) -> "_Connection":
        """Return the connection, which the first call opens while others wait."""
        if self._connection is None:
            async with self._opening:
                if self._closed:
                    raise Unavailable("the store is closed")
                if self._connection is None:
                    self._connection = await self._open()
        return self._connection

    async def _open(self) -> "_Connection":
        account = self._account
        credential = account.key or _identity()
        try:
            client = CosmosClient(
                account.endpoint,
                credential,
                connection_verify=not self._emulator,
                enable_endpoint_discovery=not self._emulator,
                retry_throttle_total=THROTTLED_RETRIES,
                retry_throttle_backoff_max=LONGEST_WAIT_SECONDS
                - LONGEST_PAUSE_SECONDS,  # so that what it says is heard
                retry_connect=0,  # connections that fail are tried again here, like all the rest
                retry_read=0,
                no_response_on_write=True,
                enable_compact_utf8_item_writes=True,
            )
            database = client.get_database_client(account.database)
            containers = {key: database.get_container_client(table.name) for key, table in self._tables.items()}
            connection = _Connection(client, credential, containers)
            try:
                await client.__aenter__()  # reads the account
                # A session would only see what this process wrote, and the SDK (4.17) sends one container's token to
                # another where writes are answered without a body: the service then does not answer at all (404, 1002).
                client.client_connection.session = None
                await self._learn_consistency(client)
            except BaseException:
                await connection.close()
                raise
        except (ValueError, TypeError) as error:  # a key that is none
            raise Unavailable(f"the store {account.endpoint} can't be used: {error}") from error
        return connection

    async def _learn_consistency(self, client: CosmosClient) -> None:
        policy = (await client.client_connection.GetDatabaseAccount()).ConsistencyPolicy or {}
        level = policy.get("defaultConsistencyLevel")
        if level != self._consistency:
            self._consistency = level
            said, suffices = self._words_of_consistency()
            if not suffices:
                log.warning("the store %s: %s", self._account.endpoint, said)

    def _words_of_consistency(self) -> tuple[str, bool]:
        level = self._consistency
        if level is None:
            return "the account does not tell its default consistency", True
        if self._emulator:
            return f"consistency {level}, and an emulator has one replica", True
        if level not in WEAK:
            return f"consistency {level}: readers see what was written", True
        danger = "averages can miss samples that another process wrote"
        return f"consistency {level}: {danger}; set the account's default consistency to Strong", False

    async def consistency(self) -> tuple[str, bool]:
        """Return what the account promises to readers, in words, and whether it suffices. Raises Unavailable."""

        async def connected(_: _Connection) -> None:
            """Its set-up learns it."""

        await self._persistently("read the account", connected)
        return self._words_of_consistency()

    @asynccontextmanager
    async def _using(self) -> AsyncIterator["_Connection"]:
        """Use the connection: it is not closed meanwhile."""
        connection = await self._connected()
        connection.users += 1
        try:
            yield connection
        finally:
            connection.users -= 1
            await self._leave(connection)

    async def _renew(self, connection: "_Connection") -> None:
        """Let the next call open another connection, unless that was done already."""
        if connection is self._connection:
            self._connection = None
        await self._leave(connection)

    async def _leave(self, connection: "_Connection") -> None:
        """Close a connection that has been replaced and that nobody uses any more."""
        if connection is not self._connection and not connection.users:
            await connection.close()

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
        operation = f"scan {table}"
        under_way: tuple[_Connection, AsyncIterator[AsyncIterator[dict[str, Any]]]] | None = None

        def query(connection: _Connection) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
            found = connection.containers[table].query_items(
                _RANGE,
                parameters=[{"name": "@from", "value": from_id}, {"name": "@to", "value": to_id}],
                partition_key=partition,
                max_item_count=SCAN_PAGE,
                read_timeout=ANSWER_SECONDS,
                response_hook=_Hook(operation),
            )
            return found.by_page()

        async def next_page(connection: _Connection) -> list[dict[str, Any]] | None:
            nonlocal under_way
            # Where it failed, or its connection was replaced, another query goes on after what was given.
            goes_on = under_way is not None and under_way[0] is connection
            pages = under_way[1] if under_way and goes_on else query(connection)
            under_way = None
            try:
                page = [item async for item in await anext(pages)]
            except StopAsyncIteration:
                return None
            under_way = connection, pages
            return page

        while (page := await self._persistently(operation, next_page)) is not None:
            if page:
                from_id = page[-1]["id"] + "-"  # the least id after it, since no character of ids is less
            for item in page:
                yield _document(item)

    async def _write(self, verb: str, table: str, call: Callable[..., Awaitable[Any]]) -> None:
        """Do a point operation that writes a document.

        A bad request (400) is taken for this document's own fault only where the table has taken others from here: else
        the container may be another than it should be, or the SDK may be at fault, and nothing could be stored at all.
        """
        try:
            await self._call(verb, table, call)
        except Unavailable as unavailable:
            if table in self._taking and _is_a_bad_request(unavailable.__cause__):
                raise TooLarge(f"{verb} {table}: the store can't take it: {unavailable}") from unavailable
            raise
        self._taking.add(table)

    async def _call(self, verb: str, table: str, call: Callable[..., Awaitable[Any]]) -> Any:
        """Do a point operation, a method of ContainerProxy, in its turn, and note its charge.

        It keeps its turn while it pauses: a store in trouble gets fewer calls.
        """
        operation = f"{verb} {table}"

        async def attempt(connection: _Connection) -> Any:
            container = connection.containers[table]
            return await call(container, read_timeout=ANSWER_SECONDS, response_hook=_Hook(operation))

        async with self._turns:
            return await self._persistently(operation, attempt)

    async def _persistently(self, operation: str, attempt: Callable[["_Connection"], Awaitable[Result]]) -> Result:
        """Make an attempt, and others where it failed for a passing reason; translate what the SDK raises in the end.

        Where access is denied, there is one other attempt, with a new connection: the SDK never renews a token that the
        service takes for expired (azure-sdk-for-python 45886).

        When a call has been given up, those after it are too, at their first failure, until one is answered or as much
        time has passed: else hundreds of calls would take turns at waiting for a store that is down.
        """
        left = float(LONGEST_WAIT_SECONDS)
        renewed = False
        for failures in itertools.count():
            began = time.monotonic()
            connection: _Connection | None = None
            try:
                async with asyncio.timeout(left), self._using() as connection:
                    result = await attempt(connection)
            except SDK_ERRORS as error:
                if isinstance(error, CosmosHttpResponseError):
                    _charged(operation, error.headers or {})
                now = time.monotonic()
                pause = max(_pause(failures), _asked_to_wait(error) or 0)
                left -= now - began + pause
                if _is_denied(error) and not renewed:
                    renewed = True
                    if connection:
                        await self._renew(connection)
                    continue
                if not _passes(error):
                    self._given_up = -math.inf
                    raise self._translated(error, operation) from error
                if left <= 0 or now - self._given_up < LONGEST_WAIT_SECONDS:
                    self._given_up = now
                    raise self._translated(error, operation) from error
            else:
                self._given_up = -math.inf
                return result
            await self._sleep(pause)
        raise AssertionError  # never: the loop has no end

    def _translated(self, error: Exception, operation: str) -> Exception:
        """Return the port's error for one of SDK_ERRORS."""
        match error:
            case CosmosResourceExistsError():
                return AlreadyExists(operation)
            case CosmosAccessConditionFailedError():
                return Changed(operation)
            case CosmosResourceNotFoundError() if _is_of_an_item(error):
                return Gone(operation)
            case CosmosHttpResponseError(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
                return TooLarge(f"{operation}: the document is too large")
            case CosmosHttpResponseError(status_code=HTTPStatus.FORBIDDEN, sub_status=code) if code == _PARTITION_FULL:
                return TooLarge(f"{operation}: the partition is full")
        wait = 5.0
        reason = f"{operation}: {type(error).__name__}: {error}"
        if isinstance(error, CosmosResourceNotFoundError):
            reason = f"{operation}: the database {self._account.database} or its container does not exist"
        elif isinstance(error, CosmosHttpResponseError):
            reason = f"{operation}: HTTP {error.status_code}: {error.http_error_message}"
            wait = max(1.0, _asked_to_wait(error) or wait)
        elif isinstance(error, ClientAuthenticationError):
            reason = f"{operation}: no access: {error.message}"
        elif isinstance(error, TimeoutError):
            reason = f"{operation}: not done in {LONGEST_WAIT_SECONDS} s"
        return Unavailable(f"the store {self._account.endpoint} is not available: {reason}", wait)

    async def create_tables(self) -> None:
        """Create the database and the containers that are missing: for emulators and tests. In Azure, Bicep does it."""
        try:
            async with self._using() as connection:
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
        self._closed = True
        async with self._opening:
            if self._connection:
                await self._renew(self._connection)


@dataclass(slots=True, eq=False)
class _Connection:
    """A client that is set up, and how many calls use it."""

    client: CosmosClient
    credential: Any
    containers: Mapping[str, ContainerProxy]
    users: int = 0

    async def close(self) -> None:
        await self.client.close()
        if hasattr(self.credential, "close"):
            await self.credential.close()


class _Hook:
    """What the SDK calls with each response's headers; it may ask to clear what earlier ones said."""

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __call__(self, headers: Mapping[str, str], _: object) -> None:
        _charged(self._operation, headers)


def _charged(operation: str, headers: Mapping[str, str]) -> None:
    charge(operation, float(headers.get("x-ms-request-charge", 0)))


def _passes(error: Exception) -> bool:
    """Tell whether the same call may succeed soon. Throttled calls do not: the SDK has tried them again."""
    match error:
        case CosmosResourceNotFoundError():
            return error.sub_status in _NOT_FOUND_YET
        case CosmosHttpResponseError():
            return error.status_code in PASSING
        case _:
            return isinstance(error, NO_ANSWER)


def _is_denied(error: Exception) -> bool:
    """Tell whether the service, or whoever gives tokens, does not know (any more) who calls."""
    match error:
        case ClientAuthenticationError() | CosmosHttpResponseError(status_code=HTTPStatus.UNAUTHORIZED):
            return True
        case CosmosHttpResponseError(status_code=HTTPStatus.FORBIDDEN):
            return bool(error.sub_status == _TOKEN_REFUSED)
    return False


def _asked_to_wait(error: Exception) -> float | None:
    """Return for how many seconds the service asks to wait, if it does."""
    headers = error.headers if isinstance(error, CosmosHttpResponseError) else None
    asked = (headers or {}).get(_RETRY_AFTER)
    return None if asked is None else float(asked) / 1000


def _pause(failures: int) -> float:
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures)
    return random.uniform(longest / 2, longest)  # noqa: S311  (no secret)


def _is_of_an_item(error: CosmosResourceNotFoundError) -> bool:
    """Tell whether an item was not found, and not the container, which the SDK asks for before its first call."""
    request: Any = error.response.request if error.response is not None else None
    other = {_OWNER_NOT_FOUND, *_NOT_FOUND_YET}
    return request is not None and "/docs/" in request.url and error.sub_status not in other


def _is_a_bad_request(error: BaseException | None) -> bool:
    """Tell whether the service can make nothing of a request, though it is meant for this container."""
    return (
        isinstance(error, CosmosHttpResponseError)
        and error.status_code == HTTPStatus.BAD_REQUEST
        and not error.sub_status  # 1001: another partition key; 1024: the container was made anew
    )


def _identity() -> Any:
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  (not wanted with a key, and slow to load)

    return DefaultAzureCredential()


def _only_if(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _item(partition: str, document_id: str, body: Body) -> dict[str, Any]:
    if len(msgspec.json.encode(body)) > MOST_BYTES:
        raise TooLarge(f"{document_id}: the document is too large")
    return {"id": document_id, _PARTITION: partition, **body}


def _document(item: Mapping[str, Any]) -> Document:
    body = {name: value for name, value in item.items() if not (name in ("id", _PARTITION) or name.startswith("_"))}
    return Document(item["id"], body, item["_etag"])
