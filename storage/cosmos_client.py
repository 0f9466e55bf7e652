"""A connection to Azure Cosmos DB: opened by the first call, replaced when access is denied, closed when unused.

Knows how to set up a client and which consistency the account has. Refuses to know which calls are made through it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure.cosmos.aio import ContainerProxy, CosmosClient

from domain.errors import Unavailable
from storage.schema import Table

THROTTLED_RETRIES = 9
LONGEST_WAIT_SECONDS = 20
"""The longest time of a call with all its attempts (in a scan: of each page). A trigger so ends well before its lock
expires or its caller times out."""

LONGEST_PAUSE_SECONDS = 5
"""The longest pause between attempts."""

WEAK = ("Session", "ConsistentPrefix", "Eventual")
"""The consistency levels at which a reader may not yet see what another process wrote."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """The Cosmos DB account and database that hold the documents.

    Without a key, the identity of this process is used (managed identity, Azure CLI, ...). AZURE_CLIENT_ID in the
    environment selects one of several managed identities.
    """

    endpoint: str
    database: str
    key: str | None = None


@dataclass(slots=True, eq=False)
class Connection:
    """A connected client, and the number of calls that use it."""

    client: CosmosClient
    credential: Any
    containers: Mapping[str, ContainerProxy]
    users: int = 0

    async def close(self) -> None:
        """Close the client and its credential."""
        await self.client.close()
        if hasattr(self.credential, "close"):
            await self.credential.close()


class Client:
    """The one connection of this process to the account. The first use opens it, in its event loop."""

    def __init__(self, account: Account, tables: Mapping[str, Table]) -> None:
        """Store where to connect; nothing is opened yet."""
        self._account = account
        self._tables = tables
        # An emulator has a self-signed certificate, reports an address that only it can reach, and is a single replica.
        self._emulator = urlsplit(account.endpoint).hostname in ("localhost", "127.0.0.1", "::1")
        self._consistency: str | None = None
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def _connected(self) -> Connection:
        """Return the connection. The first call opens it while the others wait."""
        if self._connection is None:
            async with self._opening:
                if self._closed:
                    raise Unavailable("the store is closed")
                if self._connection is None:
                    self._connection = await self._open()
        return self._connection

    async def _open(self) -> Connection:
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
                - LONGEST_PAUSE_SECONDS,  # shorter than a call, so that the SDK's own error arrives before our timeout
                retry_connect=0,  # storage.cosmos retries failed connections, like all other failures
                retry_read=0,
                no_response_on_write=True,
                enable_compact_utf8_item_writes=True,
            )
            database = client.get_database_client(account.database)
            containers = {key: database.get_container_client(table.name) for key, table in self._tables.items()}
            connection = Connection(client, credential, containers)
            try:
                await client.__aenter__()  # reads the account
                # No session: it would only cover what this process wrote. And if writes are answered without a body,
                # the SDK (4.17) sends one container's session token to another; the service then refuses (404, 1002).
                client.client_connection.session = None
                await self._learn_consistency(client)
            except BaseException:
                await connection.close()
                raise
        except (ValueError, TypeError) as error:  # a malformed key or endpoint
            raise Unavailable(f"the store {account.endpoint} can't be used: {error}") from error
        return connection

    async def _learn_consistency(self, client: CosmosClient) -> None:
        policy = (await client.client_connection.GetDatabaseAccount()).ConsistencyPolicy or {}
        level = policy.get("defaultConsistencyLevel")
        if level != self._consistency:
            self._consistency = level
            said, suffices = self.words_of_consistency()
            if not suffices:
                log.warning("the store %s: %s", self._account.endpoint, said)

    def words_of_consistency(self) -> tuple[str, bool]:
        """Return the account's consistency in words, and whether it suffices."""
        level = self._consistency
        if level is None:
            return "the account does not tell its default consistency", True
        if self._emulator:
            return f"consistency {level}, and an emulator has one replica", True
        if level not in WEAK:
            return f"consistency {level}: readers see what was written", True
        danger = "averages can miss samples that another process wrote"
        return f"consistency {level}: {danger}; set the account's default consistency to Strong", False

    @asynccontextmanager
    async def using(self) -> AsyncIterator[Connection]:
        """Use the connection. It stays open until the block ends."""
        connection = await self._connected()
        connection.users += 1
        try:
            yield connection
        finally:
            connection.users -= 1
            await self._leave(connection)

    async def renew(self, connection: Connection) -> None:
        """Let the next call open a new connection, unless one has been opened already."""
        if connection is self._connection:
            self._connection = None
        await self._leave(connection)

    async def _leave(self, connection: Connection) -> None:
        """Close a connection if it has been replaced and no call uses it any more."""
        if connection is not self._connection and not connection.users:
            await connection.close()

    async def close(self) -> None:
        """Close the connection as soon as no call uses it, and open no other."""
        self._closed = True
        async with self._opening:
            if self._connection:
                await self.renew(self._connection)


def _identity() -> Any:
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  (slow to import, and not needed with a key)

    return DefaultAzureCredential()
