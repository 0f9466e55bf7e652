"""The documents port on Azure Cosmos DB for NoSQL: a container a table, point operations, id ranges of one partition.

The fields of a body stand beside ``id`` and ``pk`` in the item, so that it reads as a plain record in any tool.
The SDK's own retries do the waiting: throttled calls (429) wait as long as the service says, in bounds; what is still
refused then is Unavailable. Knows nothing of what the documents mean.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ClientAuthenticationError
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
"""How long a call goes on retrying, so that a trigger is done well before its lock or its caller's patience ends."""

CALL_SECONDS = 60
_PARTITION = PARTITION_KEY.strip("/")
_RANGE = "SELECT * FROM c WHERE c.id >= @from AND c.id < @to ORDER BY c.id"
_OWNER_NOT_FOUND = 1003
"""The sub-status of a 404 that means the container or the database."""

SDK_ERRORS = (AzureError, OSError, TimeoutError)
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

    def __init__(self, account: Account, tables: Mapping[str, Table]) -> None:
        """Take note of where to connect; nothing is opened yet."""
        self._account = account
        self._tables = tables
        self._client: CosmosClient | None = None
        self._credential: Any = None
        self._containers: dict[str, ContainerProxy] = {}
        self._turns = asyncio.Semaphore(CALLS_AT_ONCE)
        self._closed = False

    def _connected(self) -> CosmosClient:
        if self._closed:
            raise Unavailable("the store is closed")
        if self._client is None:
            account = self._account
            # An emulator has a certificate of its own making, and tells an address that only it can reach.
            emulator = urlsplit(account.endpoint).hostname in ("localhost", "127.0.0.1", "::1")
            self._credential = account.key or _identity()
            try:
                self._client = CosmosClient(
                    account.endpoint,
                    self._credential,
                    connection_verify=not emulator,
                    enable_endpoint_discovery=not emulator,
                    retry_throttle_total=THROTTLED_RETRIES,
                    retry_throttle_backoff_max=LONGEST_WAIT_SECONDS,
                    retry_on_status_codes=[503],
                    retry_backoff_max=LONGEST_WAIT_SECONDS,
                    no_response_on_write=True,
                    enable_compact_utf8_item_writes=True,
                )
            except (ValueError, TypeError) as error:  # a key that is none
                raise Unavailable(f"the store {account.endpoint} can't be used: {error}") from error
        return self._client

    def _container(self, table: str) -> ContainerProxy:
        client = self._connected()
        if table not in self._containers:
            name = self._tables[table].name
            self._containers[table] = client.get_database_client(self._account.database).get_container_client(name)
        return self._containers[table]

    async def read(self, table: str, partition: str, document_id: str) -> Document | None:
        """See Documents."""
        container = self._container(table)
        try:
            item = await self._call(f"read {table}", partial(container.read_item, document_id, partition))
        except Gone:
            return None
        return _document(item)

    async def create(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        item = _item(partition, document_id, body)
        await self._call(f"create {table}", partial(self._container(table).create_item, item))

    async def upsert(self, table: str, partition: str, document_id: str, body: Body) -> None:
        """See Documents."""
        item = _item(partition, document_id, body)
        await self._call(f"upsert {table}", partial(self._container(table).upsert_item, item))

    async def replace(self, table: str, partition: str, document_id: str, body: Body, etag: str) -> None:
        """See Documents."""
        item = _item(partition, document_id, body)
        container = self._container(table)
        await self._call(f"replace {table}", partial(container.replace_item, document_id, item, **_only_if(etag)))

    async def delete(self, table: str, partition: str, document_id: str, etag: str) -> None:
        """See Documents."""
        container = self._container(table)
        await self._call(f"delete {table}", partial(container.delete_item, document_id, partition, **_only_if(etag)))

    async def scan(self, table: str, partition: str, from_id: str = "", to_id: str = "~~") -> AsyncIterator[Document]:
        """See Documents."""
        operation = f"scan {table}"
        pages = (
            self._container(table)
            .query_items(
                _RANGE,
                parameters=[{"name": "@from", "value": from_id}, {"name": "@to", "value": to_id}],
                partition_key=partition,
                max_item_count=SCAN_PAGE,
                timeout=CALL_SECONDS,
                response_hook=_Hook(operation),
            )
            .by_page()
        )
        while True:
            try:
                page = [item async for item in await anext(pages)]
            except StopAsyncIteration:
                return
            except SDK_ERRORS as error:
                raise self._translated(error, operation) from error
            for item in page:
                yield _document(item)

    async def _call(self, operation: str, call: Callable[..., Awaitable[Any]]) -> Any:
        """Do a point operation in its turn, note its charge, and translate what the SDK raises."""
        async with self._turns:
            try:
                return await call(timeout=CALL_SECONDS, response_hook=_Hook(operation))
            except SDK_ERRORS as error:
                raise self._translated(error, operation) from error

    def _translated(self, error: Exception, operation: str) -> Exception:
        """Return the port's error for one of SDK_ERRORS."""
        if isinstance(error, CosmosHttpResponseError):
            _charged(operation, error.headers or {})
        match error:
            case CosmosResourceExistsError():
                return AlreadyExists(operation)
            case CosmosAccessConditionFailedError():
                return Changed(operation)
            case CosmosResourceNotFoundError() if _is_of_an_item(error):
                return Gone(operation)
            case CosmosHttpResponseError(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
                return TooLarge(operation)
        wait = 5.0
        reason = f"{operation}: {type(error).__name__}: {error}"
        if isinstance(error, CosmosResourceNotFoundError):
            reason = f"{operation}: the database {self._account.database} or its container does not exist"
        elif isinstance(error, CosmosHttpResponseError):
            reason = f"{operation}: HTTP {error.status_code}: {error.http_error_message}"
            wait = max(1.0, float((error.headers or {}).get(_RETRY_AFTER, 5000)) / 1000)
        elif isinstance(error, ClientAuthenticationError):
            reason = f"{operation}: no access: {error.message}"
        return Unavailable(f"the store {self._account.endpoint} is not available: {reason}", wait)

    async def create_tables(self) -> None:
        """Create the database and the containers that are missing: for emulators and tests. In Azure, Bicep does it."""
        try:
            database = await self._connected().create_database_if_not_exists(self._account.database)
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
        client, self._client = self._client, None
        if client is not None:
            await client.close()
            if hasattr(self._credential, "close"):
                await self._credential.close()


class _Hook:
    """What the SDK calls with each response's headers; it may ask to clear what earlier ones said."""

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __call__(self, headers: Mapping[str, str], _: object) -> None:
        _charged(self._operation, headers)


def _charged(operation: str, headers: Mapping[str, str]) -> None:
    charge(operation, float(headers.get("x-ms-request-charge", 0)))


def _is_of_an_item(error: CosmosResourceNotFoundError) -> bool:
    """Tell whether an item was not found, and not the container, which the SDK asks for before its first call."""
    request: Any = error.response.request if error.response is not None else None
    return request is not None and "/docs/" in request.url and error.sub_status != _OWNER_NOT_FOUND


def _identity() -> Any:
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  (not wanted with a key, and slow to load)

    return DefaultAzureCredential()


def _only_if(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _item(partition: str, document_id: str, body: Body) -> dict[str, Any]:
    if len(msgspec.json.encode(body)) > MOST_BYTES:
        raise TooLarge(document_id)
    return {"id": document_id, _PARTITION: partition, **body}


def _document(item: Mapping[str, Any]) -> Document:
    body = {name: value for name, value in item.items() if not (name in ("id", _PARTITION) or name.startswith("_"))}
    return Document(item["id"], body, item["_etag"])
